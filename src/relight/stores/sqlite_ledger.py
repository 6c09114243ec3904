"""Ledger rows, counts, dead letters and suppressions in SQLite.

Functions of a cursor inside the caller's transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

import msgspec

from relight.messages.addresses import LIFTED, UNSUBSCRIBED
from relight.messages.ledger import LedgerRow
from relight.rules.world import SOFT_BOUNCES
from relight.stores.interface import LetterEnd, StoredLetter, Suppression
from relight.stores.listing import Tally
from relight.stores.record_codec import encode_row, open_row, open_sealed, row_place, seal
from relight.streams.envelope import DeadLetter

#: Rows of an answer that are held in memory at a time.
ROW_PAGE = 1_000

_LETTER = msgspec.msgpack.Decoder(DeadLetter)


def insert_rows(cursor: sqlite3.Cursor, rows: Sequence[LedgerRow]) -> tuple[int, tuple[LedgerRow, ...]]:
    """Write rows whose key is new; return how many keys were known and the rows that say otherwise than theirs."""
    if not rows:
        return 0, ()
    bodies = [encode_row(row) for row in rows]
    cursor.executemany(
        "INSERT OR IGNORE INTO ledger (key, rule, customer, step, state, reason, judged, body, crc)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (row.occurrence_key, row.rule, row.customer, row.step, row.state, row.reason, row.judged, body,
             seal(row_place(row.occurrence_key), body))
            for row, body in zip(rows, bodies, strict=True)
        ],
    )  # fmt: skip
    known = len(rows) - cursor.rowcount
    if not known:
        return 0, ()
    conflicts = []
    for row, body in zip(rows, bodies, strict=True):
        stands = cursor.execute("SELECT body, crc FROM ledger WHERE key = ?", (row.occurrence_key,)).fetchone()
        if open_sealed(row_place(row.occurrence_key), *(stands or (b"", -1))) != body:
            conflicts.append(row)
    return known, tuple(conflicts)


def read_rows(
    cursor: sqlite3.Cursor, rule: str | None, customer: str | None, *, since: int | None, after: int
) -> list[tuple[int, LedgerRow]]:
    """Return one page of rows after a sequence number."""
    wishes = {"rule = ?": rule, "customer = ?": customer, "judged >= ?": since}
    where = [clause for clause, value in wishes.items() if value is not None]
    values = [value for value in wishes.values() if value is not None]
    found = cursor.execute(
        "SELECT seq, key, body, crc FROM ledger WHERE "  # noqa: S608  # the clauses above
        + " AND ".join([*where, "seq > ?"])
        + " ORDER BY seq LIMIT ?",
        (*values, after, ROW_PAGE),
    ).fetchall()
    return [(seq, open_row(key, body, crc)) for seq, key, body, crc in found]


def read_row(cursor: sqlite3.Cursor, key: str) -> LedgerRow | None:
    """Return the row of a key."""
    found = cursor.execute("SELECT body, crc FROM ledger WHERE key = ?", (key,)).fetchone()
    return None if found is None else open_row(key, *found)


def add_tallies(cursor: sqlite3.Cursor, tallies: Iterable[Tally]) -> None:
    """Add counts to those that stand."""
    cursor.executemany(
        "INSERT INTO tallies VALUES (?, ?, ?, ?)"
        " ON CONFLICT (rule, reason, day) DO UPDATE SET count = count + excluded.count",
        [(one.rule, one.reason, one.day, one.count) for one in tallies],
    )


def insert_letters(cursor: sqlite3.Cursor, letters: Iterable[DeadLetter]) -> None:
    """Keep dead letters."""
    rows = []
    for letter in letters:
        body = msgspec.msgpack.encode(letter)
        rows.append((letter.stream, body, seal(_letter_place(letter.stream), body)))
    cursor.executemany("INSERT INTO dead_letters (stream, body, crc) VALUES (?, ?, ?)", rows)


def read_letters(
    cursor: sqlite3.Cursor, where: str, values: tuple[object, ...], limit: int | None, *, newest: bool = False
) -> list[StoredLetter]:
    """Return the dead letters of a WHERE clause, oldest or newest first."""
    order = "number DESC" if newest else "number"
    rows = cursor.execute(
        f"SELECT number, stream, body, crc, ended_at, ending FROM dead_letters {where} ORDER BY {order} LIMIT ?",  # noqa: S608  # callers' constants
        (*values, -1 if limit is None else limit),
    ).fetchall()
    return [
        StoredLetter(
            number=number,
            letter=_LETTER.decode(open_sealed(_letter_place(stream), body, crc)),
            ended_at=ended_at,
            end=None if ending is None else LetterEnd(ending),
        )
        for number, stream, body, crc, ended_at, ending in rows
    ]


def _letter_place(stream: str) -> str:
    return f"a dead letter of stream {stream}"


def read_suppression(cursor: sqlite3.Cursor, address_hash: str) -> Suppression | None:
    """Return why an address may not be written to, None when it may."""
    row = cursor.execute("SELECT scope, cause, at FROM suppressions WHERE address_hash = ?", (address_hash,)).fetchone()
    return None if row is None else Suppression(scope=row[0], cause=row[1], at=row[2])


def insert_suppressions(cursor: sqlite3.Cursor, found: Iterable[tuple[str, Suppression]]) -> None:
    """Add addresses as `delivery_moves.is_wider` says; one of scope `none` lifts the person's own unsubscribe."""
    for key, one in found:
        if one.scope == LIFTED:
            cursor.execute("DELETE FROM suppressions WHERE address_hash = ? AND cause = ?", (key, UNSUBSCRIBED))
            continue
        cursor.execute(
            "INSERT INTO suppressions VALUES (?1, ?2, ?3, ?4, row_seal(?1, ?2, ?3, ?4))"
            " ON CONFLICT (address_hash) DO UPDATE"
            " SET scope = excluded.scope, cause = excluded.cause, at = excluded.at, crc = excluded.crc"
            " WHERE suppressions.scope = 'marketing' AND (excluded.scope <> 'marketing' OR suppressions.cause = ?6"
            " OR (suppressions.cause = ?5 AND excluded.cause NOT IN (?5, ?6)))",
            (key, one.scope, one.cause, one.at, UNSUBSCRIBED, SOFT_BOUNCES),
        )
