"""SendGrid's event webhook: proves who sent it and reads what it says. Pure; keys are handed in.

The signature is ECDSA on P-256 with SHA-256 over the timestamp header's bytes followed by the raw body. It is no
identity, since `(r, n-s)` verifies as well: copies are told by `sg_event_id`.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from relight.base.errors import RejectError
from relight.base.ids import digest
from relight.base.instants import SECOND
from relight.delivery.extras import require_sendgrid
from relight.delivery.provider_event import EVENT_ID_CHARACTERS_MAX, ProviderEvent
from relight.messages.addresses import address_hash
from relight.messages.life import MessageCause

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

SIGNATURE_HEADER = "X-Twilio-Email-Event-Webhook-Signature"
TIMESTAMP_HEADER = "X-Twilio-Email-Event-Webhook-Timestamp"
#: Bytes of one post; the provider sends far less, and anybody may post.
POST_BYTES_MAX = 4_000_000
#: Reports of one post.
REPORTS_MAX = 10_000
#: Custom argument with the occurrence key, as `sendgrid_payload` sets it.
KEY_ARGUMENT = "relight_key"
#: Characters of the provider's text that are kept.
TEXT_CHARACTERS_MAX = 500

_C = MessageCause
#: Word -> what moves the message. What only passes on says that the provider has it, which settles `unknown`.
CAUSES: Final[Mapping[str, MessageCause | None]] = {
    "processed": _C.PROVIDER_ACCEPTED,
    "deferred": _C.PROVIDER_ACCEPTED,
    "delivered": _C.PROVIDER_DELIVERED,
    "bounce": _C.PROVIDER_BOUNCED,
    "blocked": _C.PROVIDER_BOUNCED,
    "dropped": _C.PROVIDER_BOUNCED,
    "spamreport": _C.RECIPIENT_COMPLAINED,
    "unsubscribe": None,
    "group_unsubscribe": None,
    "group_resubscribe": None,
    "open": None,
    "click": None,
}
#: Why the provider itself refuses an address (beginning of `reason`, lower case) -> what we refuse from then on.
_DROPPED: Final = (
    ("bounced address", "all"),
    ("invalid", "all"),
    ("spam reporting address", "marketing"),
    ("unsubscribed address", "marketing"),
)


class SignatureError(RejectError):
    """A post that the provider did not sign."""


class EventKeys:
    """The public keys that posts may be signed with."""

    def __init__(self, keys: Sequence[EllipticCurvePublicKey]) -> None:
        self.keys = tuple(keys)


def load_keys(texts: Sequence[str]) -> EventKeys:
    """Return the keys of base64 DER texts, as the provider shows them; PEM lines are taken too.

    Raises ValueError for none at all or for one that is no P-256 key, ImportError where the extra is missing.
    """
    require_sendgrid()
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    if not texts:
        raise ValueError("the event webhook needs its public key: without one anybody could post")
    found = []
    for text in texts:
        body = "".join(line for line in text.split() if "-----" not in line and line not in {"PUBLIC", "BEGIN", "END"})
        try:
            key = load_der_public_key(base64.b64decode(body, validate=True))
        except (ValueError, binascii.Error) as error:
            raise ValueError("the key of the event webhook is no public key in base64") from error
        if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
            raise ValueError("the key of the event webhook is no key of the curve P-256")  # noqa: TRY004 - it is a text
        found.append(key)
    return EventKeys(found)


def verify(keys: EventKeys, signature: str, timestamp: str, raw_body: bytes) -> bool:
    """Return whether one of the keys signed the timestamp and these bytes."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.hashes import SHA256

    try:
        raw = base64.b64decode(signature, validate=True)
        signed = timestamp.encode("ascii") + raw_body
    except (binascii.Error, ValueError):
        return False
    for key in keys.keys:
        try:
            key.verify(raw, signed, ec.ECDSA(SHA256()))
        except InvalidSignature:
            continue
        return True
    return False


