"""Entries of several rows: one request costs few entries, and each row is a record with a place of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from relight.engine import inbox as inbox_module
from relight.engine.inbox import POSITIONS_PER_ENTRY, InboxInput
from relight.stores.inbox import Inbox
from relight.stores.inbox_interface import ROWS_MAX, InboxKind, NewEntry
from relight.stores.memory import MemoryStore
from relight.streams.envelope import DeadLetter, Event
from relight.web.ingest.segment import read_batch
from tests.unit.streams.stream_making import plan_of

T0 = 1_767_225_600_000_000
STREAM = plan_of(
    "app",
    source={"http": "app"}, id="id", time=None, customer="customer", name="event", events={"used": {}}, traits={},
)  # fmt: skip


@pytest.fixture
def read(tmp_path: Path) -> Iterator[InboxInput]:
    inbox = Inbox.open(tmp_path / "relight.inbox.db")
    yield InboxInput(inbox=inbox, store=MemoryStore(), streams={"app": STREAM}, folder=tmp_path)
    inbox.close()


def put(read: InboxInput, *rows: list[str]) -> None:
    entries = [
        NewEntry(kind=InboxKind.EVENT, name="app", body="\n".join(lines).encode(), received=T0) for lines in rows
    ]
    read.inbox.put(entries)


def row(number: int) -> str:
    return json.dumps({"id": f"e{number}", "customer": "ann", "event": "used"})


def test_each_row_of_an_entry_is_a_record_with_its_own_place(read: InboxInput) -> None:
    """V2: the row that is no event is a dead letter named by entry and row, and blocks nothing."""
    put(read, [row(1), "no", row(3)], [row(4)])
    polled = read.poll(T0, T0, 100)
    assert [one.id if isinstance(one, Event) else "dead" for one in polled.records] == ["e1", "dead", "e3", "e4"]
    (dead,) = [one for one in polled.records if isinstance(one, DeadLetter)]
    assert (dead.source, dead.position) == ("inbox:1#2", POSITIONS_PER_ENTRY + 1)
    positions = [one.position for one in polled.records if isinstance(one, Event)]
    assert positions == sorted(set(positions))
    assert ROWS_MAX <= POSITIONS_PER_ENTRY
    assert not polled.has_more


def test_a_look_ends_with_the_entry_that_fills_the_batch(read: InboxInput) -> None:
    """A batch of `most` records is not exceeded by more than one entry, and what is left comes next time."""
    put(read, [row(1), row(2)], [row(3), row(4)], [row(5)])
    first = read.poll(T0, T0, 3)
    assert (len(first.records), first.has_more) == (4, True)
    second = read.poll(T0, T0, 3)
    assert (len(second.records), second.has_more) == (1, False)


def test_a_look_takes_a_bounded_number_of_entries(read: InboxInput, monkeypatch: pytest.MonkeyPatch) -> None:
    """POLLED_ENTRIES_MAX entries are in memory at once."""
    monkeypatch.setattr(inbox_module, "POLLED_ENTRIES_MAX", 2)
    put(read, [row(1)], [row(2)], [row(3)])
    assert [len(read.poll(T0, T0, 100).records) for _ in range(3)] == [2, 1, 0]


@pytest.mark.parametrize(
    ("sent", "is_dead"),
    [
        ({"type": "track", "event": "unheard of"}, True),
        ({"type": "track", "event": "unheard of", "userId": None, "anonymousId": ""}, True),
        ({"type": "page", "name": "Home", "userId": None}, True),
        ({"type": "track", "event": "unheard of", "anonymousId": "a1"}, False),
        ({"type": "track", "event": "unheard of", "userId": 7}, False),
        ({"event": "unheard of"}, False),
        ({"event": "unheard of", "type": ["track"]}, False),
    ],
)
def test_what_a_client_was_told_is_parked_is_a_dead_letter(
    read: InboxInput, sent: dict[str, object], is_dead: bool
) -> None:
    """A call of Segment's shape that names nobody is kept with its bytes though its event is not declared; one that names
    somebody, or is of no such shape, is counted as undeclared as ever. The stream counts its dead letters as they are.
    """
    body = json.dumps(sent)
    put(read, [body, row(2)])
    records = read.poll(T0, T0, 100).records
    dead = [(one.code, one.source, one.raw) for one in records if isinstance(one, DeadLetter)]
    assert dead == ([("missing-customer", "inbox:1#1", body.encode())] if is_dead else [])
    assert [one.id for one in records if isinstance(one, Event)] == ["e2"]
    counts = read.counts["app"]
    assert (counts.rows, counts.events, counts.dead) == (2, 1, {"missing-customer": 1} if is_dead else {})


def test_the_answer_and_the_dead_letters_name_the_same_items(read: InboxInput) -> None:
    """Of one batch, what the answer says is parked for want of a user is what the engine keeps, item by item."""
    items: list[dict[str, object]] = [
        {"type": "track", "event": name, "messageId": f"m{number}", **user}
        for number, (name, user) in enumerate(
            (name, user) for name in ("used", "unheard of") for user in ({}, {"userId": "ann"}, {"userId": None})
        )
    ]
    rows = read_batch(json.dumps({"batch": items}).encode(), T0)
    put(read, *([one.decode()] for one in rows.rows))
    parked = [number for number, _ in rows.parked]
    dead = [one.source for one in read.poll(T0, T0, 100).records if isinstance(one, DeadLetter)]
    assert parked == [0, 2, 3, 5]
    assert {f"inbox:{number + 1}" for number in parked} <= set(dead)
