"""Two kinds of duration (V3).

Elapsed ones are µs (`30 days` = 30 × 24 h), calendar ones count months of the wall clock.

A month, quarter or year is calendar; everything shorter is elapsed.
"""

from __future__ import annotations

import calendar
import datetime as dt
import re
from dataclasses import dataclass

from relight.base.instants import DAY, HOUR, MINUTE, SECOND, WEEK, from_local, to_local

_ELAPSED_UNITS = {
    "second": SECOND, "sec": SECOND, "s": SECOND,
    "minute": MINUTE, "min": MINUTE, "m": MINUTE,
    "hour": HOUR, "h": HOUR,
    "day": DAY, "d": DAY,
    "week": WEEK, "w": WEEK,
}  # fmt: skip
_MONTH_UNITS = {"month": 1, "quarter": 3, "year": 12, "y": 12}
_PART = re.compile(r"\s*(\d+)\s*([A-Za-z]+)\s*(?:,|and\b)?")
#: Longest span in months or days that a file may name; a typo in a unit must not arm a timer in the year 9000.
SPAN_YEARS_MAX = 100
#: Years whose every day has a wall clock in every zone.
_YEAR_MIN, _YEAR_MAX = 2, 9998


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A duration: `months` of calendar time, then `elapsed` µs. Exactly one of the two is used by the parser."""

    months: int = 0
    elapsed: int = 0

    @property
    def is_calendar(self) -> bool:
        """Return whether the wall clock of a zone is needed to add it."""
        return self.months != 0

    def after(self, instant: int, zone: str) -> int:
        """Return the instant one span later; a day that the month lacks becomes its last day."""
        moved = add_months(instant, self.months, zone) if self.months else instant
        return moved + self.elapsed

    def before(self, instant: int, zone: str) -> int:
        """Return the instant one span earlier."""
        moved = add_months(instant, -self.months, zone) if self.months else instant
        return moved - self.elapsed

    @property
    def longest(self) -> int:
        """Return an upper bound in µs, for limits on what is kept: a month counts 31 days and an hour for zones."""
        return self.months * (31 * DAY) + (2 * HOUR if self.months else 0) + self.elapsed

    def __str__(self) -> str:
        """Return the span as a person writes it: `30 days`, `2 months`."""
        if self.months:
            count, unit = (self.months // 12, "year") if self.months % 12 == 0 else (self.months, "month")
            head = f"{count} {unit}" + ("" if count == 1 else "s")
            return head + (f" {Span(elapsed=self.elapsed)}" if self.elapsed else "")
        for unit, size in (("day", DAY), ("hour", HOUR), ("minute", MINUTE)):
            if self.elapsed and self.elapsed % size == 0:
                count = self.elapsed // size
                return f"{count} {unit}" + ("" if count == 1 else "s")
        if self.elapsed % SECOND == 0:
            count = self.elapsed // SECOND
            return f"{count} second" + ("" if count == 1 else "s")
        return f"{self.elapsed} µs"


def parse_span(text: str) -> Span | None:
    """Return the span of `30 days`, `1d 12h`, `90m`, `2 months`, `P3D` or `PT12H`; None when it is none.

    Mixed calendar and elapsed parts (`1 month 3 days`) are allowed and add in that order.
    """
    iso = re.fullmatch(r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?", text)
    if iso and any(iso.groups()):
        years, months, weeks, days, hours, minutes, seconds = (int(g or 0) for g in iso.groups())
        elapsed = weeks * WEEK + days * DAY + hours * HOUR + minutes * MINUTE + seconds * SECOND
        return _bounded(Span(months=years * 12 + months, elapsed=elapsed))
    at, span, count = 0, Span(), 0
    stripped = text.strip()
    while at < len(stripped):
        part = _PART.match(stripped, at)
        if part is None:
            return None
        size, unit = int(part[1]), part[2].lower()
        one = _unit_span(unit if unit in _ELAPSED_UNITS or unit in _MONTH_UNITS else unit.removesuffix("s"))
        if one is None:
            return None
        span = Span(months=span.months + one.months * size, elapsed=span.elapsed + one.elapsed * size)
        at, count = part.end(), count + 1
    return _bounded(span) if count else None


def _unit_span(unit: str) -> Span | None:
    if unit in _ELAPSED_UNITS:
        return Span(elapsed=_ELAPSED_UNITS[unit])
    if unit in _MONTH_UNITS:
        return Span(months=_MONTH_UNITS[unit])
    return None


def _bounded(span: Span) -> Span | None:
    return span if span.longest <= SPAN_YEARS_MAX * 366 * DAY else None


def add_months(instant: int, months: int, zone: str) -> int:
    """Return the instant `months` later on the wall clock of `zone`, the last day of a shorter month taken.

    What would lie beyond the calendar lies in the year 2 or 9998: a deadline there never comes, and stops nobody.
    """
    local = to_local(instant, zone)
    year, month = divmod(local.year * 12 + local.month - 1 + months, 12)
    return _same_day(local, min(max(year, _YEAR_MIN), _YEAR_MAX), month + 1, zone)


def shift_months(instant: int, months: int, zone: str) -> int:
    """Return the same as `add_months`; raises OverflowError where the result lies beyond the calendar."""
    local = to_local(instant, zone)
    year, month = divmod(local.year * 12 + local.month - 1 + months, 12)
    if not dt.MINYEAR <= year <= dt.MAXYEAR:
        message = f"{months} months from {local.date()} lie beyond the calendar"
        raise OverflowError(message)
    return _same_day(local, year, month + 1, zone)


def _same_day(local: dt.datetime, year: int, month: int, zone: str) -> int:
    day = min(local.day, calendar.monthrange(year, month)[1])
    return from_local(dt.datetime.combine(dt.date(year, month, day), local.time()), zone)
