"""Clock times, send windows and moments of the wall clock as people write them, parsed to numbers. Knows no zone."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

from relight.base.instants import day_start, from_local, is_zone
from relight.base.suggest import nearest_word
from relight.rules.plan import SendWindow, Until

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_UNTIL = re.compile(r"(?:next )?([a-zA-Z]+)?\s*(\d{1,2}:\d{2})?")
_WINDOW = re.compile(r"([A-Za-z ,-]+?) (\d{1,2}:\d{2}) ?[-–] ?(\d{1,2}:\d{2})")
_CLOCKS = re.compile(r"\d{1,2}:\d{2} ?[-–] ?\d{1,2}:\d{2}")
_DATE = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[ T](\d{1,2}:\d{2}))?(?: ([A-Za-z_]+(?:/[A-Za-z_+-]+)*))?")
_GROUPS = {
    "weekdays": frozenset(range(5)),
    "weekends": frozenset({5, 6}),
    "weekend": frozenset({5, 6}),
    "daily": frozenset(range(7)),
    "every day": frozenset(range(7)),
}
#: Minutes of a day.
DAY_MINUTES = 24 * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class DateText:
    """A day, or a minute of a day, on somebody's wall clock."""

    day: dt.date
    #: Minute of the day; None for the whole day.
    minute: int | None = None
    #: None: the project's.
    zone: str | None = None

    def first_instant(self, zone: str) -> int:
        """Return the instant at which it begins (µs); `zone` where it names none."""
        if self.minute is None:
            return day_start(self.day, self.zone or zone)
        clock = dt.time(self.minute // 60, self.minute % 60)
        return from_local(dt.datetime.combine(self.day, clock), self.zone or zone)

    def last_instant(self, zone: str) -> int:
        """Return the last instant that belongs to it (µs): a day runs to its end."""
        if self.minute is None:
            return day_start(self.day + dt.timedelta(days=1), self.zone or zone) - 1
        return self.first_instant(zone)


def parse_clock(text: str) -> int | None:
    """Return the minute of the day of `09:00`; `24:00` is none."""
    found = _CLOCK.fullmatch(text.strip())
    return int(found[1]) * 60 + int(found[2]) if found else None


def parse_weekday(text: str) -> int | None:
    """Return 0 for `monday` or `mon`."""
    word = text.strip().lower()
    if len(word) < 3:  # noqa: PLR2004 - the shortest usual abbreviation
        return None
    return next((n for n, name in enumerate(WEEKDAYS) if name.startswith(word)), None)


def parse_until(text: str) -> Until | None:
    """Return `next monday 09:00`, `monday 09:00` or `09:00`; None for anything else (an expression, a mistake)."""
    found = _UNTIL.fullmatch(text.strip())
    if found is None or found[2] is None or (minute := parse_clock(found[2])) is None:
        return None
    if found[1] is None:
        return None if text.strip().startswith("next") else Until(weekday=None, minute=minute)
    weekday = parse_weekday(found[1])
    return None if weekday is None else Until(weekday=weekday, minute=minute)


def is_meant_as_window(text: str) -> bool:
    """Return whether a text holds two times of day with a dash between, as a send window does."""
    return _CLOCKS.search(text) is not None


def until_mistake(text: str) -> str | None:
    """Return what is wrong with a text that was meant as a local time or a send window; None for anything else.

    One that begins with `next`, is a word and a time of day (`mondy 09:00`), or holds two times of day.
    """
    if is_meant_as_window(text):
        return "days, and two times of day of which the first is earlier"
    words = text.strip().split()
    if words and words[0] != "next" and _UNTIL.fullmatch(text.strip()) and _CLOCK.fullmatch(words[-1]):
        words = ["next", *words]
    if not words or words[0] != "next":
        return None
    if len(words) < 3:  # noqa: PLR2004 - next, weekday, time
        return "a weekday and a time of day"
    near = nearest_word(words[1].lower(), WEEKDAYS)
    return (
        f"a weekday; did you mean '{near}'?"
        if near and parse_weekday(words[1]) is None
        else "a weekday and a time of day"
    )


def parse_send_window(text: str) -> SendWindow | None:
    """Return `weekdays 09:00-18:00`, `mon, wed 10:00-12:00`, `mon-thu 09:00-17:00`; None for anything else."""
    found = _WINDOW.fullmatch(text.strip())
    if found is None:
        return None
    days = _parse_days(found[1].strip().lower())
    start = parse_clock(found[2])
    end = DAY_MINUTES if found[3] == "24:00" else parse_clock(found[3])
    if not days or start is None or end is None or start >= end:
        return None
    return SendWindow(weekdays=days, start=start, end=end)


def _parse_days(text: str) -> frozenset[int]:
    if text in _GROUPS:
        return _GROUPS[text]
    days: set[int] = set()
    for part in re.split(r"\s*,\s*|\s+and\s+|\s+", text):
        ends = [parse_weekday(word) for word in part.split("-")]
        first, last = ends[0], ends[-1]
        if first is None or last is None or len(ends) > 2:  # noqa: PLR2004 - from and to
            return frozenset()
        days |= {(first + n) % 7 for n in range((last - first) % 7 + 1)}
    return frozenset(days)


def parse_date_text(text: str) -> DateText | None:
    """Return `2026-03-01`, `2026-03-01 09:00`, with a zone behind where it is not the project's."""
    found = _DATE.fullmatch(text.strip())
    if found is None or (found[3] is not None and not is_zone(found[3])):
        return None
    try:
        day = dt.date.fromisoformat(found[1])
    except ValueError:
        return None
    minute = parse_clock(found[2]) if found[2] else None
    if found[2] and minute is None:
        return None
    return DateText(day=day, minute=minute, zone=found[3])
