"""SendGrid's transport against the stand-in: whatever way a request ends, the outcome says what is known and no more."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from relight.base.instants import SECOND
from relight.delivery import Outcome
from relight.delivery.outgoing import Concern, Delivery
from relight.delivery.sendgrid import SendgridAccount
from relight.delivery.sendgrid_answers import RESET_AHEAD_MAX, Verdict, judge_answer
from relight.delivery.sendgrid_faults import KEEPS, Fault
from relight.delivery.sendgrid_payload import REQUEST_BYTES_MAX, quieten_client
from tests.adapters.delivery.mail_kit import message
from tests.adapters.delivery.sendgrid_kit import KEY, keys_of, logged, standing_in, transport

#: Fault -> what the message becomes, and whom a retry is about.
ENDINGS = {
    Fault.CLOSE_FIRST: (Outcome.UNKNOWN, None),
    Fault.CLOSE_HEAD: (Outcome.UNKNOWN, None),
    Fault.CLOSE_BODY: (Outcome.UNKNOWN, None),
    Fault.CLOSE_UNSTORED: (Outcome.UNKNOWN, None),
    Fault.CLOSE: (Outcome.UNKNOWN, None),
    Fault.RESET: (Outcome.UNKNOWN, None),
    Fault.HANG: (Outcome.UNKNOWN, None),
    Fault.CUT: (Outcome.UNKNOWN, None),
    Fault.CUT_BODY: (Outcome.UNKNOWN, None),
    Fault.GATEWAY: (Outcome.UNKNOWN, None),
    Fault.GATEWAY_UNSTORED: (Outcome.UNKNOWN, None),
    Fault.NO_ID: (Outcome.UNKNOWN, None),
    Fault.RATE_LIMIT: (Outcome.RETRY, Concern.PROVIDER),
    Fault.ERROR: (Outcome.RETRY, Concern.EITHER),
    Fault.UNAVAILABLE: (Outcome.RETRY, Concern.EITHER),
    Fault.UNAUTHORISED: (Outcome.CONFIGURATION, None),
    Fault.FORBIDDEN: (Outcome.CONFIGURATION, None),
}


@pytest.mark.parametrize("fault", Fault)
def test_each_ending_has_its_outcome(fault: Fault, tmp_path: Path) -> None:
    """From the first byte of a request only a full answer with an id accepts it and only a full answer of SendGrid's own
    refuses it; everything else is unknown, whether the provider has it or not. The next message gets through.
    """

    async def run() -> None:
        async with standing_in(tmp_path / "log", fault) as (_, port):
            sender = transport(port, seconds=0.5)
            first = (await sender.deliver([message("k1")]))[0]
            outcome, concern = ENDINGS[fault]
            assert first.outcome is outcome, first
            assert concern is None or first.concern is concern
            assert keys_of(logged(tmp_path / "log")) == (["k1"] if fault in KEEPS else [])
            second = (await sender.deliver([message("k2")]))[0]
            assert second.outcome is Outcome.ACCEPTED, second
            assert second.provider_id == logged(tmp_path / "log")[-1]["id"]
            await sender.close()

    asyncio.run(run())


def test_a_batch_goes_over_connections_that_stay_open(tmp_path: Path) -> None:
    """Four connections carry forty messages, one request each; each arrives with its own address and subject (I19)."""
    batch = [message(f"k{n}", to_address=f"p{n}@mail.example", subject=f"For p{n}") for n in range(40)]

    async def run() -> None:
        async with standing_in(tmp_path / "log") as (standin, port):
            sender = transport(port, connections=4)
            found = await sender.deliver(batch)
            await sender.close()
            assert [one.outcome for one in found] == [Outcome.ACCEPTED] * 40
            assert [one.key for one in found] == [one.occurrence_key for one in batch]
            assert (standin.connections, standin.requests) == (4, 40)

    asyncio.run(run())
    for line in logged(tmp_path / "log"):
        name = f"p{line['custom_args']['relight_key'].removeprefix('k')}"
        assert line["to"] == [f"{name}@mail.example"]
        assert line["payload"]["subject"] == f"For {name}"


def test_a_wrong_key_stops_the_batch(tmp_path: Path) -> None:
    """After 401 nothing more of the batch is asked: the settings are wrong for all of them."""

    async def run() -> None:
        async with standing_in(tmp_path / "log") as (standin, port):
            sender = transport(port, key="SG.other", connections=1)
            found = await sender.deliver([message(f"k{n}") for n in range(5)])
            await sender.close()
            assert [one.outcome for one in found] == [Outcome.CONFIGURATION] * 5
            assert standin.requests == 1
            assert "SG.other" not in str(found)

    asyncio.run(run())


def test_a_rate_limit_stops_the_batch_until_its_reset(tmp_path: Path) -> None:
    """What the window has no room for comes back with the provider's own instant; nothing is refused for good."""

    async def run() -> None:
        async with standing_in(tmp_path / "log", limit=3, clock=lambda: 1_780_000_000.0) as (standin, port):
            sender = transport(port, connections=1)
            found = await sender.deliver([message(f"k{n}") for n in range(6)])
            await sender.close()
            assert [one.outcome for one in found] == [Outcome.ACCEPTED] * 3 + [Outcome.RETRY] * 3
            assert {one.concern for one in found[3:]} == {Concern.PROVIDER}
            assert standin.requests == 3  # the third answer said that nothing remains

    asyncio.run(run())


