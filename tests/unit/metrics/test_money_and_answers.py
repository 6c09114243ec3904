"""Recurring revenue, answers, measured effort, cost, funnels, targets: each by a small example told in full."""

from __future__ import annotations

import pytest

from relight.base.errors import UsageError
from relight.config.measure_plan import Target
from relight.metrics import Asked, board_parts, compute_measures, count_funnel, target_statuses
from relight.metrics.recurring import months_of
from relight.metrics.slices import measures_by_cohort, measures_by_product, measures_by_segment, segment_members
from relight.metrics.tables import AMOUNT_MAX, NO_AMOUNT, amount_of, amounts_of
from relight.metrics.targets import is_reached, progress_of
from relight.streams.envelope import Event
from tests.unit.metrics.kit import at, event, log_of, measure, plan_of, project


def test_movements_of_recurring_revenue() -> None:
    """New, expansion, contraction and churned lead from the start of a month to its end; who comes back is new again."""
    plan = plan_of("sources: {subscription: subscribed.price, cancelled: cancelled}")
    log = log_of(
        plan,
        [
            *(event("subscribed", who, "2026-01-05", {"price": 100}) for who in "abcd"),
            event("subscribed", "a", "2026-02-05", {"price": 150}),
            event("subscribed", "b", "2026-02-06", {"price": "80.5"}),
            event("cancelled", "c", "2026-02-07"),
            event("subscribed", "e", "2026-02-08", {"price": 30}),
            event("subscribed", "c", "2026-03-01", {"price": 20}),
        ],
    )
    january, february, march = measure(log, "mrr", "2026-03-15").series
    assert (january.value, january.parts["new"]) == (400.0, 400.0)
    assert february.value == 360.5
    told = {name: february.parts[name] for name in ("start", "new", "expansion", "contraction", "churned")}
    assert told == {"start": 400.0, "new": 30.0, "expansion": 50.0, "contraction": 19.5, "churned": 100.0}
    assert march.parts["new"] == 20.0
    assert not march.period.complete


@pytest.mark.parametrize(
    ("word", "months"), [("monthly", 1), ("Yearly", 12), ("annual", 12), ("quarterly", 3), ("x", 1)]
)
def test_how_often_an_amount_is_due(word: str, months: int) -> None:
    """A yearly amount pays for twelve months, a quarterly one for three, any other for one."""
    assert months_of(word) == months


def test_effort_score_and_answers_outside_the_scale() -> None:
    """CES is the mean on 1–5; an answer of 0 or 9 is left out."""
    log = log_of(
        plan_of("sources: {ces: ces.score}"),
        (event("ces", f"c{n}", "2026-01-10", {"score": score}) for n, score in enumerate([1, 2, 3, 0, 9, 2])),
    )
    found = measure(log, "ces", "2026-02-01")
    assert (found.value, found.n, found.more_is_better) == (2.0, 4, False)


def test_measured_effort() -> None:
    """From a beginning to the first end that is not earlier, of the same customer and the same ticket."""
    plan = plan_of("efforts: {first: {from: signed_up, to: bought}, solving: {from: opened, to: solved, by: ticket}}")
    log = log_of(
        plan,
        [
            event("signed_up", "a", "2026-01-01"),
            event("bought", "a", "2026-01-03T12:00"),
            event("bought", "a", "2026-01-20"),
            event("signed_up", "b", "2026-01-02"),
            event("bought", "b", "2026-01-01"),
            event("opened", "a", "2026-01-05", {"ticket": "1"}),
            event("opened", "a", "2026-01-06", {"ticket": "2"}),
            event("solved", "a", "2026-01-07", {"ticket": "2"}),
            event("solved", "a", "2026-01-10", {"ticket": "1"}),
            event("solved", "a", "2026-01-11"),
        ],
    )
    first = measure(log, "first", "2026-02-01")
    assert (first.value, first.n) == (2.5, 1)
    solving = measure(log, "solving", "2026-02-01")
    assert (solving.value, solving.n, solving.parts["mean"]) == (3.0, 2, 3.0)
    assert "median days from 'opened' to the first 'solved'" in solving.definition


