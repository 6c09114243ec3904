"""The store on a PostgreSQL server: the same promises as the SQLite file, one transaction a batch.

Decides nothing. The embedded engine holds the store's lock; senders and readers work beside it. Where each part lives:
postgres_connection (faults, versions), postgres_ledger, postgres_outbox, record_codec (bytes and their checksums).
"""

# ruff: noqa: D102  # what a method promises stands once, at interface.Store
from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Self

from relight.base.errors import StoreError
from relight.messages.ledger import LedgerRow
from relight.messages.life import MessageState
from relight.stores import postgres_ledger, postgres_outbox
from relight.stores.crash import crash_point
from relight.stores.identity_hash import customer_hash, event_hash, identity_hashes
from relight.stores.interface import (
    Appended,
    Attempt,
    Batch,
    Claim,
    Claimed,
    EventIdentity,
    LetterEnd,
    LookAgain,
    MessageStatus,
    Only,
    Profile,
    Settlement,
    StoredLetter,
    Suppression,
)
from relight.stores.postgres_batch import write_decisions
from relight.stores.postgres_codes import PostgresCodes
from relight.stores.postgres_connection import Connection, Cursor
from relight.stores.postgres_erasure import PostgresErasure, add_erased
from relight.stores.postgres_listing import PostgresListing
from relight.stores.postgres_partition import partition_states
from relight.stores.record_codec import encode_record, open_record, open_sealed, profile_place, seal, seal_record
from relight.streams.envelope import Event, Record

#: Profiles and records read from the server at a time.
PAGE = 1_000