def test_no_server_is_a_retry_that_spends_nothing() -> None:
    """Where nothing listens nothing was sent: one attempt to connect, and the provider, not a message, is at fault."""

    async def run(port: int) -> list[Delivery]:
        sender = transport(port, connections=1)
        found = await sender.deliver([message("k1"), message("k2")])
        await sender.close()
        return found

    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        found = asyncio.run(run(held.getsockname()[1]))
    assert [(one.outcome, one.concern) for one in found] == [(Outcome.RETRY, Concern.PROVIDER)] * 2


def test_nothing_leaves_once_the_lease_is_too_short(tmp_path: Path) -> None:
    """The question is asked right before the head is written: a connection may be open, but nothing is sent (S5)."""
    answers = iter([True, False, True])

    async def run() -> None:
        async with standing_in(tmp_path / "log") as (standin, port):
            sender = transport(port, connections=1)
            found = await sender.deliver([message(f"k{n}") for n in range(3)], may_begin=lambda: next(answers))
            await sender.close()
            assert [one.begun for one in found] == [True, False, True]
            assert standin.requests == 2

    asyncio.run(run())
    assert keys_of(logged(tmp_path / "log")) == ["k0", "k2"]


def test_sandbox_mode_delivers_nothing(tmp_path: Path) -> None:
    """In sandbox mode 200 without an id is the answer that counts, and the log stays empty."""

    async def run() -> None:
        async with standing_in(tmp_path / "log") as (_, port):
            sender = transport(port, sandbox=True)
            found = await sender.deliver([message()])
            await sender.close()
            assert found[0].outcome is Outcome.ACCEPTED

    asyncio.run(run())
    assert logged(tmp_path / "log") == []


BODY = json.dumps({"errors": [{"message": "bad", "field": "from.email", "help": None}]}).encode()
NOW = 1_780_000_000 * SECOND
ID = {"X-Message-Id": "m1"}


@pytest.mark.parametrize(
    ("status", "headers", "body", "outcome"),
    [
        (202, ID, b"", Outcome.ACCEPTED),
        (202, {}, b"", Outcome.UNKNOWN),
        (200, {}, b"", Outcome.UNKNOWN),
        (200, ID, b"", Outcome.UNKNOWN),
        (400, {}, BODY, Outcome.REJECTED),
        (400, {}, b"<html>", Outcome.UNKNOWN),
        (404, {}, BODY, Outcome.CONFIGURATION),
        (302, {"Location": "http://x"}, b"", Outcome.CONFIGURATION),
        (413, {}, BODY, Outcome.REJECTED),
        (413, {}, b"<html>", Outcome.REJECTED),
        (429, {}, b"", Outcome.RETRY),
        (500, {}, BODY, Outcome.RETRY),
        (503, {}, BODY, Outcome.RETRY),
        (500, {}, b"oops", Outcome.UNKNOWN),
        (500, {}, b'{"errors": []}', Outcome.UNKNOWN),
        (500, {}, b'{"errors": "x"}', Outcome.UNKNOWN),
        (502, {}, BODY, Outcome.UNKNOWN),
        (504, {}, BODY, Outcome.UNKNOWN),
        (408, {}, b"", Outcome.UNKNOWN),
    ],
)
def test_the_table_of_answers(status: int, headers: dict[str, str], body: bytes, outcome: Outcome) -> None:
    """Each answer has one outcome, whatever the letter case of its headers."""
    assert judge_answer(status, headers, body, now=NOW).outcome is outcome
    shouted = {name.upper(): value for name, value in headers.items()}
    assert judge_answer(status, shouted, body, now=NOW).outcome is outcome


