"""Web addresses: signed calls, an outcome for each answer, and nothing inside the network."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from relight.base.errors import RejectError
from relight.delivery import Delivery, Outcome, OutgoingMessage
from relight.delivery.routes import RoutedTransport
from relight.delivery.webhook import ANSWER_BYTES_MAX, BODY_BYTES_MAX, WebhookSettings, WebhookTransport
from relight.delivery.webhook_addresses import is_outside, read_address, resolve
from tests.adapters.delivery.conformance import DeliveryConformance, Seat
from tests.adapters.delivery.mail_kit import message
from tests.adapters.delivery.test_conformance import FoundSeat

SECRET = b"a secret of the tests"


def request(key: str = "k1", name: str = "slack", text: str = '{"text": "Ada went quiet"}') -> OutgoingMessage:
    return message(key, to_address=name, text=text, html="", subject="", channel="webhook")


@dataclass
class Receiver:
    """Answers every call with the same bytes, and keeps what it was sent."""

    answer: bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    hangs: bool = False
    received: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
            headers = {name.lower(): value.strip() for name, _, value in (h.partition(":") for h in head[1:] if h)}
            body = await reader.readexactly(int(headers["content-length"]))
            self.received.append((head[0], headers, body))
            if self.hangs:
                await reader.read()
            writer.write(self.answer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@contextlib.asynccontextmanager
async def receiving(**settings: Any) -> AsyncIterator[tuple[Receiver, int]]:
    receiver = Receiver(**settings)
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    try:
        yield receiver, server.sockets[0].getsockname()[1]
    finally:
        server.close()


def transport(port: int, **settings: Any) -> WebhookTransport:
    given: dict[str, Any] = {
        "addresses": {"slack": f"http://localhost:{port}/hooks/T0/x?a=1"}, "private": ("localhost",), "secret": SECRET,
        "seconds": 5.0,
    } | settings  # fmt: skip
    return WebhookTransport(WebhookSettings(**given), now=lambda: 1_780_000_000.5)


def call(answer: bytes = Receiver.answer, one: OutgoingMessage | None = None, **settings: Any) -> Delivery:
    async def run() -> Delivery:
        async with receiving(answer=answer) as (_, port):
            return (await transport(port, **settings).deliver([one or request()]))[0]

    return asyncio.run(run())


def test_a_call_is_signed_and_names_its_message() -> None:
    """The receiver can prove who called and when, and tells a repeat by a key that is equal on every try."""

    async def run() -> list[tuple[str, dict[str, str], bytes]]:
        async with receiving() as (receiver, port):
            sender = transport(port)
            for _ in range(2):
                found = await sender.deliver([request()])
                assert found[0].outcome is Outcome.ACCEPTED
            await sender.deliver([request("k2", text="plain words")])
            return receiver.received

    (line, headers, body), (_, again, _), (_, other, _) = asyncio.run(run())
    assert line == "POST /hooks/T0/x?a=1 HTTP/1.1"
    assert body == b'{"text": "Ada went quiet"}'
    assert headers["content-type"] == "application/json"
    assert other["content-type"].startswith("text/plain")
    mac = hmac.new(SECRET, b"1780000000." + body, hashlib.sha256).hexdigest()
    assert headers["relight-signature"] == f"t=1780000000,v1={mac}"
    assert headers["idempotency-key"] == again["idempotency-key"] != other["idempotency-key"]


def _head(status: str, more: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: 1\r\n{more}\r\nx".encode()


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (_head("200 OK"), Outcome.ACCEPTED),
        (_head("204 No Content").replace(b"Content-Length: 1\r\n", b"")[:-1], Outcome.ACCEPTED),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", Outcome.ACCEPTED),
        (_head("302 Found", "Location: http://169.254.169.254/\r\n"), Outcome.REJECTED),
        (_head("400 Bad Request"), Outcome.REJECTED),
        (_head("404 Not Found"), Outcome.REJECTED),
        (_head("410 Gone"), Outcome.REJECTED),
        (_head("408 Timeout"), Outcome.RETRY),
        (_head("429 Slow", "Retry-After: 7\r\n"), Outcome.RETRY),
        (_head("500 Error"), Outcome.RETRY),
        (_head("502 Bad Gateway"), Outcome.UNKNOWN),
        (_head("504 Gateway Timeout"), Outcome.UNKNOWN),
        (b"", Outcome.UNKNOWN),
        (b"HTTP/1.1 200 O", Outcome.UNKNOWN),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nx", Outcome.UNKNOWN),
        (b"hello\r\n\r\n", Outcome.UNKNOWN),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (ANSWER_BYTES_MAX + 1), Outcome.UNKNOWN),
    ],
)
def test_each_answer_has_its_outcome(answer: bytes, outcome: Outcome) -> None:
    """Only a whole answer decides; a redirect is never followed; a cut, over-long or gateway's answer is unknown."""
    found = call(answer)
    assert found.outcome is outcome, found
    if b"Retry-After" in answer:
        assert found.retry_at == 1_780_000_007_000_000


def test_no_answer_in_time_is_unknown_and_no_connection_is_a_retry() -> None:
    """After the first byte a time-out is unknown; where nobody listens nothing was sent."""

    async def run() -> None:
        async with receiving(hangs=True) as (_, port):
            found = await transport(port, seconds=0.2).deliver([request()])
            assert found[0].outcome is Outcome.UNKNOWN
        found = await transport(1).deliver([request()])
        assert found[0].outcome is Outcome.RETRY

    asyncio.run(run())


