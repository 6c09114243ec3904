"""The columns give what plain counting, customer by customer, gives."""

from __future__ import annotations

import datetime as dt
import random
from collections import defaultdict

import pytest

from relight.base.instants import DAY, HOUR, to_local
from relight.config.measure_plan import MeasurePlan
from relight.metrics import Asked, MeasureLog, cohort_table, compute_measures
from relight.streams.envelope import Event
from tests.unit.metrics.kit import at, event, log_of, plan_of

BEGIN = at("2025-01-01")
UNTIL = at("2025-09-17")
ZONE = "America/New_York"


def made_up(seed: int) -> list[Event]:
    rng = random.Random(seed)
    records = []
    for n in range(120):
        start = BEGIN + rng.randrange(200) * DAY + rng.randrange(24) * HOUR
        records.append(event("signed_up", f"c{n}", start))
        for k in range(rng.randrange(12)):
            when = min(start + int(rng.expovariate(1 / (20 * DAY))) * (k + 1), UNTIL - 1)
            name = rng.choice(["used", "used", "bought", "left", "signed_up"])
            records.append(event(name, f"c{n}", when, {"total": rng.randrange(1, 9000) / 100}, number=k))
    rng.shuffle(records)
    return records


def is_customer(records: list[Event], plan: MeasurePlan, who: str, instant: int) -> bool:
    starts = {"signed_up"} | (set(plan.activity) if plan.lapsed_after is not None else set())
    marks = sorted(
        (one.event_time, one.name == "left") for one in records
        if one.customer == who and one.event_time <= instant and (one.name == "left" or one.name in starts)
    )  # fmt: skip
    if not marks or marks[-1][1]:
        return False
    return plan.lapsed_after is None or instant < marks[-1][0] + plan.lapsed_after


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("lapsed", ["", ", lapsed_after: 30 days"])
def test_turnover_is_that_of_counting(seed: int, lapsed: str) -> None:
    """Customers, gained, lost, retention and churn of every period are those found by asking each customer alone."""
    plan = plan_of(f"sources: {{signup: signed_up, left: left{lapsed}}}", zone=ZONE)
    records = made_up(seed)
    log = log_of(plan, records)
    customers, kept, churn = compute_measures(log, Asked(until=UNTIL), ["customers", "retention_rate", "churn"])
    people = {one.customer for one in records if one.customer}
    for point, other, total in zip(kept.series, churn.series, customers.series, strict=True):
        before = {w for w in people if is_customer(records, plan, w, point.period.start - 1)}
        after = {w for w in people if is_customer(records, plan, w, min(point.period.end, UNTIL) - 1)}
        assert (point.parts["S"], point.parts["E"], point.parts["N"]) == (
            len(before), len(after), len(after - before),
        )  # fmt: skip
        assert other.parts["lost"] == len(before - after)
        assert total.value == len(after)
        if before:
            assert point.value is not None
            assert other.value is not None
            assert point.value + other.value == pytest.approx(100)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("width", ["week", "month"])
def test_cohorts_are_those_of_counting(seed: int, width: str) -> None:
    """Every cell of the cohort table is the number of people found by reading each event alone."""
    plan = plan_of("sources: {signup: signed_up}", zone=ZONE)
    records = made_up(seed)
    table = cohort_table(log_of(plan, records), width=width, until=UNTIL)

    def bucket(instant: int) -> dt.date:
        day = to_local(instant, ZONE).date()
        return day.replace(day=1) if width == "month" else day - dt.timedelta(days=day.weekday())

    first: dict[str, int] = {}
    for one in records:
        if one.name == "signed_up" and one.customer:
            first[one.customer] = min(first.get(one.customer, one.event_time), one.event_time)
    active: dict[tuple[dt.date, dt.date], set[str]] = defaultdict(set)
    for one in records:
        if one.name in plan.activity and one.customer:
            active[bucket(first[one.customer]), bucket(one.event_time)].add(one.customer)
    buckets = sorted({bucket(start) for start in range(BEGIN, UNTIL, 6 * HOUR)})
    for row in table.rows:
        mine = bucket(row.period.start)
        assert row.size == sum(bucket(start) == mine for start in first.values())
        later = [one for one in buckets if one >= mine]
        assert list(row.active) == [len(active[mine, one]) for one in later]
    assert sum(row.size for row in table.rows) == len(first)


@pytest.mark.parametrize("seed", range(3))
def test_orders_are_those_of_counting(seed: int) -> None:
    """Revenue, orders and buyers of each month are exact sums, also where a day's orders are one purchase."""
    for occasion in ("order", "day"):
        plan = plan_of(f"sources: {{order: bought, revenue: bought.total, occasion: {occasion}}}", zone=ZONE)
        records = made_up(seed)
        log = log_of(plan, records)
        orders, revenue, apf = compute_measures(log, Asked(until=UNTIL), ["orders", "revenue", "apf"])
        for number, point in enumerate(orders.series):
            mine = [
                one for one in records
                if one.name == "bought" and point.period.start <= one.event_time < point.period.end
            ]  # fmt: skip
            days = {(one.customer, to_local(one.event_time, ZONE).date()) for one in mine}
            count = len(mine) if occasion == "order" else len(days)
            cents = sum(round(float(str(one.properties["total"])) * 100) for one in mine)
            assert point.value == count
            assert round((revenue.series[number].value or 0) * 100) == cents
            assert apf.series[number].n == len({one.customer for one in mine})


def test_reading_on_equals_reading_again() -> None:
    """A log read in two parts gives the measures of a log read at once."""
    plan = plan_of("sources: {order: bought, revenue: bought.total, signup: signed_up, left: left}")
    records = made_up(1)
    whole = log_of(plan, records)
    parts = MeasureLog(plan)
    for record in records[:400]:
        parts.take(record)
    compute_measures(parts, Asked(until=UNTIL))
    parts.read_events(records[400:])
    assert compute_measures(parts, Asked(until=UNTIL)) == compute_measures(whole, Asked(until=UNTIL))
