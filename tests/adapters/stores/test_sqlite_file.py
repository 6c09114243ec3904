"""The SQLite file itself: one writer, readers beside it, damage noticed, a full disk survived, versions told apart."""

from __future__ import annotations

import os
import re
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec
import pytest

from relight.base.errors import RelightError, StoreError
from relight.messages.life import MessageState
from relight.stores.interface import Batch, LetterEnd, Profile
from relight.stores.listing import MessageCount
from relight.stores.sqlite import SqliteStore
from relight.stores.sqlite_schema import MIGRATIONS
from tests.adapters.stores.conftest import OpenStore
from tests.adapters.stores.examples import (
    MINUTE,
    T0,
    WITHOUT_ENDS,
    WITHOUT_LISTING,
    batch_of,
    make_event,
    make_letter,
    make_message,
    make_row,
)

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


def test_what_was_written_is_there_after_a_restart(path: Path, open_store: OpenStore) -> None:
    """Everything a batch carries outlives a close."""
    store = open_store()
    store.append(Batch(log=[(make_event(1), None)], rows=[make_row(1)], outbox=[make_message(1)], positions={"a": "1"}))
    store.save_checkpoints([Profile(customer="ada", position=1, blob=b"x")], position=1)
    store.close()
    store = open_store()
    assert (store.last_position(), store.positions(), list(store.ledger())) == (1, {"a": "1"}, [make_row(1)])
    assert store.find_known([("app", "ada", "1")]) == [1]
    assert store.load_profile("ada") == Profile(customer="ada", position=1, blob=b"x")


def test_the_file_is_durable(path: Path, open_store: OpenStore) -> None:
    """The store runs with a write-ahead log and syncs at each commit."""
    sql = open_store()._connection.sql
    assert sql.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert sql.execute("PRAGMA synchronous").fetchone() == (2,)


def test_a_second_engine_is_refused(path: Path, open_store: OpenStore) -> None:
    """A second opener is told which process has the store, and nothing breaks for the first."""
    first = open_store()
    code = f"from relight.stores.sqlite import SqliteStore; SqliteStore.open({str(path)!r})"
    second = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert f"is in use by process {os.getpid()}" in second.stderr
    with pytest.raises(StoreError, match=f"is in use by process {os.getpid()}"):
        open_store()
    first.append(batch_of(make_event(1)))
    first.close()
    open_store().close()


def test_a_reader_works_beside_the_engine(path: Path, open_store: OpenStore) -> None:
    """A read-only store sees each committed batch while the engine runs, and cannot write."""
    engine = open_store()
    engine.append(batch_of(make_event(1)))
    reader = open_store(read_only=True)
    assert [position for position, _ in reader.customer_log("ada")] == [1]
    engine.append(batch_of(make_event(2)))
    assert [position for position, _ in reader.customer_log("ada")] == [1, 2]
    assert reader.last_position() == 2
    engine.append(batch_of(make_event(3)))
    assert reader.find_known([("app", "ada", "3"), ("app", "ada", "4")]) == [3, None]
    with pytest.raises(StoreError, match="readonly"):
        reader.set_note("project", "shop")
    reader.close()
    engine.append(batch_of(make_event(4)))


def test_a_reader_works_after_the_engine(path: Path, open_store: OpenStore) -> None:
    """A read-only store opens when nobody else has the file, and leaves no lock."""
    engine = open_store()
    engine.append(batch_of(make_event(1)))
    engine.close()
    reader = open_store(read_only=True)
    assert reader.last_position() == 1
    open_store().close()
    reader.close()


def test_a_reader_needs_a_store(path: Path, open_store: OpenStore) -> None:
    """Reading what is not there says so, and creates nothing."""
    with pytest.raises(StoreError, match="there is no store at"):
        open_store(read_only=True)
    assert list(path.parent.iterdir()) == []


