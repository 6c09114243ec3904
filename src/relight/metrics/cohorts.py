"""Which share of each sign-up cohort is active in the n-th day, week or month (C12), and funnels of declared steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from relight.config.measure_plan import Funnel
from relight.metrics.definitions import cohort_definition
from relight.metrics.periods import Period, periods_of
from relight.metrics.spans import spans_of
from relight.metrics.tables import NO_AMOUNT, NO_CODE, Codes, Ints, total, units

if TYPE_CHECKING:
    from relight.metrics.extract import MeasureLog

#: Flags of (customer, period) that are held at once (bytes); beyond it the pairs are sorted instead.
FLAGS_MAX = 200_000_000
_FAR = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True, kw_only=True)
class Cohort:
    """One row of the table."""

    period: Period
    #: People in it.
    size: int
    #: How many of them were active in period 0, 1, 2, …
    active: tuple[int, ...]

    def share(self, number: int) -> float:
        """Return the share active in a period after, in percent."""
        return self.active[number] * 100 / self.size


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortTable:
    """C12."""

    width: str
    rows: tuple[Cohort, ...]
    definition: str = cohort_definition()


def cohort_table(log: MeasureLog, *, width: str, until: int, since: int | None = None) -> CohortTable:
    """Return the cohorts by `day`, `week` or `month`; since, until: of cohorts from and up to these instants (µs)."""
    who, first = starts_of(log)
    keep = first < until
    who, first = who[keep], first[keep]
    if not who.size:
        return CohortTable(width=width, rows=())
    periods = periods_of(int(first.min()), until, width, log.plan.zone)
    starts = np.array([one.start for one in periods], np.int64)
    people = len(log.people)
    cohort = np.full(people, -1, np.int64)
    cohort[who] = np.searchsorted(starts, first, side="right") - 1
    counts = _active(log, cohort, starts, until)
    sizes = np.bincount(cohort[who], minlength=len(periods))
    rows = [
        Cohort(
            period=period,
            size=int(sizes[number]),
            active=tuple(int(n) for n in counts[number, number:]),
        )
        for number, period in enumerate(periods)
        if sizes[number] and (since is None or period.start >= since)
    ]
    return CohortTable(width=width, rows=tuple(rows))


def starts_of(log: MeasureLog) -> tuple[Codes, Ints]:
    """Return everybody and when they became a customer for the first time."""
    source = log.plan.sources.get("signup")
    if source is None:
        return spans_of(log).firsts()
    table = log.table(source)
    table = table.where(table.who != NO_CODE)
    order = np.lexsort((table.when, table.who))
    who, at = np.unique(table.who[order], return_index=True)
    return who, table.when[order][at]


def _active(log: MeasureLog, cohort: Ints, starts: Ints, until: int) -> Ints:
    """Return (cohort, period) -> number of people active."""
    wide = len(starts)
    counts = np.zeros((wide, wide), np.int64)
    tables = [log.table(name) for name in sorted(log.plan.activity)]
    pairs = []
    flags = np.zeros(len(cohort) * wide, np.bool_) if len(cohort) * wide <= FLAGS_MAX else None
    for table in tables:
        keep = (table.who != NO_CODE) & (table.when < until) & (table.when >= starts[0])
        who = table.who[keep].astype(np.int64)
        key = who * wide + np.searchsorted(starts, table.when[keep], side="right") - 1
        if flags is not None:
            flags[key] = True
        else:
            pairs.append(np.unique(key))
    found = np.flatnonzero(flags) if flags is not None else np.unique(np.concatenate(pairs))
    of, at = cohort[found // wide], found % wide
    known = (of >= 0) & (at >= of)
    np.add.at(counts, (of[known], at[known]), 1)
    return counts


# ---------------------------------------------------------------- funnels
@dataclass(frozen=True, slots=True, kw_only=True)
class FunnelCount:
    """One step of a funnel."""

    text: str
    #: People who took it and all before it.
    people: int
    #: Events of theirs that count for it.
    events: int
    #: Sum of the declared property; None where none is.
    total: float | None
    #: All events of this step, whoever caused them.
    all_events: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FunnelCounts:
    """A funnel, counted."""

    name: str
    steps: tuple[FunnelCount, ...]


def count_funnel(log: MeasureLog, funnel: Funnel, *, until: int | None = None) -> FunnelCounts:
    """Return how many people took each step after all before it.

    A step counts from somebody's event of the first step on (the last such event with `anchor: last`), up to its
    `within`; steps after the second also from their first event of the step before. With `anchor: any` a step counts
    whenever it was taken, by who took all before it.
    """
    people = len(log.people)
    anchor = np.full(people, _FAR, np.int64)
    after = np.full(people, _FAR, np.int64)
    steps = []
    for number, step in enumerate(funnel.steps):
        table = log.table(step.source)
        table = table.where((table.who != NO_CODE) & (table.when < (_FAR if until is None else until)))
        all_events = len(table)
        if number == 0:
            if funnel.anchor == "last":
                latest = np.full(people, -_FAR, np.int64)
                np.maximum.at(latest, table.who, table.when)
                anchor = np.where(latest == -_FAR, _FAR, latest)
            else:
                np.minimum.at(anchor, table.who, table.when)
            after = anchor
        else:
            keep = after[table.who] != _FAR
            if funnel.anchor != "any":
                keep &= table.when >= after[table.who]
            if step.within is not None:
                limit = np.where(anchor == _FAR, _FAR, anchor + step.within)
                keep &= table.when < limit[table.who]
            table = table.where(keep)
            reached = np.full(people, _FAR, np.int64)
            np.minimum.at(reached, table.who, table.when)
            after = reached
        amounts = table.amounts.get(step.source.prop or "")
        steps.append(
            FunnelCount(
                text=step.source.text,
                people=int(np.unique(table.who).size),
                events=len(table),
                total=None if amounts is None else units(total(amounts[amounts != NO_AMOUNT])),
                all_events=all_events,
            )
        )
    return FunnelCounts(name=funnel.name, steps=tuple(steps))
