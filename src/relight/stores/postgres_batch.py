"""What one transaction writes beside the log, and by which hashes the log finds a customer and an event."""

from __future__ import annotations

import hashlib

from relight.messages.ledger import LedgerRow
from relight.stores import postgres_ledger, postgres_outbox
from relight.stores.delivery_moves import suppression_of
from relight.stores.interface import Batch
from relight.stores.postgres_connection import Cursor
from relight.streams.envelope import Control, Event, Record

_GLOBAL_HASH = 0
_CONTROL_HASH = -1


def write_decisions(cursor: Cursor, batch: Batch) -> tuple[int, tuple[LedgerRow, ...]]:
    """Write everything of a batch but its log; return as `postgres_ledger.insert_rows`."""
    known, conflicts = postgres_ledger.insert_rows(cursor, batch.rows)
    postgres_outbox.insert_messages(cursor, batch.outbox)
    postgres_ledger.insert_letters(cursor, batch.dead)
    postgres_ledger.add_tallies(cursor, batch.tallies)
    words = [record for record, _ in batch.log if isinstance(record, Control)]
    postgres_ledger.insert_suppressions(cursor, [one for word in words if (one := suppression_of(word)) is not None])
    if batch.positions:
        cursor.executemany(
            "INSERT INTO positions VALUES (%s, %s) ON CONFLICT (input) DO UPDATE SET position = excluded.position",
            sorted(batch.positions.items()),
        )
    if batch.reached is not None:
        cursor.execute(
            "INSERT INTO numbers VALUES ('reached', %s) ON CONFLICT (name)"
            " DO UPDATE SET value = greatest(numbers.value, excluded.value)",
            (batch.reached,),
        )
    if batch.duplicates_differing:
        cursor.execute(
            "INSERT INTO numbers VALUES ('duplicates_differing', %s) ON CONFLICT (name)"
            " DO UPDATE SET value = numbers.value + excluded.value",
            (batch.duplicates_differing,),
        )
    return known, conflicts


def identity_hashes(record: Record) -> tuple[int, int]:
    """Return what the log finds a record by: hashes of its customer and of its identity among the customer's."""
    if isinstance(record, Event):
        return customer_hash(record.customer), event_hash(record.stream, record.id)
    return customer_hash(record.customer), _CONTROL_HASH


def customer_hash(customer: str | None) -> int:
    """Return the hash of a customer, None for what concerns everybody."""
    return _GLOBAL_HASH if customer is None else _hash(customer)


def event_hash(stream: str, event_id: str) -> int:
    """Return the hash of an event among those of one customer."""
    return _hash(f"{stream}\x1f{event_id}")


def _hash(text: str) -> int:
    raw = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(raw, "big", signed=True)
