"""`/-/healthy`: the process answers. `/-/ready`: its parts work; the JSON names the part that does not."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Sequence
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from relight.base.errors import RelightError

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from relight.web.site import Site


def routes(site: Site) -> Sequence[BaseRoute]:
    """Return the routes of health."""

    async def healthy(_request: Request) -> Response:
        return JSONResponse({"healthy": True, "inbox": site.inbox.name})

    async def ready(request: Request) -> Response:
        newest, trouble = None, None
        try:
            newest = await site.inbox.check()
        except RelightError as error:
            trouble = str(error)
        taken = await asyncio.get_running_loop().run_in_executor(None, site.store.taken_position)
        parts: dict[str, object] = {
            "inbox": {"ready": trouble is None, "newest": newest} | ({} if trouble is None else {"trouble": trouble}),
            "store": {"readable": taken is not None, "taken": taken},
            "waiting": None if newest is None or taken is None else max(0, newest - taken),
        }
        is_ready = trouble is None
        body: dict[str, object] = {"ready": is_ready}
        if may_see(site, request):
            body |= {"project": site.project, "parts": parts}
        return JSONResponse(body, 200 if is_ready else 503)

    return (
        Route("/-/healthy", healthy, methods=["GET"]),
        Route("/-/ready", ready, methods=["GET"]),
    )


def may_see(site: Site, request: Request) -> bool:
    """Return whether a request may see what is for operators: it carries the token where one is asked for."""
    if site.token is None:
        return True
    given = request.headers.get("authorization", "").encode("utf-8", "replace")
    return hmac.compare_digest(given, f"Bearer {site.token}".encode())
