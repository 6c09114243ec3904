"""Mails that come back: what they say about which message, and what they may not do."""

from __future__ import annotations

import pytest

from relight.base.errors import RejectError
from relight.delivery.bounces import MAIL_BYTES_MAX, read_bounce
from relight.delivery.verp import bounce_address
from relight.messages.identity import TokenKey, occurrence_digest

KEY = TokenKey(secret=b"a secret of the tests")
ADDRESS = bounce_address("b@bounce.shop.example", KEY, "k1")
REPORT = """From: MAILER-DAEMON@mx.example
To: {to}
Subject: Undelivered
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="x"

--x
Content-Type: text/plain

I am sorry.

--x
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example

Final-Recipient: rfc822; ada@mail.example
Action: {action}
Status: {status}
Diagnostic-Code: smtp; 550 {status} said so

--x--
"""
ABUSE = """From: fbl@mx.example
To: {to}
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="x"

--x
Content-Type: message/feedback-report

Feedback-Type: abuse

--x--
"""


def mail(form: str = REPORT, *, to: str = ADDRESS, status: str = "5.1.1", action: str = "failed") -> bytes:
    return form.format(to=to, status=status, action=action).replace("\n", "\r\n").encode()


@pytest.mark.parametrize(
    ("status", "action", "word", "cause", "suppress"),
    [
        ("5.1.1", "failed", "bounce", "provider_bounced", "all"),
        ("5.2.2", "failed", "bounce", "provider_bounced", ""),
        ("5.7.1", "failed", "bounce", "provider_bounced", ""),
        ("4.4.1", "delayed", "deferred", "provider_accepted", ""),
        ("4.2.2", "failed", "bounce", "provider_bounced", ""),
        ("2.0.0", "delivered", "delivered", "provider_delivered", ""),
    ],
)
def test_a_report_says_what_became_of_its_message(
    status: str, action: str, word: str, cause: str, suppress: str
) -> None:
    """The token names the message; only an address that is none is suppressed, never a full mailbox or a block."""
    found = read_bounce(mail(status=status, action=action), (KEY,), now=7)
    assert (found.word, found.cause, found.suppress, found.at) == (word, cause, suppress, 7)
    assert found.digest == occurrence_digest("k1")
    assert found.id == read_bounce(mail(status=status, action=action), (KEY,), now=8).id


def test_a_complaint_suppresses_marketing() -> None:
    """An abuse report (RFC 5965) counts as a complaint."""
    found = read_bounce(mail(ABUSE), (KEY,), now=7)
    assert (found.word, found.cause, found.suppress) == ("spamreport", "recipient_complained", "marketing")


def test_a_forged_bounce_silences_nobody() -> None:
    """Without a token of ours, or with another key's, nothing is read; the envelope's recipient counts before the fields."""
    other = bounce_address("b@bounce.shop.example", TokenKey(secret=b"another secret, as long"), "k1")
    for to in (other, "b@bounce.shop.example", "b+AAAA@bounce.shop.example", "ada@mail.example"):
        with pytest.raises(RejectError, match="token"):
            read_bounce(mail(to=to), (KEY,), now=7)
    assert read_bounce(mail(to="x@y.example"), (KEY,), recipient=ADDRESS, now=7).word == "bounce"


@pytest.mark.parametrize(
    "raw", [b"", b"hello", b"\x00\xff" * 500, f"To: {ADDRESS}\r\n\r\nOut of office".encode(),
            b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + b"--x\r\n\r\n" * 500]
)  # fmt: skip
def test_what_cannot_be_read_does_nothing(raw: bytes) -> None:
    """Rubbish, an automatic answer, endless parts: refused with a reason, never a crash."""
    with pytest.raises(RejectError):
        read_bounce(raw, (KEY,), now=7)
    with pytest.raises(RejectError, match="bytes"):
        read_bounce(b" " * (MAIL_BYTES_MAX + 1), (KEY,), now=7)
