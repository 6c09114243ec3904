"""Recorded files cut into shares of customers, so that several processes decide side by side (`simulate --jobs`).

Customers are independent (H); what concerns everybody goes to every share and is counted in the first. A row that is
another share's is left out before it is decoded where its customer can be read without; else afterwards.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from relight.engine.feed import Feed
from relight.streams.envelope import DeadLetter, Event
from relight.streams.refusals import RefusalError

if TYPE_CHECKING:
    from relight.streams.plan import Row, RowDecoder, StreamPlan
    from relight.streams.refusals import Counts

_FAULTS = (ArithmeticError, ValueError, TypeError, LookupError, AttributeError, RefusalError)


class ShareFeed(Feed):
    """The finished files as one of `of` processes reads them."""

    def __init__(self, streams: Mapping[str, StreamPlan], folder: Path, *, share: int, of: int) -> None:
        """Read the share with the number `share`, from 0."""
        #: (stream, position) of the rows of this share that were refused -> why.
        self.refused: dict[tuple[str, int], str] = {}
        self.share, self.of = share, of
        self.late = frozenset(name for name, stream in streams.items() if not _is_early(stream))
        cut = {name: s if name in self.late else self._cut(s) for name, s in streams.items()}
        super().__init__(streams=cut, folder=folder)

    def records(self) -> Iterator[Event | DeadLetter]:
        """Yield this share's records in log order; copies of global events are the first share's to count."""
        seen: set[tuple[str, str]] = set()
        for record in super().records():
            if isinstance(record, DeadLetter):
                if self.share == 0 or (record.stream, record.position) in self.refused:
                    yield record
            elif record.customer is not None:
                if record.stream not in self.late or owner_of(record.customer, self.of) == self.share:
                    yield record
            elif self.share == 0 or (record.stream, record.id) not in seen:
                seen.add((record.stream, record.id))
                yield record

    def own_counts(self) -> dict[str, Counts]:
        """Return what is this share's to count: the counts of all shares add up to those of one process."""
        if self.share == 0:
            return dict(self.counts)
        own = {name: counts for name, counts in self.counts.items() if name not in self.late}
        for name, counts in own.items():
            # What could not be parsed is nobody's row: the first share counts it, and the blank lines.
            mine = Counter(code for (stream, _), code in self.refused.items() if stream == name)
            counts.rows -= counts.dead.total() - mine.total()
            counts.dead, counts.blank = mine, 0
        return own

    def _cut(self, plan: StreamPlan) -> StreamPlan:
        """Return the stream whose decoder leaves out what is another share's."""
        decode = plan.decode
        assert decode is not None
        everybody = _global_wires(plan)
        wire_of, customer_of = _wire_reader(plan), _customer_reader(plan)

        def take(
            row: Row, position: int, source: str, arrived: int | None, counts: Counts | None
        ) -> list[Event] | None:
            is_global = wire_of(row) in everybody
            if (0 if is_global else owner_of(customer_of(row), self.of)) == self.share:
                try:
                    return decode(row, position, source, arrived, counts)
                except RefusalError as refusal:
                    self.refused[plan.name, position] = refusal.code
                    raise
            if counts is not None:
                counts.rows -= 1
            found = _others(decode, plan, row, position=position, source=source) if is_global else []
            if counts is not None:
                counts.events -= len(found)
            return found

        return replace(plan, decode=take, plain=None)


def owner_of(customer: str, of: int) -> int:
    """Return the number of the share a customer belongs to."""
    return zlib.crc32(customer.encode("utf-8", "surrogatepass")) % of


def _others(decode: RowDecoder, plan: StreamPlan, row: Row, *, position: int, source: str) -> list[Event]:
    """Return the global events of a row that another share counts; that share also makes its dead letter."""
    try:
        found = decode(row, position, source, None, None) or []
    except RefusalError:
        return []
    horizon = plan.source.horizon
    return [event for event in found if horizon is None or event.ingest_time <= horizon]


def _is_early(plan: StreamPlan) -> bool:
    """Return whether a row shows by itself whose it is."""
    mixed = any(len({kind.is_global for kind in kinds}) > 1 for kinds in plan.events.values())
    return plan.group is None and plan.mapping is None and not mixed


def _global_wires(plan: StreamPlan) -> frozenset[object]:
    return frozenset(wire for wire, kinds in plan.events.items() if any(kind.is_global for kind in kinds))


def _wire_reader(plan: StreamPlan) -> Callable[[Row], object]:
    key, read, fixed = plan.keys.name, plan.read_name, plan.fixed_name

    def wire_of(row: Row) -> object:
        try:
            return row.get(key) if key is not None else read(row) if read is not None else fixed
        except _FAULTS:
            return None

    return wire_of


def _customer_reader(plan: StreamPlan) -> Callable[[Row], str]:
    key, read = plan.keys.customer, plan.read_customer

    def customer_of(row: Row) -> str:
        """Return the customer as text, empty for none: then the row is refused, in one share."""
        try:
            value = row.get(key) if key is not None else read(row) if read is not None else None
        except _FAULTS:
            return ""
        return "" if value is None else str(value)

    return customer_of
