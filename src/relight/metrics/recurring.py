"""Recurring revenue and what moves it: C8."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from relight.metrics.measure import Point
from relight.metrics.periods import Period
from relight.metrics.tables import NO_AMOUNT, NO_CODE, Codes, Ints, total, units

if TYPE_CHECKING:
    from relight.metrics.extract import MeasureLog

#: Parts of a word that say how often an amount is due -> months it pays for.
_MONTHS = {"year": 12, "annual": 12, "quarter": 3}


def months_of(word: str) -> int:
    """Return the months that one amount pays for: 12 for `yearly` or `annual`, 3 for `quarterly`, else 1."""
    low = word.lower()
    return next((months for part, months in _MONTHS.items() if part in low), 1)


def recurring_marks(log: MeasureLog) -> tuple[Codes, Ints, Ints]:
    """Return who, when, and what they pay a month from then on (millionths), in the order of time; 0 is a farewell."""
    plan = log.plan
    source = plan.sources["subscription"]
    table = log.table(source)
    table = table.where((table.who != NO_CODE) & (table.amounts[source.prop or ""] != NO_AMOUNT))
    amount = table.amounts[source.prop or ""]
    billed = plan.sources.get("billed")
    if billed is not None and billed.prop is not None:
        months = np.array([1, *(months_of(word) for word in log.words.names())], np.int64)
        amount = np.rint(amount / months[table.texts[billed.prop] + 1]).astype(np.int64)
    ended = plan.sources.get("cancelled") or plan.sources.get("left")
    ends = [] if ended is None else [log.table(ended)]
    who = np.concatenate([table.who, *(one.who for one in ends)])
    when = np.concatenate([table.when, *(one.when for one in ends)])
    amount = np.concatenate([amount, *(np.zeros(len(one), np.int64) for one in ends)])
    order = np.lexsort((amount == 0, when))
    return who[order], when[order], amount[order]


def recurring_points(log: MeasureLog, periods: Sequence[Period]) -> list[Point]:
    """Return C8 of each period: at its end, and what moved it since its start."""
    who, when, amount = recurring_marks(log)
    paying = np.zeros(len(log.people), np.int64)
    at = 0
    points = []
    if periods:
        at = int(np.searchsorted(when, periods[0].start, side="left"))
        paying[who[:at]] = amount[:at]  # of several marks of one person the last one stands
    for period in periods:
        upto = int(np.searchsorted(when, period.end, side="left"))
        before = paying.copy()
        paying[who[at:upto]] = amount[at:upto]
        at = upto
        points.append(_point(period, before, paying))
    return points


def _point(period: Period, before: Ints, after: Ints) -> Point:
    change = after - before
    count = int(np.count_nonzero(after))
    value = units(total(after))
    parts = {
        "start": units(total(before)),
        "new": units(total(after[before == 0])),
        "expansion": units(total(change[(before > 0) & (after > before)])),
        "contraction": units(-total(change[(after > 0) & (after < before)])),
        "churned": units(total(before[after == 0])),
        "customers": float(count),
        "per_customer": value / count if count else 0.0,
    }
    return Point(period=period, value=value, n=count, parts=parts)
