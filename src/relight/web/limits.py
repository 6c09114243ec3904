"""Limits of what a stranger may cost: requests a minute by key, bytes of a body, seconds of waiting for it."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from starlette.requests import ClientDisconnect, Request

#: Bytes of a form; a one-click body has 26.
FORM_BYTES_MAX: Final = 65_536
#: Keys that a rate limit remembers; the one that was silent longest is forgotten.
KEYS_MAX: Final = 20_000
_MINUTE_US: Final = 60_000_000
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


class BodyTooLargeError(Exception):
    """The body has more bytes than this endpoint takes."""


@dataclass(slots=True, kw_only=True)
class RateLimit:
    """A bucket of requests for each key, full at first, filled again evenly."""

    #: Requests a minute, and at once.
    per_minute: int
    keys_max: int = KEYS_MAX
    #: key -> (requests left, instant of that count in µs).
    _left: OrderedDict[str, tuple[float, int]] = field(default_factory=OrderedDict)

    def may_pass(self, key: str, now: int) -> bool:
        """Return whether a request of this key at `now` (µs) is within the limit, and count it if so."""
        left, at = self._left.pop(key, (float(self.per_minute), now))
        left = min(float(self.per_minute), left + max(0, now - at) * self.per_minute / _MINUTE_US)
        passes = left >= 1
        self._left[key] = (left - 1 if passes else left, max(now, at))
        if len(self._left) > self.keys_max:
            self._left.popitem(last=False)
        return passes

    def __len__(self) -> int:
        """Return how many keys are remembered."""
        return len(self._left)


async def read_body(request: Request, most: int = FORM_BYTES_MAX) -> bytes:
    """Return the whole body; raises BodyTooLargeError beyond `most` bytes, before they are all read."""
    declared = request.headers.get("content-length", "0")
    if not declared.isdigit() or int(declared) > most:
        raise BodyTooLargeError
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise BodyTooLargeError
        parts.append(part)
    return b"".join(parts)


def client_of(request: Request) -> str:
    """Return who asks: the peer, or the last address that a proxy on this machine forwards."""
    peer = request.client.host if request.client is not None else ""
    if peer not in _LOOPBACK:
        return peer
    forwarded = request.headers.get("x-forwarded-for", "")
    return forwarded.rpartition(",")[2].strip()[:64] or peer


__all__ = [
    "FORM_BYTES_MAX",
    "KEYS_MAX",
    "BodyTooLargeError",
    "ClientDisconnect",
    "RateLimit",
    "client_of",
    "read_body",
]
