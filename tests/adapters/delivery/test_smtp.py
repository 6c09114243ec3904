"""SMTP: whatever way a conversation ends, the outcome says what is known and no more."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import email
import email.policy
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP as SERVER

from relight.delivery import Outcome
from relight.delivery.outgoing import Concern
from relight.delivery.smtp import SmtpTransport
from relight.delivery.smtp_session import SmtpSettings
from tests.adapters.delivery.mail_kit import message, scripted

DATE = dt.datetime(2026, 3, 1, 9, tzinfo=dt.UTC)


def transport(port: int, **settings: Any) -> SmtpTransport:
    given: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": port,
        "starttls": False,
        "command_seconds": 2.0,
        "body_seconds": 2.0,
    } | settings
    return SmtpTransport(SmtpSettings(**given), now=lambda: DATE)


#: ending -> outcome, and whether the server had stored the mail. The nine of the theory, and some more.
ENDINGS = {
    "drop EHLO": (Outcome.RETRY, 0),
    "drop MAIL": (Outcome.RETRY, 0),
    "drop RCPT": (Outcome.RETRY, 0),
    "drop DATA": (Outcome.RETRY, 0),
    "drop in DATA": (Outcome.UNKNOWN, 0),
    "close": (Outcome.UNKNOWN, 1),
    "reset": (Outcome.UNKNOWN, 1),
    "451": (Outcome.RETRY, 1),
    "cut 250": (Outcome.UNKNOWN, 1),
    "cut lines": (Outcome.UNKNOWN, 1),
    "rubbish": (Outcome.UNKNOWN, 1),
    "550": (Outcome.REJECTED, 1),
    "answer MAIL 451 later": (Outcome.RETRY, 0),
    "answer MAIL 550 no": (Outcome.REJECTED, 0),
    "answer MAIL 530 log in first": (Outcome.CONFIGURATION, 0),
    "answer RCPT 450 busy": (Outcome.RETRY, 0),
    "answer RCPT 550 nobody": (Outcome.REJECTED, 0),
    "answer RCPT 421 closing": (Outcome.RETRY, 0),
    "answer DATA 451 later": (Outcome.RETRY, 0),
    "answer DATA 554 no": (Outcome.REJECTED, 0),
    "answer DATA 250 what": (Outcome.RETRY, 0),
}


@pytest.mark.parametrize(
    ("ending", "concern"),
    [
        ("answer RCPT 452 4.2.2 mailbox full", Concern.MESSAGE),
        ("answer RCPT 450 busy", Concern.MESSAGE),
        ("answer RCPT 451 4.3.2 out of order", Concern.EITHER),
        ("answer DATA 452 4.3.1 disk full", Concern.EITHER),
        ("answer DATA 452 4.3.4 too big for this system", Concern.MESSAGE),
        ("answer MAIL 452 4.2.2 mailbox full", Concern.EITHER),
        ("answer RCPT 421 closing", Concern.EITHER),
    ],
)
def test_a_servers_own_trouble_is_not_the_recipients(ending: str, concern: Concern) -> None:
    """4.3.x is the state of the mail system (RFC 3463 3.4), whenever it is said: everybody waits, not one message."""

    async def run() -> None:
        async with scripted(ending) as (_, port):
            sender = transport(port)
            (found,) = await sender.deliver([message()])
            assert (found.outcome, found.concern) == (Outcome.RETRY, concern)
            await sender.close()

    asyncio.run(run())


@pytest.mark.parametrize("ending", ENDINGS)
def test_each_ending_has_its_outcome(ending: str) -> None:
    """Up to the answer to DATA nothing has left; from the first byte of the body only a full reply decides. The next
    message meets a clean connection, and the same Message-ID goes out again.
    """

    async def run() -> None:
        async with scripted(ending) as (server, port):
            sender = transport(port)
            first = (await sender.deliver([message()]))[0]
            outcome, stored = ENDINGS[ending]
            assert (first.outcome, len(server.stored)) == (outcome, stored), first
            assert first.key == "k1"
            server.ending = ""
            second = (await sender.deliver([message()]))[0]
            assert second.outcome is Outcome.ACCEPTED, second
            assert all(one == server.stored[0] for one in server.stored)
            await sender.close()

    asyncio.run(run())


def test_a_stall_after_the_body_is_unknown() -> None:
    """A time-out after the final dot is called neither failed nor sent."""

    async def run() -> None:
        async with scripted("stall") as (server, port):
            found = await transport(port, body_seconds=0.2, command_seconds=0.2).deliver([message()])
            assert (found[0].outcome, len(server.stored)) == (Outcome.UNKNOWN, 1)

    asyncio.run(run())


def test_a_refused_message_leaves_the_connection_to_the_next() -> None:
    """After a full refusal RSET is said, and the next message goes over the same connection."""

    async def run() -> None:
        async with scripted("answer RCPT 550 nobody") as (server, port):
            sender = transport(port)
            first = await sender.deliver([message("k1")])
            server.ending = ""
            assert first[0].outcome is Outcome.REJECTED
            assert "550 nobody" in first[0].provider_text
            assert server.commands == ["EHLO", "MAIL", "RCPT", "RSET"]
            assert server.connections == 1
            await sender.close()

    asyncio.run(run())


def test_no_server_is_a_retry_for_the_whole_batch() -> None:
    """Where nothing listens, nothing was sent: the whole batch may be tried again, after one attempt to connect."""

    async def run() -> None:
        async with scripted("") as (_, port):
            pass
        found = await transport(port).deliver([message("k1"), message("k2")])
        assert [one.outcome for one in found] == [Outcome.RETRY, Outcome.RETRY]

    asyncio.run(run())


def test_credentials_never_go_over_a_plain_connection() -> None:
    """With a password and no STARTTLS on offer, nothing but EHLO is said; settings without TLS are refused."""

    async def run() -> None:
        async with scripted("") as (server, port):
            sender = transport(port, user="u", password="secret", starttls=True)
            found = await sender.deliver([message("k1"), message("k2")])
            assert [one.outcome for one in found] == [Outcome.CONFIGURATION] * 2
            assert server.commands == ["EHLO"]

    asyncio.run(run())
    with pytest.raises(ValueError, match="plain connection"):
        SmtpSettings(host="h", user="u", password="p", starttls=False)
    assert "secret" not in repr(SmtpSettings(host="h", user="u", password="secret"))


class Capture:
    """What a real server received."""

    def __init__(self) -> None:
        self.received: list[tuple[str, list[str], bytes]] = []

    async def handle_RCPT(  # noqa: N802 - aiosmtpd calls it so
        self, _server: SERVER, _session: Any, envelope: Any, address: str, _options: list[str]
    ) -> str:
        if address.startswith("nobody"):
            return "550 no such mailbox"
        if address.startswith("full"):
            return "452 mailbox full"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SERVER, _session: Any, envelope: Any) -> str:  # noqa: N802
        self.received.append((envelope.mail_from, envelope.rcpt_tos, envelope.content))
        return "250 OK"


@contextlib.asynccontextmanager
async def capturing(*, utf8: bool = True) -> AsyncIterator[tuple[Capture, int]]:
    capture = Capture()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SERVER(capture, hostname="test.example", enable_SMTPUTF8=utf8, loop=loop), "127.0.0.1", 0
    )
    try:
        yield capture, server.sockets[0].getsockname()[1]
    finally:
        server.close()


@pytest.mark.parametrize("utf8", [True, False])
def test_a_real_server_takes_a_batch(*, utf8: bool) -> None:
    """One connection, one transaction a message: refusals hit only their own message; an address with letters beyond
    ASCII goes where the server speaks SMTPUTF8 and is rejected where it does not.
    """
    addresses = ["ada@mail.example", "nobody@mail.example", "full@mail.example", "ışık@mail.example", "x\r\n@y",
                 "Can@Mail.Example"]  # fmt: skip
    batch = [message(f"k{n}", to_address=address) for n, address in enumerate(addresses)]

    async def run() -> tuple[list[Outcome], Capture]:
        async with capturing(utf8=utf8) as (capture, port):
            sender = transport(port)
            found = await sender.deliver(batch)
            await sender.close()
            return [one.outcome for one in found], capture

    outcomes, capture = asyncio.run(run())
    local = Outcome.ACCEPTED if utf8 else Outcome.REJECTED
    assert outcomes == [
        Outcome.ACCEPTED, Outcome.REJECTED, Outcome.RETRY, local, Outcome.REJECTED, Outcome.ACCEPTED,
    ]  # fmt: skip
    recipients = [rcpt for _, rcpts, _ in capture.received for rcpt in rcpts]
    assert recipients == ["ada@mail.example", *(["ışık@mail.example"] if utf8 else []), "can@mail.example"]
    parsed = email.message_from_bytes(capture.received[0][2], policy=email.policy.default)
    assert parsed["Subject"] == "Panoların seni bekliyor"
    assert parsed["Message-ID"] == message("k0").message_id


def test_dots_survive() -> None:
    """A line that begins with a dot arrives as it was (RFC 5321 4.5.2)."""
    text = ".\n..\n.x\nend.\n"

    async def run() -> Capture:
        async with capturing() as (capture, port):
            sender = transport(port)
            await sender.deliver([message(text=text)])
            await sender.close()
            return capture

    capture = asyncio.run(run())
    parsed = email.message_from_bytes(capture.received[0][2], policy=email.policy.default)
    body = parsed.get_body(("plain",))
    assert body is not None
    assert body.get_content().split() == text.split()
