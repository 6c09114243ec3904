"""The one style of the pages, from this program's own files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from relight.web.drawing import PAGES

if TYPE_CHECKING:
    from starlette.requests import Request

    from relight.web.site import Site


def routes(_site: Site) -> Sequence[BaseRoute]:
    """Return the route of the style."""
    text = (PAGES / "style.css").read_text(encoding="utf-8")

    async def style(_request: Request) -> Response:
        return Response(text, media_type="text/css", headers={"cache-control": "public, max-age=3600"})

    return (Route("/-/style.css", style, methods=["GET"]),)
