"""The order of one instant (H1): what concerns everybody comes before the customers' own records.

A global record that arrives at an instant at which own records of its class or a later one were taken comes after
them: it is given the next µs, so that a replay of the log, which goes by instants, meets it where the engine did.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from relight.base.instants import INSTANT_MIN
from relight.streams.envelope import Event, Rank, rank_of

if TYPE_CHECKING:
    from relight.rules.world import World
    from relight.stores.interface import Store
    from relight.streams.envelope import Control

#: Records at the end of the log among which a start looks for the last instant of own ones.
TAIL_RECORDS_MAX = 2_000
_EVENT = Rank.EVENT
#: Control records that only time and lookups see: nobody has to be visited for them.
_QUIET_CONTROLS = frozenset({"pause", "resume", "gap", "suppression"})


@dataclass(slots=True, kw_only=True)
class LogOrder:
    """How far the log's own records have come."""

    #: (ingest time in µs, class) of the last own record in the order of the log.
    last_own: tuple[int, Rank] = (INSTANT_MIN, Rank.CONTROL)

    def note_own(self, record: Event | Control) -> None:
        """Take note of an own record that was taken."""
        place = (record.ingest_time, _EVENT if type(record) is Event else rank_of(record))
        if place > self.last_own:  # noqa: PLR1730  # for each record: a call costs twice as much
            self.last_own = place

    def place_global(self, record: Event | Control) -> int:
        """Give a global record an instant after every own record that was taken, and return it (µs)."""
        if (record.ingest_time, rank_of(record)) <= self.last_own:
            record.ingest_time = self.last_own[0] + 1
        return record.ingest_time

    def recover(self, store: Store) -> None:
        """Find the last instant of own records again."""
        for _, record in store.read_log(max(0, store.last_position() - TAIL_RECORDS_MAX)):
            if record.customer is not None:
                self.note_own(record)


def asks_for_visits(world: World, record: Event | Control) -> bool:
    """Return whether everybody is visited for a global record that the world has just taken."""
    if isinstance(record, Event):
        index = world.states[-1].index
        return index is not None and (record.name in index.by_global or record.name in index.watched_globals)
    return record.kind not in _QUIET_CONTROLS