def test_an_answer_says_when_to_come_back() -> None:
    """429 waits to X-RateLimit-Reset, else Retry-After, never beyond an hour; the last place of a window says so too."""

    def until(status: int, **headers: str) -> int | None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return judge_answer(status, ID | named, b"", now=NOW).retry_at

    assert until(429, X_RateLimit_Reset="1780000030") == NOW + 30 * SECOND
    assert until(429, X_RateLimit_Reset="1779999999") == NOW
    assert until(429, X_RateLimit_Reset="9999999999") == NOW + RESET_AHEAD_MAX
    assert until(429, Retry_After="7") == NOW + 7 * SECOND
    assert until(429, X_RateLimit_Reset="soon") is None
    assert until(202, X_RateLimit_Remaining="0", X_RateLimit_Reset="1780000030") == NOW + 30 * SECOND
    assert until(202, X_RateLimit_Remaining="1", X_RateLimit_Reset="1780000030") is None
    refused = judge_answer(400, {}, BODY, now=NOW)
    assert refused == Verdict(outcome=Outcome.REJECTED, text="400 from.email: bad")


def test_a_message_that_can_never_leave_is_rejected_here() -> None:
    """No address, no body, a header out of data or over 30 MB: rejected without a call, with the reason."""
    huge = "x" * (REQUEST_BYTES_MAX + 1)
    cases: list[tuple[dict[str, Any], str]] = [({"to_address": "nobody"}, "address"), ({"text": "", "html": ""}, "no body"), ({"text": huge}, "bytes"),
             ({"subject": "a\r\nBcc: x@y.example"}, "control"), ({"subject": "=?utf-8?q?x?="}, "=?"),
             ({"from_name": "a\nb"}, "control"), ({"list_unsubscribe": ("https://x/a,b",)}, "URI")]  # fmt: skip
    found = asyncio.run(transport(1).deliver([message(f"k{n}", **changes) for n, (changes, _) in enumerate(cases)]))
    assert [one.outcome for one in found] == [Outcome.REJECTED] * len(cases)
    for one, (_, word) in zip(found, cases, strict=True):
        assert word in one.provider_text


def test_no_key_is_shown_or_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The key stands in no repr; the package's client says nothing at DEBUG, and what it would say has no key."""
    assert KEY not in repr(SendgridAccount(key=KEY))
    for bad in ("", " ", "a\nb", "ş"):
        with pytest.raises(ValueError, match="key"):
            SendgridAccount(key=bad)
    quieten_client()
    quieten_client()
    log = logging.getLogger("python_http_client.client")
    assert not log.isEnabledFor(logging.DEBUG)
    with caplog.at_level(logging.DEBUG, logger="python_http_client.client"):
        log.debug("headers %s", {"Authorization": f"Bearer {KEY}"})
    assert caplog.messages == ["headers {'Authorization': 'Bearer ***'}"]
    quieten_client()


def test_a_slow_answer_within_the_time_is_waited_for(tmp_path: Path) -> None:
    """The time-out is the request's, and a time-out is unknown, not a failure."""

    async def run() -> float:
        async with standing_in(tmp_path / "log", always=Fault.HANG) as (_, port):
            sender = transport(port, seconds=0.3)
            began = time.monotonic()
            found = await sender.deliver([message()])
            await sender.close()
            assert found[0].outcome is Outcome.UNKNOWN
            assert "Timeout" in found[0].provider_text
            return time.monotonic() - began

    assert asyncio.run(run()) >= 0.3
