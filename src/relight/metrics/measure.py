"""What a measure gives: a value with its count, interval, definition and series. Plain frozen data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from relight.config.measure_kinds import Unit
from relight.metrics.periods import Period


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A 95 % confidence interval, in the unit of its value."""

    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A measure in one period."""

    period: Period
    #: None where there is nothing to divide by.
    value: float | None
    #: How many the value is over: customers, orders, answers.
    n: int
    #: What the value is made of, by name.
    parts: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One measure, over time."""

    name: str
    capability: str
    title: str
    unit: Unit
    #: Of the last full period (of the running one where none is full); None where there is nothing to divide by.
    value: float | None
    n: int
    interval: Interval | None
    #: What the figure means here, in sentences.
    definition: str
    #: Which period the value is of; None for no period at all.
    period: Period | None
    parts: Mapping[str, float]
    #: The value of the period a year before; None where there is none.
    year_before: float | None = None
    #: Every period, the running one included, oldest first.
    series: tuple[Point, ...]
    more_is_better: bool | None
    #: ISO 4217, for money.
    currency: str
    #: Which part of the customers or products: `2026-03`, `vip`, `flyer paper`; None for all.
    slice: str | None = None
    #: Why there is no figure; None where there is one.
    missing: str | None = None

    @property
    def change(self) -> float | None:
        """The value less that of a year before, in its unit; None where one of them is missing."""
        return None if self.value is None or self.year_before is None else self.value - self.year_before
