"""The durable inbox: what was acknowledged is there, the same key is one entry, and no engine has to run for it."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from relight.base.errors import BackpressureError, RejectError, StoreError
from relight.messages.identity import occurrence_digest
from relight.stores.inbox import BODY_BYTES_MAX, Inbox, InboxKind, NewEntry, inbox_path
from relight.stores.inbox_words import Word, read_word, word_entry
from relight.stores.sqlite import SqliteStore
from relight.stores.sqlite_schema import MIGRATIONS, SEALED_TABLES
from tests.adapters.stores.examples import T0, WITHOUT_LISTING, make_message

ROOT = Path(__file__).resolve().parents[3]
#: Version of a store before its links were kept.
WITHOUT_LINKS = 2
_PUT = """
import sys
from relight.stores.inbox import Inbox, InboxKind, NewEntry
inbox = Inbox.open(sys.argv[1])
for number in range(int(sys.argv[2])):
    entry = NewEntry(kind=InboxKind.EVENT, name="app", body=b"%d" % number, received=number, key=f"{sys.argv[3]}{number}")
    print(inbox.put([entry])[0], flush=True)
"""


def row(number: int, *, key: str | None = None, body: bytes = b"{}") -> NewEntry:
    return NewEntry(kind=InboxKind.EVENT, name="app", body=body, received=T0 + number, key=key)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return inbox_path(tmp_path / "relight.db")


@pytest.fixture
def inbox(path: Path) -> Iterator[Inbox]:
    made = Inbox.open(path)
    yield made
    made.close()


def putter(path: Path, number: int, name: str, **env: str) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-c", _PUT, str(path), str(number), name]
    return subprocess.Popen(arguments, cwd=ROOT, stdout=-1, text=True, env={**os.environ, **env})


def test_it_stands_beside_the_store(tmp_path: Path, path: Path) -> None:
    """The inbox is a file of its own, and an engine's lock on the store does not keep anybody from it."""
    store = SqliteStore.open(tmp_path / "relight.db")
    inbox = Inbox.open(path)
    assert path.name == "relight.inbox.db"
    assert inbox.put([row(1)]) == [1]
    inbox.close()
    store.close()


def test_it_is_durable(inbox: Inbox) -> None:
    """It runs with a write-ahead log and syncs at each commit."""
    assert inbox._sql.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert inbox._sql.execute("PRAGMA synchronous").fetchone() == (2,)


def test_entries_come_back_in_order(inbox: Inbox) -> None:
    """Entries come back whole, in the order they were put, from any position on, in pages."""
    word = word_entry(Word(kind="pause", subject="*"), received=T0)
    assert inbox.put([row(1, body=b"\xff\x00"), word]) == [1, 2]
    assert inbox.put([row(3)]) == [3]
    assert [(e.position, e.kind, e.name, e.received, e.body) for e in inbox.read_after(0, 2)] == [
        (1, InboxKind.EVENT, "app", T0 + 1, b"\xff\x00"),
        (2, InboxKind.WORD, "pause", T0, word.body),
    ]
    assert [e.position for e in inbox.read_after(2)] == [3]
    assert [e.position for e in inbox.words_after(0)] == [2]
    assert inbox.last_position() == 3


def test_the_same_key_is_the_same_entry(inbox: Inbox) -> None:
    """A key that is there keeps its first body and position; entries without a key are never the same."""
    assert inbox.put([row(1, key="k", body=b"first")]) == [1]
    assert inbox.put([row(2, key="k", body=b"second"), row(3), row(3)]) == [1, 2, 3]
    assert [e.body for e in inbox.read_after(0)] == [b"first", b"{}", b"{}"]


def test_events_are_forgotten_and_words_are_kept(inbox: Inbox) -> None:
    """What the engine has taken of events can be deleted; words stay, and no position is given twice."""
    inbox.put([row(1), word_entry(Word(kind="pause", subject="*"), received=T0), row(2)])
    assert inbox.forget_events(3) == 2
    assert [e.position for e in inbox.read_after(0)] == [2]
    inbox._sql.execute("DELETE FROM entries")
    assert inbox.put([row(4)]) == [4]


