"""The worked examples of the capabilities come out exactly."""

from __future__ import annotations

from itertools import chain

import pytest

from relight.base.instants import DAY
from tests.unit.metrics.kit import at, event, log_of, measure, plan_of

LIFE = "sources: {signup: signed_up, left: left}\nperiod: year"


def test_churn_of_fifty_in_a_thousand() -> None:
    """1,000 customers, 50 lost: churn is 5 %, retention 95 %."""
    log = log_of(
        plan_of("sources: {signup: signed_up, left: left}"),
        chain(
            (event("signed_up", f"c{n}", "2025-12-10") for n in range(1000)),
            (event("left", f"c{n}", "2026-01-15") for n in range(50)),
            (event("signed_up", f"new{n}", "2026-01-20") for n in range(200)),
        ),
    )
    churn = measure(log, "churn", "2026-02-01")
    assert (churn.value, churn.n, churn.parts["lost"]) == (5.0, 1000, 50)
    kept = measure(log, "retention_rate", "2026-02-01")
    assert kept.value == 95.0
    assert kept.parts == {"S": 1000, "E": 1150, "N": 200}
    assert kept.interval is not None
    assert kept.interval.low < 95.0 < kept.interval.high


def test_repeat_purchase_rate_of_two_hundred_in_a_thousand() -> None:
    """1,000 customers, 200 bought again: the repeat purchase rate is 20 %."""
    log = log_of(
        plan_of("sources: {order: bought}"),
        chain(
            (event("bought", f"c{n}", "2026-01-10") for n in range(1000)),
            (event("bought", f"c{n}", "2026-01-12", number=1) for n in range(200)),
        ),
    )
    found = measure(log, "repeat_purchase_rate", "2026-02-01")
    assert (found.value, found.n) == (20.0, 1000)


def test_lifetime_value_of_fifty_dollars_four_times_a_year_for_five_years() -> None:
    """$50 × 4 a year × 5 years: the lifetime value is $1,000; with a margin of 40 % it is $400, on profit."""
    records = [
        *(event("signed_up", f"c{n}", "2024-12-01") for n in range(10)),
        *(
            event("bought", f"c{n}", at("2025-01-10") + 60 * DAY * k, {"total": 50})
            for n in range(10)
            for k in range(4)
        ),
        *(event("left", f"c{n}", "2025-12-20") for n in range(2)),
    ]
    text = "sources: {order: bought, revenue: bought.total, signup: signed_up, left: left%s}\nperiod: year"
    found = measure(log_of(plan_of(text % ""), records), "clv", "2026-01-01")
    assert found.value == 1000.0
    assert found.parts == {"aov": 50.0, "apf": 4.0, "acl": 5.0}
    assert "on revenue" in found.definition
    profit = measure(log_of(plan_of(text % ", margin: 40%"), records), "clv", "2026-01-01")
    assert profit.value == pytest.approx(400.0)
    assert "on profit, at a margin of 40 %" in profit.definition


def test_promoter_score_of_seventy_and_ten_percent() -> None:
    """70 % promoters, 10 % detractors: NPS is 60."""
    scores = [9] * 40 + [10] * 30 + [7] * 10 + [8] * 10 + [6] * 5 + [0] * 5
    plan = plan_of("sources: {nps: nps.score}")
    log = log_of(plan, (event("nps", f"c{n}", "2026-01-10", {"score": score}) for n, score in enumerate(scores)))
    found = measure(log, "nps", "2026-02-01")
    assert (found.value, found.n) == (60.0, 100)
    assert found.parts == {"promoters": 70, "passives": 20, "detractors": 10}


def test_satisfaction_of_four_hundred_in_five_hundred() -> None:
    """400 of 500 positive answers: CSAT is 80 %."""
    plan = plan_of("sources: {csat: csat.score}")
    log = log_of(
        plan, (event("csat", f"c{n}", "2026-01-10", {"score": 4 + n % 2 if n < 400 else 1 + n % 3}) for n in range(500))
    )
    found = measure(log, "csat", "2026-02-01")
    assert (found.value, found.n) == (80.0, 500)


def test_recurring_revenue_of_a_hundred_at_fifty_dollars() -> None:
    """100 customers at $50 a month: MRR is $5,000; a yearly $600 counts as $50."""
    plan = plan_of("sources: {subscription: subscribed.price, billed: subscribed.period, cancelled: cancelled}")
    records = [
        event(
            "subscribed",
            f"c{n}",
            "2026-01-10",
            {"price": 600 if n % 2 else 50, "period": "yearly" if n % 2 else "monthly"},
        )
        for n in range(100)
    ]
    found = measure(log_of(plan, records), "mrr", "2026-02-01")
    assert (found.value, found.n) == (5000.0, 100)
    assert (found.parts["new"], found.parts["churned"], found.parts["per_customer"]) == (5000.0, 0.0, 50.0)


def test_lifetime_of_ten_years() -> None:
    """100 customers at the start and 90 at the end of a year: churn is 0.1, the average lifetime 10 years."""
    log = log_of(
        plan_of(LIFE),
        chain(
            (event("signed_up", f"c{n}", "2024-06-01") for n in range(100)),
            (event("left", f"c{n}", "2025-06-01") for n in range(10)),
        ),
    )
    assert measure(log, "churn", "2026-01-01").value == 10.0
    assert measure(log, "acl", "2026-01-01").value == 10.0
