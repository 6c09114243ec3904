"""What every page and endpoint is given: the project's words, the keys of its links, the inbox, a look at the store.

Holds no state of a request and decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from starlette.routing import BaseRoute

from relight.web.limits import RateLimit

if TYPE_CHECKING:
    from relight.delivery.sendgrid_events import EventKeys
    from relight.messages.identity import TokenKey
    from relight.streams.surveys import Survey
    from relight.web.inbox_writer import InboxWriter
    from relight.web.ingest.http import Ingestion
    from relight.web.look_up import StoreLook

#: Requests a minute that one client may make with tokens that are none: guessing is hopeless, and stays cheap for us.
STRANGER_PER_MINUTE_MAX = 60
#: Requests a minute by the links of one message: a person, a mail program and some scanners.
LINK_PER_MINUTE_MAX = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One project's pages."""

    #: Name of the project; the sender's name is what a reader knows.
    project: str
    sender: str
    identity: str
    #: Language of somebody whose own is not known.
    locale: str
    #: Path that `base_url` ends with, without a slash at its end; empty mostly.
    base_path: str
    #: The key that links are signed with, and those it replaced.
    keys: tuple[TokenKey, ...] = field(repr=False)
    #: Topic -> language -> what the preference page calls it; "" for every language that is not there.
    topics: Mapping[str, Mapping[str, str]]
    #: Topic -> what holds for somebody who said nothing.
    defaults: Mapping[str, bool]
    surveys: Mapping[str, Survey]
    inbox: InboxWriter
    store: StoreLook
    #: Takes events over HTTP; None where no stream does.
    ingestion: Ingestion | None = None
    #: What SendGrid's event webhook is signed with; None where no key is configured.
    sendgrid_keys: EventKeys | None = None
    #: The pages for those who run the messages, and what closes them; the site knows no more of them.
    desk: Sequence[BaseRoute] = ()
    close_desk: Callable[[], None] = lambda: None
    #: The wall clock, µs UTC.
    clock: Callable[[], int]
    #: What the pages of operators ask for; None where only this machine can reach them.
    token: str | None = field(default=None, repr=False)
    strangers: RateLimit = field(default_factory=lambda: RateLimit(per_minute=STRANGER_PER_MINUTE_MAX))
    links: RateLimit = field(default_factory=lambda: RateLimit(per_minute=LINK_PER_MINUTE_MAX))

    def topic_title(self, topic: str, language: str) -> str:
        """Return what a page of a language calls a topic; a topic that the config has no more, by its name."""
        titles = self.topics.get(topic, {"": topic})
        return titles.get(language, titles[""])
