"""The embedded store: one SQLite file, one transaction a batch, durable before it returns.

Decides nothing. Where each part lives: sqlite_connection (durability), id_index (de-duplication, a customer's log),
sqlite_outbox (delivery journal), sqlite_ledger (rows, dead letters), sqlite_listing (pages), record_codec (bytes and
their checksums).
"""

# ruff: noqa: D102  # what a method promises stands once, at interface.Store
from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from relight.base.errors import StoreError
from relight.messages.ledger import LedgerRow
from relight.messages.life import MessageState
from relight.stores import sqlite_ledger, sqlite_outbox
from relight.stores.crash import crash_point
from relight.stores.delivery_moves import suppression_of
from relight.stores.erasure_key import ANY_ERASED, read_erasure_key, require_key
from relight.stores.id_index import IdIndex, IndexLimits, read_pages, read_record, read_sealed_page
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
from relight.stores.record_codec import encode_record, open_sealed, profile_place, seal, seal_record
from relight.stores.sqlite_codes import SqliteCodes
from relight.stores.sqlite_connection import Connection
from relight.stores.sqlite_erasure import SqliteErasure
from relight.stores.sqlite_listing import SqliteListing
from relight.stores.sqlite_schema import SET_META, SET_META_ONCE
from relight.streams.envelope import Control, Record

#: Profiles read from the file at a time.
PROFILE_PAGE = 1_000