def test_cost_of_customers() -> None:
    """CAC is the cost of the period over people gained in it for the first time; CLV : CAC divides by it."""
    plan = plan_of("sources: {order: bought, revenue: bought.total, signup: signed_up, left: left, cost: paid.amount}")
    log = log_of(
        plan,
        [
            *(event("signed_up", f"old{n}", "2025-12-05") for n in range(10)),
            *(event("signed_up", f"c{n}", "2026-01-05") for n in range(4)),
            event("paid", None, "2026-01-01", {"amount": 60}),
            event("paid", None, "2026-01-31T23:59", {"amount": "20"}),
            event("paid", None, "2026-02-01", {"amount": 1000}),
            event("left", "old1", "2026-01-09"),
            event("signed_up", "old1", "2026-01-10"),
            event("left", "old2", "2026-01-10"),
            event("bought", "c1", "2026-01-11", {"total": 30}),
        ],
    )
    found = measure(log, "cac", "2026-02-01")
    assert (found.value, found.parts) == (20.0, {"cost": 80.0, "gained": 4})
    assert measure(log, "clv_to_cac", "2026-02-01").value == 30.0 * 1 * 10 / 20


def test_filters_of_sources() -> None:
    """`bought where channel == "web"` counts those orders alone, in every measure of orders."""
    plan = plan_of('sources: {order: bought where channel == "web", revenue: bought.total}')
    log = log_of(
        plan,
        [
            event("bought", "a", "2026-01-05", {"total": 10, "channel": "web"}),
            event("bought", "a", "2026-01-06", {"total": 99, "channel": "till"}),
            event("bought", "b", "2026-01-07", {"total": 20, "channel": "web"}),
            event("bought", "c", "2026-01-07", {"total": 20}),
        ],
    )
    assert measure(log, "aov", "2026-02-01").value == 15.0
    assert measure(log, "orders", "2026-02-01").value == 2.0


def test_a_measure_without_its_sources_says_so() -> None:
    """A measure that cannot be computed comes without a figure and names what the file does not say."""
    log = log_of(plan_of("sources: {order: bought}"), [event("bought", "a", "2026-01-05")])
    found = {one.name: one for one in compute_measures(log, Asked(until=at("2026-02-01")))}
    assert found["churn"].missing == ("`sources` in config/measures.yaml does not say `left` or `lapsed_after`")
    assert found["churn"].value is None
    assert found["orders"].missing is None
    with pytest.raises(UsageError, match="did you mean 'churn'"):
        compute_measures(log, Asked(until=0), ["chrun"])


def test_amounts_are_exact() -> None:
    """Amounts are whole millionths, by the quick way and the slow; what is no number, or too large, is not known."""
    assert amounts_of(["0.1", "1234.567891", 3]).tolist() == [100_000, 1_234_567_891, 3_000_000]
    assert amounts_of([None, "9999999999.000001", "x", True]).tolist() == [
        NO_AMOUNT, 9_999_999_999_000_001, NO_AMOUNT, NO_AMOUNT,
    ]  # fmt: skip
    assert amount_of(AMOUNT_MAX) == AMOUNT_MAX * 1_000_000
    assert amount_of(AMOUNT_MAX + 1) == NO_AMOUNT
    assert amount_of("NaN") == NO_AMOUNT


FUNNEL = """
funnels:
  way: {steps: [signed_up, used, {event: bought, within: 10 days, sum: total}]}
  last: {steps: [signed_up, {event: bought, within: 10 days}], anchor: last}
  any: {steps: [signed_up, bought], anchor: any}
"""


def test_funnels() -> None:
    """A step counts after the one before it and within its time; `last` measures from the last beginning; `any` from none."""
    log = log_of(
        plan_of(FUNNEL),
        [
            event("signed_up", "a", "2026-01-01"),
            event("used", "a", "2026-01-02"),
            event("bought", "a", "2026-01-03", {"total": 5}),
            event("bought", "a", "2026-01-04", {"total": 6}),
            event("bought", "a", "2026-01-12", {"total": 100}),
            event("signed_up", "b", "2026-01-01"),
            event("bought", "b", "2026-01-02", {"total": 7}),
            event("used", "b", "2026-01-03"),
            event("signed_up", "b", "2026-02-01"),
            event("bought", "b", "2026-02-02", {"total": 7}),
            event("bought", "c", "2026-01-01", {"total": 7}),
        ],
    )
    way = count_funnel(log, log.plan.funnels["way"])
    assert [(one.people, one.events, one.all_events) for one in way.steps] == [(2, 3, 3), (2, 2, 2), (1, 2, 6)]
    assert way.steps[2].total == 11.0
    assert [one.people for one in count_funnel(log, log.plan.funnels["last"]).steps] == [2, 2]
    assert [one.events for one in count_funnel(log, log.plan.funnels["any"]).steps] == [3, 5]


TARGETS = """
sources: {order: bought, revenue: bought.total, signup: signed_up, left: left}
targets:
  churn: {below: 3%, per: month, owner: Deniz}
  revenue: {at_least: 200 USD, from: 100}
  apf: {at_least: 1}
  first_survey: {done: false, owner: Mert}
  second_survey: {done: true}
boards:
  all: [revenue, {cohorts: weekly}, {chart: churn}, {target: churn}]
"""


