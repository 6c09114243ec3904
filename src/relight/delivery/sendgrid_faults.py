"""How the stand-in may fail, by name, and whether it has the message then. Pure.

The names are what `relight dev sendgrid --fault` takes; a test goes through all of them.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Fault(StrEnum):
    """One way to end a request."""

    CLOSE_FIRST = "close-first"
    CLOSE_HEAD = "close-head"
    CLOSE_BODY = "close-body"
    CLOSE_UNSTORED = "close-unstored"
    CLOSE = "close"
    RESET = "reset"
    HANG = "hang"
    CUT = "cut"
    CUT_BODY = "cut-body"
    GATEWAY = "gateway"
    GATEWAY_UNSTORED = "gateway-unstored"
    NO_ID = "no-id"
    RATE_LIMIT = "429"
    ERROR = "500"
    UNAVAILABLE = "503"
    UNAUTHORISED = "401"
    FORBIDDEN = "403"


#: Fault -> what it does.
FAULTS: Final = MappingProxyType({
    Fault.CLOSE_FIRST: "closes the connection before it reads",
    Fault.CLOSE_HEAD: "closes after the head of the request",
    Fault.CLOSE_BODY: "closes in the middle of the body",
    Fault.CLOSE_UNSTORED: "reads everything, keeps nothing, closes",
    Fault.CLOSE: "keeps the message, closes without an answer",
    Fault.RESET: "keeps the message, resets the connection",
    Fault.HANG: "keeps the message and never answers",
    Fault.CUT: "keeps the message, cuts the answer after 20 bytes",
    Fault.CUT_BODY: "keeps the message, promises an answer's body and closes",
    Fault.GATEWAY: "keeps the message, a gateway answers 502",
    Fault.GATEWAY_UNSTORED: "keeps nothing, a gateway answers 504",
    Fault.NO_ID: "keeps the message, answers 202 without X-Message-Id",
    Fault.RATE_LIMIT: "answers 429 with X-RateLimit-Reset",
    Fault.ERROR: "answers 500 with the provider's own error body",
    Fault.UNAVAILABLE: "answers 503 with the provider's own error body",
    Fault.UNAUTHORISED: "answers 401, as for a wrong key",
    Fault.FORBIDDEN: "answers 403, as for a key that may not send",
})  # fmt: skip

#: Faults after which the message is in the log.
KEEPS: Final = frozenset({
    Fault.CLOSE,
    Fault.RESET,
    Fault.HANG,
    Fault.CUT,
    Fault.CUT_BODY,
    Fault.GATEWAY,
    Fault.NO_ID,
})  # fmt: skip