class SqliteStore(SqliteCodes, SqliteListing, SqliteErasure):
    """See `interface.Store` for what each method promises."""

    def __init__(self, connection: Connection, limits: IndexLimits) -> None:
        self._connection = connection
        self._limits = limits
        with connection.reading() as cursor:
            self._last_position = int(cursor.execute("SELECT coalesce(max(pos), 0) FROM log").fetchone()[0])
            erased = cursor.execute(ANY_ERASED).fetchone()
        # A reader loads the index when it is asked for a customer, and sees the engine's newest records then.
        self.keyed = read_erasure_key(connection.path)
        require_key(self.keyed, connection.path, erased)
        index = None if connection.read_only else IdIndex(connection, limits, keyed=self.keyed)
        self._index_or_none: IdIndex | None = index

    @classmethod
    def open(cls, path: Path | str, *, read_only: bool = False, limits: IndexLimits | None = None) -> Self:
        """Open or create a store; raises StoreError naming the process that has it, or what is damaged.

        Args:
            path: the SQLite file; `<path>.lock` stands beside it.
            read_only: take no lock and write nothing; works while an engine runs.
            limits: sizes of the index, for tests.
        """
        connection = Connection(Path(path), read_only=read_only)
        try:
            return cls(connection, limits or IndexLimits())
        except BaseException:
            connection.close()
            raise

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Let the block see one state of the store, whatever an engine writes meanwhile."""
        with self._connection.snapshot():
            yield

    @contextmanager
    def together(self) -> Iterator[None]:
        stood = self._last_position
        try:
            with self._connection.joined("before_append_commit", "after_append_commit"):
                yield
        except BaseException:
            self._last_position, self._index_or_none = stood, None  # the index is read again from what is durable
            raise

    # -- the log ---------------------------------------------------------------------------------------------------
    def append(self, batch: Batch) -> Appended:
        if self._index.is_full():  # before the batch: a fault here must not hide that a batch is durable
            self._index.write_segment()
        first = self._last_position + 1
        sealed = [
            seal_record(record, position, encode_record(record) if body is None else body)
            for position, (record, body) in enumerate(batch.log, first)
        ]
        with self._connection.transaction("before_append_commit", "after_append_commit") as cursor:
            cursor.executemany("INSERT INTO log VALUES (?, ?, ?, ?, ?)", sealed)
            crash_point("inside_append")
            known, conflicts = sqlite_ledger.insert_rows(cursor, batch.rows)
            sqlite_outbox.insert_messages(cursor, batch.outbox)
            sqlite_ledger.insert_letters(cursor, batch.dead)
            sqlite_ledger.add_tallies(cursor, batch.tallies)
            words = [record for record, _ in batch.log if isinstance(record, Control)]
            found = [one for word in words if (one := suppression_of(word)) is not None]
            sqlite_ledger.insert_suppressions(cursor, found)
            cursor.executemany(
                "INSERT OR REPLACE INTO positions VALUES (?1, ?2, row_seal(?1, ?2))", list(batch.positions.items())
            )
            if batch.reached is not None:
                cursor.execute(
                    "INSERT INTO meta VALUES ('reached', ?1, row_seal('reached', ?1)) ON CONFLICT (name) DO UPDATE"
                    " SET value = max(value, excluded.value), crc = row_seal(name, max(value, excluded.value))",
                    (batch.reached,),
                )
            if batch.duplicates_differing:
                cursor.execute(
                    "INSERT INTO meta VALUES ('duplicates_differing', ?1, row_seal('duplicates_differing', ?1))"
                    " ON CONFLICT (name) DO UPDATE"
                    " SET value = value + excluded.value, crc = row_seal(name, value + excluded.value)",
                    (batch.duplicates_differing,),
                )
        self._last_position += len(sealed)
        self._index.add(first, [record for record, _ in batch.log])
        return Appended(last_position=self._last_position, rows_known=known, conflicts=conflicts)

    def last_position(self) -> int:
        if self._connection.read_only:
            with self._connection.reading() as cursor:
                return int(cursor.execute("SELECT coalesce(max(pos), 0) FROM log").fetchone()[0])
        return self._last_position

    def positions(self) -> dict[str, str]:
        with self._connection.reading() as cursor:
            return dict(cursor.execute("SELECT input, position FROM positions ORDER BY input").fetchall())

    def reached(self) -> int | None:
        return self._number("reached")

    def read_log(self, after: int = 0, *, limit: int | None = None) -> Iterator[tuple[int, Record]]:
        with self._connection.reading() as cursor:
            yield from read_pages(cursor, after, limit)

    def read_sealed(self, after: int = 0) -> Iterator[tuple[int, list[tuple[int, bytes]]]]:
        """Yield the records after a position undecoded, a page at a time: its last position, and (rank, body) of each.

        For who reads the whole log and needs little of each record. Raises StoreError for a damaged one.
        """
        while True:
            with self._connection.reading() as cursor:
                page = read_sealed_page(cursor, after)
            if not page:
                return
            after += len(page)
            yield after, page

    def customer_log(self, customer: str, *, after: int = 0) -> Iterator[tuple[int, Record]]:
        return self._log_of(customer, after)

    def global_log(self, *, after: int = 0) -> Iterator[tuple[int, Record]]:
        return self._log_of(None, after)

    def _log_of(self, customer: str | None, after: int) -> Iterator[tuple[int, Record]]:
        for position in self._index.positions_of(customer, after):
            record = self.body_at(position)
            if record.customer == customer:  # hashes may agree where customers differ
                yield position, record

    def find_known(self, identities: Sequence[EventIdentity]) -> list[int | None]:
        return self._index.find_known(identities)

    def body_at(self, position: int) -> Record:
        with self._connection.reading() as cursor:
            record = read_record(cursor, position)
        if record is None:
            raise StoreError(f"the log of {self._connection.path} has no record {position}")
        return record

    def duplicates_differing(self) -> int:
        return self._number("duplicates_differing") or 0

    @property
    def _index(self) -> IdIndex:
        if self._index_or_none is None:
            self._index_or_none = IdIndex(self._connection, self._limits, keyed=self.keyed)
        return self._index_or_none

    def _number(self, name: str) -> int | None:
        with self._connection.reading() as cursor:
            row = cursor.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if row is None else int(row[0])

    # -- checkpoints -----------------------------------------------------------------------------------------------
    def save_checkpoints(
        self, profiles: Iterable[Profile], *, position: int | None = None, meta: Mapping[str, bytes] | None = None
    ) -> None:
        rows = (
            (one.customer, one.position, one.blob, seal(profile_place(one.customer, one.position), one.blob))
            for one in sorted(profiles, key=lambda one: one.customer)  # neighbours share pages
        )
        with self._connection.transaction("before_checkpoint_commit", "after_checkpoint_commit") as cursor:
            cursor.executemany("INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?, ?)", rows)
            if position is not None:
                cursor.execute(SET_META, ("checkpoint_position", position))
            if meta is not None:
                cursor.execute("DELETE FROM checkpoint_meta")
                cursor.executemany(
                    "INSERT INTO checkpoint_meta VALUES (?, ?, ?)",
                    [(name, blob, seal(_meta_place(name), blob)) for name, blob in meta.items()],
                )
        if self._index.is_due():
            self._index.write_segment()

    def load_profile(self, customer: str) -> Profile | None:
        with self._connection.reading() as cursor:
            row = cursor.execute(
                "SELECT customer, pos, body, crc FROM checkpoints WHERE customer = ?", (customer,)
            ).fetchone()
        return None if row is None else _open_profile(row)

    def profiles(self) -> Iterator[Profile]:
        last = ""
        comparison = ">="
        while True:
            with self._connection.reading() as cursor:
                rows = cursor.execute(
                    f"SELECT customer, pos, body, crc FROM checkpoints WHERE customer {comparison} ?"  # noqa: S608  # a constant
                    " ORDER BY customer LIMIT ?",
                    (last, PROFILE_PAGE),
                ).fetchall()
            yield from map(_open_profile, rows)
            if len(rows) < PROFILE_PAGE:
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
            rows = cursor.execute("SELECT name, body, crc FROM checkpoint_meta ORDER BY name").fetchall()
        return {name: open_sealed(_meta_place(name), body, crc) for name, body, crc in rows}

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
                rows = sqlite_ledger.read_rows(cursor, rule, customer, since=since, after=after)
            if not rows:
                return
            for _seq, row in rows[:left]:
                yield row
            after = rows[-1][0]
            left = None if left is None else left - len(rows)

    def ledger_for(self, occurrence_key: str) -> LedgerRow | None:
        with self._connection.reading() as cursor:
            return sqlite_ledger.read_row(cursor, occurrence_key)

    # -- the outbox ------------------------------------------------------------------------------------------------
    def claim(  # noqa: PLR0913 - one claim, by keyword
        self, now: int, limit: int, *, owner: str, lease: int, look: LookAgain | None = None, only: Only = None
    ) -> Claimed:
        with self._connection.transaction("before_claim_commit", "after_claim_commit") as cursor:
            return sqlite_outbox.claim_due(cursor, now, limit, owner=owner, lease=lease, look=look, only=only)

    def settle(self, settlements: Sequence[Settlement]) -> list[MessageState | None]:
        with self._connection.transaction("before_settle_commit", "after_settle_commit") as cursor:
            return sqlite_outbox.settle_all(cursor, settlements)

    def expired_leases(self, now: int) -> list[Claim]:
        with self._connection.reading() as cursor:
            return sqlite_outbox.expired_leases(cursor, now)

    def message(self, occurrence_key: str) -> MessageStatus | None:
        with self._connection.reading() as cursor:
            return sqlite_outbox.read_message(cursor, occurrence_key)

    def messages(self, *, state: MessageState | None = None, limit: int | None = None) -> Iterator[MessageStatus]:
        with self._connection.reading() as cursor:
            return sqlite_outbox.read_messages(cursor, state, limit)

    def message_of_link(self, digest: str) -> MessageStatus | None:
        with self._connection.reading() as cursor:
            found = cursor.execute("SELECT key FROM links WHERE digest = ?", (digest,)).fetchone()
            return None if found is None else sqlite_outbox.read_message(cursor, found[0])

    def pending_count(self) -> int:
        with self._connection.reading() as cursor:
            return sqlite_outbox.pending_count(cursor)

    def due_count(self, now: int) -> int:
        with self._connection.reading() as cursor:
            return sqlite_outbox.due_count(cursor, now)

    def handed_over(self, since: int) -> list[tuple[int, int]]:
        with self._connection.reading() as cursor:
            return sqlite_outbox.handed_over(cursor, since)

    def shed_bodies(self, before: int, limit: int) -> int:
        with self._connection.transaction("before_settle_commit", "after_settle_commit") as cursor:
            return sqlite_outbox.shed_bodies(cursor, before, limit)

    def claims_made(self) -> int:
        """Return how many claims were made in this store's life."""
        with self._connection.reading() as cursor:
            return int(cursor.execute("SELECT coalesce(sum(token), 0) FROM outbox").fetchone()[0])

    @property
    def path(self) -> Path:
        """The file."""
        return self._connection.path

    def attempts(self, after: int = 0, *, limit: int | None = None) -> Iterator[Attempt]:
        with self._connection.reading() as cursor:
            return iter(sqlite_outbox.read_attempts(cursor, after, limit))

    def attempts_of(self, customer: str) -> list[Attempt]:
        with self._connection.reading() as cursor:
            return sqlite_outbox.read_attempts(cursor, 0, None, customer=customer)

    # -- suppressions, dead letters, notes -------------------------------------------------------------------------
    def suppress(self, address_hash: str, suppression: Suppression) -> None:
        with self._connection.transaction("before_note_commit", "after_note_commit") as cursor:
            sqlite_ledger.insert_suppressions(cursor, [(address_hash, suppression)])

    def suppression(self, address_hash: str) -> Suppression | None:
        with self._connection.reading() as cursor:
            return sqlite_ledger.read_suppression(cursor, address_hash)

    def dead_letters(self, *, stream: str | None = None, limit: int | None = None) -> Iterator[StoredLetter]:
        where, values = ("", ()) if stream is None else ("WHERE stream = ?", (stream,))
        with self._connection.reading() as cursor:
            return iter(sqlite_ledger.read_letters(cursor, where, values, limit))

    def waiting_letters(self, limit: int) -> list[StoredLetter]:
        with self._connection.reading() as cursor:
            return sqlite_ledger.read_letters(cursor, "WHERE ended_at IS NULL", (), limit, newest=True)

    def dead_letter(self, number: int) -> StoredLetter | None:
        with self._connection.reading() as cursor:
            return next(iter(sqlite_ledger.read_letters(cursor, "WHERE number = ?", (number,), 1)), None)

    def end_letters(self, numbers: Iterable[int], at: int, end: LetterEnd) -> None:
        with self._connection.transaction("before_note_commit", "after_note_commit") as cursor:
            cursor.executemany(
                "UPDATE dead_letters SET ended_at = ?, ending = ? WHERE number = ? AND ended_at IS NULL",
                [(at, end.value, number) for number in numbers],
            )

    def note(self, name: str) -> str | None:
        with self._connection.reading() as cursor:
            row = cursor.execute("SELECT value FROM meta WHERE name = ?", (_note(name),)).fetchone()
        return None if row is None else str(row[0])

    def set_note(self, name: str, value: str, *, once: bool = False) -> None:
        with self._connection.transaction("before_note_commit", "after_note_commit") as cursor:
            cursor.execute(SET_META_ONCE if once else SET_META, (_note(name), value))


def _open_profile(row: tuple[str, int, bytes, int]) -> Profile:
    customer, position, body, crc = row
    place = profile_place(customer, position)
    return Profile(customer=customer, position=position, blob=open_sealed(place, body, crc))


def _meta_place(name: str) -> str:
    return f"checkpoint blob {name}"


def _note(name: str) -> str:
    return f"note:{name}"
