"""Who may see the desk: a signed cookie after the token was given, and a mark in every form against forged ones.

Without a token only this machine can reach the desk; then the name in the address must be this machine's, so that no
other site's name can be pointed here (DNS rebinding). Sources: OWASP session management and CSRF cheat sheets.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from relight.base.instants import HOUR

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from relight.web.desk.desk import Desk

#: Name of the cookie; where the desk is reached over TLS, with the prefix by which a browser takes it from this very
#: host alone, so that no neighbour of its domain can plant one (RFC 6265bis 4.1.3).
COOKIE, SECURE_COOKIE = "relight_desk", "__Host-relight_desk"
#: How long a session lasts (µs).
SESSION_LASTS = 12 * HOUR
#: Bytes drawn for a session; a new one at each sign-in, so that none can be planted before (session fixation).
SESSION_BYTES = 18
#: Attempts to sign in a minute, of all clients together.
SIGN_INS_PER_MINUTE_MAX = 30
_OWN_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})


def new_session(desk: Desk) -> str:
    """Return the value of a new session's cookie."""
    drawn, began = secrets.token_urlsafe(SESSION_BYTES), desk.clock()
    return f"{drawn}.{began}.{_mac(desk, 'session', drawn, str(began))}"


def session_of(desk: Desk, request: Request) -> str | None:
    """Return the session of a request where its cookie is ours and not too old."""
    value = request.cookies.get(SECURE_COOKIE if is_over_tls(desk, request) else COOKIE, "")
    drawn, _, rest = value.partition(".")
    began, _, mac = rest.partition(".")
    if not began.isdigit() or not hmac.compare_digest(mac.encode(), _mac(desk, "session", drawn, began).encode()):
        return None
    return value if desk.clock() - int(began) <= SESSION_LASTS else None


def form_mark(desk: Desk, session: str) -> str:
    """Return what a form of a session must carry."""
    return _mac(desk, "form", session, "")


def is_own_form(desk: Desk, session: str, mark: str) -> bool:
    """Return whether a form came from a page of this session."""
    return hmac.compare_digest(mark.encode(), form_mark(desk, session).encode())


def is_token(desk: Desk, given: str) -> bool:
    """Return whether a token is the desk's."""
    return desk.token is not None and hmac.compare_digest(given.encode(), desk.token.encode())


def is_own_host(request: Request) -> bool:
    """Return whether the address names this machine."""
    host = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    return host in _OWN_NAMES


def is_over_tls(desk: Desk, request: Request) -> bool:
    """Return whether the reader's browser speaks TLS: with us, or with the proxy that `web.base_url` names."""
    base = urlsplit(desk.settings.web.base_url or "")
    return request.url.scheme == "https" or (
        base.scheme == "https" and request.headers.get("host", "").lower() == base.netloc.lower()
    )


def set_session(desk: Desk, request: Request, response: Response, session: str) -> None:
    """Give a session to the browser: not to scripts, not to other sites, over TLS alone where it came so."""
    is_secure = is_over_tls(desk, request)
    response.set_cookie(
        SECURE_COOKIE if is_secure else COOKIE,
        session,
        max_age=SESSION_LASTS // 1_000_000,
        path="/" if is_secure else "/desk",
        httponly=True,
        samesite="strict",
        secure=is_secure,
    )


def end_session(response: Response) -> None:
    """Take the session from the browser."""
    response.delete_cookie(COOKIE, path="/desk")
    response.delete_cookie(SECURE_COOKIE, path="/", secure=True, httponly=True, samesite="strict")


def _mac(desk: Desk, purpose: str, first: str, second: str) -> str:
    text = f"{purpose}\x1f{first}\x1f{second}".encode()
    return hmac.new(desk.secret, text, hashlib.sha256).hexdigest()