@pytest.mark.parametrize(
    "url",
    ["https://127.0.0.1/x", "https://localhost/", "https://[::1]/", "https://10.0.0.7/", "https://192.168.1.1/",
     "https://172.16.0.1/", "https://169.254.169.254/latest/meta-data", "https://[fe80::1]/", "https://[fd00::1]/",
     "https://0.0.0.0/", "https://[::]/", "https://[::ffff:127.0.0.1]/", "https://[64:ff9b:1::1]/",
     "https://100.64.0.1/", "https://224.0.0.1/", "https://2130706433/", "https://0x7f.1/", "https://127.1/"],
)  # fmt: skip
def test_nothing_inside_the_network_is_called(url: str) -> None:
    """Loopback, private, link-local, carrier and metadata addresses are refused, however they are written."""
    found = asyncio.run(transport(1, addresses={"slack": url}, private=()).deliver([request()]))[0]
    assert found.outcome is Outcome.REJECTED, found
    assert "inside the network" in found.provider_text


def test_a_name_that_leads_inside_is_refused_and_only_what_was_checked_is_called(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where one of a name's addresses lies inside it is refused; the name is asked once, so a second answer of the name
    server changes nothing.
    """
    answers = iter([["93.184.216.34", "127.0.0.1"], ["127.0.0.1"]])
    asked: list[str] = []

    async def lookup(self: Any, host: str, port: int, **_: Any) -> list[Any]:
        del self
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port)) for ip in next(answers)]

    monkeypatch.setattr(asyncio.base_events.BaseEventLoop, "getaddrinfo", lookup)
    sender = transport(1, addresses={"slack": "https://hooks.example/x"}, private=())
    found = asyncio.run(sender.deliver([request()]))[0]
    assert found.outcome is Outcome.REJECTED
    assert asked == ["hooks.example"]
    with pytest.raises(RejectError, match="inside"):
        asyncio.run(resolve(read_address("https://hooks.example/x")))


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("http://hooks.example/x", "https"),
        ("https://u:p@hooks.example/x", "login"),
        ("ftp://hooks.example/", "https"),
        ("https:///x", "no web address"),
        ("https://hooks.example:99999/", "no web address"),
        ("https://hooks.example/a b", "no web address"),
        ("https://hooks.example/\r\nHost: x", "no web address"),
        ("https://höoks.example/", "no web address"),
        ("https://[::1/", "no web address"),
    ],
)
def test_what_is_no_address_to_call(url: str, word: str) -> None:
    """Other schemes, logins, controls and broken addresses are refused, without showing the address whole."""
    with pytest.raises(RejectError, match=word) as error:
        read_address(url)
    assert "p@" not in str(error.value)


def test_outside_is_outside() -> None:
    """An address of the public internet may be called, also an IPv6 one."""
    assert is_outside("93.184.216.34")
    assert is_outside("2606:2800:220:1:248:1893:25c8:1946")
    assert not is_outside("2002:7f00:1::")


def test_sizes_and_names_are_limited() -> None:
    """A body over the limit, a name without address: rejected without a call; the secret and addresses stay hidden."""
    assert "bytes" in call(one=request(text="x" * (BODY_BYTES_MAX + 1))).provider_text
    assert call(one=request(text="x" * BODY_BYTES_MAX)).outcome is Outcome.ACCEPTED
    assert "'sms'" in call(one=request(name="sms")).provider_text
    shown = repr(WebhookSettings(addresses={"slack": "https://hooks.example/SECRET"}, secret=b"hush"))
    assert "SECRET" not in shown
    assert "hush" not in shown


def test_each_message_goes_by_its_channel() -> None:
    """Mail goes by the mail's way, web requests by theirs, in order; an unknown channel is rejected."""

    async def run() -> None:
        async with receiving() as (mail, port), receiving() as (web, web_port):
            ways = RoutedTransport({"email": transport(port), "webhook": transport(web_port)})
            batch = [message("k0", to_address="slack"), request("k1"), message("k2", channel="sms")]
            found = await ways.deliver(batch)
            await ways.close()
            assert [one.outcome for one in found] == [Outcome.ACCEPTED, Outcome.ACCEPTED, Outcome.REJECTED]
            assert [one.key for one in found] == ["k0", "k1", "k2"]
            assert (len(mail.received), len(web.received)) == (1, 1)
            assert not ways.idempotent
            assert await ways.look_up(["k0"]) == {}

    asyncio.run(run())


class TestWebhook(DeliveryConformance):
    """The promises of every way out."""

    hopeless = request("bad", text="x" * (BODY_BYTES_MAX + 1))

    def make(self, key: str) -> OutgoingMessage:
        return request(key, text=f"For {key}")

    def received_as(self, one: OutgoingMessage) -> tuple[str, str, str]:
        return ("", "", one.text)

    def test_a_lost_outside_spends_no_attempt(self, tmp_path: Path) -> None:
        """An address that is down concerns its own messages: other addresses and mail do not wait for it."""
        del tmp_path
        found = asyncio.run(transport(1).deliver([request("k1"), request("k2")]))
        assert [(one.outcome, one.concern) for one in found] == [(Outcome.RETRY, "message")] * 2

    @contextlib.asynccontextmanager
    async def open_seat(self, folder: Path) -> AsyncIterator[Seat]:
        del folder
        async with receiving() as (receiver, port):
            yield FoundSeat(transport(port), lambda: [("", "", b.decode()) for _, _, b in receiver.received], object)
