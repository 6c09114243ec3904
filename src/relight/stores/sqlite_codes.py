"""Pools of codes in SQLite: each code is given to one occurrence, for ever (S6).

A code belongs to one pool; loading it again adds nothing, and a code that was given out stays as it is.
"""

# ruff: noqa: D102  # what a method promises stands once, at interface.Store
from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

from relight.messages.ledger import OutboxMessage
from relight.stores.interface import PoolCount
from relight.stores.record_codec import damage_at, row_seal
from relight.stores.sqlite_connection import Connection

_ROW = "seq, pool, code, key, drawn_at, crc"


class SqliteCodes:
    """The store's methods about codes."""

    _connection: Connection

    def add_codes(self, pool: str, codes: Iterable[str]) -> int:
        rows = [(pool, code, row_seal(pool, code, None, None)) for code in codes]
        with self._connection.transaction("before_note_commit", "after_note_commit") as cursor:
            cursor.executemany(
                "INSERT INTO codes (pool, code, crc) VALUES (?, ?, ?) ON CONFLICT (code) DO UPDATE"
                " SET pool = excluded.pool, crc = excluded.crc WHERE key IS NULL AND pool <> excluded.pool",
                rows,
            )
            return cursor.rowcount if rows else 0

    def code_counts(self) -> list[PoolCount]:
        with self._connection.reading() as cursor:
            rows = cursor.execute("SELECT pool, sum(key IS NULL), count(key) FROM codes GROUP BY pool ORDER BY pool")
            return [PoolCount(pool=pool, left=left, given=given) for pool, left, given in rows.fetchall()]

    def codes_left(self, pool: str, most: int) -> int:
        with self._connection.reading() as cursor:
            query = "SELECT count(*) FROM (SELECT 1 FROM codes WHERE pool = ? AND key IS NULL LIMIT ?)"
            return int(cursor.execute(query, (pool, most)).fetchone()[0])

    def code_of(self, occurrence_key: str) -> str | None:
        with self._connection.reading() as cursor:
            row = cursor.execute(f"SELECT {_ROW} FROM codes WHERE key = ?", (occurrence_key,)).fetchone()  # noqa: S608  # a constant
            return None if row is None else _opened(row)[1]


def draw(cursor: sqlite3.Cursor, messages: Sequence[OutboxMessage], now: int) -> dict[str, str]:
    """Return occurrence key -> code; the one it was given before, else the oldest that is left."""
    found: dict[str, str] = {}
    for message in messages:
        key = message.occurrence_key
        row = cursor.execute(f"SELECT {_ROW} FROM codes WHERE key = ?", (key,)).fetchone()  # noqa: S608  # a constant
        if row is not None:
            found[key] = _opened(row)[1]
            continue
        row = cursor.execute(
            f"SELECT {_ROW} FROM codes WHERE pool = ? AND key IS NULL ORDER BY seq LIMIT 1",  # noqa: S608  # a constant
            (message.pool,),
        ).fetchone()
        if row is None:
            continue
        number, found[key] = _opened(row)
        cursor.execute(
            "UPDATE codes SET key = ?1, drawn_at = ?2, crc = ?3 WHERE seq = ?4",
            (key, now, row_seal(message.pool, found[key], key, now), number),
        )
    return found


def _opened(row: tuple[int, str, str, str | None, int | None, int]) -> tuple[int, str]:
    """Return (number, code) of a row; raises StoreError where it is damaged."""
    number, *sealed, crc = row
    if row_seal(*sealed) != crc:
        raise damage_at(f"code {number}")
    return number, row[2]