def flip_bit(path: Path, needle: bytes) -> None:
    """Flip one bit of the file in the middle of `needle`, behind SQLite's back."""
    content = bytearray(path.read_bytes())
    at = content.index(needle) + len(needle) // 2
    content[at] ^= 0x04
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("needle", "look", "place"),
    [
        (b"unmistakable body", lambda store: list(store.read_log()), "log record 2"),
        (b"unmistakable body", lambda store: store.body_at(2), "log record 2"),
        (
            b"unmistakable profile",
            lambda store: store.load_profile("ada"),
            "checkpoint of customer 'ada' at position 2",
        ),
        (b"unmistakable profile", lambda store: list(store.profiles()), "checkpoint of customer 'ada' at position 2"),
        (b"unmistakable timers", lambda store: store.checkpoint_meta(), "checkpoint blob timers"),
        (b"unmistakable leaf", lambda store: list(store.ledger()), f"ledger row {make_row(1).occurrence_key}"),
        (
            b"ada@unmistakable.example",
            lambda store: store.claim(T0, 9, owner="test", lease=MINUTE),
            f"message {make_row(1).occurrence_key}",
        ),
        (b"'soon' is no time", lambda store: list(store.dead_letters()), "a dead letter of stream app"),
    ],
)
def test_a_flipped_bit_is_noticed(
    path: Path, open_store: OpenStore, needle: bytes, look: Callable[[SqliteStore], object], place: str
) -> None:
    """One flipped bit is reported with the row it hit, and nothing of that row is handed out (I16)."""
    store = open_store()
    store.append(
        Batch(
            log=[(make_event(1), None), (make_event(2, text="unmistakable body"), None)],
            rows=[make_row(1, leaf="unmistakable leaf")],
            outbox=[make_message(1, address="ada@unmistakable.example")],
            dead=[make_letter(1)],
        )
    )
    store.save_checkpoints(
        [Profile(customer="ada", position=2, blob=b"unmistakable profile")], meta={"timers": b"unmistakable timers"}
    )
    store.close()
    flip_bit(path, needle)
    with pytest.raises(StoreError, match=re.escape(place)):
        look(open_store())


def test_a_damaged_record_stops_the_open_that_needs_it(path: Path, open_store: OpenStore) -> None:
    """Recent records are read at open: a damaged one refuses the store and leaves it unlocked."""
    store = open_store()
    store.append(batch_of(make_event(1, text="unmistakable body")))
    store.close()
    flip_bit(path, b"unmistakable body")
    for _ in range(2):
        with pytest.raises(StoreError, match="log record 1: its checksum does not match"):
            open_store()


def test_a_file_of_another_program_is_not_touched(path: Path, open_store: OpenStore) -> None:
    """An SQLite file with foreign tables, and a file that is none, are refused as they are."""
    sql = sqlite3.connect(path)
    sql.execute("CREATE TABLE recipes (name TEXT)")
    sql.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="of another program"):
        open_store()
    assert path.read_bytes() == before
    path.write_text("shopping list\n" * 100)
    with pytest.raises(StoreError, match="cannot be opened"):
        open_store()


def test_a_newer_store_is_refused(path: Path, open_store: OpenStore) -> None:
    """A store of a later version is refused with both versions named; an older reader changes nothing."""
    open_store().close()
    sql = sqlite3.connect(path)
    sql.execute("PRAGMA user_version = 99")
    sql.close()
    with pytest.raises(StoreError, match=r"is of version 99; this program knows up to \d"):
        open_store()


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond `size` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_loses_nothing_acknowledged(path: Path, open_store: OpenStore) -> None:
    """When the file cannot grow, the batch fails clearly; what was acknowledged is there after a restart (I1)."""
    store = open_store()
    acknowledged = 0

    def fill() -> None:
        nonlocal acknowledged
        while acknowledged < 10_000:
            store.append(batch_of(*[make_event(acknowledged + i, text="x" * 900) for i in range(10)]))
            acknowledged += 10

    with file_size_limit(600_000), pytest.raises(RelightError, match="nothing of this batch") as raised:
        fill()
    assert str(path) in str(raised.value)
    assert raised.value.help_text
    assert 0 < acknowledged < 10_000
    store.close()
    store = open_store()
    assert store.last_position() == acknowledged
    asked = [("app", "ada", str(number)) for number in range(acknowledged)]
    assert store.find_known(asked) == list(range(1, acknowledged + 1))
    store.append(batch_of(make_event(acknowledged)))
    assert store.last_position() == acknowledged + 1


