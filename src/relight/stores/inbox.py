"""The durable inbox: what arrives while no engine may be running, in an SQLite file of its own beside the store.

Pages, HTTP ingestion and commands put entries; the engine reads them in order and keeps how far it is in the
transaction of the records they became. Never asks for the store's lock, decides nothing and reads no clock.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Self

from relight.base.errors import BackpressureError, StoreError
from relight.stores.crash import crash_point
from relight.stores.inbox_interface import BODY_BYTES_MAX, ENTRIES_DEFAULT, InboxEntry, InboxKind, NewEntry
from relight.stores.record_codec import open_sealed, seal
from relight.stores.sqlite_connection import BUSY_TIMEOUT_S, sync_folder

#: Entries of events that are deleted at a time once nobody needs them.
FORGOTTEN_TOGETHER_MAX = 10_000
#: Marks a file as an inbox (`PRAGMA application_id`): the letters RLIN.
APPLICATION_ID = 0x524C494E
#: Version of the tables below.
INBOX_VERSION = 1
_SYNCHRONOUS_FULL = 2
_COLUMNS = "position, kind, name, key, token, received, body, crc"

_TABLES = (
    # Never a number twice, also after all rows are gone: the engine's place is one of them.
    (
        "CREATE TABLE entries (position INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, name TEXT NOT NULL,"
        " key TEXT, token TEXT, received INTEGER NOT NULL, body BLOB NOT NULL, crc INTEGER NOT NULL)"
    ),
    "CREATE UNIQUE INDEX entries_key ON entries (key) WHERE key IS NOT NULL",
    "CREATE INDEX entries_token ON entries (token) WHERE token IS NOT NULL",
    "CREATE INDEX entries_words ON entries (position) WHERE kind <> 'event'",
)


def inbox_path(store: Path) -> Path:
    """Return where the inbox of a store's file stands: `data/relight.db` has `data/relight.inbox.db`."""
    return store.with_name(f"{store.stem}.inbox.db")


