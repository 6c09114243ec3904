"""One partition of the log topic through the engine: messages in, in the order of their offsets; decisions out.

Theory of operation. A message is a pack (transports/log_pack). Its records wait until time has passed them; time is the
smallest instant up to which every source has spoken (H2), so nothing is decided ahead of what was not read. What is due
is handed to the engine in log order: (ingest time, rank, stream, position, source partition, offset). Therefore what
stands after a message is a pure function of the messages up to it, however they are cut into batches, and a worker that
starts at a checkpoint and folds forward comes to the same.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from relight.base.errors import FaultError
from relight.base.instants import INSTANT_MIN
from relight.customers.revive import revive_record
from relight.engine.engine import Engine
from relight.engine.work import Work
from relight.stores.partition import LOG_INPUT, PartitionStore
from relight.streams.envelope import Control, DeadLetter, Event
from relight.streams.envelope import order_key as log_order
from relight.streams.ids import body_hash
from relight.transports.log_pack import Packed, Source, Span, decode_pack, decode_record

if TYPE_CHECKING:
    from relight.rules.plan import Plan

_Record = Event | Control | DeadLetter
#: Place of a record in the order of the log, and its number, which is never equal.
_Waiting = tuple[tuple[int, int, str, int, int, int, int], _Record]


class _Saved(msgspec.Struct, array_like=True):
    """What a checkpoint keeps of a reader."""

    sources: list[Source] | None
    #: Of each source: the next offset, and the instant up to which it has spoken (µs).
    marks: list[tuple[str, int, int, int]]
    #: Records that wait: (stream, partition, packed).
    waiting: list[tuple[str, int, Packed]]


class PartitionEngine(Engine):
    """An engine whose store knows of a copy only what it said, as a hash."""

    def _count_copy(self, work: Work, record: Event | Control, copy_of: Event | int) -> None:
        if isinstance(copy_of, int):
            work.duplicates += 1
            work.differing += isinstance(record, Event) and body_hash(record) != copy_of
        else:
            super()._count_copy(work, record, copy_of)


class LogPartition:
    """One partition of the log topic, as far as it was read."""

    def __init__(
        self, store: PartitionStore, *, plan_of: Callable[[str], Plan], mails_expire: bool, cached_profiles: int
    ) -> None:
        """Stand where the store stands.

        plan_of: the plan of a version that the log names; mails_expire: see Engine.
        """
        self._store, self._plan_of = store, plan_of
        self.engine = PartitionEngine(store, cached_profiles=cached_profiles, mails_expire=mails_expire)
        self.sources: set[Source] | None = None
        self._next: dict[Source, int] = {}
        self._until: dict[Source, int] = {}
        self._waiting: list[_Waiting] = []
        self._number = 0
        #: Offset of the next message of the log topic.
        self.next = store.offset
        #: Instant that time has come to (µs).
        self.reached = INSTANT_MIN
        if store.reader_state:
            self._load(msgspec.msgpack.decode(store.reader_state, type=_Saved))
        plans = {c.subject for _, c in store.global_log() if isinstance(c, Control) and c.kind == "plan"}
        self.engine.recover([plan_of(version) for version in sorted(plans)])
        self.reached = max(self.reached, store.reached() or INSTANT_MIN)

    @property
    def waiting(self) -> int:
        """Number of records that wait for a slower source."""
        return len(self._waiting)

    @property
    def durable(self) -> int:
        """Offset of the log topic up to which decisions are durable."""
        return self._store.sink.durable

    @property
    def epoch(self) -> int:
        """The claim under which this partition is written."""
        return self._store.sink.epoch

    # ------------------------------------------------------------ messages
    def add(self, offset: int, value: bytes) -> None:
        """Take one message in; nothing is decided yet. Raises FaultError where one is missing before it."""
        if offset != self.next:
            raise FaultError(f"message {offset} of the log topic came where {self.next} is next")
        pack = decode_pack(value)
        if pack.sources is not None:
            self.sources = set(pack.sources)
        known = [self._follow(span) for span in pack.spans]
        for packed in pack.records:
            span = pack.spans[packed.span]
            if packed.offset >= known[packed.span]:
                self._wait(span.source, packed)
        self.next = offset + 1

    def _follow(self, span: Span) -> int:
        """Note what a span covers; return the offset from which its records are new."""
        before = self._next.get(span.source, span.first)
        if span.first > before:
            message = f"offsets {before} to {span.first - 1} of {span.stream} partition {span.partition} are missing"
            raise FaultError(message)
        self._next[span.source] = max(before, span.next)
        self._until[span.source] = max(self._until.get(span.source, INSTANT_MIN), span.until)
        return before

    def _wait(self, source: Source, packed: Packed) -> None:
        record = decode_record(packed)
        if isinstance(record, DeadLetter):
            place = (record.ingest_time, 0, record.stream, record.position)
        else:
            at, rank, stream, position = log_order(record)
            # What concerns everybody comes first among its class, in every partition alike.
            place = (at, 2 * rank + (record.customer is not None), stream, position)
        self._number += 1
        heapq.heappush(self._waiting, ((*place, source[1], packed.offset, self._number), record))

    # ------------------------------------------------------------ decisions
    def time(self) -> int:
        """Return the instant up to which every source has spoken (µs); INSTANT_MIN while one has not."""
        if not self.sources:
            return INSTANT_MIN
        return min(self._until.get(source, INSTANT_MIN) for source in self.sources)

    def decide(self) -> int:
        """Decide what is due, durably, and return how many records that were.

        Raises FencedError when another worker owns the partition, StoreError or ServiceError when nothing helped.
        """
        until = max(self.time(), self.reached)
        due: list[_Record] = []
        while self._waiting and self._waiting[0][0][0] < until:
            due.append(heapq.heappop(self._waiting)[1])
        if not due and until == self.reached:
            return 0
        records = self._prepared(due)
        self.engine.take(records, positions={LOG_INPUT: str(self.next)}, reached=until)
        self.reached = until
        return len(due)

    def _prepared(self, due: list[_Record]) -> list[_Record]:
        """Return records in memory form: values by the kinds of the plan in force, nothing before the time reached."""
        layout, plan = self.engine.layout, self.engine.plan
        found: list[_Record] = []
        for record in due:
            if isinstance(record, DeadLetter):
                found.append(record)
                continue
            if isinstance(record, Control) and record.kind == "plan":
                if plan is not None and plan.version == record.subject:
                    continue  # a router that was killed may have said it twice
                plan = self._plan_of(record.subject)
                self.engine.world.register(plan)
                layout = plan.layout
            # What comes from a source that was left behind arrives now.
            record.ingest_time = max(record.ingest_time, self.reached)
            found.append(revive_record(layout, record))
        return found

    # ------------------------------------------------------------ checkpoints
    def save(self) -> None:
        """Put everything that a checkpoint needs into the store."""
        self.engine.checkpoint()
        marks = [(*source, self._next[source], self._until[source]) for source in sorted(self._next)]
        waiting = [_packed(place, record) for place, record in sorted(self._waiting, key=lambda one: one[0])]
        sources = None if self.sources is None else sorted(self.sources)
        self._store.offset = self.next
        self._store.reader_state = msgspec.msgpack.encode(_Saved(sources, marks, waiting))

    def _load(self, saved: _Saved) -> None:
        self.sources = None if saved.sources is None else set(saved.sources)
        for stream, partition, following, until in saved.marks:
            self._next[stream, partition], self._until[stream, partition] = following, until
        for stream, partition, packed in saved.waiting:
            self._wait((stream, partition), packed)


def _packed(place: tuple[int, int, str, int, int, int, int], record: _Record) -> tuple[str, int, Packed]:
    kind = "e" if isinstance(record, Event) else "c" if isinstance(record, Control) else "d"
    return "", place[4], Packed(0, place[5], kind, msgspec.msgpack.encode(record))