def test_old_events_are_forgotten_bit_by_bit(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """I17, FORGOTTEN_TOGETHER_MAX: what was taken and is old goes a part at a time; what is new or not taken stays."""
    monkeypatch.setattr("relight.stores.inbox.FORGOTTEN_TOGETHER_MAX", 2)
    inbox.put([row(n) for n in range(6)])
    assert inbox.forget_events(5, before=T0 + 3) == 2
    assert inbox.forget_events(5, before=T0 + 3) == 1
    assert inbox.forget_events(5, before=T0 + 3) == 0
    assert inbox.forget_events(3, before=T0 + 9) == 0
    assert [inbox.forget_events(5, before=T0 + 9) for _ in range(2)] == [2, 0]
    assert [e.position for e in inbox.read_after(0)] == [6]


def test_several_processes_put_at_once(path: Path) -> None:
    """Processes that put at the same time, the first of them making the file, all find their entries there once."""
    processes = [putter(path, 30, name) for name in "abc"]
    for process in processes:
        with process:
            assert process.communicate(timeout=60)[0].count("\n") == 30
        assert process.returncode == 0
    inbox = Inbox.open(path)
    assert sorted(e.key or "" for e in inbox.read_after(0)) == sorted(f"{n}{i}" for n in "abc" for i in range(30))
    inbox.close()


@pytest.mark.parametrize("point", ["before_inbox_commit:4", "after_inbox_commit:4"])
def test_what_was_acknowledged_is_there_after_a_kill(path: Path, point: str) -> None:
    """I1: killed with signal 9 before or after a commit, every entry that was acknowledged is there, and at most the
    one at hand is more.
    """
    with putter(path, 10, "a", RELIGHT_CRASH_AT=point) as process:
        told = process.communicate(timeout=60)[0].split()
    assert process.returncode == -signal.SIGKILL
    inbox = Inbox.open(path)
    there = [str(e.position) for e in inbox.read_after(0)]
    assert told == ["1", "2", "3"]
    assert there == told + (["4"] if point.startswith("after") else [])
    assert inbox.put([row(9)]) == [len(there) + 1]
    inbox.close()


def test_a_body_has_a_limit(inbox: Inbox) -> None:
    """BODY_BYTES_MAX: a body of that size is kept, one byte more is refused and nothing of its batch is kept."""
    inbox.put([row(1, body=b"x" * BODY_BYTES_MAX)])
    with pytest.raises(StoreError, match=f"at most {BODY_BYTES_MAX} bytes"):
        inbox.put([row(2), row(3, body=b"x" * (BODY_BYTES_MAX + 1))])
    assert [e.position for e in inbox.read_after(0)] == [1]


def test_a_full_disk_is_backpressure(inbox: Inbox) -> None:
    """With no room nothing of the batch is kept and the sender may try again; with room it goes on."""
    inbox._sql.execute("PRAGMA max_page_count = 20")
    with pytest.raises(BackpressureError, match="no room on the disk"):
        inbox.put([row(1), row(2, body=b"x" * 200_000)])
    inbox._sql.execute("PRAGMA max_page_count = 20000")
    assert inbox.put([row(3)]) == [1]


def test_damage_is_noticed(inbox: Inbox) -> None:
    """I16: an entry whose bytes were changed is never used."""
    inbox.put([row(1, body=b'{"a": 1}')])
    inbox._sql.execute("UPDATE entries SET body = ?", (b'{"a": 2}',))
    with pytest.raises(StoreError, match="damaged at inbox entry event app"):
        inbox.read_after(0)


def test_a_foreign_file_is_not_touched(path: Path) -> None:
    """A file of another program, or of a later version, is refused and left as it is."""
    sql = sqlite3.connect(path)
    sql.execute("CREATE TABLE other (x)")
    sql.commit()
    sql.close()
    with pytest.raises(StoreError, match="another program or version"):
        Inbox.open(path)
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(StoreError, match="cannot be opened"):
        Inbox.open(path)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """Where the folder is missing the error says which file could not be opened."""
    with pytest.raises(StoreError, match=r"nowhere/x\.inbox\.db cannot be opened"):
        Inbox.open(tmp_path / "nowhere/x.inbox.db")


def test_a_word_is_one_of_the_list(inbox: Inbox) -> None:
    """A word that the engine would not know is refused at both ends."""
    with pytest.raises(ValueError, match="'plan' is no word"):
        word_entry(Word(kind="plan"), received=T0)
    for body in (b'{"kind": "plan"}', b"{", b'{"kind": "pause", "subject": 3}'):
        with pytest.raises(RejectError):
            read_word(body)
    word = Word(kind="consent", customer="ada", subject="news", detail={"given": False})
    assert read_word(word_entry(word, received=T0).body) == word


def test_an_older_store_learns_its_links(tmp_path: Path) -> None:
    """A store of an earlier version is brought forward: the links of its messages are found."""
    path = tmp_path / "relight.db"
    store = SqliteStore.open(path)
    store.close()
    sql = sqlite3.connect(path)
    later = [f"ALTER TABLE {table} DROP COLUMN crc" for table in SEALED_TABLES]
    later += [
        *WITHOUT_LISTING,
        "DROP TRIGGER ledger_counted",
        "DROP TABLE ledger_counts",
        "DROP INDEX ledger_listing",
        "DROP TABLE codes",
    ]
    for statement in ("DROP TABLE links", *later, f"PRAGMA user_version = {WITHOUT_LINKS}"):
        sql.execute(statement)
    key = make_message(1).occurrence_key
    sql.execute(
        "INSERT INTO outbox (key, address_hash, message_class, state, due, token, body, crc)"
        " VALUES (?, '', '', 'accepted', 0, 0, x'', 0)",
        (key,),
    )
    sql.commit()
    sql.close()
    assert "CREATE TABLE links" in MIGRATIONS[WITHOUT_LINKS][0]
    store = SqliteStore.open(path)
    with store._connection.reading() as cursor:
        assert cursor.execute("SELECT digest, key FROM links").fetchall() == [(occurrence_digest(key), key)]
    store.close()