class PostgresStore(PostgresCodes, PostgresListing, PostgresErasure):
    """See `interface.Store` for what each method promises."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._last_position = self._read_last_position()

    @classmethod
    def open(cls, url: str, *, read_only: bool = False, exclusive: bool = True) -> Self:
        """Open or create a store; raises ServiceError where the server cannot be reached, StoreError where it is taken.

        Args:
            url: `postgresql://…`.
            read_only: write nothing.
            exclusive: take the store's lock, as whoever appends to its log must; a sender needs none.
        """
        connection = Connection(url, read_only=read_only, exclusive=exclusive and not read_only)
        try:
            return cls(connection)
        except BaseException:
            connection.close()
            raise

    @property
    def connection(self) -> Connection:
        """For what else is done at this store: turns, and another generation of a cluster's log."""
        return self._connection

    def close(self) -> None:
        self._connection.close()

    def reconnect(self) -> None:
        """Connect again after a fault; raises ServiceError while the server cannot be reached."""
        self._connection.reconnect()

    def together(self) -> AbstractContextManager[None]:
        return nullcontext()

    # -- the log ---------------------------------------------------------------------------------------------------
    def append(self, batch: Batch) -> Appended:
        first = self._last_position + 1
        rows = [
            (*seal_record(record, position, encode_record(record) if body is None else body), *identity_hashes(record))
            for position, (record, body) in enumerate(batch.log, first)
        ]
        with self._connection.transaction("before_append_commit", "after_append_commit") as cursor:
            if rows:
                cursor.execute(
                    "INSERT INTO log (pos, kind, ingest_time, body, crc, who, what) SELECT * FROM unnest(%b::bigint[],"
                    " %b::smallint[], %b::bigint[], %b::bytea[], %b::bigint[], %b::bigint[], %b::bigint[])",
                    tuple(list(column) for column in zip(*rows, strict=True)),
                )
            crash_point("inside_append")
            appended = write_decisions(cursor, batch)
        self._last_position += len(rows)
        known, conflicts = appended
        return Appended(last_position=self._last_position, rows_known=known, conflicts=conflicts)

    def last_position(self) -> int:
        return self._read_last_position() if self._connection.read_only else self._last_position

    def _read_last_position(self) -> int:
        with self._connection.reading() as cursor:
            return int(cursor.execute("SELECT coalesce(max(pos), 0) FROM log").fetchone()[0])

    def positions(self) -> dict[str, str]:
        with self._connection.reading() as cursor:
            return dict(sorted(cursor.execute("SELECT input, position FROM positions").fetchall()))

    def reached(self) -> int | None:
        return self._number("reached")

    def read_log(self, after: int = 0, *, limit: int | None = None) -> Iterator[tuple[int, Record]]:
        left = limit
        while left is None or left > 0:
            most = PAGE if left is None else min(PAGE, left)
            with self._connection.reading() as cursor:
                rows = cursor.execute(
                    "SELECT pos, kind, body, crc FROM log WHERE pos > %s ORDER BY pos LIMIT %s", (after, most)
                ).fetchall()
            for pos, kind, body, crc in rows:
                yield pos, open_record(pos, kind, body, crc)
            if len(rows) < most:
                return
            after = rows[-1][0]
            left = None if left is None else left - len(rows)

    def customer_log(self, customer: str, *, after: int = 0) -> Iterator[tuple[int, Record]]:
        return self._log_of(customer, after)

    def global_log(self, *, after: int = 0) -> Iterator[tuple[int, Record]]:
        return self._log_of(None, after)

    def _log_of(self, customer: str | None, after: int) -> Iterator[tuple[int, Record]]:
        with self._connection.reading() as cursor:
            rows = cursor.execute(
                "SELECT pos, kind, body, crc FROM log WHERE who = %s AND pos > %s ORDER BY pos",
                (customer_hash(customer), after),
            ).fetchall()
        for pos, kind, body, crc in rows:
            record = open_record(pos, kind, body, crc)
            if record.customer == customer:  # hashes may agree where customers differ
                yield pos, record

    def find_known(self, identities: Sequence[EventIdentity]) -> list[int | None]:
        if not identities:
            return []
        with self._connection.reading() as cursor:
            rows = cursor.execute(
                "SELECT asked.number, log.pos, log.kind, log.body, log.crc"
                " FROM unnest(%b::bigint[], %b::bigint[]) WITH ORDINALITY AS asked (who, what, number)"
                " JOIN log USING (who, what) ORDER BY asked.number, log.pos",
                (
                    [customer_hash(customer) for _, customer, _ in identities],
                    [event_hash(stream, event_id) for stream, _, event_id in identities],
                ),
            ).fetchall()
        found: list[int | None] = [None] * len(identities)
        for number, pos, kind, body, crc in rows:
            if found[number - 1] is not None:
                continue
            record = open_record(pos, kind, body, crc)
            if isinstance(record, Event) and (record.stream, record.customer, record.id) == identities[number - 1]:
                found[number - 1] = pos
        if self.keyed is not None:
            with self._connection.reading() as cursor:
                add_erased(cursor, identities, found, self.keyed)
        return found

    def body_at(self, position: int) -> Record:
        with self._connection.reading() as cursor:
            row = cursor.execute("SELECT kind, body, crc FROM log WHERE pos = %s", (position,)).fetchone()
        if row is None:
            raise StoreError(f"the log has no record {position}")
        return open_record(position, *row)

    def duplicates_differing(self) -> int:
        return self._number("duplicates_differing") or 0

    def _number(self, name: str) -> int | None:
        with self._connection.reading() as cursor:
            row = cursor.execute("SELECT value FROM numbers WHERE name = %s", (name,)).fetchone()
        return None if row is None else int(row[0])

    def partitions(self) -> list[tuple[int, int, int, int, str]]:
        """Return (partition, epoch, next offset, reached, owner) of each partition of a cluster."""
        with self._connection.reading() as cursor:
            return partition_states(cursor)

    # -- checkpoints -----------------------------------------------------------------------------------------------
    def save_checkpoints(
        self, profiles: Iterable[Profile], *, position: int | None = None, meta: Mapping[str, bytes] | None = None
    ) -> None:
        rows = [
            (one.customer, one.position, one.blob, seal(profile_place(one.customer, one.position), one.blob))
            for one in profiles
        ]
        with self._connection.transaction("before_checkpoint_commit", "after_checkpoint_commit") as cursor:
            if rows:
                cursor.execute(
                    "INSERT INTO checkpoints SELECT * FROM unnest(%b::text[], %b::bigint[], %b::bytea[], %b::bigint[])"
                    " ON CONFLICT (customer) DO UPDATE SET pos = excluded.pos, body = excluded.body,"
                    " crc = excluded.crc",
                    tuple(list(column) for column in zip(*rows, strict=True)),
                )
            if position is not None:
                _set_number(cursor, "checkpoint_position", position)
            if meta is not None:
                cursor.execute("DELETE FROM checkpoint_meta")
                for name, blob in meta.items():
                    cursor.execute(
                        "INSERT INTO checkpoint_meta VALUES (%s, %s, %s)", (name, blob, seal(_meta_place(name), blob))
                    )

    def load_profile(self, customer: str) -> Profile | None:
        with self._connection.reading() as cursor:
            row = cursor.execute(
                "SELECT customer, pos, body, crc FROM checkpoints WHERE customer = %s", (customer,)
            ).fetchone()
        return None if row is None else _open_profile(row)

    def profiles(self) -> Iterator[Profile]:
        last, comparison = "", ">="
        while True:
            with self._connection.reading() as cursor:
                rows = cursor.execute(
                    f"SELECT customer, pos, body, crc FROM checkpoints WHERE customer {comparison} %s"  # noqa: S608  # a constant
                    " ORDER BY customer LIMIT %s",
                    (last, PAGE),
                ).fetchall()
            yield from map(_open_profile, rows)
            if len(rows) < PAGE:
                return
            last, comparison = rows[-1][0], ">"

    def customers(self) -> Iterator[str]:
        with self._connection.reading() as cursor:
            rows = cursor.execute("SELECT customer FROM checkpoints ORDER BY customer").fetchall()
        return (customer for (customer,) in rows)

    def checkpoint_position(self) -> int:
        return self._number("checkpoint_position") or 0

    def checkpoint_meta(self) -> dict[str, bytes]:
        with self._connection.reading() as cursor:
            rows = cursor.execute("SELECT name, body, crc FROM checkpoint_meta").fetchall()
        return {name: open_sealed(_meta_place(name), body, crc) for name, body, crc in sorted(rows)}

    # -- the ledger ------------------------------------------------------------------------------------------------
    def ledger(
        self,
        *,
        rule: str | None = None,
        customer: str | None = None,
        since: int | None = None,
        limit: int | None = None,
    ) -> Iterator[LedgerRow]:
        after, left = 0, limit
        while left is None or left > 0:
            with self._connection.reading() as cursor:
                rows = postgres_ledger.read_rows(cursor, rule, customer, since=since, after=after)
            if not rows:
                return
            for _seq, row in rows[:left]:
                yield row
            after = rows[-1][0]
            left = None if left is None else left - len(rows)

    def ledger_for(self, occurrence_key: str) -> LedgerRow | None:
        with self._connection.reading() as cursor:
            return postgres_ledger.read_row(cursor, occurrence_key)

    # -- the outbox ------------------------------------------------------------------------------------------------
    def claim(  # noqa: PLR0913 - one claim, by keyword
        self, now: int, limit: int, *, owner: str, lease: int, look: LookAgain | None = None, only: Only = None
    ) -> Claimed:
        with self._connection.transaction("before_claim_commit", "after_claim_commit") as cursor:
            return postgres_outbox.claim_due(cursor, now, limit, owner=owner, lease=lease, look=look, only=only)

    def settle(self, settlements: Sequence[Settlement]) -> list[MessageState | None]:
        with self._connection.transaction("before_settle_commit", "after_settle_commit") as cursor:
            return postgres_outbox.settle_all(cursor, settlements)

    def expired_leases(self, now: int) -> list[Claim]:
        with self._connection.reading() as cursor:
            return postgres_outbox.expired_leases(cursor, now)

    def message(self, occurrence_key: str) -> MessageStatus | None:
        with self._connection.reading() as cursor:
            return postgres_outbox.read_message(cursor, occurrence_key)

    def messages(self, *, state: MessageState | None = None, limit: int | None = None) -> Iterator[MessageStatus]:
        with self._connection.reading() as cursor:
            return iter(postgres_outbox.read_messages(cursor, state, limit))

    def message_of_link(self, digest: str) -> MessageStatus | None:
        with self._connection.reading() as cursor:
            found = cursor.execute("SELECT key FROM links WHERE digest = %s", (digest,)).fetchone()
            return None if found is None else postgres_outbox.read_message(cursor, found[0])

    def pending_count(self) -> int:
        with self._connection.reading() as cursor:
            row = cursor.execute("SELECT count(*) FROM outbox WHERE state IN ('pending', 'sending')").fetchone()
        return int(row[0])

    def due_count(self, now: int) -> int:
        with self._connection.reading() as cursor:
            row = cursor.execute("SELECT count(*) FROM outbox WHERE state = 'pending' AND due <= %s", (now,)).fetchone()
        return int(row[0])

    def handed_over(self, since: int) -> list[tuple[int, int]]:
        with self._connection.reading() as cursor:
            return postgres_outbox.handed_over(cursor, since)

    def shed_bodies(self, before: int, limit: int) -> int:
        with self._connection.transaction("before_settle_commit", "after_settle_commit") as cursor:
            return postgres_outbox.shed_bodies(cursor, before, limit)

    def attempts(self, after: int = 0, *, limit: int | None = None) -> Iterator[Attempt]:
        with self._connection.reading() as cursor:
            return iter(postgres_outbox.read_attempts(cursor, after, limit))

    def attempts_of(self, customer: str) -> list[Attempt]:
        with self._connection.reading() as cursor:
            return postgres_outbox.read_attempts(cursor, 0, None, customer=customer)

    # -- suppressions, dead letters, notes -------------------------------------------------------------------------
    def suppress(self, address_hash: str, suppression: Suppression) -> None:
        with self._connection.transaction("before_note_commit", "after_note_commit") as cursor:
            postgres_ledger.insert_suppressions(cursor, [(address_hash, suppression)])

    def suppression(self, address_hash: str) -> Suppression | None:
        with self._connection.reading() as cursor:
            row = cursor.execute(
                "SELECT scope, cause, at FROM suppressions WHERE address_hash = %s", (address_hash,)
            ).fetchone()
        return None if row is None else Suppression(scope=row[0], cause=row[1], at=row[2])

    def dead_letters(self, *, stream: str | None = None, limit: int | None = None) -> Iterator[StoredLetter]:
        where, values = ("", ()) if stream is None else ("WHERE stream = %s", (stream,))
        with self._connection.reading() as cursor:
            return iter(postgres_ledger.read_letters(cursor, where, values, limit))

    def waiting_letters(self, limit: int) -> list[StoredLetter]:
        with self._connection.reading() as cursor:
            return postgres_ledger.read_letters(cursor, "WHERE ended_at IS NULL", (), limit, newest=True)

    def dead_letter(self, number: int) -> StoredLetter | None:
        with self._connection.reading() as cursor:
            return next(iter(postgres_ledger.read_letters(cursor, "WHERE number = %s", (number,), 1)), None)

    def end_letters(self, numbers: Iterable[int], at: int, end: LetterEnd) -> None:
        with self._connection.transaction("before_note_commit", "after_note_commit") as cursor:
            cursor.execute(
                "UPDATE dead_letters SET ended_at = %s, ending = %s"
                " WHERE number = ANY(%b::bigint[]) AND ended_at IS NULL",
                (at, end.value, list(numbers)),
            )

    def note(self, name: str) -> str | None:
        with self._connection.reading() as cursor:
            row = cursor.execute("SELECT value FROM notes WHERE name = %s", (name,)).fetchone()
        return None if row is None else str(row[0])

    def set_note(self, name: str, value: str, *, once: bool = False) -> None:
        with self._connection.transaction("before_note_commit", "after_note_commit") as cursor:
            cursor.execute(
                "INSERT INTO notes VALUES (%s, %s) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
                " WHERE notes.value = '' OR NOT %s",
                (name, value, once),
            )


def _set_number(cursor: Cursor, name: str, value: int) -> None:
    cursor.execute(
        "INSERT INTO numbers VALUES (%s, %s) ON CONFLICT (name) DO UPDATE SET value = excluded.value", (name, value)
    )


def _open_profile(row: tuple[str, int, bytes, int]) -> Profile:
    customer, position, body, crc = row
    place = profile_place(customer, position)
    return Profile(customer=customer, position=position, blob=open_sealed(place, body, crc))


def _meta_place(name: str) -> str:
    return f"checkpoint blob {name}"
