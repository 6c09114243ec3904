"""One-click unsubscribe (RFC 8058): a POST takes effect at once, a GET shows a page that changes nothing.

The token is the authority: no cookie, no login, no redirect. It works with the engine and the store away.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from starlette.routing import BaseRoute, Route

from relight.messages.addresses import UNSUBSCRIBED
from relight.messages.identity import TokenPurpose
from relight.stores.inbox_words import Word, word_entry
from relight.web.drawing import draw, language_of
from relight.web.limits import read_body
from relight.web.links import open_link
from relight.web.preferences import find_reader

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from relight.web.site import Site

#: Source of a consent that was withdrawn by the header or the page of a mail.
SOURCE = "one_click"


def routes(site: Site) -> Sequence[BaseRoute]:
    """Return the routes of unsubscribe links."""

    async def ask(request: Request) -> Response:
        topic = request.query_params.get("t", "")
        digest = open_link(site, request, TokenPurpose.UNSUBSCRIBE, topic)
        reader = await find_reader(site, digest)
        language = language_of(site, request, reader)
        return draw(site, "unsubscribe", language, {"topic": site.topic_title(topic, language), "is_done": False})

    async def take(request: Request) -> Response:
        topic = request.query_params.get("t", "")
        digest = open_link(site, request, TokenPurpose.UNSUBSCRIBE, topic)
        await read_body(request)  # both forms that RFC 8058 allows; what they say adds nothing to the token
        await site.inbox.put([word_entry(farewell(topic), received=site.clock(), token=digest)])
        language = language_of(site, request, await find_reader(site, digest))
        return draw(site, "unsubscribe", language, {"topic": site.topic_title(topic, language), "is_done": True})

    return (
        Route("/u/{token}", ask, methods=["GET"]),
        Route("/u/{token}", take, methods=["POST"]),
    )


def farewell(topic: str) -> Word:
    """Return what an unsubscribe says: no more of a topic, or no marketing to this address at all."""
    if topic:
        return Word(kind="consent", subject=topic, detail={"given": False, "source": SOURCE})
    return Word(kind="suppression", detail={"scope": "marketing", "cause": UNSUBSCRIBED})
