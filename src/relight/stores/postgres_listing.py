"""What pages ask of the PostgreSQL store: counts that triggers keep in slots, the newest rows of each kind, merged."""

# ruff: noqa: D102  # what a method promises stands once, at listing.Listing
from __future__ import annotations

from collections.abc import Collection

from relight.messages.ledger import LedgerRow
from relight.messages.life import MessageState
from relight.stores.listing import MessageCount, RowCount, RowWish, Tally, by_state, row_count
from relight.stores.postgres_connection import Connection
from relight.stores.record_codec import open_row

#: The largest number of a row.
_NUMBER_MAX = 2**63 - 1


class PostgresListing:
    """The store's methods for pages."""

    _connection: Connection

    def newest_rows(self, wish: RowWish, *, before: int | None = None, limit: int) -> list[tuple[int, LedgerRow]]:
        wishes = {name: value for name in RowWish.__slots__ if (value := getattr(wish, name)) is not None}
        below = _NUMBER_MAX if before is None else before
        where = "".join(f" AND {name} = %s" for name in wishes)
        if wish.customer is not None or not wishes:
            query = f"SELECT seq, key, body, crc FROM ledger WHERE seq < %s{where} ORDER BY seq DESC LIMIT %s"  # noqa: S608  # constants
            values = (below, *wishes.values(), limit)
        else:
            query = (
                "SELECT l.seq, l.key, l.body, l.crc FROM (SELECT DISTINCT rule, state, reason, step FROM ledger_totals"  # noqa: S608  # constants
                f" WHERE true{where}) AS kind CROSS JOIN LATERAL (SELECT seq, key, body, crc FROM ledger"
                " WHERE rule = kind.rule AND state = kind.state AND coalesce(reason, '') = kind.reason"
                " AND step = kind.step AND seq < %s ORDER BY seq DESC LIMIT %s) AS l ORDER BY l.seq DESC LIMIT %s"
            )
            values = (*wishes.values(), below, limit, limit)
        with self._connection.reading() as cursor:
            found = cursor.execute(query, values).fetchall()
        return [(seq, open_row(key, body, crc)) for seq, key, body, crc in found]

    def row_counts(self, *, since: int | None = None, state: str | None = None) -> list[RowCount]:
        wishes = {"day >= %s": since, "state = %s": state}
        values = [value for value in wishes.values() if value is not None]
        where = " AND ".join(["true", *(clause for clause, value in wishes.items() if value is not None)])
        with self._connection.reading() as cursor:
            found = cursor.execute(
                "SELECT rule, step, state, reason, day, sum(count) FROM ledger_counts"  # noqa: S608  # constants
                f" WHERE {where} GROUP BY 1, 2, 3, 4, 5",
                values,
            ).fetchall()
        return [row_count(*one) for one in sorted(found)]

    def row_totals(self) -> list[RowCount]:
        with self._connection.reading() as cursor:
            found = cursor.execute(
                "SELECT rule, step, state, reason, max(last_day), sum(count) FROM ledger_totals GROUP BY 1, 2, 3, 4"
            ).fetchall()
        return [row_count(*one) for one in sorted(found)]

    def tallies(self) -> list[Tally]:
        with self._connection.reading() as cursor:
            found = cursor.execute("SELECT rule, reason, day, count FROM tallies").fetchall()
        return [Tally(rule=rule, reason=reason, day=day, count=count) for rule, reason, day, count in sorted(found)]

    def tally_totals(self) -> dict[tuple[str, str], int]:
        with self._connection.reading() as cursor:
            rows = cursor.execute("SELECT rule, reason, sum(count) FROM tallies GROUP BY rule, reason").fetchall()
        return {(rule, reason): int(count) for rule, reason, count in rows}

    def message_states(self, keys: Collection[str]) -> dict[str, MessageState]:
        with self._connection.reading() as cursor:
            rows = cursor.execute("SELECT key, state FROM outbox WHERE key = ANY(%b::text[])", (list(keys),)).fetchall()
        return {key: MessageState(state) for key, state in rows}

    def newest_messages(
        self, rule: str | None, states: Collection[MessageState], *, before: int | None = None, limit: int
    ) -> list[tuple[int, str]]:
        kinds = [one for one in self.rule_message_counts() if rule in {None, one.rule} and one.state in states]
        with self._connection.reading() as cursor:
            rows: list[tuple[int, str]] = cursor.execute(
                "SELECT o.seq, o.key FROM unnest(%b::text[], %b::text[]) AS kind (rule, state)"
                " CROSS JOIN LATERAL (SELECT seq, key FROM outbox WHERE rule = kind.rule AND state = kind.state"
                " AND seq < %s ORDER BY seq DESC LIMIT %s) AS o ORDER BY o.seq DESC LIMIT %s",
                (
                    [one.rule for one in kinds],
                    [one.state.value for one in kinds],
                    _NUMBER_MAX if before is None else before,
                    limit,
                    limit,
                ),
            ).fetchall()
        return rows

    def message_counts(self) -> dict[MessageState, int]:
        return by_state(self.rule_message_counts())

    def rule_message_counts(self) -> list[MessageCount]:
        with self._connection.reading() as cursor:
            rows = cursor.execute("SELECT rule, state, sum(count) FROM outbox_counts GROUP BY 1, 2").fetchall()
        return [
            MessageCount(rule=rule, state=MessageState(state), count=int(count))
            for rule, state, count in sorted(rows)
            if count
        ]
