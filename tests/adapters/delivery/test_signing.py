"""Mails signed by DKIM, and bounces that say what bounced."""

from __future__ import annotations

import asyncio
import datetime as dt
import subprocess
from pathlib import Path

import dkim
import pytest

from relight.delivery.mime import build_mime
from relight.delivery.signing import DkimKey, sign_mail
from relight.delivery.smtp import SmtpTransport
from relight.delivery.smtp_session import SmtpSettings
from relight.delivery.verp import BASE_CHARACTERS_MAX, bounce_address, read_bounce_address
from relight.messages.identity import TokenKey, TokenPurpose, make_token
from tests.adapters.delivery.mail_kit import message
from tests.adapters.delivery.test_smtp import capturing

DATE = dt.datetime(2026, 3, 1, 9, tzinfo=dt.UTC)
SECRET = TokenKey(secret=b"a secret of the tests")


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> tuple[DkimKey, bytes]:
    folder: Path = tmp_path_factory.mktemp("dkim")
    private, public = folder / "private.pem", folder / "public.der"
    subprocess.run(["openssl", "genrsa", "-traditional", "-out", private, "1024"], check=True, capture_output=True)
    subprocess.run(["openssl", "rsa", "-in", private, "-pubout", "-outform", "DER", "-out", public], check=True,
                   capture_output=True)  # fmt: skip
    import base64  # noqa: PLC0415 - only here

    record = b"v=DKIM1; k=rsa; p=" + base64.b64encode(public.read_bytes())
    return DkimKey(domain="shop.example", selector="s1", key=private.read_bytes()), record


def verifies(mail: bytes, record: bytes) -> bool:
    found: bool = dkim.verify(
        mail, dnsfunc=lambda name, **_: record if name == b"s1._domainkey.shop.example." else None
    )
    return found


def test_a_signed_mail_survives_a_hop_and_no_change(key: tuple[DkimKey, bytes]) -> None:
    """A signature holds after an SMTP hop, covers both List-Unsubscribe fields, and breaks with any of them."""
    dkim_key, record = key

    async def run() -> bytes:
        async with capturing() as (capture, port):
            settings = SmtpSettings(host="127.0.0.1", port=port, starttls=False, dkim=dkim_key)
            sender = SmtpTransport(settings, now=lambda: DATE)
            await sender.deliver([message(text="a  line \n.dot\n")])
            await sender.close()
            return capture.received[0][2]

    received = asyncio.run(run())
    if not received.endswith(b"\r\n"):
        received += b"\r\n"
    assert verifies(received, record)
    for field in (b"List-Unsubscribe-Post: List-Unsubscribe=One-Click", b"https://mail.shop.example/u/", b"To: "):
        assert field in received
        assert not verifies(received.replace(field, field + b"x", 1), record), field
    signed = received.partition(b"h=")[2].partition(b";")[0].replace(b"\r\n", b"").replace(b" ", b"").split(b":")
    assert {b"list-unsubscribe", b"list-unsubscribe-post", b"from", b"subject"} <= set(signed)


def test_what_a_mail_lacks_is_not_signed(key: tuple[DkimKey, bytes]) -> None:
    """A transactional mail has no List-Unsubscribe, and its signature names none; the same bytes give the same fields."""
    dkim_key, record = key
    mail = sign_mail(build_mime(message(list_unsubscribe=(), transactional=True), date=DATE), dkim_key)
    assert verifies(mail, record)
    assert b"list-unsubscribe" not in mail.partition(b"\r\nMessage-ID")[0].lower()


@pytest.mark.parametrize(
    "bad", [b"", b"no key", b"-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n"]
)
def test_a_key_that_cannot_sign_is_refused_at_the_start(bad: bytes) -> None:
    """What is no private key is refused before a mail is made of it, and is not shown."""
    with pytest.raises(ValueError, match="no private key"):
        DkimKey(domain="shop.example", selector="s1", key=bad)


def test_a_bounce_names_its_message() -> None:
    """The envelope sender holds a token that opens nothing else; a forged one is nobody's."""
    address = bounce_address("b@bounce.shop.example", SECRET, "k1")
    local, _, domain = address.rpartition("@")
    assert (domain, local[:2]) == ("bounce.shop.example", "b+")
    assert len(local) <= 64
    digest = read_bounce_address(address, (SECRET,))
    assert digest is not None
    assert digest == read_bounce_address(bounce_address("b@x.example", SECRET, "k1"), (SECRET,))
    forged = make_token(SECRET, TokenPurpose.UNSUBSCRIBE, "k1")
    for other in (f"b+{forged}@bounce.shop.example", "b@bounce.shop.example", "b+@x", address[:4] + "A" + address[5:]):
        assert read_bounce_address(other, (SECRET,)) is None
    with pytest.raises(ValueError, match="characters"):
        bounce_address("b" * (BASE_CHARACTERS_MAX + 1) + "@x.example", SECRET, "k1")


def test_a_mail_goes_out_with_its_own_bounce_address() -> None:
    """Each message has its own envelope sender, the same on every try."""

    async def run() -> list[str]:
        async with capturing() as (capture, port):
            settings = SmtpSettings(
                host="127.0.0.1", port=port, starttls=False,
                envelope_of=lambda key: bounce_address("b@bounce.shop.example", SECRET, key),
            )  # fmt: skip
            sender = SmtpTransport(settings, now=lambda: DATE)
            await sender.deliver([message("k1"), message("k2"), message("k1")])
            await sender.close()
            return [mail_from for mail_from, _, _ in capture.received]

    first, second, again = asyncio.run(run())
    assert first == again != second
    assert read_bounce_address(first, (SECRET,)) is not None
