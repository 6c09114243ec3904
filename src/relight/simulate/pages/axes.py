"""Which values and days an axis names, and where. Pure; positions are shares of the axis."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from relight.simulate.pages.words import count_text

#: Labelled lines of the vertical axis, besides zero.
LINES_MAX = 4
#: A label further right (%) would be cut off.
LABEL_AT_MAX = 95.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A label of an axis."""

    text: str
    #: Where, % of the axis: from the left, or from the top.
    at: float
    #: Left out on a narrow page.
    minor: bool = False


def round_lines(height: int) -> tuple[Label, ...]:
    """Return round values at most LINES_MAX of which fit under the height."""
    power = 1
    while True:
        for factor in (1, 2, 5):
            step = factor * power
            if height // step <= LINES_MAX:
                return tuple(
                    Label(text=count_text(value), at=round(100 - value / height * 100, 3))
                    for value in range(step, height + 1, step)
                )
        power *= 10


def day_labels(days: range, size: int, width: int) -> tuple[Label, ...]:
    """Return days, Mondays, months or years, so that they fit; `size` days a bar, `width` bars."""
    span = width * size
    found: list[tuple[int, str]] = []
    for day in days:
        date = dt.date.fromordinal(day)
        if len(days) <= 16:  # noqa: PLR2004 - up to here a label a day fits
            found.append((day, f"{date.day} {date:%b}"))
        elif len(days) <= 100:  # noqa: PLR2004 - up to here one a week
            if date.weekday() == 0:
                found.append((day, f"{date.day} {date:%b}"))
        elif len(days) <= 800:  # noqa: PLR2004 - up to here one a month
            if date.day == 1:
                found.append((day, f"{date:%b}" if date.month > 1 else f"{date:%Y}"))
        elif date.day == 1 and date.month == 1:
            found.append((day, f"{date:%Y}"))
    at = [(round((day - days.start) / span * 100, 3), text) for day, text in found]
    crowded = len(at) > 6  # noqa: PLR2004 - what a phone has room for
    return tuple(
        Label(text=text, at=place, minor=crowded and number % 2 == 1)
        for number, (place, text) in enumerate(at)
        if place <= LABEL_AT_MAX
    )
