"""The durable inbox: what was acknowledged is there, the same key is one entry, and no engine has to run for it."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from relight.base.errors import BackpressureError, RejectError, StoreError
from relight.messages.identity import occurrence_digest
from relight.stores.inbox import Inbox, inbox_path
from relight.stores.inbox_interface import DurableInbox
from relight.stores.inbox_words import Word, read_word, word_entry
from relight.stores.sqlite import SqliteStore
from relight.stores.sqlite_schema import MIGRATIONS, SEALED_TABLES
from tests.adapters.stores.examples import T0, WITHOUT_LISTING, make_message
from tests.adapters.stores.inbox_conformance import InboxConformance, row

ROOT = Path(__file__).resolve().parents[3]
#: Version of a store before its links were kept.
WITHOUT_LINKS = 2
_PUT = """
import sys
from relight.stores.inbox import Inbox
from relight.stores.inbox_interface import InboxKind, NewEntry
inbox = Inbox.open(sys.argv[1])
for number in range(int(sys.argv[2])):
    entry = NewEntry(kind=InboxKind.EVENT, name="app", body=b"%d" % number, received=number, key=f"{sys.argv[3]}{number}")
    print(inbox.put([entry])[0], flush=True)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return inbox_path(tmp_path / "relight.db")


@pytest.fixture
def inbox(path: Path) -> Iterator[Inbox]:
    made = Inbox.open(path)
    yield made
    made.close()


class TestInboxFile(InboxConformance):
    @pytest.fixture(autouse=True)
    def _place(self, path: Path) -> None:
        self.path = path

    def open_inbox(self, folder: Path) -> DurableInbox:
        return Inbox.open(inbox_path(folder / "relight.db"))

    def run_sql(self, statement: str) -> None:
        with closing(sqlite3.connect(self.path)) as sql, sql:
            sql.execute(statement.format(table="entries"))


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


def test_a_full_disk_is_backpressure(inbox: Inbox) -> None:
    """With no room nothing of the batch is kept and the sender may try again; with room it goes on."""
    inbox._sql.execute("PRAGMA max_page_count = 20")
    with pytest.raises(BackpressureError, match="no room on the disk"):
        inbox.put([row(1), row(2, body=b"x" * 200_000)])
    inbox._sql.execute("PRAGMA max_page_count = 20000")
    assert inbox.put([row(3)]) == [1]


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
