"""What pages ask of the SQLite store: counts that triggers keep, and the newest rows by a seek in an index each."""

# ruff: noqa: D102  # what a method promises stands once, at listing.Listing
from __future__ import annotations

import heapq
import json
import sqlite3
from collections.abc import Collection, Iterator, Mapping

from relight.messages.ledger import LedgerRow
from relight.messages.life import MessageState
from relight.stores.listing import MessageCount, RowCount, RowWish, Tally, by_state, row_count
from relight.stores.record_codec import open_row
from relight.stores.sqlite_connection import Connection
from relight.stores.sqlite_outbox import state_of

#: The largest number of a row that SQLite has.
_NUMBER_MAX = 2**63 - 1
#: Rows that are read in one go by who reads them all.
ROWS_AT_ONCE = 20_000


class SqliteListing:
    """The store's methods for pages."""

    _connection: Connection

    def newest_rows(self, wish: RowWish, *, before: int | None = None, limit: int) -> list[tuple[int, LedgerRow]]:
        with self._connection.reading() as cursor:
            return _newest_rows(cursor, wish, _NUMBER_MAX if before is None else before, limit)

    def row_counts(self, *, since: int | None = None, state: str | None = None) -> list[RowCount]:
        wishes = {"day >= ?": since, "state = ?": state}
        values = [value for value in wishes.values() if value is not None]
        where = " AND ".join(["true", *(clause for clause, value in wishes.items() if value is not None)])
        with self._connection.reading() as cursor:
            found = cursor.execute(
                f"SELECT rule, step, state, reason, day, count FROM ledger_counts WHERE {where}",  # noqa: S608  # constants
                values,
            ).fetchall()
        return [row_count(*one) for one in sorted(found)]

    def row_totals(self) -> list[RowCount]:
        with self._connection.reading() as cursor:
            found = cursor.execute("SELECT rule, step, state, reason, last_day, count FROM ledger_totals").fetchall()
        return [row_count(*one) for one in sorted(found)]

    def tallies(self) -> list[Tally]:
        with self._connection.reading() as cursor:
            found = cursor.execute("SELECT rule, reason, day, count FROM tallies").fetchall()
        return [Tally(rule=rule, reason=reason, day=day, count=count) for rule, reason, day, count in sorted(found)]

    def tally_totals(self) -> dict[tuple[str, str], int]:
        with self._connection.reading() as cursor:
            rows = cursor.execute("SELECT rule, reason, sum(count) FROM tallies GROUP BY rule, reason").fetchall()
        return {(rule, reason): int(count) for rule, reason, count in rows}

    def rows_after(self, number: int, states: Collection[str]) -> Iterator[tuple[int, list[LedgerRow]]]:
        """Yield the rows in some states after a number, in order, a page at a time with the number that it ends at.

        For who keeps what it has read and reads on; only an engine appends here, so nothing comes in before a number.
        """
        marks = ", ".join("?" for _ in states)
        while True:
            with self._connection.reading() as cursor:
                (last,) = cursor.execute(
                    "SELECT max(seq) FROM (SELECT seq FROM ledger WHERE seq > ? ORDER BY seq LIMIT ?)",
                    (number, ROWS_AT_ONCE),
                ).fetchone()
                if last is None:
                    return
                rows = cursor.execute(
                    "SELECT key, body, crc FROM ledger WHERE seq > ? AND seq <= ?"  # noqa: S608  # marks
                    f" AND +state IN ({marks}) ORDER BY seq",
                    (number, last, *states),
                ).fetchall()
            yield last, [open_row(*row) for row in rows]
            number = last

    def message_states(self, keys: Collection[str]) -> dict[str, MessageState]:
        with self._connection.reading() as cursor:
            rows = cursor.execute(
                "SELECT key, state FROM outbox WHERE key IN (SELECT value FROM json_each(?))", (json.dumps(list(keys)),)
            ).fetchall()
        return {key: state_of(state) for key, state in rows}

    def newest_messages(
        self, rule: str | None, states: Collection[MessageState], *, before: int | None = None, limit: int
    ) -> list[tuple[int, str]]:
        below = _NUMBER_MAX if before is None else before
        found: list[tuple[int, str]] = []
        with self._connection.reading() as cursor:
            for kind in _message_counts(cursor):
                if rule in {None, kind.rule} and kind.state in states:
                    found += cursor.execute(
                        "SELECT seq, key FROM outbox INDEXED BY outbox_listing WHERE rule = ? AND state = ?"
                        " AND seq < ? ORDER BY seq DESC LIMIT ?",
                        (kind.rule, kind.state.value, below, limit),
                    ).fetchall()
        return sorted(found, reverse=True)[:limit]

    def message_counts(self) -> dict[MessageState, int]:
        return by_state(self.rule_message_counts())

    def rule_message_counts(self) -> list[MessageCount]:
        with self._connection.reading() as cursor:
            return _message_counts(cursor)


def _message_counts(cursor: sqlite3.Cursor) -> list[MessageCount]:
    rows = cursor.execute("SELECT rule, state, count FROM outbox_counts WHERE count > 0").fetchall()
    return [MessageCount(rule=rule, state=state_of(state), count=count) for rule, state, count in sorted(rows)]


def _newest_rows(cursor: sqlite3.Cursor, wish: RowWish, below: int, limit: int) -> list[tuple[int, LedgerRow]]:
    wishes = {name: value for name in RowWish.__slots__ if (value := getattr(wish, name)) is not None}
    if wish.customer is not None or not wishes:
        index = "" if wish.customer is None else "INDEXED BY ledger_customer"
        where = "".join(f" AND {name} = ?" for name in wishes)
        found = cursor.execute(
            f"SELECT seq, key, body, crc FROM ledger {index} WHERE seq < ?{where} ORDER BY seq DESC LIMIT ?",  # noqa: S608  # constants
            (below, *wishes.values(), limit),
        ).fetchall()
    else:
        found = [
            cursor.execute("SELECT seq, key, body, crc FROM ledger WHERE seq = ?", (number,)).fetchone()
            for number in _newest_numbers(cursor, wishes, below, limit)
        ]
    return [(seq, open_row(key, body, crc)) for seq, key, body, crc in found]


def _newest_numbers(cursor: sqlite3.Cursor, wishes: Mapping[str, str], below: int, limit: int) -> list[int]:
    """Return the numbers of the newest rows, merged from the kinds of rows that there are: a seek in the index each."""
    kinds = cursor.execute(
        "SELECT rule, state, nullif(reason, ''), step FROM ledger_totals WHERE "  # noqa: S608  # names of columns
        + " AND ".join(f"{name} = ?" for name in wishes),
        tuple(wishes.values()),
    ).fetchall()

    def older(kind: tuple[str, str, str | None, str], number: int) -> int | None:
        found = cursor.execute(
            "SELECT seq FROM ledger INDEXED BY ledger_listing WHERE rule = ? AND state = ? AND reason IS ?"
            " AND step = ? AND seq < ? ORDER BY seq DESC LIMIT 1",
            (*kind, number),
        ).fetchone()
        return None if found is None else int(found[0])

    heads = [(-number, place) for place, kind in enumerate(kinds) if (number := older(kind, below)) is not None]
    heapq.heapify(heads)
    numbers: list[int] = []
    while heads and len(numbers) < limit:
        number, place = -heads[0][0], heads[0][1]
        numbers.append(number)
        after = older(kinds[place], number)
        if after is None:
            heapq.heappop(heads)
        else:
            heapq.heapreplace(heads, (-after, place))
    return numbers
