"""Reads a mail that came back: which message it is about, by the signed token in its recipient, and what it says. Pure.

Delivery reports (RFC 3464) and abuse reports (RFC 5965) are read by their machine-readable part. What cannot be read,
or has no token of ours, suppresses nobody.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from email.message import Message
from email.parser import BytesParser
from email.policy import compat32
from email.utils import getaddresses

from relight.base.errors import RejectError
from relight.base.ids import hash_bytes
from relight.delivery.provider_event import ProviderEvent
from relight.delivery.verp import read_bounce_address
from relight.messages.identity import TokenKey
from relight.messages.life import MessageCause

#: Bytes of a mail that is read.
MAIL_BYTES_MAX = 2_000_000
#: Parts of a mail that are looked at.
PARTS_MAX = 100
#: Characters of what is kept of a report.
TEXT_CHARACTERS_MAX = 500
#: Fields that may name where a mail was delivered.
_RECIPIENT_FIELDS = ("delivered-to", "x-original-to", "envelope-to", "to")
_STATUS = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")


def read_bounce(mail: bytes, keys: Sequence[TokenKey], *, recipient: str = "", now: int) -> ProviderEvent:
    """Return what a mail reports; raises RejectError for one that is no report about a message of ours.

    Args:
        mail: as the mail server hands it over.
        keys: that tokens may be signed with.
        recipient: the envelope's recipient, where the server names it; else the mail's fields are looked at.
        now: when it arrived (µs).
    """
    if len(mail) > MAIL_BYTES_MAX:
        raise RejectError(f"the mail has more than {MAIL_BYTES_MAX:,} bytes")
    parsed = BytesParser(policy=compat32).parsebytes(mail)
    named = (read_bounce_address(address, keys) for address in _recipients(parsed, recipient))
    digest = next((found for found in named if found is not None), None)
    if digest is None:
        raise RejectError("the mail went to no bounce address of ours: its token is missing or forged")
    parts = list(_parts(parsed))
    if any(part.get_content_type() == "message/feedback-report" for part in parts):
        return _event("spamreport", MessageCause.RECIPIENT_COMPLAINED, "marketing", "abuse report", mail, digest, now)
    status, action, text = _delivery_status(parts)
    if action == "delivered":
        return _event("delivered", MessageCause.PROVIDER_DELIVERED, "", text, mail, digest, now)
    if action in {"delayed", "relayed", "expanded"} or (status.startswith("4.") and action != "failed"):
        return _event("deferred", MessageCause.PROVIDER_ACCEPTED, "", f"{status} {text}", mail, digest, now)
    if not status.startswith(("4.", "5.")):
        raise RejectError("the mail is no report that can be read; look at it")
    suppress = "all" if status.startswith("5.1.") else ""
    return _event("bounce", MessageCause.PROVIDER_BOUNCED, suppress, f"{status} {text}", mail, digest, now)


def _recipients(parsed: Message, recipient: str) -> Iterator[str]:
    if recipient:
        yield recipient
    for name in _RECIPIENT_FIELDS:
        yield from (address for _, address in getaddresses([str(one) for one in parsed.get_all(name, [])]))


def _parts(parsed: Message) -> Iterator[Message]:
    for number, part in enumerate(parsed.walk()):
        if number >= PARTS_MAX:
            return
        yield part


def _delivery_status(parts: Sequence[Message]) -> tuple[str, str, str]:
    """Return (status, action, diagnostic) of the first recipient that a delivery report names."""
    for part in parts:
        status = str(part.get("Status", ""))
        found = _STATUS.search(status)
        if found and (part.get("Final-Recipient") or part.get("Action")):
            told = str(part.get("Diagnostic-Code", ""))
            return found[1], str(part.get("Action", "")).strip().lower(), told
    return "", "", ""


def _event(  # noqa: PLR0913, PLR0917 - one report, spelled out where it is read
    word: str, cause: MessageCause, suppress: str, text: str, mail: bytes, digest: str, now: int
) -> ProviderEvent:
    shown = "".join(c if c.isprintable() else " " for c in text)[:TEXT_CHARACTERS_MAX].strip()
    return ProviderEvent(
        id=f"mail:{hash_bytes(mail)}",
        word=word,
        at=now,
        digest=digest,
        cause=cause.value,
        suppress=suppress,
        text=shown,
    )
