"""The overview's first sentence: how many of those a period began with were still there at its end."""

from __future__ import annotations

from relight.config.measure_kinds import Unit
from relight.metrics.measure import Measure, Point
from relight.metrics.periods import Period
from relight.web.desk.overview_page import overview_measures, previous_point, stay_facts


def period(label: str, number: int, *, complete: bool = True) -> Period:
    return Period(start=number, end=number + 1, label=label, complete=complete)


def measure(name: str, value: float | None, *points: Point) -> Measure:
    chosen = next((one for one in reversed(points) if one.period.complete), None)
    return Measure(
        name=name,
        capability="C1",
        title=name,
        unit=Unit.PERCENT,
        value=value,
        n=0 if chosen is None else chosen.n,
        interval=None,
        definition="",
        period=None if chosen is None else chosen.period,
        parts={} if chosen is None else chosen.parts,
        series=points,
        more_is_better=True,
        currency="",
    )


RETENTION = measure(
    "retention_rate",
    80.5,
    Point(period=period("2026-08", 8), value=77.0, n=500, parts={"S": 500, "E": 520, "N": 135}),
    Point(period=period("2026-09", 9), value=80.5, n=544, parts={"S": 544, "E": 666, "N": 228}),
    Point(period=period("2026-10", 10, complete=False), value=90.0, n=666, parts={"S": 666, "E": 735, "N": 136}),
)


def test_who_stayed_is_counted_in_the_last_full_period() -> None:
    """E − N of S, with the period before to compare with; the running one says nothing yet."""
    assert stay_facts([RETENTION]) == {
        "period": "2026-09", "start": 544, "stayed": 438, "rate": 80.5, "before": 77.0, "before_period": "2026-08",
    }  # fmt: skip


def test_without_anybody_to_keep_nothing_is_said() -> None:
    """No measure, no value or nobody at the start: no sentence, rather than one about nobody."""
    first = Point(period=period("2026-08", 8), value=None, n=0)
    assert stay_facts([]) is None
    assert stay_facts([measure("retention_rate", None, first)]) is None
    assert previous_point(measure("retention_rate", 50.0, RETENTION.series[0])) is None


def test_what_says_whether_customers_stay_comes_first() -> None:
    """Retention before revenue, and a measure without a value not at all."""
    others = [
        measure(name, 1.0, *RETENTION.series) for name in ("orders", "revenue", "churn", "aov", "apf", "customers")
    ]
    found = overview_measures([*others, measure("nps", None), RETENTION])
    assert [one.name for one in found] == ["retention_rate", "churn", "customers", "revenue", "orders", "aov"]
