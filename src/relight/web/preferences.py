"""The page where a person chooses what we send, topic by topic, or nothing at all.

Shows what the store knows and what was said by this link since; where the store is away it asks without knowing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from starlette.routing import BaseRoute, Route

from relight.base.errors import RejectError
from relight.messages.addresses import LIFTED, UNSUBSCRIBED
from relight.messages.identity import TokenPurpose
from relight.stores.inbox_words import Word, read_word, word_entry
from relight.web.drawing import draw, language_of
from relight.web.forms import read_form
from relight.web.links import open_link

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from relight.web.look_up import Reader
    from relight.web.site import Site

#: Source of a consent that was given or withdrawn on this page.
SOURCE = "preferences"
#: Field of the button that stops everything.
STOP_ALL = "stop-all"
_YES, _NO = "yes", "no"


def routes(site: Site) -> Sequence[BaseRoute]:
    """Return the routes of preference links."""

    async def show(request: Request) -> Response:
        digest = open_link(site, request, TokenPurpose.PREFERENCES)
        return await _page(site, request, digest, is_done=False)

    async def take(request: Request) -> Response:
        digest = open_link(site, request, TokenPurpose.PREFERENCES)
        said = words_of_form(site.topics, await read_form(request))
        now = site.clock()
        if said:
            await site.inbox.put([word_entry(word, received=now, token=digest) for word in said])
        return await _page(site, request, digest, is_done=bool(said))

    return (
        Route("/p/{token}", show, methods=["GET"]),
        Route("/p/{token}", take, methods=["POST"]),
    )


async def find_reader(site: Site, digest: str) -> Reader | None:
    """Return who reads the message of a link, None where the store does not tell."""
    return await asyncio.get_running_loop().run_in_executor(None, site.store.reader_of, digest)


def words_of_form(topics: Collection[str], form: Mapping[str, str]) -> list[Word]:
    """Return what a form says: a word for each topic that has an answer, or the one that stops everything."""
    if STOP_ALL in form:
        return [Word(kind="suppression", detail={"scope": "marketing", "cause": UNSUBSCRIBED})]
    said = [
        Word(kind="consent", subject=topic, detail={"given": form[topic] == _YES, "source": SOURCE})
        for topic in topics
        if form.get(topic) in (_YES, _NO)
    ]
    if any(word.detail["given"] for word in said):
        # Somebody may have stopped everything and wants a topic again.
        said.insert(0, lift())
    return said


def lift() -> Word:
    """Return what lifts the person's own unsubscribe from everything; a bounce or complaint is not lifted by it."""
    return Word(kind="suppression", detail={"scope": LIFTED, "cause": "resubscribe"})


async def _page(site: Site, request: Request, digest: str, *, is_done: bool) -> Response:
    reader = await find_reader(site, digest)
    state = known_state(site, reader, [_read(body) for body in await site.inbox.words_of(digest)])
    language = language_of(site, request, reader)
    topics = [(name, site.topic_title(name, language), state.get(name)) for name in site.topics]
    return draw(site, "preferences", language, {"topics": topics, "is_done": is_done, "all": STOP_ALL})


def known_state(site: Site, reader: Reader | None, said: Sequence[Word | None]) -> dict[str, bool]:
    """Return topic -> whether it is wanted, for those that are known.

    said: the words that came by this link, in order; they are later than what the store knows, or part of it.
    """
    state = {} if reader is None else {name: site.defaults.get(name, False) for name in site.topics}
    if reader is not None:
        state |= {topic: given for topic, (given, _) in reader.consent.items() if topic in site.topics}
    for word in said:
        if word is None:
            continue
        if word.kind == "consent" and word.subject in site.topics:
            state[word.subject] = word.detail.get("given") is True
        elif word.kind == "suppression" and word.detail.get("scope") != LIFTED:
            state = dict.fromkeys(site.topics, False)
    return state


def _read(body: bytes) -> Word | None:
    try:
        return read_word(body)
    except RejectError:
        return None
