"""A log topic into one of other partitions: the same records, each customer's in one partition again. Pure.

Theory of operation. Every old partition has its own packs of every source; a span says which offsets they cover. The
new packs of a source may cover an offset only once every old partition has covered it: records beyond that wait here.
So memory holds what the partitions are apart, and a new partition is a log like any other: spans without gaps.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from relight.base.instants import INSTANT_MIN
from relight.streams.envelope import ERASED, Control, DeadLetter, Event
from relight.transports.log_pack import (
    PACK_VERSION,
    Pack,
    Reading,
    Source,
    decode_record,
    make_packs,
    partition_of,
)


@dataclass(slots=True)
class _Covered:
    """How far one old partition covers one source."""

    next: int
    until: int


@dataclass(slots=True)
class LogMove:
    """Packs of the old partitions in, packs of the new ones out."""

    old: int
    new: int
    #: All sources there are, as the log says.
    sources: list[Source] = field(default_factory=list)
    _covered: dict[tuple[int, Source], _Covered] = field(default_factory=dict)
    #: Offsets from which a source's records have not been given out.
    _given: dict[Source, int] = field(default_factory=dict)
    _until: dict[Source, int] = field(default_factory=dict)
    #: What waits: source -> offset -> its records, by the old partition that brought them.
    _waiting: dict[Source, dict[int, dict[int, list[Event | Control | DeadLetter]]]] = field(default_factory=dict)

    def add(self, partition: int, pack: Pack) -> None:
        """Take one pack of an old partition in; packs of one partition come in their order."""
        if pack.sources is not None:
            self.sources = sorted(pack.sources)
        known: list[int] = []
        for span in pack.spans:
            covered = self._covered.setdefault((partition, span.source), _Covered(span.first, INSTANT_MIN))
            if span.source not in self._until:  # later, a span from below says again what was given out
                self._given[span.source] = min(self._given.get(span.source, span.first), span.first)
            known.append(covered.next)
            covered.next, covered.until = max(covered.next, span.next), max(covered.until, span.until)
        for packed in pack.records:
            if packed.offset >= known[packed.span]:
                waiting = self._waiting.setdefault(pack.spans[packed.span].source, {})
                waiting.setdefault(packed.offset, {}).setdefault(partition, []).append(decode_record(packed))

    def give(self) -> Iterator[tuple[int, Pack]]:
        """Yield (new partition, pack) of everything that all old partitions cover by now."""
        readings: dict[int, list[Reading]] = {number: [] for number in range(self.new)}
        for source in sorted(self._given):
            found = self._whole(source)
            if found is None:
                continue
            first, following, until = found
            mine = [Reading(source, first, following, until) for _ in range(self.new)]
            waiting = self._waiting.get(source, {})
            for offset in sorted(one for one in waiting if one < following):
                for record in _each_once(waiting.pop(offset)):
                    for number in self._places(record):
                        mine[number].records.append((offset, record))
            for number, reading in enumerate(mine):
                readings[number].append(reading)
            self._given[source], self._until[source] = following, until
        for number, found_here in readings.items():
            for pack in make_packs(found_here):
                yield number, pack

    def announcement(self) -> Pack:
        """Return the pack that names all sources; each new partition begins with it."""
        return Pack(PACK_VERSION, [], [], self.sources)

    def standing(self) -> dict[Source, tuple[int, int]]:
        """Return for each source the offset that is wanted next, and up to which instant it has spoken (µs)."""
        return {source: (self._given[source], self._until.get(source, INSTANT_MIN)) for source in self._given}

    def apart(self) -> list[Source]:
        """Return the sources that not every old partition covers equally: a router was stopped in the middle."""
        return [
            source
            for source in sorted(self._given)
            if len({self._at(number, source) for number in range(self.old)}) > 1
        ]

    def _at(self, partition: int, source: Source) -> tuple[int, int]:
        covered = self._covered.get((partition, source))
        return (-1, INSTANT_MIN) if covered is None else (covered.next, covered.until)

    def _whole(self, source: Source) -> tuple[int, int, int] | None:
        """Return the offsets of a source that every old partition covers, and its time there; None for nothing new."""
        each: Sequence[_Covered | None] = [self._covered.get((number, source)) for number in range(self.old)]
        there = [one for one in each if one is not None]
        if len(there) < self.old:
            return None
        following, first = min(one.next for one in there), self._given[source]
        # What was said of a source holds whichever partition was told it, as far as its offsets are covered here.
        until = max((one.until for one in there if one.next <= following), default=INSTANT_MIN)
        if following == first and until <= self._until.get(source, INSTANT_MIN):
            return None
        return first, following, until

    def _places(self, record: Event | Control | DeadLetter) -> Sequence[int]:
        if isinstance(record, DeadLetter):
            return (partition_of(record.stream, self.new),)
        if _is_in_all(record):
            return range(self.new)  # nobody knows any more whose tombstone it is, so wherever they may come again
        return (partition_of(str(record.customer), self.new),)


def _each_once(by_partition: dict[int, list[Event | Control | DeadLetter]]) -> Iterator[Event | Control | DeadLetter]:
    """Yield the records of one offset: what concerns everybody is in every old partition, and comes once."""
    seen: list[Event | Control] = []
    for partition in sorted(by_partition):
        for record in by_partition[partition]:
            if isinstance(record, Event | Control) and _is_in_all(record):
                if record in seen:
                    continue
                seen.append(record)
            yield record


def _is_in_all(record: Event | Control) -> bool:
    return record.customer is None or (isinstance(record, Control) and record.kind == ERASED)