def orders() -> list[Event]:
    return [
        *(event("signed_up", f"c{n}", "2025-12-05") for n in range(100)),
        *(event("left", f"c{n}", "2026-01-05") for n in range(6)),
        *(event("bought", f"c{n}", "2026-01-06", {"total": "15", "product": f"p{n % 2}"}) for n in range(50, 60)),
    ]


def test_targets() -> None:
    """A target says its value, whether it is reached, how far it is, and whose it is; a thing to do is done or not."""
    log = log_of(plan_of(TARGETS), orders())
    found = {one.target.name: one for one in target_statuses(log, Asked(until=at("2026-02-03")))}
    churn = found["churn"]
    assert (churn.value, churn.reached, churn.progress, churn.target.owner) == (6.0, False, 0.5, "Deniz")
    assert churn.misses
    revenue = found["revenue"]
    assert (revenue.value, revenue.reached, revenue.progress) == (150.0, False, 0.5)
    assert (found["apf"].reached, found["apf"].progress) == (True, 1.0)
    assert (found["first_survey"].reached, found["first_survey"].misses) == (False, False)
    assert found["second_survey"].reached is True


def test_a_target_waits_for_a_full_period() -> None:
    """Before a period is over nothing is missed."""
    log = log_of(plan_of(TARGETS), [event("signed_up", "a", "2026-01-05")])
    (churn, *_) = target_statuses(log, Asked(until=at("2026-01-20")))
    assert (churn.value, churn.reached, churn.progress, churn.misses) == (None, None, None, False)


@pytest.mark.parametrize(
    ("target", "value", "progress"),
    [
        ({"below": 3.0}, 2.0, 1.0),
        ({"below": 3.0}, 6.0, 0.5),
        ({"below": 3.0, "begin": 5.0}, 4.0, 0.5),
        ({"below": 3.0, "begin": 5.0}, 7.0, 0.0),
        ({"at_least": 40.0}, 10.0, 0.25),
        ({"at_least": 40.0, "begin": 20.0}, 30.0, 0.5),
        ({"at_least": 40.0}, -10.0, 0.0),
        ({"at_least": 0.0}, 5.0, 1.0),
    ],
)
def test_progress(target: dict[str, float], value: float, progress: float) -> None:
    """The bar goes from where the way began to the target, and never beyond its ends."""
    one = Target(name="x", per="month", place=plan_of(TARGETS).targets["churn"].place, **target)  # type: ignore[arg-type]
    assert progress_of(one, value) == progress
    assert is_reached(one, value) is (progress == 1.0)


def test_boards() -> None:
    """A board gives each of its items, computed, in the order of the file."""
    log = log_of(plan_of(TARGETS), orders())
    parts = board_parts(log, Asked(until=at("2026-02-03")), "all")
    assert [(one.kind, one.name) for one in parts] == [
        ("measure", "revenue"), ("cohorts", "week"), ("chart", "churn"), ("target", "churn"),
    ]  # fmt: skip
    assert parts[0].measure is not None
    assert parts[0].measure.value == 150.0
    assert parts[1].cohorts is not None
    assert parts[1].cohorts.rows[0].size == 100
    assert parts[3].target is not None
    assert parts[3].target.misses


def test_slices() -> None:
    """Each product has its orders, each cohort and each segment its people, and together they have them all."""
    records = orders()
    text = TARGETS.replace("revenue: bought.total", "revenue: bought.total, product: bought.product")
    found = project(
        text, rules={"rules/definitions.yaml": "segments: {buyers: count(bought) > 0, calm: never(bought)}"}
    )
    assert found.measures is not None
    log = log_of(found.measures, records)
    asked = Asked(until=at("2026-02-01"))
    products = measures_by_product(log, asked, ["orders"])
    assert [(one.slice, one.value) for one in products] == [("p0", 5.0), ("p1", 5.0)]
    cohorts = measures_by_cohort(log, asked, ["customers"])
    assert [(one.slice, one.value) for one in cohorts] == [("2025-12", 94.0)]
    members = segment_members(found.measures, records, until=asked.until)
    assert {name: len(people) for name, people in members.items()} == {"buyers": 10, "calm": 90}
    segments = measures_by_segment(log, asked, ["customers", "orders"], members)
    assert [(one.slice, one.name, one.value) for one in segments] == [
        ("buyers", "customers", 10.0), ("buyers", "orders", 10.0),
        ("calm", "customers", 84.0), ("calm", "orders", 0.0),
    ]  # fmt: skip
