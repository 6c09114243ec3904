"""Several finished inputs to one, in the order of the log (H1): ingest time, global events, stream, row."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator

from relight.streams.envelope import DeadLetter, Event, Rank, order_key

#: What the inputs give.
Merged = Event | DeadLetter


def record_key(record: Merged) -> tuple[int, int, str, int]:
    """Return the place of an event or a dead letter in the log's order."""
    if isinstance(record, DeadLetter):
        return (record.ingest_time, Rank.EVENT, record.stream, record.position)
    return order_key(record)


def merge_inputs(inputs: Iterable[Iterable[Merged]]) -> Iterator[Merged]:
    """Yield the records of several ordered inputs in one order, holding one record of each."""
    several = list(inputs)
    return iter(several[0]) if len(several) == 1 else heapq.merge(*several, key=record_key)
