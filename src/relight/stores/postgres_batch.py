"""What one transaction writes beside the log."""

from __future__ import annotations

from relight.messages.ledger import LedgerRow
from relight.stores import postgres_ledger, postgres_outbox
from relight.stores.delivery_moves import suppression_of
from relight.stores.interface import Batch
from relight.stores.postgres_connection import Cursor
from relight.streams.envelope import Control


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
