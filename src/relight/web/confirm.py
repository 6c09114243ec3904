"""Double opt-in: the link of a confirmation mail shows a page, its button gives the consent; a GET gives nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from starlette.routing import BaseRoute, Route

from relight.messages.identity import TokenPurpose
from relight.stores.inbox_words import Word, word_entry
from relight.web.drawing import draw, language_of
from relight.web.limits import read_body
from relight.web.links import open_link
from relight.web.preferences import find_reader, lift

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from relight.web.site import Site

#: Source of a consent that was confirmed by the link of a mail.
SOURCE = "double_opt_in"


def routes(site: Site) -> Sequence[BaseRoute]:
    """Return the routes of confirmation links."""

    async def page(request: Request, *, is_done: bool) -> Response:
        topic = request.query_params.get("t", "")
        digest = open_link(site, request, TokenPurpose.CONFIRM, topic)
        if is_done:
            await read_body(request)
            said = (lift(), Word(kind="consent", subject=topic, detail={"given": True, "source": SOURCE}))
            now = site.clock()
            await site.inbox.put([word_entry(word, received=now, token=digest) for word in said])
        reader = await find_reader(site, digest)
        language = language_of(site, request, reader)
        return draw(site, "confirm", language, {"topic": site.topic_title(topic, language), "is_done": is_done})

    async def ask(request: Request) -> Response:
        return await page(request, is_done=False)

    async def take(request: Request) -> Response:
        return await page(request, is_done=True)

    return (
        Route("/c/{token}", ask, methods=["GET"]),
        Route("/c/{token}", take, methods=["POST"]),
    )
