"""What holds for every answer: headers that keep a browser from doing anything else, and words for what went wrong.

No answer tells more than its reader needs: a token that is none, one of another purpose and a missing page look alike.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from relight.base.errors import BackpressureError, StoreError
from relight.web.drawing import draw_error
from relight.web.limits import BodyTooLargeError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from relight.web.site import Site

#: Nothing but our own style; no script, no frame, no form to elsewhere.
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Final = (
    ("content-security-policy", CONTENT_SECURITY_POLICY),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    # Links hold tokens: no other site may learn them.
    ("referrer-policy", "no-referrer"),
    ("cache-control", "no-store"),
    ("x-robots-tag", "noindex, nofollow"),
    ("cross-origin-opener-policy", "same-origin"),
    ("permissions-policy", "geolocation=(), camera=(), microphone=()"),
)
_HEADERS: Final = tuple((name.encode(), value.encode()) for name, value in HEADERS)
#: Seconds after which a sender may try again when there is no room.
RETRY_SECONDS: Final = 5
_log = logging.getLogger("relight.web")


class Protection:
    """Adds the headers to every answer that has not set its own."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap an application."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                said = message["headers"]
                own = {name.lower() for name, _ in said}
                message["headers"] = [*said, *(header for header in _HEADERS if header[0] not in own)]
            await send(message)

        await self.app(scope, receive, send_protected)


class RefusedError(HTTPException):
    """This request is refused."""


def not_found() -> RefusedError:
    """Return the answer to a token that opens nothing, whatever the reason."""
    return RefusedError(404)


def too_often() -> RefusedError:
    """Return the answer to a client or a link that asks too often."""
    return RefusedError(429, headers={"retry-after": "60"})


def error_handlers(site: Site) -> Mapping[Any, Callable[[Request, Exception], Any]]:
    """Return what answers each exception that a page may end with."""

    def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return _answer(site, request, error.status_code, dict(error.headers or {}))

    def too_large(request: Request, _error: Exception) -> Response:
        return _answer(site, request, 413, {"connection": "close"})

    def no_room(request: Request, error: Exception) -> Response:
        _log.error("%s", error)
        return _answer(site, request, 503, {"retry-after": str(RETRY_SECONDS)})

    def fault(request: Request, error: Exception) -> Response:
        # The route alone: its path holds a token.
        _log.error("%s in %s", type(error).__name__, getattr(request.scope.get("route"), "path", "no route"))
        return _answer(site, request, 500, {})

    return {
        HTTPException: refused,
        BodyTooLargeError: too_large,
        ClientDisconnect: refused_quietly,
        BackpressureError: no_room,
        StoreError: no_room,
        Exception: fault,
    }


def refused_quietly(_request: Request, _error: Exception) -> Response:
    """Return the answer that nobody waits for any more."""
    return Response(status_code=400)


def _answer(site: Site, request: Request, status: int, headers: dict[str, str]) -> Response:
    if "text/html" in request.headers.get("accept", ""):
        return draw_error(site, request, status, headers)
    # The form of every error over HTTP: clients without one of these fields call a refusal transient, and repeat it.
    code, message, detail = _WORDS.get(status, _REFUSED)
    body = {"success": False, "code": code, "message": message, "detail": detail}
    return JSONResponse(body, status, headers=headers)


#: Status -> (code, message, what to do).
_WORDS: Final = {
    404: ("not_found", "there is nothing here", "events go to /v1/track, /v1/batch, /v1/events and the like"),
    405: ("method_not_allowed", "this method is not allowed here", "events are sent by POST"),
    413: ("too_large", "the body is too large", "send less in one request"),
    429: ("too_many_requests", "too many requests", "try again after the seconds of Retry-After"),
    500: ("fault", "a fault of ours", "nothing is known to be kept; try again"),
    503: ("no_room", "no room now; nothing was kept", "try again"),
}
_REFUSED: Final = ("refused", "refused", "the request is none that is answered here")
