"""A checkpoint without somebody: others' profiles and ids as they were, the erased known by tombstones alone (V5)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import msgspec
import pytest

from relight.stores.checkpoint_blobs import Book, Writing
from relight.stores.checkpoint_erasure import forget_in_parts, whole_checkpoint
from relight.stores.identity_hash import customer_hash
from relight.stores.interface import Batch, Profile
from relight.stores.partition import LOG_INPUT, PartitionStore
from relight.stores.postgres_connection import Connection
from relight.stores.postgres_partition import PartitionSink
from relight.stores.seen_ids import UNTOLD
from relight.streams.envelope import ERASED, Control, Event, Record
from relight.streams.ids import body_hash
from tests.support.postgres_server import PostgresServer

BOB, ANN = "bob-bobson", "ann-annson"


def keyed(text: str) -> str:
    return f"erased:{text[:1]}{len(text)}"


def event(number: int, customer: str) -> Event:
    return Event(
        stream="app", id=f"e{number}", customer=customer, name="used", event_time=number, ingest_time=number,
        position=number,
    )  # fmt: skip


def change(record: Record) -> Record:
    assert isinstance(record, Control)
    return msgspec.structs.replace(record, subject="renamed") if record.subject == "hash of bob" else record


def is_known(store: PartitionStore, number: int, customer: str) -> int | None:
    return store.find_known([("app", customer, f"e{number}")])[0]


@pytest.fixture
def connection(postgres: PostgresServer) -> Iterator[Connection]:
    with closing(Connection(postgres.new_schema())) as found:
        yield found


def before(connection: Connection) -> Writing:
    """Return a checkpoint in which everybody is; more ids than one part holds."""
    store = PartitionStore(PartitionSink.claim(connection, 1, "w"))
    words = [Control(kind="suppression", ingest_time=1, subject=f"hash of {who}") for who in ("ann", "bob")]
    log: list[Record] = [*words, *(event(number, ANN if number % 3 else BOB) for number in range(25_000))]
    store.append(Batch(log=[(one, None) for one in log], positions={LOG_INPUT: "7"}, reached=9))
    profiles = [Profile(customer=one, position=3, blob=f"of {one}".encode()) for one in (ANN, BOB)]
    store.save_checkpoints(profiles, position=25_002)
    store.reader_state = b"reader of bob-bobson"
    return store.write_checkpoint()


def test_a_checkpoint_without_somebody_is_the_others(connection: Connection) -> None:
    """Profile and id of the others, place and time are kept; of the erased only that an event was theirs."""
    written = before(connection)
    found = Book(partition=1, epoch=99).load(dict([*written.parts, written.head]))
    assert found is not None
    head, parts = found
    kept = forget_in_parts(parts, {BOB}, {customer_hash(BOB): customer_hash(keyed(BOB))}, change)
    made = whole_checkpoint(1, 1, head, kept, lambda state: state.replace(b"bob-bobson", b"nobody"))
    assert made.removals == []
    store = PartitionStore(PartitionSink.claim(connection, 1, "x"), keyed=keyed)
    assert store.load(dict([*made.parts, made.head]))
    assert (store.offset, store.reached(), store.reader_state) == (7, 9, b"reader of nobody")
    assert [(one.customer, one.position, one.blob) for one in store.profiles()] == [(ANN, 3, b"of ann-annson")]
    assert [one.subject for _, one in store.global_log() if isinstance(one, Control)] == ["hash of ann", "renamed"]
    assert is_known(store, 1, ANN) == int.from_bytes(body_hash(event(1, ANN)), "big")
    for number in (0, 24_999):  # of the first part and of the last
        assert is_known(store, number, BOB) == UNTOLD
        assert is_known(store, number, ANN) is None
    assert not any(BOB.encode() in body for body in kept.values())


def test_a_tombstone_is_known_where_the_log_is_folded(connection: Connection) -> None:
    """Without a checkpoint the tombstones of the log say which events there were; without the key nobody is told."""
    sink = PartitionSink.claim(connection, 1, "w")
    store, blind = PartitionStore(sink, keyed=keyed), PartitionStore(sink)
    for one in (store, blind):
        one.note_erased(Control(kind=ERASED, ingest_time=1, customer=keyed(BOB), subject="app", detail={"id": "e0"}))
        one.note_erased(Control(kind=ERASED, ingest_time=1, customer=keyed(BOB)))
    assert [is_known(store, 0, who) for who in (BOB, ANN)] == [UNTOLD, None]
    assert is_known(store, 1, BOB) is None
    assert is_known(blind, 0, BOB) is None
