"""Click links: they lead to the target that is signed in them and nowhere else, and a click is counted as an event.

The reader gets on whatever becomes of the counting; a HEAD is no click.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from starlette.responses import RedirectResponse
from starlette.routing import BaseRoute, Route

from relight.base.errors import RelightError
from relight.messages.identity import TokenPurpose, read_target
from relight.stores.inbox_words import Reply, reply_entry
from relight.web.links import open_link
from relight.web.protect import not_found

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from relight.web.site import Site

_log = logging.getLogger("relight.web")


def routes(site: Site) -> Sequence[BaseRoute]:
    """Return the routes of click links."""

    async def follow(request: Request) -> Response:
        target = read_target(str(request.path_params["target"]))
        if target is None or not target.startswith("https://"):
            raise not_found()
        digest = open_link(site, request, TokenPurpose.CLICK, target)
        if request.method == "GET":
            reply = Reply(event="link_clicked", properties={"url": target})
            try:
                await site.inbox.put([reply_entry(reply, received=site.clock(), token=digest)])
            except RelightError as error:
                _log.error("a click was not counted: %s", error)
        return RedirectResponse(target, 302)

    return (Route("/r/{token}/{target}", follow, methods=["GET"]),)
