"""The JSON of `POST /v3/mail/send` for one message, as UTF-8: the frame by the sendgrid package's own helpers.

The frame (sender, category, settings) is what all messages of a rule share, so the package builds it once; what each
says and to whom is put beside it. One message a request: what differs by recipient stands at message level. Nothing
personal goes into custom arguments or categories, since SendGrid keeps them and cannot redact them: the occurrence key
and the rule's id are all there is.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import msgspec
from sendgrid.helpers.mail import (
    Category,
    From,
    Mail,
    MailSettings,
    ReplyTo,
    SandBoxMode,
    SubscriptionTracking,
    TrackingSettings,
)

from relight.base.errors import RejectError
from relight.delivery.addresses import normalise_address
from relight.delivery.headers import check_header_text, uris_header
from relight.delivery.outgoing import OutgoingMessage

#: Custom argument that carries the occurrence key; ours begin with `relight_`, since webhooks merge them flat.
KEY_ARGUMENT = "relight_key"
#: Characters of a category (provider's API description).
CATEGORY_CHARACTERS_MAX = 255
#: Bytes of a request with everything in it: 30 MB by the provider's documentation.
REQUEST_BYTES_MAX = 30_000_000
#: Frames that are remembered: one a sender and rule.
FRAMES_KEPT_MAX = 1_000
_SEPARATORS = re.compile(r"[;,]+")
_BEARER = re.compile(r"(?i)(bearer\s+)[^\s'\",}]+")


class _Redaction(logging.Filter):
    """Takes bearer keys out of whatever a logger says."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return True, the record's text without keys."""
        record.msg, record.args = _BEARER.sub(r"\1***", record.getMessage()), ()
        return True


def quieten_client() -> None:
    """Keep the package's HTTP client from logging keys and payloads, which it does at DEBUG."""
    for name in ("python_http_client", "python_http_client.client"):
        logger = logging.getLogger(name)
        logger.setLevel(logging.WARNING)
        if not any(isinstance(one, _Redaction) for one in logger.filters):
            logger.addFilter(_Redaction())


quieten_client()


def build_payload(message: OutgoingMessage, *, sandbox: bool = False) -> bytes:
    """Return the request's body.

    Args:
        message: what to say and to whom.
        sandbox: have its shape checked only; nothing is delivered.

    Raises:
        RejectError: it can never be sent: no address, an empty body, a value that may not stand in a header.
    """
    own = frame_of(message, sandbox=sandbox) | {
        "personalizations": [{"to": [recipient_of(message)]}],
        "subject": check_header_text("Subject", message.subject),
        "content": content_of(message),
        "custom_args": {KEY_ARGUMENT: message.occurrence_key},
    }
    if headers := headers_of(message):
        own["headers"] = headers
    return encode_request(own)


def encode_request(request: Mapping[str, object]) -> bytes:
    """Return a request as UTF-8; raises RejectError for one that is larger than the provider takes."""
    body = msgspec.json.encode(request)
    if len(body) > REQUEST_BYTES_MAX:
        raise RejectError(f"the request would have {len(body):,} bytes; {REQUEST_BYTES_MAX:,} are allowed")
    return body


def frame_of(message: OutgoingMessage, *, sandbox: bool) -> dict[str, object]:
    """Return what messages of one sender and rule have in common, as the package builds it. Not to be changed."""
    return _frame(message.from_address, message.from_name or "", message.reply_to or "", message.category, sandbox)


@lru_cache(maxsize=FRAMES_KEPT_MAX)
def _frame(from_address: str, from_name: str, reply_to: str, category: str, sandbox: bool) -> dict[str, object]:  # noqa: FBT001 - a key of the cache
    mail = Mail()
    mail.from_email = _mailbox(From, from_address, check_header_text("From", from_name))
    if reply_to:
        mail.reply_to = _mailbox(ReplyTo, check_header_text("Reply-To", reply_to), None)
    if category:
        mail.add_category(Category(category[:CATEGORY_CHARACTERS_MAX]))
    mail.tracking_settings = TrackingSettings(subscription_tracking=SubscriptionTracking(enable=False))
    if sandbox:
        mail.mail_settings = MailSettings(sandbox_mode=SandBoxMode(enable=True))
    found: dict[str, object] = mail.get()
    return found


def _mailbox(kind: Any, address: str, name: str | None) -> Any:
    """Return an address of the package's, which would parse it again if it were given whole (0.1 ms)."""
    found = kind()
    found.email = address
    if name:
        found.name = name
    return found


def recipient_of(message: OutgoingMessage) -> dict[str, str]:
    """Return whom the message goes to; raises RejectError where that is nobody."""
    address = normalise_address(message.to_address)
    if address is None:
        raise RejectError("the address is none that mail can go to")
    name = _name(message.to_name)
    return {"email": address, "name": name} if name else {"email": address}


def content_of(message: OutgoingMessage) -> list[dict[str, str]]:
    """Return the forms of the body, text first, as the API asks; raises RejectError where there is none."""
    parts = (("text/plain", message.text), ("text/html", message.html))
    found = [{"type": kind, "value": value} for kind, value in parts if value]
    if not found:
        raise RejectError("the message has no body")
    return found


def headers_of(message: OutgoingMessage) -> dict[str, str]:
    """Return the headers that the API lets us set."""
    found: dict[str, str] = {}
    if message.list_unsubscribe:
        uris_header("List-Unsubscribe", message.list_unsubscribe)  # refuses what may not stand there
        found["List-Unsubscribe"] = ", ".join(f"<{uri}>" for uri in message.list_unsubscribe)
        if sum(uri.startswith("https://") for uri in message.list_unsubscribe) == 1:
            found["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    if message.feedback_id:
        found["Feedback-ID"] = check_header_text("Feedback-ID", message.feedback_id)
    if message.transactional:
        found["Auto-Submitted"] = "auto-generated"
    return found


def _name(name: str | None) -> str | None:
    """Return a recipient's name without the `;` and `,` that SendGrid refuses in one."""
    return " ".join(_SEPARATORS.sub(" ", check_header_text("To", name)).split()) if name else None
