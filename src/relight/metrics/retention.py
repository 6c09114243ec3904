"""Retention, churn, lifetime: C1, C2, C5, and how many customers there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from relight.metrics.measure import Point
from relight.metrics.periods import PERIOD_LENGTH, Period
from relight.metrics.spans import NO_END, Spans
from relight.metrics.tables import Flags


@dataclass(frozen=True, slots=True, kw_only=True)
class Turnover:
    """The customers of one period."""

    period: Period
    #: Customers at its start (S) and at its end (E).
    start: int
    end: int
    #: Customers at the end who were none at the start (N).
    gained: int
    #: People who became customers in it for the first time.
    first: int

    @property
    def kept(self) -> int:
        """Customers of the start who are customers at the end: E − N."""
        return self.end - self.gained

    @property
    def lost(self) -> int:
        """Customers of the start who are none at the end."""
        return self.start - self.kept


def turnovers(spans: Spans, periods: Sequence[Period], people: int, *, now: int) -> list[Turnover]:
    """Return the customers of each period; now: where the running period ends (µs)."""
    if not periods:
        return []
    _, firsts = spans.firsts()
    firsts = np.sort(firsts)
    found = []
    # At the first instant of a period, who begins just there is counted as gained in it.
    before: Flags = spans.at(periods[0].start - 1, people)
    for period in periods:
        end = min(period.end, now)
        after = spans.at(end - 1, people)
        counted = np.searchsorted(firsts, [period.start, end])
        found.append(
            Turnover(
                period=period,
                start=int(before.sum()),
                end=int(after.sum()),
                gained=int((after & ~before).sum()),
                first=int(counted[1] - counted[0]),
            )
        )
        before = after
    return found


def customer_points(found: Sequence[Turnover]) -> list[Point]:
    """Return how many customers there are at the end of each period."""
    return [
        Point(
            period=one.period,
            value=float(one.end),
            n=one.end,
            parts={"start": one.start, "gained": one.gained, "lost": one.lost, "first_time": one.first},
        )
        for one in found
    ]


def retention_points(found: Sequence[Turnover]) -> list[Point]:
    """Return C1 of each period."""
    return [
        Point(
            period=one.period,
            value=retention_rate(start=one.start, end=one.end, gained=one.gained),
            n=one.start,
            parts={"S": one.start, "E": one.end, "N": one.gained},
        )
        for one in found
    ]


def churn_points(found: Sequence[Turnover]) -> list[Point]:
    """Return C2 of each period."""
    return [
        Point(
            period=one.period,
            value=churn_rate(start=one.start, lost=one.lost),
            n=one.start,
            parts={"S": one.start, "lost": one.lost},
        )
        for one in found
    ]


def retention_rate(*, start: int, end: int, gained: int) -> float | None:
    """Return (E − N) / S × 100; None where there was nobody to keep."""
    return (end - gained) * 100 / start if start else None


def churn_rate(*, start: int, lost: int) -> float | None:
    """Return lost / S × 100; None where there was nobody to lose."""
    return lost * 100 / start if start else None


def lifetime_by_churn(*, start: int, lost: int) -> float | None:
    """Return 1 / churn in periods of that churn; None where nobody left."""
    return start / lost if start and lost else None


def lifetime_points(found: Sequence[Turnover], spans: Spans, *, observed: bool, width: str, now: int) -> list[Point]:
    """Return C5 of each period."""
    points = []
    for one in found:
        if not observed:
            value = lifetime_by_churn(start=one.start, lost=one.lost)
            points.append(Point(period=one.period, value=value, n=one.start, parts={"S": one.start, "lost": one.lost}))
            continue
        total, people = lived(spans, min(one.period.end, now))
        value = total / PERIOD_LENGTH[width] / people if people else None
        points.append(Point(period=one.period, value=value, n=people))
    return points


def lived(spans: Spans, until: int) -> tuple[int, int]:
    """Return the time (µs) that everybody was a customer before an instant, and how many they are."""
    begun = spans.start < until
    end = np.minimum(np.where(spans.end == NO_END, until, spans.end), until)
    return int((end - spans.start)[begun].sum()), int(np.unique(spans.who[begun]).size)
