"""All measures of a project at once: from the columns of its log to values with their definitions and series."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from relight.base.durations import add_months
from relight.base.errors import UsageError
from relight.base.suggest import suggest_words
from relight.config.measure_kinds import MEASURES, MeasureKind, Unit
from relight.metrics.definitions import SENTENCES, definition_of, missing_text
from relight.metrics.intervals import mean_interval, wilson
from relight.metrics.measure import Interval, Measure, Point
from relight.metrics.orders import (
    Orders,
    Sales,
    frequency_points,
    lifetime_value,
    order_points,
    orders_of,
    repeat_points,
    revenue_points,
    sales_of,
    value_points,
)
from relight.metrics.periods import Period, periods_of
from relight.metrics.recurring import recurring_points
from relight.metrics.retention import (
    Turnover,
    churn_points,
    customer_points,
    lifetime_points,
    retention_points,
    turnovers,
)
from relight.metrics.spans import Spans, spans_of
from relight.metrics.surveys import effort_points, survey_points
from relight.metrics.tables import total, units

if TYPE_CHECKING:
    from relight.config.measure_plan import MeasurePlan
    from relight.metrics.extract import MeasureLog

_HUNDRED = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is wanted."""

    #: Where time has come to (µs, exclusive).
    until: int
    #: Series begin with the period that holds this instant (µs); None: with the first event.
    since: int | None = None
    #: Code of one product, for measures of orders.
    product: int | None = None
    #: Name of the slice the log was cut to.
    slice: str | None = None
    #: The period of the series; None: the plan's.
    width: str | None = None


def measure_names(plan: MeasurePlan) -> list[str]:
    """Return every measure and effort of a project, computable or not, in the order in which they are shown."""
    return [*MEASURES, *plan.efforts]


def compute_measures(log: MeasureLog, asked: Asked, names: Collection[str] | None = None) -> list[Measure]:
    """Return the measures (all for None), in their order; raises UsageError for a name that is none.

    A measure that lacks a source comes without figures and says what is missing.
    """
    plan = log.plan
    known = measure_names(plan)
    for name in names or ():
        if name not in known:
            advice = suggest_words(name, known)
            raise UsageError(f"there is no measure '{name}'" + (f"; {advice}" if advice else ""))
    work = _Work(log, asked)
    return [work.measure(name) for name in known if names is None or name in names]


class _Work:
    """One computation; what several measures need is found once."""

    def __init__(self, log: MeasureLog, asked: Asked) -> None:
        self.log, self.asked, self.plan = log, asked, log.plan
        self.width = asked.width or log.plan.period

    # ------------------------------------------------------------ shared parts
    @cached_property
    def spans(self) -> Spans:
        return spans_of(self.log)

    @cached_property
    def orders(self) -> Orders:
        return orders_of(self.log, product=self.asked.product)

    @cached_property
    def sales(self) -> list[Sales]:
        return sales_of(self.orders, self.periods)

    @cached_property
    def turnover(self) -> list[Turnover]:
        return turnovers(self.spans, self.periods, len(self.log.people), now=self.asked.until)

    @cached_property
    def lifetimes(self) -> list[Point]:
        observed = self.plan.lifetime == "observed"
        return lifetime_points(self.turnover, self.spans, observed=observed, width=self.width, now=self.asked.until)

    @cached_property
    def periods(self) -> list[Period]:
        since = self.asked.since
        firsts = [int(table.when.min()) for name in sorted(self.log.names()) if len(table := self.log.table(name))]
        if not firsts:
            return []
        first = min(firsts) if since is None else max(since, min(firsts))
        return periods_of(first, max(self.asked.until, first + 1), self.width, self.plan.zone)

    # ------------------------------------------------------------ one measure
    def measure(self, name: str) -> Measure:
        effort = self.plan.efforts.get(name)
        if effort is not None:
            kind = _effort_kind(name, self.plan.title_of("effort", name), definition_of(name, self.plan))
            return self._made(kind, effort_points(self.log, effort, self.periods))
        kind = MEASURES[name]
        lacking = missing_text(name, self.plan)
        if lacking is None and self.asked.product is not None and not kind.of_products:
            lacking = "this measure is not of one product"
        return self._made(kind, [] if lacking else _POINTS[name](self), lacking)

    def _made(self, kind: MeasureKind, points: Sequence[Point], missing: str | None = None) -> Measure:
        full = [one for one in points if one.period.complete]
        chosen = full[-1] if full else points[-1] if points else None
        return Measure(
            name=kind.name,
            capability=kind.capability,
            title=kind.title,
            unit=kind.unit,
            value=None if chosen is None else chosen.value,
            n=0 if chosen is None else chosen.n,
            interval=None if chosen is None else _interval(kind.name, chosen),
            definition=definition_of(kind.name, self.plan, width=self.width),
            period=None if chosen is None else chosen.period,
            parts={} if chosen is None else chosen.parts,
            year_before=None if chosen is None else _year_before(points, chosen, self.plan.zone),
            series=tuple(points),
            more_is_better=kind.more_is_better,
            currency=self.plan.currency,
            slice=self.asked.slice,
            missing=missing or (None if points else SENTENCES["en"]["no_events"]),
        )

    def clv(self) -> list[Point]:
        margin = None if self.plan.margin is None else float(self.plan.margin)
        frequencies = frequency_points(self.sales)
        points = []
        for value, frequency, lifetime in zip(value_points(self.sales), frequencies, self.lifetimes, strict=True):
            found = lifetime_value(
                order_value=value.value, frequency=frequency.value, lifetime=lifetime.value, margin=margin
            )
            factors = {"aov": value.value, "apf": frequency.value, "acl": lifetime.value, "margin": margin}
            parts = {name: one for name, one in factors.items() if one is not None}
            points.append(Point(period=value.period, value=found, n=frequency.n, parts=parts))
        return points

    def cac(self) -> list[Point]:
        source = self.plan.sources["cost"]
        table = self.log.table(source)
        points = []
        for one in self.turnover:
            inside = (table.when >= one.period.start) & (table.when < one.period.end)
            cost = units(total(table.amounts[source.prop or ""][inside]))
            value = cost / one.first if one.first else None
            points.append(Point(period=one.period, value=value, n=one.first, parts={"cost": cost, "gained": one.first}))
        return points

    def clv_to_cac(self) -> list[Point]:
        points = []
        for value, cost in zip(self.clv(), self.cac(), strict=True):
            ratio = value.value / cost.value if value.value is not None and cost.value else None
            parts = {name: one for name, one in (("clv", value.value), ("cac", cost.value)) if one is not None}
            points.append(Point(period=value.period, value=ratio, n=cost.n, parts=parts))
        return points


