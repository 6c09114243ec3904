"""Orders and what they bring: C3, C4, C6, C7."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from relight.base.instants import day_start
from relight.metrics.measure import Point
from relight.metrics.periods import Period, period_starts
from relight.metrics.tables import EMPTY, NO_AMOUNT, Codes, Ints, Table, total, units

if TYPE_CHECKING:
    from relight.metrics.extract import MeasureLog


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """Purchases: each order, or all of one customer and local day together."""

    who: Codes
    when: Ints
    known: Ints
    #: Millionths; NO_AMOUNT where nothing is known; None without a `revenue`.
    amount: Ints | None

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.who)


def orders_of(log: MeasureLog, *, before: int | None = None, product: int | None = None) -> Orders:
    """Return the orders of a log; before: known earlier than this (µs); product: the code of one product alone."""
    plan = log.plan
    source = plan.sources.get("order")
    table = EMPTY if source is None else log.table(source, before=before)
    revenue = plan.sources.get("revenue")
    if product is not None:
        prop = plan.sources["product"].prop
        assert prop is not None
        table = table.where(table.texts[prop] == product)
    table = table.where(table.who >= 0)
    amount = table.amounts[revenue.prop] if revenue is not None and revenue.prop is not None else None
    if amount is not None and revenue is not None and revenue.match.where is not None:
        amount = np.where(table.filters[revenue.match.where.text], amount, NO_AMOUNT)
    found = Orders(who=table.who, when=table.when, known=table.known, amount=amount)
    return by_day(found, plan.zone) if plan.by_day else found


def by_day(orders: Orders, zone: str) -> Orders:
    """Return one purchase for all orders of one customer and local day, at the time of the first."""
    if not len(orders):
        return orders
    first, last = int(orders.when.min()), int(orders.when.max())
    bounds = np.array([day_start(day, zone) for day in period_starts(first, last + 1, "day", zone)], np.int64)
    day = np.searchsorted(bounds, orders.when, side="right")
    order = np.lexsort((orders.when, day, orders.who))
    who, sorted_day = orders.who[order], day[order]
    begins = np.flatnonzero(np.append(True, (who[1:] != who[:-1]) | (sorted_day[1:] != sorted_day[:-1])))
    amount = None
    if orders.amount is not None:
        known = np.where(orders.amount == NO_AMOUNT, 0, orders.amount)[order]
        amount = np.add.reduceat(known, begins)
    return Orders(
        who=who[begins],
        when=orders.when[order][begins],
        known=np.minimum.reduceat(orders.known[order], begins),
        amount=amount,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sales:
    """The orders of one period."""

    period: Period
    orders: int
    buyers: int
    #: Millionths.
    revenue: int


def sales_of(orders: Orders, periods: Sequence[Period]) -> list[Sales]:
    """Return the orders of each period."""
    if not periods:
        return []
    bounds = np.array([periods[0].start, *(period.end for period in periods)], np.int64)
    at = np.searchsorted(bounds, orders.when, side="right") - 1
    order = np.argsort(at, kind="stable")
    cuts = np.searchsorted(at[order], np.arange(len(periods) + 1))
    found = []
    for number, period in enumerate(periods):
        chosen = order[cuts[number] : cuts[number + 1]]
        found.append(
            Sales(
                period=period,
                orders=int(chosen.size),
                buyers=_distinct(orders.who[chosen]),
                revenue=total(orders.amount[chosen]) if orders.amount is not None else 0,
            )
        )
    return found


def _distinct(codes: Codes) -> int:
    return int(np.count_nonzero(np.bincount(codes))) if codes.size else 0


def average_order_value(*, revenue: float, orders: int) -> float | None:
    """Return revenue / orders."""
    return revenue / orders if orders else None


def purchase_frequency(*, orders: int, buyers: int) -> float | None:
    """Return orders / customers who bought."""
    return orders / buyers if buyers else None


def lifetime_value(
    *, order_value: float | None, frequency: float | None, lifetime: float | None, margin: float | None = None
) -> float | None:
    """Return AOV × APF × ACL, times the margin where there is one; None where a factor is missing."""
    if order_value is None or frequency is None or lifetime is None:
        return None
    return order_value * frequency * lifetime * (1.0 if margin is None else margin)


def repeat_rate(*, customers: int, repeaters: int) -> float | None:
    """Return customers with two orders or more / customers × 100."""
    return repeaters * 100 / customers if customers else None


def order_points(found: Sequence[Sales]) -> list[Point]:
    """Return the orders of each period."""
    return [Point(period=one.period, value=float(one.orders), n=one.buyers) for one in found]


def revenue_points(found: Sequence[Sales]) -> list[Point]:
    """Return the revenue of each period."""
    return [Point(period=one.period, value=units(one.revenue), n=one.orders) for one in found]


def value_points(found: Sequence[Sales]) -> list[Point]:
    """Return C3 of each period."""
    return [
        Point(
            period=one.period,
            value=average_order_value(revenue=units(one.revenue), orders=one.orders),
            n=one.orders,
            parts={"revenue": units(one.revenue), "orders": one.orders},
        )
        for one in found
    ]


def frequency_points(found: Sequence[Sales]) -> list[Point]:
    """Return C4 of each period."""
    return [
        Point(
            period=one.period,
            value=purchase_frequency(orders=one.orders, buyers=one.buyers),
            n=one.buyers,
            parts={"orders": one.orders, "buyers": one.buyers},
        )
        for one in found
    ]


def repeat_points(orders: Orders, periods: Sequence[Period], *, since: int | None = None) -> list[Point]:
    """Return C7 over everything up to the end of each period; since: from here on (µs)."""
    if not periods:
        return []
    keep = orders.when < periods[-1].end
    if since is not None:
        keep &= orders.when >= since
    who, when = orders.who[keep], orders.when[keep]
    order = np.lexsort((when, who))
    who, when = who[order], when[order]
    first = np.append(True, who[1:] != who[:-1]) if who.size else np.empty(0, np.bool_)
    second = np.zeros(who.size, np.bool_)
    second[1:] = first[:-1] & ~first[1:]
    ends = [period.end - 1 for period in periods]
    customers = np.searchsorted(np.sort(when[first]), ends, side="right")
    repeaters = np.searchsorted(np.sort(when[second]), ends, side="right")
    return [
        Point(
            period=period,
            value=repeat_rate(customers=int(many), repeaters=int(again)),
            n=int(many),
            parts={"customers": int(many), "repeaters": int(again)},
        )
        for period, many, again in zip(periods, customers, repeaters, strict=True)
    ]


def table_total(table: Table, prop: str) -> float:
    """Return the sum of a property in whole units."""
    return units(total(table.amounts[prop]))
