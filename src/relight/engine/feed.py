"""Finished files into the engine: merged in log order, in batches, with brakes, to their horizon (H2, V2)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from zlib import crc32

from relight.base.errors import RejectError
from relight.base.ids import digest, hash_bytes
from relight.base.instants import INSTANT_MIN
from relight.engine.catching_up import CatchingUp
from relight.engine.cycles import keep_batch, rare_collections
from relight.stores.interface import Batch, LetterEnd
from relight.streams.brake import BrakeState
from relight.streams.envelope import Control, DeadLetter, Event
from relight.streams.plan import shown_place
from relight.streams.refusals import Counts
from relight.transports.files import open_finished
from relight.transports.merge import merge_inputs

if TYPE_CHECKING:
    from relight.engine.engine import Engine
    from relight.stores.interface import Store
    from relight.streams.plan import StreamPlan

#: Records of one transaction by default.
BATCH_RECORDS_DEFAULT = 1_000
#: Name under which the store keeps how many records of the merged files were taken.
FILES_POSITION = "files"
#: Name under which the store keeps which records those were: the sum of their checksums, whatever their order.
FILES_SUM_POSITION = "files sum"
#: Name under which the store keeps up to which instant rows are being caught up with (µs); empty where none are.
FILES_CATCH_UP_POSITION = "files catch up"
#: Name under which the store keeps the instant at which the finished files ended (µs).
FILES_END_POSITION = "files end"
#: Name under which the store keeps the marks of the dead letters at which brakes stopped.
STOPPED_POSITION = "stopped at"

_Fed = TypeVar("_Fed", bound=Event | Control | DeadLetter)


class BrakeError(RejectError):
    """A stream was stopped because too many of its records could not be read."""


@dataclass(slots=True, kw_only=True)
class Feed:
    """Finished files on their way into an engine."""

    streams: Mapping[str, StreamPlan]
    folder: Path
    counts: dict[str, Counts] = field(default_factory=dict)
    brakes: dict[str, BrakeState] = field(default_factory=dict)
    taken: int = 0
    #: Set while files are read again from their beginning: rows came in before the place up to which they were read.
    catching_up: CatchingUp | None = None
    #: Marks of the dead letters that earlier stops kept; None until the store was asked.
    _kept: set[str] | None = None

    def __post_init__(self) -> None:
        """Give every stream its brake, and every finished one its counter."""
        for name, stream in self.streams.items():
            self.brakes[name] = BrakeState(stream.brake)
            if stream.source.is_finished:
                self.counts[name] = Counts()

    def records(self) -> Iterator[Event | DeadLetter]:
        """Yield all records in log order; raises InputError for a missing or damaged file."""
        inputs = [
            open_finished(stream, self.folder, counts=self.counts[name])
            for name, stream in self.streams.items()
            if stream.source.is_finished
        ]
        return merge_inputs(inputs)

    def horizon(self) -> int | None:
        """Return the last instant that time reaches (µs, inclusive) where a stream declares one."""
        declared = [
            s.source.horizon for s in self.streams.values() if s.source.is_finished and s.source.horizon is not None
        ]
        return max(declared, default=None)

    def admit(self, store: Store, batch: Sequence[_Fed]) -> list[_Fed]:
        """Return what of a batch the engine is to take, in order; control records always pass.

        Raises BrakeError when a stream had too many dead letters. Then no event of the batch was taken and no position
        moved, so nothing is lost; its dead letters are kept to be looked at, once, however often the batch is read.
        """
        if self._kept is None:
            self._kept = set(json.loads(store.positions().get(STOPPED_POSITION, "[]")))
        if not _has_dead(batch):
            self._check_brakes(batch)
            return list(batch)
        new = [r for r in batch if isinstance(r, DeadLetter) and _mark(r) not in self._kept]
        try:
            self._check_brakes(batch)
        except BrakeError:
            marks = sorted(self._kept | {_mark(letter) for letter in new})
            store.append(Batch(dead=new, positions={STOPPED_POSITION: json.dumps(marks)}))
            raise
        return [r for r in batch if not isinstance(r, DeadLetter) or _mark(r) not in self._kept]

    def _check_brakes(self, batch: Sequence[Event | Control | DeadLetter]) -> None:
        if not any(brake.tripped for brake in self.brakes.values()) and not _has_dead(batch):
            for name, seen in Counter([r.stream for r in batch if isinstance(r, Event)]).items():
                if name in self.brakes:
                    self.brakes[name].saw_good(seen)
            return
        for record in batch:
            if isinstance(record, Control):
                continue
            brake = self.brakes.get(record.stream)
            if brake is not None and brake.saw(dead=isinstance(record, DeadLetter)):
                at = f"record {record.position}"
                if isinstance(record, DeadLetter):
                    at = shown_place(record, self.streams)
                help_text = "see `relight dead-letters list`, mend the stream, and start again"
                raise BrakeError(brake.describe(record.stream, at), help_text=help_text)


def _has_dead(batch: Sequence[Event | Control | DeadLetter]) -> bool:
    return DeadLetter in map(type, batch)


def _mark(letter: DeadLetter) -> str:
    return digest(letter.stream, letter.source, hash_bytes(letter.raw))


def _sum_of(records: Iterable[Event | DeadLetter]) -> int:
    """Return the sum of the checksums of the events' ids, `stream␀id`: equal for the same events in any order."""
    total = 0
    begun: dict[str, int] = {}
    for record in records:
        if type(record) is Event:
            start = begun.get(record.stream)
            if start is None:
                start = begun[record.stream] = crc32(f"{record.stream}\0".encode())
            total += crc32(record.id.encode(), start)
    return total


