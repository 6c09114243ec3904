"""What people answer, and how long things take them: C9, C10, C11."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from relight.base.instants import DAY
from relight.config.measure_plan import Effort, Scale
from relight.metrics.measure import Point
from relight.metrics.periods import Period
from relight.metrics.tables import MILLION, NO_AMOUNT, NO_CODE, Ints

if TYPE_CHECKING:
    from relight.metrics.extract import MeasureLog

#: Answers from here on are promoters, and up to here detractors, on 0–10.
PROMOTER_MIN = 9
DETRACTOR_MAX = 6
_QUANTILE = 0.9


def promoter_score(*, promoters: int, detractors: int, answers: int) -> float | None:
    """Return % promoters − % detractors."""
    return (promoters - detractors) * 100 / answers if answers else None


def satisfaction(*, satisfied: int, answers: int) -> float | None:
    """Return satisfied answers / answers × 100."""
    return satisfied * 100 / answers if answers else None


def answers_of(log: MeasureLog, name: str, scale: Scale) -> tuple[Ints, Ints]:
    """Return when and what was answered, inside the scale, in the order of time."""
    source = log.plan.sources[name]
    table = log.table(source)
    values = table.amounts[source.prop or ""]
    keep = (values != NO_AMOUNT) & (values >= scale.low * MILLION) & (values <= scale.high * MILLION)
    when, values = table.when[keep], values[keep]
    order = np.argsort(when, kind="stable")
    return when[order], values[order]


def survey_points(log: MeasureLog, name: str, periods: Sequence[Period]) -> list[Point]:
    """Return `nps`, `csat` or `ces` of each period."""
    scale = log.plan.scales[name]
    when, values = answers_of(log, name, scale)
    make = {"nps": _nps, "csat": _csat, "ces": _ces}[name]
    points = []
    for period in periods:
        low, high = np.searchsorted(when, [period.start, period.end])
        points.append(make(period, values[low:high], scale))
    return points


def _nps(period: Period, values: Ints, scale: Scale) -> Point:
    n = int(values.size)
    promoters = int(np.count_nonzero(values >= PROMOTER_MIN * MILLION))
    detractors = int(np.count_nonzero(values < (DETRACTOR_MAX + 1) * MILLION))
    value = promoter_score(promoters=promoters, detractors=detractors, answers=n)
    parts = {"promoters": promoters, "passives": n - promoters - detractors, "detractors": detractors}
    return Point(period=period, value=value, n=n, parts=parts)


def _csat(period: Period, values: Ints, scale: Scale) -> Point:
    n = int(values.size)
    satisfied = int(np.count_nonzero(values >= scale.satisfied * MILLION))
    return Point(period=period, value=satisfaction(satisfied=satisfied, answers=n), n=n, parts={"satisfied": satisfied})


def _ces(period: Period, values: Ints, scale: Scale) -> Point:
    n = int(values.size)
    mean = int(values.sum()) / MILLION / n if n else None
    spread = float((values / MILLION).std(ddof=1)) if n > 1 else 0.0
    return Point(period=period, value=mean, n=n, parts={"spread": spread})


# ---------------------------------------------------------------- measured effort
def durations(log: MeasureLog, effort: Effort) -> tuple[Ints, Ints]:
    """Return when each way ended and how long it took (µs), in the order of the ends.

    A beginning ends at the first end of the same customer (and `by`) that is not earlier.
    """
    begins, ends = log.table(effort.begins), log.table(effort.ends)
    begins, ends = begins.where(begins.who != NO_CODE), ends.where(ends.who != NO_CODE)
    who = np.concatenate([begins.who, ends.who]).astype(np.int64)
    if effort.by is not None:
        words = np.concatenate([begins.texts[effort.by], ends.texts[effort.by]]).astype(np.int64)
        who = np.where(words == NO_CODE, -1, who * (len(log.words) + 1) + words)
    when = np.concatenate([begins.when, ends.when])
    is_end = np.append(np.zeros(len(begins), np.bool_), np.ones(len(ends), np.bool_))
    keep = who >= 0
    who, when, is_end = who[keep], when[keep], is_end[keep]
    order = np.lexsort((is_end, when, who))
    who, when, is_end = who[order], when[order], is_end[order]
    place = np.arange(who.size)
    following = np.minimum.accumulate(np.where(is_end, place, who.size)[::-1])[::-1]
    started = np.flatnonzero(~is_end & (following < who.size))
    started = started[who[following[started]] == who[started]]
    ended = when[following[started]]
    took = ended - when[started]
    order = np.argsort(ended, kind="stable")
    return ended[order], took[order]


def effort_points(log: MeasureLog, effort: Effort, periods: Sequence[Period]) -> list[Point]:
    """Return the median days of what ended in each period, with mean and ninetieth percentile."""
    ended, took = durations(log, effort)
    points = []
    for period in periods:
        low, high = np.searchsorted(ended, [period.start, period.end])
        chosen = took[low:high] / DAY
        if not chosen.size:
            points.append(Point(period=period, value=None, n=0))
            continue
        parts = {"mean": float(chosen.mean()), "p90": float(np.quantile(chosen, _QUANTILE))}
        points.append(Point(period=period, value=float(np.median(chosen)), n=int(chosen.size), parts=parts))
    return points