class Inbox:
    """One inbox. Several processes may have it open; in one process, one thread at a time."""

    def __init__(self, path: Path, sql: sqlite3.Connection) -> None:
        self.path = path
        self._sql = sql
        #: Why it may not be used any more.
        self._broken: str | None = None

    @classmethod
    def open(cls, path: Path | str) -> Self:
        """Open or create an inbox; raises StoreError naming what is in the way."""
        found = Path(path)
        is_new = not found.exists()
        try:
            sql = sqlite3.connect(
                f"{found.absolute().as_uri()}?mode=rwc", uri=True, isolation_level=None, timeout=BUSY_TIMEOUT_S,
                check_same_thread=False,
            )  # fmt: skip
            try:
                _prepare(found, sql)
            except BaseException:
                sql.close()
                raise
            if is_new:
                sync_folder(found.parent)
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"the inbox {found} cannot be opened: {error}") from error
        return cls(found, sql)

    def close(self) -> None:
        """Close the file; twice is once."""
        if self._broken != "closed":
            self._broken = "closed"
            self._sql.close()

    def put(self, entries: Sequence[NewEntry]) -> list[int]:
        """Return the positions of the entries, durable when this returns; a key that is there keeps its first body.

        Raises BackpressureError when the disk is full: then none of them is kept, and the sender may try again.
        """
        places = []
        with self._transaction() as cursor:
            for entry in entries:
                known = _known(cursor, entry.key)
                places.append(_insert(cursor, entry) if known is None else known)
            crash_point("before_inbox_commit")
        crash_point("after_inbox_commit")
        return places

    def read_after(self, position: int, limit: int = ENTRIES_DEFAULT) -> list[InboxEntry]:
        """Return up to `limit` entries after a position, in order; raises StoreError for a damaged one (I16)."""
        return self._read("position > ? ORDER BY position LIMIT ?", (position, limit))

    def words_after(self, position: int, limit: int = ENTRIES_DEFAULT) -> list[InboxEntry]:
        """Return the same without events: what a sender must know before it takes a message."""
        return self._read("position > ? AND kind <> 'event' ORDER BY position LIMIT ?", (position, limit))

    def words_of(self, token: str) -> list[InboxEntry]:
        """Return every entry that came by a link of one message, in order."""
        return self._read("token = ? ORDER BY position", (token,))

    def last_position(self) -> int:
        """Return the position of the newest entry there ever was, 0 for none."""
        with self._reading() as cursor:
            found = cursor.execute("SELECT seq FROM sqlite_sequence WHERE name = 'entries'").fetchone()
        return 0 if found is None else int(found[0])

    def check_writable(self) -> None:
        """Ask for a write and leave everything as it is; raises StoreError where none is possible."""
        with self._reading() as cursor:
            cursor.execute("BEGIN IMMEDIATE")
            cursor.execute("ROLLBACK")

    def forget_events(self, until: int, *, before: int | None = None) -> int:
        """Delete events up to a position that the engine has taken; return how many. Words are kept (S4).

        before: only what arrived earlier (µs), FORGOTTEN_TOGETHER_MAX entries at the most.
        """
        oldest = "SELECT position, received FROM entries WHERE kind = 'event' ORDER BY position LIMIT ?"
        with self._reading() as cursor:
            first = cursor.execute(oldest, (1,)).fetchone()
            if first is None or first[0] > until or (before is not None and first[1] >= before):
                return 0
        with self._transaction() as cursor:
            if before is None:
                cursor.execute("DELETE FROM entries WHERE position <= ? AND kind = 'event'", (until,))
                return cursor.rowcount
            rows = cursor.execute(oldest, (FORGOTTEN_TOGETHER_MAX,)).fetchall()
            gone = [(position,) for position, received in rows if position <= until and received < before]
            cursor.executemany("DELETE FROM entries WHERE position = ?", gone)
            return len(gone)

    def forget_words(self, customers: Collection[str], tokens: Collection[str], before: int) -> int:
        """Delete the words and replies of erased customers before a position, bytes included (V5); return how many."""
        self._sql.execute("PRAGMA secure_delete = ON")
        names = named_in_words(customers)
        query = "SELECT position, token, body FROM entries WHERE kind <> 'event' AND position < ?"
        with self._transaction() as cursor:
            rows = cursor.execute(query, (before,)).fetchall()
            gone = [(p,) for p, token, body in rows if token in tokens or any(name in body for name in names)]
            cursor.executemany("DELETE FROM entries WHERE position = ?", gone)
        self._sql.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return len(gone)

    def forget_commands(self, name: str, until: int) -> int:
        """Delete the orders of a name up to a position that the engine has taken, bytes included; return how many."""
        with self._reading() as cursor:
            wanted = "kind <> 'event' AND kind = 'command' AND name = ? AND position <= ?"
            if cursor.execute(f"SELECT 1 FROM entries WHERE {wanted}", (name, until)).fetchone() is None:  # noqa: S608  # constant
                return 0
        self._sql.execute("PRAGMA secure_delete = ON")
        with self._transaction() as cursor:
            cursor.execute(f"DELETE FROM entries WHERE {wanted}", (name, until))  # noqa: S608  # constant
            gone = cursor.rowcount
        self._sql.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return gone

    def _read(self, where: str, values: tuple[object, ...]) -> list[InboxEntry]:
        with self._reading() as cursor:
            rows = cursor.execute(f"SELECT {_COLUMNS} FROM entries WHERE {where}", values).fetchall()  # noqa: S608  # callers' constants
        return [entry_of_row(*row) for row in rows]

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Cursor]:
        with self._reading() as cursor:
            cursor.execute("BEGIN IMMEDIATE")
            try:
                yield cursor
                cursor.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):  # SQLite may have rolled back by itself
                    if self._sql.in_transaction:
                        cursor.execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Cursor]:
        if self._broken is not None:
            raise StoreError(f"the inbox {self.path} cannot be used any more: {self._broken}")
        try:
            yield self._sql.cursor()
        except sqlite3.Error as error:
            raise self._translate(error) from error

    def _translate(self, error: sqlite3.Error) -> BackpressureError | StoreError:
        code = getattr(error, "sqlite_errorcode", None) or 0
        if code == sqlite3.SQLITE_FULL:
            return BackpressureError(
                f"no room on the disk of {self.path}; nothing of this was kept", help_text="make room on the disk"
            )
        if code & 0xFF in {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
            # After a failed fsync nothing that the kernel says about the file can be trusted.
            self._broken = str(error)
        return StoreError(f"the inbox {self.path} refused: {error}")


def named_in_words(customers: Collection[str]) -> set[bytes]:
    """Return how customers stand in the bodies of words and orders."""
    return {b'"customer":' + json.dumps(one, ensure_ascii=False).encode("utf-8", "replace") for one in customers}


def _known(cursor: sqlite3.Cursor, key: str | None) -> int | None:
    if key is None:
        return None
    found = cursor.execute("SELECT position FROM entries WHERE key = ?", (key,)).fetchone()
    return None if found is None else int(found[0])


def _insert(cursor: sqlite3.Cursor, entry: NewEntry) -> int:
    if len(entry.body) > BODY_BYTES_MAX:
        raise StoreError(f"an entry of the inbox has at most {BODY_BYTES_MAX} bytes, this one {len(entry.body)}")
    crc = seal_entry(entry)
    cursor.execute(
        "INSERT INTO entries (kind, name, key, token, received, body, crc) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (entry.kind.value, entry.name, entry.key, entry.token, entry.received, entry.body, crc),
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def seal_entry(entry: NewEntry | InboxEntry) -> int:
    """Return the CRC that an entry is kept with."""
    return seal(_place(entry.kind, entry.name, entry.received), entry.body)


def entry_of_row(  # noqa: PLR0913, PLR0917 - the columns of a row
    position: int, kind: str, name: str, key: str | None, token: str | None, received: int, body: bytes, crc: int
) -> InboxEntry:
    """Return the entry of a row; raises StoreError for a damaged one (I16)."""
    sound = open_sealed(_place(kind, name, received), body, crc)
    return InboxEntry(
        position=position, kind=InboxKind(kind), name=name, key=key, token=token, received=received, body=sound
    )


def _place(kind: str, name: str, received: int) -> str:
    return f"inbox entry {kind} {name} of {received}"


def _prepare(path: Path, sql: sqlite3.Connection) -> None:
    for setting in ("trusted_schema = OFF", "cell_size_check = ON", "mmap_size = 0"):
        sql.execute(f"PRAGMA {setting}")
    mode = sql.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    sql.execute("PRAGMA synchronous = FULL")
    level = sql.execute("PRAGMA synchronous").fetchone()[0]
    if mode != "wal" or level != _SYNCHRONOUS_FULL:
        raise StoreError(
            f"the inbox {path} did not take journal_mode=WAL and synchronous=FULL (it says {mode}, {level})",
            help_text="put it on a local disk: without both, a power loss loses an unsubscribe that was acknowledged",
        )
    sql.execute("BEGIN IMMEDIATE")  # two processes may be the first at once
    try:
        _make_tables(path, sql)
        sql.execute("COMMIT")
    except BaseException:
        if sql.in_transaction:
            sql.execute("ROLLBACK")
        raise


def _make_tables(path: Path, sql: sqlite3.Connection) -> None:
    version = sql.execute("PRAGMA user_version").fetchone()[0]
    if version == INBOX_VERSION and sql.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID:
        return
    if version or sql.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise StoreError(f"{path} is an SQLite file of another program or version; it was not touched")
    _run(sql, (*_TABLES, f"PRAGMA application_id = {APPLICATION_ID}", f"PRAGMA user_version = {INBOX_VERSION}"))


def _run(sql: sqlite3.Connection, statements: Iterable[str]) -> None:
    for statement in statements:
        sql.execute(statement)
