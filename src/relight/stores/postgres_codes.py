"""Pools of codes in PostgreSQL: each code is given to one occurrence, for ever (S6).

Senders draw from one pool one after the other, so that a pool is found empty only when nobody can give a code back.
"""

# ruff: noqa: D102  # what a method promises stands once, at interface.Store
from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from relight.messages.ledger import OutboxMessage
from relight.stores.interface import PoolCount
from relight.stores.postgres_connection import Connection, Cursor
from relight.stores.record_codec import damage_at, row_seal

#: First key of the advisory locks of pools: the letters RLGC.
POOL_LOCK_CLASS = 0x524C4743
_ROW = "seq, pool, code, key, drawn_at, crc"


class PostgresCodes:
    """The store's methods about codes."""

    _connection: Connection

    def add_codes(self, pool: str, codes: Iterable[str]) -> int:
        found = list(dict.fromkeys(codes))
        with self._connection.transaction("before_note_commit", "after_note_commit") as cursor:
            _lock(cursor, {pool})
            cursor.execute(
                "INSERT INTO codes (pool, code, crc) SELECT %s, code, crc"
                " FROM unnest(%b::text[], %b::bigint[]) AS new (code, crc) ON CONFLICT (code) DO UPDATE"
                " SET pool = excluded.pool, crc = excluded.crc WHERE codes.key IS NULL AND codes.pool <> excluded.pool",
                (pool, found, [row_seal(pool, code, None, None) for code in found]),
            )
            return int(cursor.rowcount)

    def code_counts(self) -> list[PoolCount]:
        with self._connection.reading() as cursor:
            rows = cursor.execute(
                'SELECT pool, count(*) - count(key), count(key) FROM codes GROUP BY pool ORDER BY pool COLLATE "C"'
            ).fetchall()
        return [PoolCount(pool=pool, left=left, given=given) for pool, left, given in rows]

    def codes_left(self, pool: str, most: int) -> int:
        query = "SELECT count(*) FROM (SELECT 1 FROM codes WHERE pool = %s AND key IS NULL LIMIT %s) AS found"
        with self._connection.reading() as cursor:
            row = cursor.execute(query, (pool, most)).fetchone()
        return 0 if row is None else int(row[0])

    def code_of(self, occurrence_key: str) -> str | None:
        with self._connection.reading() as cursor:
            row = cursor.execute(f"SELECT {_ROW} FROM codes WHERE key = %s", (occurrence_key,)).fetchone()  # noqa: S608  # a constant
        return None if row is None else _opened(row)[1]


def draw(cursor: Cursor, messages: Sequence[OutboxMessage], now: int) -> dict[str, str]:
    """Return occurrence key -> code; the one it was given before, else the oldest that is left."""
    _lock(cursor, {message.pool for message in messages})
    found: dict[str, str] = {}
    for message in messages:
        key = message.occurrence_key
        row = cursor.execute(f"SELECT {_ROW} FROM codes WHERE key = %s", (key,)).fetchone()  # noqa: S608  # a constant
        if row is not None:
            found[key] = _opened(row)[1]
            continue
        row = cursor.execute(
            f"SELECT {_ROW} FROM codes WHERE pool = %s AND key IS NULL ORDER BY seq LIMIT 1",  # noqa: S608  # a constant
            (message.pool,),
        ).fetchone()
        if row is None:
            continue
        number, found[key] = _opened(row)
        cursor.execute(
            "UPDATE codes SET key = %s, drawn_at = %s, crc = %s WHERE seq = %s",
            (key, now, row_seal(message.pool, found[key], key, now), number),
        )
    return found


def _lock(cursor: Cursor, pools: Iterable[str]) -> None:
    """Hold pools until the commit, always in one order."""
    for pool in sorted(pools):
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", (POOL_LOCK_CLASS, pool))


def _opened(row: tuple[Any, ...]) -> tuple[int, str]:
    """Return (number, code) of a row; raises StoreError where it is damaged."""
    number, *sealed, crc = row
    if row_seal(*sealed) != crc:
        raise damage_at(f"code {number}")
    return int(number), str(row[2])
