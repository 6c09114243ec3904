"""Senders that are frozen, or are two, read from the provider's log: nobody gets a mail twice (I3, I14)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import msgspec

from relight.messages.ledger import OutboxMessage
from relight.stores.interface import Batch
from relight.stores.postgres import PostgresStore
from relight.stores.sqlite import SqliteStore
from tests.acceptance.test_engine_sendgrid import standing_in
from tests.adapters.stores.examples import make_message
from tests.faults import sender_child
from tests.support.postgres_server import PostgresServer


def mail(number: int) -> OutboxMessage:
    return msgspec.structs.replace(make_message(number, scheduled=1), headers={})


def child(place: str, url: str, way: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", sender_child.__name__, place, url, way])


def wait_until_stopped(process: subprocess.Popen[bytes]) -> None:
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)


def sent(log: Path) -> Counter[str]:
    lines = log.read_bytes().splitlines() if log.exists() else []
    return Counter(json.loads(one)["custom_args"]["relight_key"] for one in lines)


def test_a_sender_that_was_frozen_past_its_lease_begins_no_call(tmp_path: Path) -> None:
    """I14: SIGSTOP between claim and call, longer than the lease, then SIGCONT: what was claimed then does not leave by
    that claim; claimed anew, each mail leaves once.
    """
    place = tmp_path / "relight.db"
    store = SqliteStore.open(place)
    messages = [mail(n) for n in range(6)]
    store.append(Batch(outbox=messages))
    store.close()
    with standing_in(tmp_path / "log") as (url, _):
        process = child(str(place), url, "stop")
        wait_until_stopped(process)
        time.sleep(sender_child.LEASE / 1e6 + 0.2)  # a lease is real time
        assert sent(tmp_path / "log") == Counter()
        process.send_signal(signal.SIGCONT)
        assert process.wait(timeout=60) == 0
    store = SqliteStore.open(place, read_only=True)
    told = [(a.token, a.state.value, a.text.startswith("not begun")) for a in store.attempts()]
    assert [one for one in told if one[0] == 1] == [(1, "pending", True)] * 6
    assert {one[1] for one in told if one[0] == 2} == {"accepted"}
    store.close()
    assert sent(tmp_path / "log") == dict.fromkeys((m.occurrence_key for m in messages), 1)


def test_two_senders_and_a_frozen_one_on_a_server_send_once(postgres: PostgresServer, tmp_path: Path) -> None:
    """I3, I14: of three processes on one outbox one is frozen past its lease; what it had claimed is unknown and, being
    marketing, held; the rest leaves once, and what the frozen one says later is fenced off.
    """
    place = postgres.new_schema()
    store = PostgresStore.open(place)
    messages = [mail(n) for n in range(60)]
    store.append(Batch(outbox=messages))
    store.close()
    with standing_in(tmp_path / "log") as (url, _):
        frozen = child(place, url, "stop")
        wait_until_stopped(frozen)
        time.sleep(sender_child.LEASE / 1e6 + 0.2)  # a lease is real time
        others = [child(place, url, "run") for _ in range(2)]
        assert [one.wait(timeout=60) for one in others] == [0, 0]
        frozen.send_signal(signal.SIGCONT)
        assert frozen.wait(timeout=60) == 0
    store = PostgresStore.open(place)
    counts = {state.value: count for state, count in store.message_counts().items()}
    store.close()
    assert counts == {"unknown": 8, "accepted": 52}
    assert (len(sent(tmp_path / "log")), set(sent(tmp_path / "log").values())) == (52, {1})
