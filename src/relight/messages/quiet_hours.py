"""When a message may leave.

The first whole local minute outside quiet hours, inside the send window, outside gaps (G1, G3).

Quiet is a property of an instant's wall clock, not of two converted end points. Found by jumps, equal to a scan of
every minute.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from relight.base.instants import HOUR, MINUTE, ceil_minute, from_local, to_local

if TYPE_CHECKING:
    from collections.abc import Callable

    from relight.rules.plan import SendWindow, Step

#: Minutes of a day.
DAY_MINUTES = 1440
#: Longest jump of a clock within a day (µs); whole days are left out at once.
GAP_MAX = 3 * HOUR
#: Jumps after which a send window that quiet hours always cover is given up.
JUMPS_MAX = 1_000


def is_quiet(instant: int, zone: str, quiet: tuple[int, int] | None) -> bool:
    """Return whether the wall clock of an instant lies in [from, to), which may wrap past midnight."""
    if quiet is None:
        return False
    local = to_local(instant, zone)
    minute = local.hour * 60 + local.minute
    begin, end = quiet
    return (minute - begin) % DAY_MINUTES < (end - begin) % DAY_MINUTES


def first_allowed_minute(
    instant: int, zone: str, quiet: tuple[int, int] | None, *, past_gaps: Callable[[int], int], step: Step | None = None
) -> int:
    """Return the first allowed whole minute at or after an instant (µs); the next minute where none is ever allowed.

    The gate then refuses that minute.
    """
    at = ceil_minute(instant)
    for _ in range(JUMPS_MAX):
        moved = ceil_minute(past_gaps(at))
        if moved == at and is_quiet(at, zone, quiet):
            moved = _quiet_end(at, zone, quiet)
        if moved == at and step is not None and step.at_minute is not None:
            moved = _next_time_of_day(at, zone, step.at_minute)
        if moved == at and step is not None and step.send_window is not None:
            moved = window_start(at, zone, step.send_window)
        if moved == at:
            return at
        at = moved
    return ceil_minute(past_gaps(ceil_minute(instant)))


def is_allowed(instant: int, zone: str, quiet: tuple[int, int] | None, *, step: Step) -> bool:
    """Return whether a step may send at an instant: not quiet, inside its window, at its time of day."""
    if is_quiet(instant, zone, quiet):
        return False
    if step.send_window is not None and window_start(instant, zone, step.send_window) != instant:
        return False
    return step.at_minute is None or _next_time_of_day(instant, zone, step.at_minute) == instant


def _quiet_end(at: int, zone: str, quiet: tuple[int, int] | None) -> int:
    """Jump to the wall-clock end of quiet, or to the transition of the zone on the way there, whichever is first."""
    assert quiet is not None
    local = to_local(at, zone)
    ends = at + ((quiet[1] - (local.hour * 60 + local.minute)) % DAY_MINUTES) * MINUTE
    offset = local.utcoffset()
    if to_local(ends, zone).utcoffset() == offset:
        return ends
    return _clock_change(at, ends, zone)


def _clock_change(low: int, high: int, zone: str) -> int:
    """Return the first minute in (low, high] with another offset than at `low`; `high` must have another."""
    offset = to_local(low, zone).utcoffset()
    while high - low > MINUTE:
        middle = (low + high) // 2 // MINUTE * MINUTE
        low, high = (middle, high) if to_local(middle, zone).utcoffset() == offset else (low, middle)
    return high


def _next_time_of_day(at: int, zone: str, minute: int) -> int:
    day = to_local(at, zone).date()
    for ahead in range(3):
        naive = dt.datetime.combine(day + dt.timedelta(days=ahead), dt.time(minute // 60, minute % 60))
        found = from_local(naive, zone)
        if found >= at:
            return found
    return at


def window_start(at: int, zone: str, window: SendWindow) -> int:
    """Return the first instant at or after one (µs) at which the wall clock lies in a window."""
    local = to_local(at, zone)
    minute = local.hour * 60 + local.minute
    if local.weekday() in window.weekdays and window.start <= minute < window.end:
        return at
    for ahead in range(9):
        day = local.date() + dt.timedelta(days=ahead)
        if day.weekday() in window.weekdays:
            found = from_local(dt.datetime.combine(day, dt.time(window.start // 60, window.start % 60)), zone)
            opens = to_local(found, zone)
            if opens.hour * 60 + opens.minute != window.start:
                # The clock jumps over the start: the window is open from the jump on.
                found = _clock_change(found - GAP_MAX, found, zone)
            if found > at:
                return found
    return at
