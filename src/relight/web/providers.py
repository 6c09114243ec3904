"""Providers' event webhooks (`POST /hooks/sendgrid`): signed, durable in the inbox, then answered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from relight.base.errors import BackpressureError, RejectError, StoreError
from relight.delivery.sendgrid_events import POST_BYTES_MAX, SignatureError, read_events
from relight.engine.provider_words import provider_entry

if TYPE_CHECKING:
    from relight.delivery.sendgrid_events import EventKeys
    from relight.web.site import Site

#: Where SendGrid is told to post.
SENDGRID_PATH = "/hooks/sendgrid"


def routes(site: Site) -> Sequence[BaseRoute]:
    """Return the routes of providers, none where no key is configured: unsigned posts are never taken."""
    keys = site.sendgrid_keys
    if keys is None:
        return []

    async def sendgrid(request: Request) -> Response:
        return await _take(site, keys, request)

    return [Route(SENDGRID_PATH, sendgrid, methods=["POST"])]


async def _take(site: Site, keys: EventKeys, request: Request) -> Response:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > POST_BYTES_MAX:
            return PlainTextResponse("too large", 413)
    try:
        events = read_events(dict(request.headers), body, keys)
    except SignatureError as error:
        return PlainTextResponse(str(error), 403)
    except RejectError as error:
        return PlainTextResponse(str(error), 400)
    try:
        await site.inbox.put([provider_entry(one, site.clock()) for one in events])
    except (BackpressureError, StoreError):
        return PlainTextResponse("not kept; send it again", 503)  # the provider retries for a day
    return PlainTextResponse("kept")
