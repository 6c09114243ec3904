"""The JSON of `POST /v3/mail/send` for one message, built with the sendgrid package's own helpers, as UTF-8.

One message a request: what differs by recipient stands at message level. Nothing personal goes into custom arguments
or categories, since SendGrid keeps them and cannot redact them: the occurrence key and the rule's id are all there is.
"""

from __future__ import annotations

import logging
import re
from typing import Any

import msgspec
from sendgrid.helpers.mail import (
    Category,
    CustomArg,
    From,
    Header,
    Mail,
    MailSettings,
    ReplyTo,
    SandBoxMode,
    SubscriptionTracking,
    To,
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


def _without_tracking() -> TrackingSettings:
    found = TrackingSettings()
    found.subscription_tracking = SubscriptionTracking(enable=False)
    return found


_NO_TRACKING = _without_tracking()


def build_payload(message: OutgoingMessage, *, sandbox: bool = False) -> bytes:
    """Return the request's body.

    Args:
        message: what to say and to whom.
        sandbox: have its shape checked only; nothing is delivered.

    Raises:
        RejectError: it can never be sent: no address, an empty body, a value that may not stand in a header.
    """
    address = normalise_address(message.to_address)
    if address is None:
        raise RejectError("the address is none that mail can go to")
    if not message.text and not message.html:
        raise RejectError("the message has no body")
    mail = Mail(
        from_email=_mailbox(From, message.from_address, check_header_text("From", message.from_name or "")),
        to_emails=_mailbox(To, address, _name(message.to_name)),
        subject=check_header_text("Subject", message.subject),
        plain_text_content=message.text or None,
        html_content=message.html or None,
    )
    if message.reply_to:
        mail.reply_to = _mailbox(ReplyTo, check_header_text("Reply-To", message.reply_to), None)
    for name, value in _headers(message).items():
        mail.add_header(Header(name, value))
    mail.add_custom_arg(CustomArg(KEY_ARGUMENT, message.occurrence_key))
    if message.category:
        mail.add_category(Category(message.category[:CATEGORY_CHARACTERS_MAX]))
    mail.tracking_settings = _NO_TRACKING
    if sandbox:
        settings = MailSettings()
        settings.sandbox_mode = SandBoxMode(enable=True)
        mail.mail_settings = settings
    body = msgspec.json.encode(_in_order(mail.get()))
    if len(body) > REQUEST_BYTES_MAX:
        raise RejectError(f"the request would have {len(body):,} bytes; {REQUEST_BYTES_MAX:,} are allowed")
    return body


def _mailbox(kind: Any, address: str, name: str | None) -> Any:
    """Return an address of the package's, which would parse it again if it were given whole (0.1 ms)."""
    found = kind()
    found.email = address
    if name:
        found.name = name
    return found


def _headers(message: OutgoingMessage) -> dict[str, str]:
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


def _in_order(payload: dict[str, object]) -> dict[str, object]:
    """Return the payload with text/plain before text/html, as the API asks."""
    content = payload.get("content")
    if isinstance(content, list):
        payload["content"] = sorted(content, key=lambda part: part["type"] != "text/plain")
    return payload
