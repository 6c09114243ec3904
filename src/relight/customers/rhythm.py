"""Readers of rhythm: active days, streaks, the usual interval, and things opened and closed by id.

Days are the customer's local days in the zone known at the reading; what is kept are quarter hours, so every zone of
today is exact.
"""

from __future__ import annotations

from itertools import pairwise
from statistics import median_low
from typing import TYPE_CHECKING

from relight.base.instants import MINUTE, local_day
from relight.base.kinds import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Callable

    from relight.customers.facts import Fact
    from relight.customers.reading import Reading

#: Width of a slot: every zone of today is a whole number of these from UTC.
SLOT = 15 * MINUTE


def read_active_days(fact: Fact, key: str) -> Callable[[Reading], object]:
    """Return a reader of the number of local days with activity in the window."""

    def read(reading: Reading) -> object:
        slots = reading.profile.slots.get(key)
        if not slots:
            return 0
        until = reading.at if fact.ago is None else fact.ago.before(reading.at, reading.zone)
        after = None if fact.window is None else fact.window.before(until, reading.zone)
        reading.note_midnight()
        return len(_days(slots, after, until, reading.zone))

    return read


def read_streak(key: str) -> Callable[[Reading], object]:
    """Return a reader of the number of consecutive local days with the event that end today or yesterday."""

    def read(reading: Reading) -> object:
        slots = reading.profile.slots.get(key)
        if not slots:
            return 0
        days = _days(slots, None, reading.at, reading.zone)
        today = local_day(reading.at, reading.zone)
        reading.note_midnight()
        day = today if today in days else today - 1
        length = 0
        while day - length in days:
            length += 1
        return length

    return read


def longest_run(slots: dict[int, tuple[int, int]], until: int, zone: str) -> int:
    """Return the most consecutive local days with an event up to an instant: what a streak milestone compares."""
    days = _days(slots, None, until, zone)
    best = 0
    for day in days:
        if day - 1 not in days:
            length = 1
            while day + length in days:
                length += 1
            best = max(best, length)
    return best


def _days(slots: dict[int, tuple[int, int]], after: int | None, until: int, zone: str) -> set[int]:
    """Return the ordinals of local days with an event in (after, until]."""
    found: set[int] = set()
    for first, last in slots.values():
        if first <= until and (after is None or last > after):
            found.add(local_day(max(first, min(last, until)), zone))
    return found


def read_usual_interval(key: str) -> Callable[[Reading], object]:
    """Return a reader of the median gap (µs) between the newest distinct instants; UNKNOWN below two instants.

    The lower median of at most 10 gaps: one very long or short gap does not move it.
    """

    def read(reading: Reading) -> object:
        series = reading.profile.series.get(key)
        if series is None:
            return UNKNOWN
        instants = sorted({e[0] for e in series.recent if e[0] <= reading.at})[-11:]
        gaps = [b - a for a, b in pairwise(instants)]
        return median_low(gaps) if gaps else UNKNOWN

    return read


def read_open(key: str) -> Callable[[Reading], object]:
    """Return a reader of how many things are open: opened, and not closed later in event time (H4)."""

    def read(reading: Reading) -> object:
        things = reading.profile.things.get(key)
        if not things:
            return 0
        return sum(1 for moves in things.values() if _is_open(moves, reading.at))

    return read


def _is_open(moves: list[tuple[int, str, bool]], at: int) -> bool:
    state = False
    for event_time, _tie, opened in moves:
        if event_time > at:
            break
        state = opened
    return state
