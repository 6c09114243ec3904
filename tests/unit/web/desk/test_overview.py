"""The overview's first sentence: how many of those a period began with were still there at its end."""

from __future__ import annotations

from dataclasses import replace

from relight.config.measure_kinds import Unit
from relight.metrics.measure import Measure, Point
from relight.metrics.periods import Period
from relight.web.desk.figure_pages import measure_chart
from relight.web.desk.lines import Line
from relight.web.desk.overview_page import overview_measures, previous_point, stay_facts
from relight.web.desk.texts import TEXTS


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


def test_a_line_ends_with_the_period_that_its_figure_is_of() -> None:
    """The running period is left out, so that the line's last value is the figure that stands beside it."""
    line = measure_chart(RETENTION)
    assert isinstance(line, Line)
    assert (line.first, line.last, line.most, line.is_open) == (("2026-08", 77.0), ("2026-09", 80.5), 80.5, False)
    assert line.path.startswith("M0.0 ")
    assert line.path.count("L") == 1


def test_a_line_of_the_running_period_alone_says_so() -> None:
    """Where no period is full the figure is of the running one, and so is the line's end, marked as not over."""
    earlier, running = RETENTION.series[1:]
    open_earlier = replace(earlier, period=replace(earlier.period, complete=False))
    line = measure_chart(replace(measure("retention_rate", 90.0, open_earlier, running), period=running.period))
    assert isinstance(line, Line)
    assert (line.last, line.is_open) == (("2026-10", 90.0), True)


def test_who_stayed_is_an_exact_number_in_turkish() -> None:
    """Counted people are not `about` so many, and no number carries a suffix, which would follow how it is read."""
    told = TEXTS["tr"]["stay"].format(period="Haziran 2026", start="209", stayed="134", rate="%64,1")
    assert told == "Haziran 2026 başındaki 209 müşteriden 134 tanesi dönemin sonunda da müşteriydi: %64,1."
