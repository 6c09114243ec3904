"""The bytes of a mail: multipart/alternative, text first, then HTML. Equal for equal messages but for Date.

Knows nothing of sending. What comes out is parsed again, and leaves only if it holds just the headers that were meant.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import re
from email.errors import MultipartInvariantViolationDefect
from email.parser import BytesHeaderParser
from email.policy import compat32
from email.utils import format_datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from relight.base.ids import digest
from relight.delivery.headers import HeaderError, address_header, plain_header, text_header, uris_header

if TYPE_CHECKING:
    from collections.abc import Sequence

    from relight.delivery.outgoing import OutgoingMessage

#: Share of non-ASCII bytes from which a body is shorter as base64 than as quoted-printable.
BASE64_SHARE = 0.17
#: Characters of a line of base64 (RFC 2045 6.8).
BASE64_LINE_CHARACTERS = 76
#: Lines whose quoted-printable form is kept.
LINES_KEPT = 8_192
_FOREIGN = bytes(range(128, 256))
#: What follows a field's name: visible ASCII and blanks, folded only where something visible follows.
_ONE_FIELD = re.compile(rb":[ -~\t]*(?:\r\n[ \t][ \t]*[!-~][ -~\t]*)*\r\n")
_PARSER = BytesHeaderParser(policy=compat32)


def build_mime(message: OutgoingMessage, *, date: dt.datetime) -> bytes:
    """Return the mail with CR LF line ends.

    Args:
        message: what to say and to whom; its address has been validated.
        date: aware; the time of the attempt.

    Raises:
        HeaderError: a value may not stand in a header, or the bytes do not parse to what was meant.
    """
    fields = header_fields(message)
    boundary = "=_" + digest("boundary", message.occurrence_key)
    fields.append(("Date", plain_header("Date", format_datetime(date.astimezone(dt.UTC)))))
    fields.append(("MIME-Version", plain_header("MIME-Version", "1.0")))
    kind = f'multipart/alternative;\r\n boundary="{boundary}"'
    fields.append(("Content-Type", b"Content-Type: " + kind.encode("ascii") + b"\r\n"))
    head = b"".join(field for _, field in fields) + b"\r\n"
    if not _stands_alone(fields):
        _check_fields(head, [name for name, _ in fields])
    mark = b"--" + boundary.encode("ascii")
    parts = (_part("text/plain", message.text), _part("text/html", message.html))
    return head + b"".join(mark + b"\r\n" + part + b"\r\n" for part in parts) + mark + b"--\r\n"


def header_fields(message: OutgoingMessage) -> list[tuple[str, bytes]]:
    """Return the fields that belong to the message itself, without Date and MIME: name and bytes, in order."""
    fields = [
        ("Message-ID", plain_header("Message-ID", message.message_id)),
        ("From", address_header("From", message.from_address, message.from_name)),
        ("To", address_header("To", message.to_address, message.to_name)),
    ]
    if message.reply_to:
        fields.append(("Reply-To", address_header("Reply-To", message.reply_to, None)))
    fields.append(("Subject", text_header("Subject", message.subject)))
    if message.list_unsubscribe:
        fields.append(("List-Unsubscribe", uris_header("List-Unsubscribe", message.list_unsubscribe)))
        if sum(uri.startswith("https://") for uri in message.list_unsubscribe) == 1:
            one_click = plain_header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")
            fields.append(("List-Unsubscribe-Post", one_click))
    if message.feedback_id:
        fields.append(("Feedback-ID", plain_header("Feedback-ID", message.feedback_id)))
    if message.transactional:
        fields.append(("Auto-Submitted", plain_header("Auto-Submitted", "auto-generated")))
    return fields


def _part(kind: str, text: str) -> bytes:
    whole = text.replace("\r\n", "\n").replace("\r", "\n")
    raw = b"" if whole.isascii() else whole.encode("utf-8", "replace").replace(b"\n", b"\r\n")
    foreign = len(raw) - len(raw.translate(None, _FOREIGN))
    if foreign > len(raw) * BASE64_SHARE:
        encoding, body = "base64", _base64_lines(raw)
    else:
        encoding, body = "quoted-printable", _quoted_printable(whole)
    head = f"Content-Type: {kind}; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    return head.encode("ascii") + body.rstrip(b"\r\n")


def _quoted_printable(text: str) -> bytes:
    """Return a text line by line: most lines of a mail are its template's own, and are encoded once."""
    *lines, last = text.split("\n")
    # An encoder that meets no line end in front ends the lines it breaks with a bare LF.
    end = binascii.b2a_qp(b"\r\n" + last.encode("utf-8", "replace"), istext=True)
    return b"".join(map(_quoted_line, lines)) + end.removeprefix(b"\r\n")


@lru_cache(maxsize=LINES_KEPT)
def _quoted_line(line: str) -> bytes:
    return binascii.b2a_qp(line.encode("utf-8", "replace") + b"\r\n", istext=True)


def _base64_lines(raw: bytes) -> bytes:
    whole = base64.b64encode(raw)
    return b"\r\n".join(
        whole[at : at + BASE64_LINE_CHARACTERS] for at in range(0, len(whole), BASE64_LINE_CHARACTERS)
    )  # fmt: skip


def _stands_alone(fields: Sequence[tuple[str, bytes]]) -> bool:
    """Return whether nobody can read more or other fields than these: true of nearly every mail, else a parser says."""
    return all(
        field.startswith(name.encode("ascii")) and _ONE_FIELD.fullmatch(field, len(name)) is not None
        for name, field in fields
    )


def _check_fields(head: bytes, meant: list[str]) -> None:
    found = _PARSER.parsebytes(head)
    # Up to Python 3.11.3 a head of a multipart that is parsed alone counts as a defect of its missing parts.
    defects = [one for one in found.defects if not isinstance(one, MultipartInvariantViolationDefect)]
    if found.keys() != meant or defects or found.get_payload():
        raise HeaderError(f"the mail would hold the headers {', '.join(found.keys())}; meant were {', '.join(meant)}")