def read_events(
    headers: Mapping[str, str], raw_body: bytes, keys: EventKeys, *, now: int | None = None, window: int | None = None
) -> list[ProviderEvent]:  # fmt: skip
    """Return what a signed post reports, copies within it left out.

    Args:
        headers: of the request, by name in any letter case.
        raw_body: as it came, every byte; the caller has capped it at POST_BYTES_MAX.
        keys: from `load_keys`.
        now: the wall clock (µs); only for `window`.
        window: how old a timestamp may be (µs); None for any age, since the provider's retries may keep theirs.

    Raises:
        SignatureError: nobody who has the key sent it; answer 403 and nothing else.
        RejectError: it is signed and no list of reports; answer 400.
    """
    given = {name.lower(): value for name, value in headers.items()}
    signature, timestamp = given.get(SIGNATURE_HEADER.lower(), ""), given.get(TIMESTAMP_HEADER.lower(), "")
    if len(raw_body) > POST_BYTES_MAX:
        raise RejectError(f"the post has more than {POST_BYTES_MAX:,} bytes")
    if not signature or not verify(keys, signature, timestamp, raw_body):
        raise SignatureError("the post is not signed with the event webhook's key")
    if window is not None and now is not None and not _is_recent(timestamp, now, window):
        raise SignatureError("the post's timestamp is outside the window")
    return read_reports(raw_body)


def read_reports(raw_body: bytes) -> list[ProviderEvent]:
    """Return the reports of a body whose sender is known; raises RejectError for what is no list of objects."""
    try:
        found = msgspec.json.decode(raw_body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise RejectError("the post is no JSON") from error
    if not isinstance(found, list) or len(found) > REPORTS_MAX or not all(isinstance(one, dict) for one in found):
        raise RejectError("the post is no list of reports")
    events = [_read(one) for one in found]
    return list({one.id: one for one in reversed(events)}.values())[::-1]


def _is_recent(timestamp: str, now: int, window: int) -> bool:
    return timestamp.isdigit() and len(timestamp) < 12 and abs(now - int(timestamp) * SECOND) <= window  # noqa: PLR2004 - unix seconds have ten digits


def _read(report: Mapping[str, Any]) -> ProviderEvent:
    word = _text(report, "event").lower()
    if word == "bounce" and _text(report, "type").lower() == "blocked":
        word = "blocked"
    cause = CAUSES.get(word)
    return ProviderEvent(
        id=_identity(report),
        word=word,
        at=_instant(report),
        key=_text(report, KEY_ARGUMENT),
        address=address_hash(email) if (email := _text(report, "email")) else "",
        cause="" if cause is None else cause.value,
        suppress=_suppression(word, report),
        withdraws=word == "group_unsubscribe",
        text=_told(word, report),
        provider_id=_text(report, "sg_message_id").partition(".")[0],
        by_machine=report.get("sg_machine_open") is True,
        url=_text(report, "url") if word == "click" else "",
    )


def _identity(report: Mapping[str, Any]) -> str:
    given = _text(report, "sg_event_id")
    if given and len(given) <= EVENT_ID_CHARACTERS_MAX:
        return given
    # Without an id of its own, a report is what it says; the order of its fields is not part of that.
    return digest("sendgrid-event", msgspec.json.encode(report, order="sorted").decode())


def _instant(report: Mapping[str, Any]) -> int:
    seconds = report.get("timestamp")
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    return int(seconds * SECOND) if is_number and 0 <= seconds < 10**11 else 0  # type: ignore[operator]


def _suppression(word: str, report: Mapping[str, Any]) -> str:
    """Return what may not be written to the address any more: hard bounces and refusals for good, never a block."""
    match word:
        case "bounce":
            kind, status = _text(report, "bounce_classification").lower(), _text(report, "status")
            return "all" if kind == "invalid address" or status.startswith("5.1.") else ""
        case "dropped":
            reason = _text(report, "reason").lower()
            return next((scope for start, scope in _DROPPED if reason.startswith(start)), "")
        case "spamreport" | "unsubscribe":
            return "marketing"
        case _:
            return ""


def _told(word: str, report: Mapping[str, Any]) -> str:
    parts = [word, _text(report, "status"), _text(report, "bounce_classification")]
    parts.append(_text(report, "reason") or _text(report, "response"))
    told = " ".join(part for part in parts if part)
    return "".join(c if c.isprintable() else " " for c in told)[:TEXT_CHARACTERS_MAX]


def _text(report: Mapping[str, Any], name: str) -> str:
    value = report.get(name)
    return value if isinstance(value, str) else ""
