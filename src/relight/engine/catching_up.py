"""Rows that come into recorded files before the place up to which these were read: taken at the time that was reached.

An added file or stream, a row put in further up, a row that can be read only now: none of them may be lost, and the
past is not decided again. So they arrive now (H1); rows that the log holds already are left out by their ids (V1).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from relight.engine.copies import find_copies
from relight.stores.interface import LetterEnd
from relight.streams.envelope import DeadLetter, Event

if TYPE_CHECKING:
    from relight.stores.interface import Store, StoredLetter
    from relight.streams.plan import StreamPlan


@dataclass(slots=True, kw_only=True)
class CatchingUp:
    """One reading of recorded files from their beginning, over what was taken of them."""

    store: Store
    streams: Mapping[str, StreamPlan]
    #: Instant up to which rows may have been taken before (µs, inclusive): where time stood when it began.
    place: int
    #: Instant that time has come to (µs): when what is missing arrives.
    reached: int
    #: Events taken that stand before the place.
    taken: int = 0
    #: It began with the first row: only then is what it did not meet no longer there.
    is_whole: bool
    #: Rows kept as dead letters: (stream, bytes) -> their numbers, those that wait for somebody last; rows put in
    #: further up move them, so that their place says nothing.
    _letters: dict[tuple[str, bytes], list[StoredLetter]] = field(init=False)

    def __post_init__(self) -> None:
        """Ask the store which rows it keeps as dead letters."""
        self._letters = {}
        for kept in sorted(self.store.dead_letters(), key=lambda one: one.ended_at is None):
            if kept.end is LetterEnd.GONE:
                continue  # where its bytes come again, it is another one
            self._letters.setdefault((kept.letter.stream, kept.letter.raw), []).append(kept)

    def missing(self, batch: Sequence[Event | DeadLetter]) -> list[Event | DeadLetter]:
        """Return what of a batch, in log order, is in no log yet; rows of the past get `reached` as ingest time."""
        copies = find_copies(self.store, batch)
        found: list[Event | DeadLetter] = []
        for record, copy_of in zip(batch, copies, strict=True):
            if record.ingest_time > self.place:
                found.append(record)
            elif isinstance(record, DeadLetter):
                kept = self._letters.get((record.stream, record.raw))
                if not kept:
                    found.append(record)
                else:
                    kept.pop()
            elif not isinstance(copy_of, int):
                self.taken += 1
                record.ingest_time = self.reached
                record.late = record.late or record.event_time < self.reached - self.streams[record.stream].lateness
                found.append(record)
        return found

    def gone(self) -> Iterator[int]:
        """Yield the numbers of the waiting letters that the files, read to their end, give no more."""
        for (stream, _), letters in self._letters.items() if self.is_whole else ():
            if stream in self.streams and self.streams[stream].source.is_finished:
                yield from (one.number for one in letters if one.ended_at is None)