_POINTS: Mapping[str, Callable[[_Work], Sequence[Point]]] = {
    "customers": lambda work: customer_points(work.turnover),
    "retention_rate": lambda work: retention_points(work.turnover),
    "churn": lambda work: churn_points(work.turnover),
    "orders": lambda work: order_points(work.sales),
    "revenue": lambda work: revenue_points(work.sales),
    "aov": lambda work: value_points(work.sales),
    "apf": lambda work: frequency_points(work.sales),
    "acl": lambda work: work.lifetimes,
    "clv": _Work.clv,
    "cac": _Work.cac,
    "clv_to_cac": _Work.clv_to_cac,
    "repeat_purchase_rate": lambda work: repeat_points(work.orders, work.periods, since=work.asked.since),
    "mrr": lambda work: recurring_points(work.log, work.periods),
    "nps": lambda work: survey_points(work.log, "nps", work.periods),
    "csat": lambda work: survey_points(work.log, "csat", work.periods),
    "ces": lambda work: survey_points(work.log, "ces", work.periods),
}


def _effort_kind(name: str, title: str, definition: str) -> MeasureKind:
    return MeasureKind(
        name=name,
        capability="C11",
        title=title,
        unit=Unit.DAYS,
        more_is_better=False,
        definition=definition,
    )


def _year_before(points: Sequence[Point], chosen: Point, zone: str) -> float | None:
    """Return the value of the full period that holds the instant a year before one began."""
    then = add_months(chosen.period.start, -12, zone)
    return next((one.value for one in points if one.period.start <= then < one.period.end), None)


def _interval(name: str, point: Point) -> Interval | None:
    """Return the 95 % interval of a value, where it is a share or a mean of independent answers."""
    n, parts = point.n, point.parts
    if not n or point.value is None:
        return None
    match name:
        case "retention_rate":
            return _percent(wilson(int(parts["E"] - parts["N"]), n))
        case "churn":
            return _percent(wilson(int(parts["lost"]), n))
        case "repeat_purchase_rate":
            return _percent(wilson(int(parts["repeaters"]), n))
        case "csat":
            return _percent(wilson(int(parts["satisfied"]), n))
        case "nps":
            up, down = parts["promoters"] / n, parts["detractors"] / n
            spread = max(0.0, up + down - (up - down) ** 2) ** 0.5
            return mean_interval(mean=point.value, spread=spread * _HUNDRED, n=n)
        case "ces":
            return mean_interval(mean=point.value, spread=parts["spread"], n=n)
        case _:
            return None


def _percent(interval: Interval | None) -> Interval | None:
    return None if interval is None else replace(interval, low=interval.low * 100, high=interval.high * 100)
