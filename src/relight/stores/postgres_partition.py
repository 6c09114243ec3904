"""One partition of a log in PostgreSQL: who owns it, and each batch of its decisions in one fenced transaction (I14).

The fence is the partition's own row: its next offset moves by compare-and-set on (partition, epoch, offset) as the last
statement before the commit. Whoever was superseded moves nothing, and writes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from relight.base.errors import FaultError, ServiceError, StoreError
from relight.messages.ledger import LedgerRow
from relight.stores import postgres_ledger, postgres_outbox
from relight.stores.crash import crash_point
from relight.stores.interface import Batch
from relight.stores.postgres_batch import write_decisions
from relight.stores.postgres_connection import Connection, Cursor
from relight.stores.postgres_made import insert_made

_T = TypeVar("_T")

#: How long a batch is tried again while the server is away (s); then the process leaves and another takes over.
RETRY_SECONDS_MAX = 120.0
#: Longest wait between two tries (s).
WAIT_SECONDS_MAX = 2.0


class FencedError(StoreError):
    """Another worker owns this partition now."""


class _DoneBeforeError(Exception):
    """This very batch is durable already."""


class PartitionSink:
    """The right to write one partition's decisions, from `claim` on until somebody else claims it."""

    def __init__(self, connection: Connection, partition: int, epoch: int, durable: int) -> None:
        """Stand as `claim` found it."""
        self._connection = connection
        self.partition = partition
        self.epoch = epoch
        #: Offset of the log topic up to which (exclusive) decisions are durable.
        self.durable = durable

    @classmethod
    def claim(cls, connection: Connection, partition: int, owner: str) -> PartitionSink:
        """Take a partition over from whoever had it."""
        epoch, durable = _again(connection, lambda cursor: _claim(cursor, partition, owner))
        return cls(connection, partition, epoch, durable)

    def is_owner(self) -> bool:
        """Return whether nobody has claimed the partition since."""
        found = _again(self._connection, lambda cursor: _state(cursor, self.partition))
        return found[0] == self.epoch

    def write(self, batch: Batch, offset: int, reached: int) -> tuple[int, tuple[LedgerRow, ...]]:
        """Make a batch's decisions durable with the offset they lead to; return as `postgres_ledger.insert_rows`.

        A batch up to an offset that is durable already is a fold forward: its rows are there, and what is counted was
        counted. Tries again while the server is away. Raises FencedError when another worker owns the partition.
        """
        if offset <= self.durable:
            return _again(self._connection, lambda cursor: self._repeat(cursor, batch))
        try:
            done = _again(self._connection, lambda cursor: self._advance(cursor, batch, offset, reached))
        except _DoneBeforeError:
            done = (0, ())
        self.durable = offset
        crash_point("after_append_commit")
        return done

    def _repeat(self, cursor: Cursor, batch: Batch) -> tuple[int, tuple[LedgerRow, ...]]:
        known = postgres_ledger.insert_rows(cursor, batch.rows)
        postgres_outbox.insert_messages(cursor, batch.outbox)
        insert_made(cursor, (record for record, _ in batch.log))
        epoch, _ = _state(cursor, self.partition, lock=bool(batch.rows))
        if epoch != self.epoch:
            raise FencedError(f"partition {self.partition} belongs to epoch {epoch}, this is {self.epoch}")
        return known

    def _advance(self, cursor: Cursor, batch: Batch, offset: int, reached: int) -> tuple[int, tuple[LedgerRow, ...]]:
        done = write_decisions(cursor, replace(batch, positions={}, reached=None))
        insert_made(cursor, (record for record, _ in batch.log))
        crash_point("inside_append")
        moved = cursor.execute(
            "UPDATE partitions SET next_offset = %s, reached = greatest(reached, %s)"
            " WHERE part = %s AND epoch = %s AND next_offset = %s",
            (offset, reached, self.partition, self.epoch, self.durable),
        ).rowcount
        if moved != 1:
            epoch, durable = _state(cursor, self.partition)
            if epoch == self.epoch and durable == offset:
                raise _DoneBeforeError  # the commit's answer was lost, not the commit: nothing of it a second time
            if epoch == self.epoch:
                message = f"partition {self.partition} stands at offset {durable}, this worker at {self.durable}"
                raise FaultError(message)
            raise FencedError(f"partition {self.partition} belongs to epoch {epoch}, this is {self.epoch}")
        crash_point("before_append_commit")
        return done


def _claim(cursor: Cursor, partition: int, owner: str) -> tuple[int, int]:
    row = cursor.execute(
        "INSERT INTO partitions VALUES (%s, 1, 0, 0, %s) ON CONFLICT (part) DO UPDATE"
        " SET epoch = partitions.epoch + 1, owner = excluded.owner RETURNING epoch, next_offset",
        (partition, owner),
    ).fetchone()
    return int(row[0]), int(row[1])


def _state(cursor: Cursor, partition: int, *, lock: bool = False) -> tuple[int, int]:
    row = cursor.execute(
        "SELECT epoch, next_offset FROM partitions WHERE part = %s" + (" FOR SHARE" if lock else ""),  # noqa: S608  # a constant
        (partition,),
    ).fetchone()
    return (0, 0) if row is None else (int(row[0]), int(row[1]))


def replace_partitions(cursor: Cursor, durable: list[int], reached: int) -> None:
    """Put the partitions of another generation of the log in the place of those there are: decided up to `durable`.

    Nobody has them yet; whoever had one of before is fenced off.
    """
    row = cursor.execute("SELECT coalesce(max(epoch), 0) FROM partitions").fetchone()
    epoch = int(row[0]) + 1
    cursor.execute("DELETE FROM partitions")
    cursor.executemany(
        "INSERT INTO partitions VALUES (%s, %s, %s, %s, '')",
        [(number, epoch, offset, reached) for number, offset in enumerate(durable)],
    )


def partition_states(cursor: Cursor) -> list[tuple[int, int, int, int, str]]:
    """Return (partition, epoch, next offset, reached, owner) of every partition."""
    found = cursor.execute("SELECT part, epoch, next_offset, reached, owner FROM partitions ORDER BY part").fetchall()
    return [(int(p), int(e), int(n), int(r), str(o)) for p, e, n, r, o in found]


def _again(connection: Connection, work: Callable[[Cursor], _T]) -> _T:
    """Return what a transaction returns; connects again and repeats it while the server is away."""
    deadline, wait = time.monotonic() + RETRY_SECONDS_MAX, 0.05
    is_connected = True
    while True:
        try:
            if not is_connected:
                connection.reconnect()
            with connection.plain_transaction() as cursor:
                return work(cursor)
        except ServiceError:
            if time.monotonic() > deadline:
                raise
            is_connected = False
            time.sleep(wait)
            wait = min(2 * wait, WAIT_SECONDS_MAX)
