"""Frequency caps: how many messages a customer may get in a length of time (G2). Looks only at places already taken."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from relight.base.instants import DAY, day_start, to_local

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from relight.rules.plan import Cap

    #: Caps, each list with the scheduled instants of the places that count against it.
    Limits = Sequence[tuple[Sequence[Cap], Sequence[int]]]

#: Longest time that places are kept for calendar caps (µs): a month and the two days of zones around it.
PLACES_KEEP = 33 * DAY


def full_cap(caps: Sequence[Cap], taken: Sequence[int], at: int, zone: str) -> tuple[Cap, int] | None:
    """Return the first cap that leaves no room at an instant, with the places it counts; None when there is room.

    Elapsed caps count (at − window, at]; calendar ones the local day, week from Monday or month in the zone known now.
    """
    for cap in caps:
        if cap.window is not None:
            used = sum(1 for place in taken if 0 <= at - place < cap.window)
        else:
            period = _period(at, zone, cap.calendar)
            used = sum(1 for place in taken if _period(place, zone, cap.calendar) == period)
        if used >= cap.most:
            return cap, used
    return None


def _period(instant: int, zone: str, calendar: str | None) -> tuple[int, int, int]:
    day = to_local(instant, zone).date()
    if calendar == "week":
        day -= dt.timedelta(days=day.weekday())
    elif calendar == "month":
        day = day.replace(day=1)
    return (day.year, day.month, day.day)


def next_minute_with_room(
    limits: Limits, *, after: int, until: int, zone: str, allowed: Callable[[int], int]
) -> int | None:
    """Return the first allowed minute in (after, until] with room as taken now, or None (`when_capped: {wait: T}`)."""
    at = after
    while True:
        tomorrow = to_local(at, zone).date() + dt.timedelta(days=1)
        points = [day_start(tomorrow, zone)]
        for caps, taken in limits:
            points += [place + cap.window for cap in caps if cap.window is not None for place in taken]
        at = min(point for point in points if point > at)
        minute = allowed(at)
        if at > until or minute > until:
            return None
        if all(full_cap(caps, taken, minute, zone) is None for caps, taken in limits):
            return minute


def keep_places_for(caps: Sequence[Cap]) -> int:
    """Return how long places must be kept (µs)."""
    return max([PLACES_KEEP, *(cap.window for cap in caps if cap.window is not None)])
