"""Write keys for HTTP, hashed, and the answers that an `Idempotency-Key` must get again; an SQLite file of its own.

A key is 256 bits of chance, so a plain SHA-256 of it can be kept: there is nothing to guess. Reads no clock and draws
nothing by itself.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from relight.base.errors import BackpressureError, StoreError
from relight.stores.sqlite_connection import BUSY_TIMEOUT_S

#: What every key begins with, so that a leaked one is recognised.
KEY_PREFIX = "rlk_"
#: Characters of a key that are kept and shown, to tell keys apart.
KEY_SHOWN_CHARACTERS = 10
#: Characters of a key; longer ones are not looked up.
KEY_CHARACTERS_MAX = 200
#: Requests whose `Idempotency-Key` is remembered; the oldest are forgotten.
REMEMBERED_REQUESTS_MAX = 100_000
#: Bytes drawn for one key.
KEY_BYTES = 32
_TABLES = (
    (
        "CREATE TABLE IF NOT EXISTS keys (id INTEGER PRIMARY KEY AUTOINCREMENT, hash BLOB NOT NULL UNIQUE,"
        " shown TEXT NOT NULL, stream TEXT NOT NULL, name TEXT NOT NULL, created INTEGER NOT NULL, revoked INTEGER)"
    ),
    (
        "CREATE TABLE IF NOT EXISTS requests (number INTEGER PRIMARY KEY AUTOINCREMENT, key_id INTEGER NOT NULL,"
        " idempotency_key TEXT NOT NULL, digest BLOB NOT NULL, received INTEGER NOT NULL,"
        " UNIQUE (key_id, idempotency_key))"
    ),
)
_COLUMNS = "id, shown, stream, name, created, revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteKey:
    """One key as it is kept."""

    id: int
    #: The key's first characters.
    shown: str
    #: The stream its events belong to.
    stream: str
    #: What people call it.
    name: str
    #: µs UTC.
    created: int
    #: µs UTC; None while it works.
    revoked: int | None


def keys_path(store: Path) -> Path:
    """Return where the keys of a store's file stand: `data/relight.db` has `data/relight.keys.db`."""
    return store.with_name(f"{store.stem}.keys.db")


class WriteKeys:
    """The keys of one project."""

    def __init__(self, path: Path, sql: sqlite3.Connection) -> None:
        self.path = path
        self._sql = sql

    @classmethod
    def open(cls, path: Path | str) -> Self:
        """Open or create the file; raises StoreError naming what is in the way."""
        found = Path(path)
        try:
            sql = sqlite3.connect(found, isolation_level=None, timeout=BUSY_TIMEOUT_S, check_same_thread=False)
            try:
                sql.execute("PRAGMA journal_mode = WAL")
                sql.execute("PRAGMA synchronous = FULL")
                for table in _TABLES:
                    sql.execute(table)
            except BaseException:
                sql.close()
                raise
        except sqlite3.Error as error:
            raise StoreError(f"the keys {found} cannot be opened: {error}") from error
        return cls(found, sql)

    def close(self) -> None:
        """Close the file."""
        self._sql.close()

    def add(self, key: str, *, stream: str, name: str, now: int) -> WriteKey:
        """Keep a new key's hash; the key itself is nowhere.

        Args:
            key: KEY_PREFIX and what the caller drew, at least KEY_BYTES of chance.
            stream: where its events go.
            name: for people.
            now: µs UTC.
        """
        shown = key[:KEY_SHOWN_CHARACTERS]
        with self._refusing() as sql:
            sql.execute(
                "INSERT INTO keys (hash, shown, stream, name, created) VALUES (?, ?, ?, ?, ?)",
                (_hash(key), shown, stream, name, now),
            )
            row = sql.execute(f"SELECT {_COLUMNS} FROM keys WHERE hash = ?", (_hash(key),)).fetchone()  # noqa: S608  # a constant
        return _key(row)

    def find(self, key: str) -> WriteKey | None:
        """Return the key that works, or None for an unknown or revoked one."""
        if len(key) > KEY_CHARACTERS_MAX:
            return None
        with self._refusing() as sql:
            statement = f"SELECT {_COLUMNS} FROM keys WHERE hash = ? AND revoked IS NULL"  # noqa: S608  # a constant
            row = sql.execute(statement, (_hash(key),)).fetchone()
        return None if row is None else _key(row)

    def all(self) -> list[WriteKey]:
        """Return every key there ever was, the oldest first."""
        with self._refusing() as sql:
            rows = sql.execute(f"SELECT {_COLUMNS} FROM keys ORDER BY id").fetchall()  # noqa: S608  # a constant
        return [_key(row) for row in rows]

    def revoke(self, key_id: int, now: int) -> bool:
        """Let a key work no more; return whether it did until now."""
        with self._refusing() as sql:
            done = sql.execute("UPDATE keys SET revoked = ? WHERE id = ? AND revoked IS NULL", (now, key_id))
            return done.rowcount == 1

    def remember_request(self, key_id: int, idempotency_key: str, body: bytes, now: int) -> bool:
        """Note the body that an `Idempotency-Key` came with; return False where it came with another before."""
        digest = hashlib.sha256(body).digest()
        with self._refusing() as sql:
            sql.execute(
                "INSERT OR IGNORE INTO requests (key_id, idempotency_key, digest, received) VALUES (?, ?, ?, ?)",
                (key_id, idempotency_key, digest, now),
            )
            found = sql.execute(
                "SELECT digest, number FROM requests WHERE key_id = ? AND idempotency_key = ?",
                (key_id, idempotency_key),
            ).fetchone()
            sql.execute("DELETE FROM requests WHERE number <= ?", (found[1] - REMEMBERED_REQUESTS_MAX,))
        return bytes(found[0]) == digest

    @contextlib.contextmanager
    def _refusing(self) -> Iterator[sqlite3.Connection]:
        try:
            yield self._sql
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", None) or 0
            if code == sqlite3.SQLITE_FULL:
                raise BackpressureError(f"no room on the disk of {self.path}") from error
            raise StoreError(f"the keys {self.path} refused: {error}") from error


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def _key(row: tuple[int, str, str, str, int, int | None]) -> WriteKey:
    key_id, shown, stream, name, created, revoked = row
    return WriteKey(id=key_id, shown=shown, stream=stream, name=name, created=created, revoked=revoked)