def test_a_full_file_is_backpressure(path: Path, open_store: OpenStore) -> None:
    """When SQLite reports no room the same store goes on once there is some; nothing of the failed batch was kept."""
    store = open_store()
    store.append(batch_of(make_event(0)))
    sql = store._connection.sql
    pages = sql.execute("PRAGMA page_count").fetchone()[0]
    sql.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(RelightError, match="no room on the disk"):
        store.append(batch_of(*[make_event(number, text="x" * 900) for number in range(1, 50)]))
    assert store.last_position() == 1
    sql.execute("PRAGMA max_page_count = 1000000")
    assert store.find_known([("app", "ada", "1")]) == [None]
    assert store.append(batch_of(make_event(1))).last_position == 2


def test_a_missing_record_is_noticed(path: Path, open_store: OpenStore) -> None:
    """A record that is gone from the log is damage, not a shorter history (I16)."""
    store = open_store()
    store.append(batch_of(*[make_event(number) for number in range(5)]))
    store._connection.sql.execute("DELETE FROM log WHERE pos = 3")
    with pytest.raises(StoreError, match="the log has a gap after record 0"):
        list(store.read_log())
    store.close()
    with pytest.raises(StoreError, match="the log has a gap"):
        open_store()


def test_an_older_store_learns_its_counts(tmp_path: Path) -> None:
    """A store of an earlier version is brought forward: its rows are counted, and those that follow with them."""
    path = tmp_path / "relight.db"
    store = SqliteStore.open(path)
    store.append(Batch(rows=[make_row(1), make_row(2)]))
    store.close()
    before_counts = next(n for n, one in enumerate(MIGRATIONS) if any("ledger_counts" in text for text in one))
    with closing(sqlite3.connect(path)) as sql:
        for statement in (
            *WITHOUT_LISTING,
            "DROP TRIGGER ledger_counted",
            "DROP TABLE ledger_counts",
            "DROP INDEX ledger_listing",
            "DROP TABLE codes",
            f"PRAGMA user_version = {before_counts}",
        ):
            sql.execute(statement)
        sql.commit()
    store = SqliteStore.open(path)
    store.append(Batch(rows=[make_row(3)]))
    assert sum(one.count for one in store.row_counts()) == 3
    assert [one.count for one in store.row_totals()] == [3]
    store.close()


def test_an_older_store_learns_how_its_letters_ended(tmp_path: Path) -> None:
    """A dead letter that an earlier version read again ended so; one that waits waits on."""
    path = tmp_path / "relight.db"
    store = SqliteStore.open(path)
    store.append(Batch(dead=[make_letter(1), make_letter(2)]))
    store.end_letters([1], T0, LetterEnd.DISMISSED)
    store.close()
    before = next(n for n, one in enumerate(MIGRATIONS) if any("COLUMN ending" in text for text in one))
    with closing(sqlite3.connect(path)) as sql:
        for statement in (*WITHOUT_ENDS, f"PRAGMA user_version = {before}"):
            sql.execute(statement)
        sql.commit()
    store = SqliteStore.open(path)
    assert [(one.ended_at, one.end) for one in store.dead_letters()] == [(T0, LetterEnd.REPLAYED), (None, None)]
    assert [one.number for one in store.waiting_letters(9)] == [2]
    store.close()


def test_an_older_store_learns_the_rules_of_its_messages(tmp_path: Path) -> None:
    """A store of an earlier version is brought forward: its messages are counted and listed by rule and state."""
    path = tmp_path / "relight.db"
    store = SqliteStore.open(path)
    row = msgspec.structs.replace(make_row(1), occurrence_key=make_message(1).occurrence_key)
    store.append(Batch(rows=[row], outbox=[make_message(1)]))
    store.close()
    before = next(n for n, one in enumerate(MIGRATIONS) if any("outbox_counts" in text for text in one))
    with closing(sqlite3.connect(path)) as sql:
        for statement in (*WITHOUT_LISTING, "DROP TRIGGER ledger_counted", f"PRAGMA user_version = {before}"):
            sql.execute(statement)
        sql.execute(next(text for text in MIGRATIONS[before - 2] if text.startswith("CREATE TRIGGER ledger_counted")))
        sql.commit()
    store = SqliteStore.open(path)
    waiting = MessageState.PENDING
    assert store.rule_message_counts() == [MessageCount(rule="quiet", state=waiting, count=1)]
    assert [key for _, key in store.newest_messages("quiet", [waiting], limit=9)] == [row.occurrence_key]
    store.append(Batch(rows=[make_row(3)]))
    assert [one.count for one in store.row_totals()] == [2]
    store.close()
