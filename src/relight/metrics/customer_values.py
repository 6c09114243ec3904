"""The measures of each customer as of the beginning of a day, from what the log held by then; and what changed in them.

A pure fold of the store: the same log gives the same values, whatever was asked before. Values travel as texts and
whole numbers, the form in which the log keeps them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from relight.base.instants import day_start, to_local
from relight.metrics.buying import BuyingModel, buyers_of, fit_buying, still_active
from relight.metrics.extract import MeasureLog
from relight.metrics.orders import by_day, orders_of
from relight.metrics.periods import PERIOD_LENGTH, Period, period_start
from relight.metrics.recommending import Purchases, recommend
from relight.metrics.retention import lifetime_by_churn, lived, turnovers
from relight.metrics.spans import spans_of
from relight.metrics.tables import MILLION, NO_AMOUNT, NO_CODE
from relight.streams.envelope import Control
from relight.streams.target_events import TARGET_MISSED

if TYPE_CHECKING:
    from relight.config.measure_plan import MeasurePlan
    from relight.metrics.orders import Orders
    from relight.stores.interface import Store

#: A value as the log keeps it; None where there is none any more.
Value = str | int | list[str] | None


class CustomerMeasures:
    """Serves the measures of customers at each beginning of a day; a `DayMaker` of the engine."""

    def __init__(self, plan: MeasurePlan) -> None:
        """Start before the first record; the log is read on at each beginning."""
        self.log = MeasureLog(plan)
        self._monthly: dict[str, tuple[int, object]] = {}

    def forget(self) -> None:
        """Read the log from its beginning at the next call."""
        self.log, self._monthly = MeasureLog(self.log.plan), {}

    def __call__(self, store: Store, names: Collection[str], now: int) -> Iterator[Control]:
        """Yield one control record for each customer whose values changed, by customer."""
        self.log.read_store(store)
        work = _Work(self.log, now, self._monthly)
        found: dict[int, dict[str, Value]] = {}
        for name in sorted(names):
            values = _VALUES[name](work)
            gone = {code for code, told in self.log.served.items() if told.get(name) is not None} - values.keys()
            for code, value in [*values.items(), *((code, None) for code in gone)]:
                if self.log.served.get(code, {}).get(name) != value:
                    found.setdefault(code, {})[name] = value
        people = self.log.people.names()
        changed = sorted((people[code], values) for code, values in found.items())
        for customer, detail in changed:
            yield Control(kind="measures", ingest_time=now, customer=customer, detail=dict(detail))

    def values(self, names: Collection[str], now: int) -> dict[str, dict[str, Value]]:
        """Return customer -> measure -> value as of an instant (µs), from what was read; what came later counts not."""
        return _by_customer(_Work(self.log, now, self._monthly), names)


@dataclass(slots=True)
class _Work:
    """One beginning of a day."""

    log: MeasureLog
    now: int
    #: What is found once a period: name -> (when it began, what was found).
    monthly: dict[str, tuple[int, object]]

    def orders(self) -> Orders:
        return orders_of(self.log, before=self.now)

    def once(self, name: str, begin: int, find: Callable[[], object]) -> object:
        """Return what is found from the log as of `begin`: the same all through a period, whoever asks when."""
        known = self.monthly.get(name)
        if known is None or known[0] != begin:
            known = self.monthly[name] = (begin, find())
        return known[1]

    def begin_of(self, width: str) -> int:
        """Return the beginning of the running period."""
        zone = self.log.plan.zone
        return day_start(period_start(to_local(self.now, zone).date(), width), zone)


def _orders(work: _Work) -> dict[int, Value]:
    counts = np.bincount(work.orders().who, minlength=len(work.log.people))
    known = np.zeros(len(counts), np.bool_)
    for name in work.log.names() - {TARGET_MISSED}:  # of nobody
        who = work.log.table(name, before=work.now).who
        known[who[who >= 0]] = True
    return {int(code): int(counts[code]) for code in np.flatnonzero(known)}


def _last_answer(name: str) -> Callable[[_Work], dict[int, Value]]:
    def values(work: _Work) -> dict[int, Value]:
        source, scale = work.log.plan.sources[name], work.log.plan.scales[name]
        table = work.log.table(source, before=work.now)
        answers = table.amounts[source.prop or ""]
        keep = (answers != NO_AMOUNT) & (answers >= scale.low * MILLION) & (answers <= scale.high * MILLION)
        keep &= table.who >= 0
        order = np.argsort(table.when[keep], kind="stable")
        who, answers = table.who[keep][order], answers[keep][order]
        return {int(code): int(answer) // MILLION for code, answer in zip(who, answers, strict=True)}

    return values


def _lifetime_value(work: _Work) -> dict[int, Value]:
    plan = work.log.plan
    lifetime = _lifetime(work)
    orders = work.orders()
    if lifetime is None or orders.amount is None or not len(orders):
        return {}
    margin = 1.0 if plan.margin is None else float(plan.margin)
    people = len(work.log.people)
    counts = np.bincount(orders.who, minlength=people)
    revenue = np.zeros(people, np.int64)
    np.add.at(revenue, orders.who, np.where(orders.amount == NO_AMOUNT, 0, orders.amount))
    first = np.full(people, np.iinfo(np.int64).max)
    np.minimum.at(first, orders.who, orders.when)
    length = PERIOD_LENGTH[plan.period]
    found: dict[int, Value] = {}
    for code in np.flatnonzero(counts):
        # Whole periods, begun ones included: the value moves when a period turns, not every day.
        periods = max(1, -(-(work.now - int(first[code])) // length))
        value = int(revenue[code]) / MILLION / periods * lifetime * margin
        found[int(code)] = f"{value:.2f}"
    return found


def _lifetime(work: _Work) -> float | None:
    """Return the average lifetime in the last full period, as the log told it when that period was over."""
    plan = work.log.plan
    begin = work.begin_of(plan.period)

    def find() -> float | None:
        spans = spans_of(work.log, before=begin)
        if plan.lifetime == "observed":
            total, people = lived(spans, begin)
            return total / PERIOD_LENGTH[plan.period] / people if people else None
        earlier = period_start(to_local(begin - 1, plan.zone).date(), plan.period)
        period = Period(start=day_start(earlier, plan.zone), end=begin, label="", complete=True)
        (turn,) = turnovers(spans, [period], len(work.log.people), now=begin)
        return lifetime_by_churn(start=turn.start, lost=turn.lost)

    found = work.once("lifetime", begin, find)
    assert found is None or isinstance(found, float)
    return found


def _still_active(work: _Work) -> dict[int, int]:
    """Return the probability of each buyer in hundredths."""
    plan = work.log.plan
    begin = work.begin_of("month")

    def fit() -> BuyingModel | None:
        known = by_day(orders_of(work.log, before=begin), plan.zone)
        return fit_buying(buyers_of(known, until=begin))

    model = work.once("buying", begin, fit)
    if not isinstance(model, BuyingModel):
        return {}
    buyers = buyers_of(by_day(work.orders(), plan.zone), until=work.now)
    chance = still_active(model, buyers.x, buyers.t_x, buyers.age)
    return dict(zip(buyers.who.tolist(), np.rint(chance * 100).astype(int).tolist(), strict=True))


def _recommended(work: _Work) -> Mapping[int, Value]:
    """Return what goes with what each customer bought, best first."""
    log, source = work.log, work.log.plan.sources["product"]
    assert source.prop is not None
    table = log.table(log.plan.sources["order"], before=work.now)
    product = table.texts[source.prop]
    if source.match.where is not None:
        product = np.where(table.filters[source.match.where.text], product, NO_CODE)
    return dict(recommend(Purchases(who=table.who, product=product, when=table.when), log.words.names(), now=work.now))


def _hundredths(number: int) -> str:
    return f"{number // 100}.{number % 100:02d}"


_VALUES: Mapping[str, Callable[[_Work], Mapping[int, Value]]] = {
    "orders": _orders,
    "clv": _lifetime_value,
    "nps": _last_answer("nps"),
    "csat": _last_answer("csat"),
    "ces": _last_answer("ces"),
    "still_active": lambda work: {code: _hundredths(n) for code, n in _still_active(work).items()},
    "recommended": _recommended,
    "churn_score": lambda work: {code: _hundredths(100 - n) for code, n in _still_active(work).items()},
}


def customer_values(log: MeasureLog, names: Collection[str], *, now: int) -> dict[str, dict[str, Value]]:
    """Return customer -> measure -> value as of an instant (µs), for those that are known."""
    return _by_customer(_Work(log, now, {}), names)


def _by_customer(work: _Work, names: Collection[str]) -> dict[str, dict[str, Value]]:
    people = work.log.people.names()
    found: dict[str, dict[str, Value]] = {}
    for name in names:
        for code, value in _VALUES[name](work).items():
            found.setdefault(people[code], {})[name] = value
    return found
