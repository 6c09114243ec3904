"""Local calendar periods of the project's zone, as boundaries between instants. No clock."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from itertools import pairwise

from relight.base.instants import DAY, day_start, to_local

#: Periods that a series has at most; older ones are left out.
PERIODS_MAX = 4_000
#: Mean length of each period (µs), where a span is counted in periods.
PERIOD_LENGTH = {
    "day": DAY,
    "week": 7 * DAY,
    "month": int(365.25 / 12 * DAY),
    "quarter": int(365.25 / 4 * DAY),
    "year": int(365.25 * DAY),
}
_MONTHS = {"month": 1, "quarter": 3, "year": 12}


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A calendar period: `start` inclusive, `end` exclusive (µs)."""

    start: int
    end: int
    #: `2026-03`, `2026-Q1`, `2026`, `2026-03-02` (days, and weeks by their Monday).
    label: str
    #: Time had come to its end.
    complete: bool


def period_start(day: dt.date, width: str) -> dt.date:
    """Return the first day of the period that a day lies in."""
    if width == "day":
        return day
    if width == "week":
        return day - dt.timedelta(days=day.weekday())
    months = _MONTHS[width]
    return dt.date(day.year, (day.month - 1) // months * months + 1, 1)


def next_start(day: dt.date, width: str) -> dt.date:
    """Return the first day of the period after the one that begins on a day."""
    if width == "day":
        return day + dt.timedelta(days=1)
    if width == "week":
        return day + dt.timedelta(days=7)
    year, month = divmod(day.year * 12 + day.month - 1 + _MONTHS[width], 12)
    return dt.date(year, month + 1, 1)


def label_of(day: dt.date, width: str) -> str:
    """Return how a period that begins on a day is called."""
    if width == "year":
        return f"{day.year}"
    if width == "quarter":
        return f"{day.year}-Q{(day.month + 2) // 3}"
    return f"{day:%Y-%m}" if width == "month" else day.isoformat()


def period_starts(first: int, until: int, width: str, zone: str) -> list[dt.date]:
    """Return the first days of all periods from the one `first` lies in to the one before `until`, and one more."""
    day = period_start(to_local(first, zone).date(), width)
    last = to_local(max(first, until - 1), zone).date()
    days = [day]
    while day <= last:
        day = next_start(day, width)
        days.append(day)
    return days[-PERIODS_MAX - 1 :]


def periods_of(first: int, until: int, width: str, zone: str) -> list[Period]:
    """Return the periods that hold anything of `first` (inclusive) to `until` (exclusive), in order."""
    days = period_starts(first, until, width, zone)
    return [
        Period(start=begin, end=end, label=label_of(day, width), complete=end <= until)
        for day, (begin, end) in zip(days, pairwise(day_start(one, zone) for one in days), strict=False)
    ]