def _pass_over(feed: Feed, store: Store) -> tuple[Iterator[Event | DeadLetter], int]:
    """Return the records behind those that were taken, and the sum of these.

    Where those at the beginning are not the ones that were taken, because rows came in between or can be read now, all
    are returned, to be caught up with. A store of an older version of relight has no sum to tell.
    """
    places = store.positions()
    feed.taken, kept = int(places.get(FILES_POSITION, "0")), places.get(FILES_SUM_POSITION)
    records = feed.records()
    total = _sum_of(islice(records, feed.taken))
    reached, place = store.reached(), places.get(FILES_CATCH_UP_POSITION)
    has_shifted = kept is not None and kept != str(total)
    if reached is None or not (has_shifted or place):
        return records, total
    feed.catching_up = CatchingUp(
        store=store, streams=feed.streams, place=reached if has_shifted else int(place or 0), reached=reached,
        is_whole=has_shifted,
    )  # fmt: skip
    if not has_shifted:
        return records, total  # it was stopped in the middle of it
    feed.taken, feed.counts = 0, {name: Counts() for name in feed.counts}
    return feed.records(), 0


def _positions(feed: Feed, total: int) -> dict[str, str]:
    """Return what the store is to keep with a batch: how far the files are read."""
    found = {FILES_POSITION: str(feed.taken), FILES_SUM_POSITION: str(total)}
    if feed.catching_up is not None:
        place = feed.catching_up.place
        found[FILES_CATCH_UP_POSITION] = "" if place == INSTANT_MIN else str(place)
    return found


def _first_event(batch: Iterable[Event | DeadLetter]) -> int | None:
    """Return the ingest time of the first event; a dead letter is no record for any check (V1)."""
    return next((record.ingest_time for record in batch if isinstance(record, Event)), None)


@rare_collections()
def feed_finished(  # noqa: PLR0913 - one feeding, all of it by keyword
    engine: Engine,
    feed: Feed,
    *,
    until: int | None = None,
    batch_records: int = BATCH_RECORDS_DEFAULT,
    begin: Callable[[int], None] | None = None,
    after_batch: Callable[[], None] | None = None,
    agree: Callable[[int], int] | None = None,
) -> int:
    """Take every record of the finished files and let time come to the horizon, inclusive; return that instant (µs).

    begin: called once with the first event's ingest time, before it is taken (the plan record goes there).
    after_batch: called when a batch is durable (progress, sending, checkpoints).
    until: ends time here instead of at the horizon; later records are left out.
    agree: told the last instant that was read, says how far time came in all that is read beside this.
    """
    places = engine.store.positions()
    records, total = _pass_over(feed, engine.store)
    reached = engine.store.reached()
    last = INSTANT_MIN if reached is None else reached
    if reached is not None and str(reached - 1) == places.get(FILES_END_POSITION):
        last = reached - 1  # the µs in which the end was judged is not a step further at every start
    while batch := list(islice(records, batch_records)):
        if until is not None:
            batch = [r for r in batch if r.ingest_time <= until]
            if not batch:
                break
        fresh = batch if feed.catching_up is None else feed.catching_up.missing(batch)
        admitted = feed.admit(engine.store, fresh)
        last = max(last, batch[-1].ingest_time, *(r.ingest_time for r in fresh if fresh is not batch))
        if begin is not None and (first := _first_event(fresh)) is not None:
            begin(first)
            begin = None
        feed.taken += len(batch)
        total += _sum_of(batch)
        engine.take(admitted, positions=_positions(feed, total), reached=last)
        if after_batch is not None:
            after_batch()
        keep_batch()
    else:
        if feed.catching_up is not None and (until is None or until >= feed.catching_up.place):
            engine.store.end_letters(feed.catching_up.gone(), last, LetterEnd.GONE)
            feed.catching_up.place = INSTANT_MIN  # everything is caught up with
    if agree is not None:
        last = agree(last)
    horizon = until if until is not None else feed.horizon()
    end = last if horizon is None else max(last, horizon)
    if begin is not None and last > INSTANT_MIN:
        begin(last)  # nothing new was read, and the plan may be new all the same
    if end > INSTANT_MIN:
        engine.take([], positions={FILES_END_POSITION: str(end)} | _positions(feed, total), reached=end + 1)
    return end
