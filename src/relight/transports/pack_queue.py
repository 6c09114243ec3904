"""The records of one partition of the log topic in log order: packs in, in the order of their offsets; what is due out.

Records wait until time has passed them; time is the smallest instant up to which every source has spoken (H2). What
comes from a source that was left behind arrives at the instant that the messages before it had brought time to. So both
what is due after a message, and its order, are a pure function of the messages up to it, however they are cut.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable

import msgspec

from relight.base.errors import FaultError
from relight.base.instants import INSTANT_MIN
from relight.streams.envelope import Control, DeadLetter, Event, Rank
from relight.transports.log_pack import Packed, Source, Span, decode_pack, decode_record

Taken = Event | Control | DeadLetter
#: Where a record stands in the log: instant (µs), class, stream, position, source partition, offset in the source, and
#: a number that is never equal.
LogPlace = tuple[int, int, str, int, int, int, *tuple[int, ...]]


#: Most records are events: one call less for each.
_EVENT = msgspec.msgpack.Decoder(Event)
_GLOBAL, _OWN = 2 * Rank.GLOBAL, 2 * Rank.EVENT + 1


class SavedQueue(msgspec.Struct, array_like=True):
    """What a checkpoint keeps of a queue."""

    sources: list[Source] | None
    #: Of each source: the next offset, and the instant up to which it has spoken (µs).
    marks: list[tuple[str, int, int, int]]
    #: Records that wait: (stream, partition, packed).
    waiting: list[tuple[str, int, Packed]]


class PackQueue:
    """One partition of the log topic, as far as it was read."""

    def __init__(
        self,
        *,
        next: int = 0,  # noqa: A002  # as everywhere here
        reached: int = INSTANT_MIN,
        wanted: Callable[[Packed], bool] | None = None,
    ) -> None:
        """Stand before the message `next`, time having come to `reached` (µs).

        wanted: tells which records are read at all; None for all. Time comes as far as with all of them.
        """
        self._wanted = wanted
        self.sources: set[Source] | None = None
        self._next: dict[Source, int] = {}
        self._until: dict[Source, int] = {}
        #: In log order but for what came last, which is put in its place when something is due: sorting what comes in
        #: ordered runs costs a fraction of a heap.
        self._waiting: list[tuple[LogPlace, Taken]] = []
        self._number = 0
        #: Instant up to which what was due was taken (µs).
        self._taken_until = INSTANT_MIN
        #: Offset of the next message of the log topic.
        self.next = next
        #: Instant that time has come to with the messages so far (µs); it never goes back.
        self.reached = reached

    def __len__(self) -> int:
        """Return the number of records that wait for a slower source."""
        return len(self._waiting)

    def add(self, offset: int, value: bytes) -> None:
        """Take one message in. Raises FaultError where one is missing before it."""
        if offset != self.next:
            raise FaultError(f"message {offset} of the log topic came where {self.next} is next")
        pack = decode_pack(value)
        if pack.sources is not None:
            self.sources = set(pack.sources)
        known = [self._follow(span) for span in pack.spans]
        parts = [span.partition for span in pack.spans]
        for packed in pack.records:
            if packed.offset >= known[packed.span] and (self._wanted is None or self._wanted(packed)):
                self._wait(parts[packed.span], packed)
        self.next = offset + 1
        self.reached = max(self.reached, self._time())

    def _follow(self, span: Span) -> int:
        """Note what a span covers; return the offset from which its records are new."""
        before = self._next.get(span.source, span.first)
        if span.first > before:
            message = f"offsets {before} to {span.first - 1} of {span.stream} partition {span.partition} are missing"
            raise FaultError(message)
        self._next[span.source] = max(before, span.next)
        self._until[span.source] = max(self._until.get(span.source, INSTANT_MIN), span.until)
        return before

    def _wait(self, partition: int, packed: Packed) -> None:
        """Let a record wait; partition: of its source."""
        record = _EVENT.decode(packed.body) if packed.kind == "e" else decode_record(packed)
        at = max(record.ingest_time, self.reached)
        self._number += 1
        rest = (partition, packed.offset, self._number)
        if type(record) is Event:
            record.ingest_time = at
            # What concerns everybody comes first among its class, in every partition alike.
            place = (at, _GLOBAL if record.customer is None else _OWN, record.stream, record.position, *rest)
        elif isinstance(record, DeadLetter):
            place = (at, 0, record.stream, record.position, *rest)
        else:
            record.ingest_time = at
            place = (at, 0 if record.customer is None else 1, "", 0, *rest)
        self._waiting.append((place, record))

    def _time(self) -> int:
        """Return the instant up to which every source has spoken (µs); INSTANT_MIN while one has not."""
        if not self.sources:
            return INSTANT_MIN
        return min(self._until.get(source, INSTANT_MIN) for source in self.sources)

    def take_due(self) -> list[tuple[LogPlace, Taken]]:
        """Return what time has passed, in log order; it waits no longer."""
        if self.reached == self._taken_until:
            return []  # what came since waits for time to come on, however old it says it is
        self._taken_until = self.reached
        self._waiting.sort(key=_place_of)
        due = self._waiting[: bisect_left(self._waiting, self.reached, key=_instant_of)]
        del self._waiting[: len(due)]
        return due

    def save(self) -> SavedQueue:
        """Return what a checkpoint keeps."""
        marks = [(*source, self._next[source], self._until[source]) for source in sorted(self._next)]
        waiting = [_packed(place, record) for place, record in sorted(self._waiting, key=lambda one: one[0])]
        return SavedQueue(None if self.sources is None else sorted(self.sources), marks, waiting)

    def load(self, saved: SavedQueue) -> None:
        """Stand where a checkpoint stands, time included."""
        self.sources = None if saved.sources is None else set(saved.sources)
        for stream, partition, following, until in saved.marks:
            self._next[stream, partition], self._until[stream, partition] = following, until
        for _, partition, packed in saved.waiting:
            self._wait(partition, packed)


def _place_of(one: tuple[LogPlace, Taken]) -> LogPlace:
    return one[0]


def _instant_of(one: tuple[LogPlace, Taken]) -> int:
    return one[0][0]


def _packed(place: LogPlace, record: Taken) -> tuple[str, int, Packed]:
    kind = "e" if isinstance(record, Event) else "c" if isinstance(record, Control) else "d"
    return "", place[4], Packed(0, place[5], kind, msgspec.msgpack.encode(record))
