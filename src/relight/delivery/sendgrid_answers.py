"""What an answer of SendGrid's send call means (the table in docs/delivery.md). Pure.

Only a full, parsed answer with a message id is an acceptance. A 5xx counts as a refusal only with SendGrid's own error
body; whatever a gateway on the way says about a request that had left is `unknown`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from relight.base.instants import SECOND
from relight.delivery.outgoing import Concern, Outcome

#: Bytes of an answer that are read; SendGrid's own are far shorter.
ANSWER_BYTES_MAX = 65_536
#: Furthest `X-RateLimit-Reset` or `Retry-After` ahead that is believed (µs).
RESET_AHEAD_MAX = 3_600 * SECOND
_OK, _ACCEPTED, _BAD, _TOO_LARGE, _TOO_MANY = 200, 202, 400, 413, 429
_CONFIGURATION = frozenset({301, 302, 303, 307, 308, 401, 403, 404, 405, 407})
_SERVER_ERRORS = range(500, 600)
_GATEWAY_ERRORS = frozenset({502, 504})


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of one request."""

    outcome: Outcome
    text: str
    #: The provider's id of the message.
    provider_id: str = ""
    #: Not before this instant (µs); None where nothing was said.
    retry_at: int | None = None
    concern: Concern = Concern.MESSAGE


def judge_answer(status: int, headers: Mapping[str, str], body: bytes, *, now: int, sandbox: bool = False) -> Verdict:
    """Return what a full answer means.

    Args:
        status: of the answer.
        headers: by name, in any letter case.
        body: as it came, at most ANSWER_BYTES_MAX.
        now: the instant of the answer (µs).
        sandbox: whether sandbox mode was asked for; its answer is 200 without an id.
    """
    given = {name.lower(): value for name, value in headers.items()}
    told = _errors(body)
    shown = f"{status} {told or _shown(body)}".strip()
    message_id = given.get("x-message-id", "")
    if (status == _ACCEPTED and message_id) or (status == _OK and sandbox):
        return Verdict(outcome=Outcome.ACCEPTED, text=shown, provider_id=message_id, retry_at=_used_up(given, now))
    if status == _TOO_MANY:
        return Verdict(outcome=Outcome.RETRY, text=shown, retry_at=_reset(given, now), concern=Concern.PROVIDER)
    if status in _CONFIGURATION:
        return Verdict(outcome=Outcome.CONFIGURATION, text=shown)
    if status == _TOO_LARGE or (status == _BAD and told is not None):
        return Verdict(outcome=Outcome.REJECTED, text=shown)
    if status in _SERVER_ERRORS and status not in _GATEWAY_ERRORS and told is not None:
        return Verdict(outcome=Outcome.RETRY, text=shown, retry_at=_later(given, now), concern=Concern.EITHER)
    return Verdict(outcome=Outcome.UNKNOWN, text=shown)


def _errors(body: bytes) -> str | None:
    """Return what SendGrid's error body says, `field: message` each; None when it is no such body."""
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return None
    errors = found.get("errors") if isinstance(found, dict) else None
    if not isinstance(errors, list) or not errors or not all(isinstance(one, dict) for one in errors):
        return None
    return "; ".join(f"{one['field']}: {one.get('message')}" if one.get("field") else str(one.get("message"))
                     for one in errors)  # fmt: skip


def _shown(body: bytes) -> str:
    return body[:200].decode("utf-8", "replace")


def _used_up(given: Mapping[str, str], now: int) -> int | None:
    """Return when there is room again, where this request took the last place."""
    return _reset(given, now) if given.get("x-ratelimit-remaining", "").strip() == "0" else None


def _reset(given: Mapping[str, str], now: int) -> int | None:
    """Return the end of the window that a header names, at most RESET_AHEAD_MAX ahead."""
    seconds = given.get("x-ratelimit-reset", "").strip()
    if not seconds.isdigit():
        return _later(given, now)
    return min(max(int(seconds) * SECOND, now), now + RESET_AHEAD_MAX)


def _later(given: Mapping[str, str], now: int) -> int | None:
    seconds = given.get("retry-after", "").strip()
    return now + min(int(seconds) * SECOND, RESET_AHEAD_MAX) if seconds.isdigit() else None
