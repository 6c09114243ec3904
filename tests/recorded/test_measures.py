"""Measures of recorded data against published figures, and against figures worked out by other programs."""

from __future__ import annotations

import csv
import gzip
import os
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest

from relight.base.instants import WEEK
from relight.config.loader import LoadedProject, load_project
from relight.engine.feed import Feed
from relight.metrics import Arm, Asked, MeasureLog, cohort_table, compare_arms, compute_measures, count_funnel
from relight.metrics.buying import (
    Buyers,
    buyers_of,
    expected_purchases,
    expected_value,
    fit_buying,
    fit_value,
    still_active,
)
from relight.metrics.orders import Orders, orders_of
from relight.streams.envelope import Event
from tests.recorded.engine import copied_example
from tests.unit.metrics.kit import CONFIG, at

pytestmark = pytest.mark.recorded


def load(folder: Path) -> LoadedProject:
    project = load_project(folder, env=dict(os.environ), lint=False)
    assert [one for one in project.problems if one.severity == "error"] == []
    return project


def log_of(project: LoadedProject) -> MeasureLog:
    assert project.measures is not None
    log = MeasureLog(project.measures)
    records = Feed(streams=project.streams, folder=project.folder).records()
    log.read_events(one for one in records if isinstance(one, Event))
    return log


@pytest.fixture(scope="module")
def cdnow(recorded_root: Path, tmp_path_factory: pytest.TempPathFactory) -> MeasureLog:
    return log_of(load(copied_example("cdnow", tmp_path_factory.mktemp("cdnow"))))


def test_cdnow_revenue_and_repeat_rate(cdnow: MeasureLog) -> None:
    """$2,500,315.63 in 67,591 customer-days; 11,516 of 23,570 customers (48.86 %) bought on two days or more."""
    found = {one.name: one for one in compute_measures(cdnow, Asked(until=at("1998-07-01")))}
    assert round(sum(point.value or 0 for point in found["revenue"].series), 2) == 2_500_315.63
    assert sum(point.value or 0 for point in found["orders"].series) == 67_591
    repeat = found["repeat_purchase_rate"]
    assert (repeat.parts["repeaters"], repeat.parts["customers"]) == (11_516, 23_570)
    assert round(repeat.value or 0, 2) == 48.86


def test_cdnow_cohorts(cdnow: MeasureLog) -> None:
    """January 7,846, February 8,476, March 7,248; January's active in months 1, 2, 3 are 1,157, 964, 810."""
    table = cohort_table(cdnow, width="month", until=at("1998-07-01"))
    assert [(row.period.label, row.size) for row in table.rows] == [
        ("1997-01", 7_846),
        ("1997-02", 8_476),
        ("1997-03", 7_248),
    ]
    assert table.rows[0].active[:4] == (7_846, 1_157, 964, 810)


def published(root: Path) -> Buyers:
    """The calibration sample of 2,357 customers, as the authors' summary has it."""
    with (root / "cdnow/cdnow_customers_summary_with_transactions.csv").open() as file:
        rows = list(csv.DictReader(file))
    x = np.array([float(row["x"]) for row in rows])
    mean = np.array([float(row["zbar"]) for row in rows])
    return Buyers(
        who=np.arange(len(rows), dtype=np.int32),
        x=x,
        t_x=np.array([float(row["t_x"]) for row in rows]),
        age=np.array([float(row["T"]) for row in rows]),
        mean_value=np.where(x > 0, mean, np.nan),
    )


def test_cdnow_buying_model(recorded_root: Path) -> None:
    """BG/NBD: r 0.243, α 4.414, a 0.793, b 2.426, log-likelihood −9582.4; 1.226 expected purchases; P(alive) 0.7266."""
    model = fit_buying(published(recorded_root))
    assert model is not None
    assert [round(one, 3) for one in (model.r, model.alpha, model.a, model.b)] == [0.243, 4.414, 0.793, 2.426]
    assert round(model.log_likelihood, 1) == -9582.4
    one = (np.array([2.0]), np.array([30.43]), np.array([38.86]))
    assert round(float(expected_purchases(model, one, 39.0)[0]), 3) == 1.226
    assert round(float(still_active(model, *one)[0]), 4) == 0.7266


def test_cdnow_value_model(recorded_root: Path) -> None:
    """Gamma-Gamma on 946 repeaters: p 6.25, q 3.74, v 15.44, each to its last published digit."""
    model = fit_value(published(recorded_root))
    assert model is not None
    assert model.n == 946
    assert [model.p, model.q, model.v] == pytest.approx([6.25, 3.74, 15.44], abs=0.01)
    mean = expected_value(model, np.array([0.0]), np.array([0.0]))
    assert float(mean[0]) == pytest.approx(model.p * model.v / (model.q - 1))


def test_cdnow_histories_are_those_of_the_authors(recorded_root: Path) -> None:
    """From the raw sample: 1,411 without and 946 with a repeat, 2,457 repeats; row by row the summary within 0.0043 weeks."""
    who, when, amount = [], [], []
    for line in (recorded_root / "cdnow/CDNOW_sample.txt").read_text().splitlines():
        _master, number, day, _cds, dollars = line.split()
        who.append(int(number))
        when.append(at(f"{day[:4]}-{day[4:6]}-{day[6:]}"))
        amount.append(round(float(dollars) * 1_000_000))
    days: dict[tuple[int, int], int] = {}
    for one, instant, money in zip(who, when, amount, strict=True):
        days[one, instant] = days.get((one, instant), 0) + money
    orders = Orders(
        who=np.array([one for one, _ in days], np.int32),
        when=np.array([instant for _, instant in days], np.int64),
        known=np.array([instant for _, instant in days], np.int64),
        amount=np.array(list(days.values()), np.int64),
    )
    found = buyers_of(orders, until=at("1997-09-30") + 1)
    mine = published(recorded_root)
    assert np.array_equal(found.x, mine.x)
    assert (int((found.x == 0).sum()), int((found.x > 0).sum()), int(found.x.sum())) == (1_411, 946, 2_457)
    assert float(np.abs(found.t_x - mine.t_x).max()) <= 0.0043
    assert float(np.abs(found.age - mine.age).max()) <= 0.0043
    repeaters = mine.x > 0
    assert np.allclose(found.mean_value[repeaters], mine.mean_value[repeaters], atol=0.0051)
    refitted = fit_buying(found)
    assert refitted is not None
    assert [refitted.r, refitted.alpha, refitted.a, refitted.b] == pytest.approx([0.243, 4.414, 0.793, 2.426], rel=0.01)


def test_cdnow_model_foresees_the_holdout(cdnow: MeasureLog) -> None:
    """Fitted to the first 39 weeks of all customers, the model foresees the purchases of the 39 weeks after within 15 %."""
    orders = orders_of(cdnow)
    until = at("1997-10-01")
    buyers = buyers_of(orders, until=until)
    model = fit_buying(buyers)
    assert model is not None
    foreseen = float(expected_purchases(model, (buyers.x, buyers.t_x, buyers.age), 39.0).sum())
    happened = int(((orders.when >= until) & (orders.when < until + 39 * WEEK)).sum())
    assert foreseen == pytest.approx(happened, rel=0.15)


CLEAN = (885, 324, 286, 340, 321, 352, 321, 309, 313, 350, 331, 445, 235)
ALL = (948, 362, 317, 367, 341, 376, 360, 336, 336, 374, 354, 474, 260)


@pytest.fixture(scope="module")
def retail(recorded_root: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[MeasureLog, MeasureLog]:
    """The invoices as the example cleans them, and with cancelled ones and lines without a price."""
    clean = copied_example("onlineretail", tmp_path_factory.mktemp("clean"))
    dirty = copied_example("onlineretail", tmp_path_factory.mktemp("dirty"))
    stream = dirty / "streams/invoices.yaml"
    lines = [
        'rows: CustomerID is known and CustomerID != ""' if line.startswith("rows:") else line
        for line in stream.read_text().splitlines()
    ]
    stream.write_text("\n".join(lines) + "\n")
    return log_of(load(clean)), log_of(load(dirty))


def test_online_retail_cohorts(retail: tuple[MeasureLog, MeasureLog]) -> None:
    """December 2010's cohort over its thirteen months, of clean rows and of all rows with a customer: cleaning changes it."""
    until = at("2011-12-10", "Europe/London")
    for log, expected in zip(retail, (CLEAN, ALL), strict=True):
        (first, *_) = cohort_table(log, width="month", until=until).rows
        assert (first.size, first.active) == (expected[0], expected)


def test_online_retail_repeat_rate(retail: tuple[MeasureLog, MeasureLog]) -> None:
    """2,845 of 4,338 customers (65.58 %) have more than one invoice."""
    until = at("2011-12-10", "Europe/London")
    (found,) = compute_measures(retail[0], Asked(until=until), ["repeat_purchase_rate"])
    running = found.series[-1]
    assert (running.parts["repeaters"], running.parts["customers"]) == (2_845, 4_338)
    assert round(running.value or 0, 2) == 65.58


STREAMS = {
    "enrolments": """
source: {file: "${RELIGHT_DATA}/udacity/enrollments.csv", format: csv}
rows: is_udacity == "FALSE"
time: {field: join_date, format: "%m/%d/%Y", zone: UTC}
customer: account_key
name: {is: enrolled}
events: {enrolled: {properties: {days: {type: integer, field: days_to_cancel}}}}
""",
    "days": """
source: {file: "${RELIGHT_DATA}/udacity/daily_engagement.csv.gz", format: csv}
rows: acct != "" and not acct in (TEST)
time: {field: utc_date, format: "%m/%d/%Y", zone: UTC}
customer: acct
name: {is: engaged}
events: {engaged: {properties: {minutes: {type: number, field: total_minutes_visited}}}}
""",
    "submissions": """
source: {file: "${RELIGHT_DATA}/udacity/project_submissions.csv", format: csv}
rows: account_key != "" and not account_key in (TEST)
time: {field: creation_date, format: "%m/%d/%Y", zone: UTC}
customer: account_key
name: {is: submitted}
events: {submitted: {properties: {lesson: {type: text, field: lesson_key}, rating: {type: text, field: assigned_rating}}}}
""",
}
FUNNELS = """
funnels:
  all: {steps: [enrolled, engaged, submitted]}
  days: {steps: [engaged]}
  handed_in: {steps: [submitted]}
  paid: {steps: ["enrolled where days is unknown or days > 7", engaged], anchor: last}
  first_week:
    anchor: last
    steps:
      - enrolled where days is unknown or days > 7
      - {event: engaged, sum: minutes, within: 7 days}
  passing:
    anchor: any
    steps:
      - enrolled where days is unknown or days > 7
      - submitted where lesson in ("746169184", "3176718735") and rating in ("PASSED", "DISTINCTION")
"""


def test_udacity_funnel(recorded_root: Path, tmp_path: Path) -> None:
    """1,622 enrolments, 135,656 day rows, 3,634 submissions; 995 paid, 6,919 days in the first week, mean 306.708 minutes."""
    with (recorded_root / "udacity/enrollments.csv").open() as file:
        tests = sorted({row["account_key"] for row in csv.DictReader(file) if row["is_udacity"] == "TRUE"})
    assert len(tests) == 6
    (tmp_path / "streams").mkdir()
    (tmp_path / "config").mkdir()
    for name, text in STREAMS.items():
        listed = text.replace("TEST", ", ".join(f'"{one}"' for one in tests))
        (tmp_path / f"streams/{name}.yaml").write_text(listed)
    (tmp_path / "config/default.yaml").write_text(CONFIG.replace("ZONE", "UTC"))
    (tmp_path / "config/measures.yaml").write_text(FUNNELS)
    project = load(tmp_path)
    log = log_of(project)
    counted = {name: count_funnel(log, one).steps for name, one in log.plan.funnels.items()}
    assert counted["all"][0].all_events == 1_622
    assert counted["days"][0].all_events == 135_656
    assert counted["handed_in"][0].all_events == 3_634
    assert counted["paid"][0].people == 995
    week = counted["first_week"][1]
    assert week.events == 6_919
    assert week.total is not None
    assert round(week.total / 995, 3) == 306.708
    assert counted["passing"][1].people == 647


def test_hillstrom_arms_and_intervals(recorded_root: Path) -> None:
    """Men's and women's mail against none: visits, conversions and spend with their intervals, to the last digit given."""
    arms: dict[str, list[tuple[int, int, float]]] = {}
    with gzip.open(recorded_root / "hillstrom/hillstrom.csv.gz", "rt") as file:
        for row in csv.DictReader(file):
            told = (int(row["visit"]), int(row["conversion"]), float(row["spend"]))
            arms.setdefault(row["segment"], []).append(told)
    assert {name: len(rows) for name, rows in arms.items()} == {
        "Mens E-Mail": 21_307, "Womens E-Mail": 21_387, "No E-Mail": 21_306,
    }  # fmt: skip

    def arm(name: str, column: int) -> Arm:
        spend = np.array([one[2] for one in arms[name]])
        return Arm(
            people=len(spend), reached=sum(int(one[column]) for one in arms[name]), revenue=float(spend.mean()),
            spread=float(spend.std(ddof=1)),
        )  # fmt: skip

    expected = {
        "Mens E-Mail": ((7.6590, 6.9953, 8.3227), (0.6805, 0.5014, 0.8641), (0.7698, 0.4851, 1.0545)),
        "Womens E-Mail": ((4.5233, 3.8894, 5.1574), (0.3111, 0.1502, 0.4745), (0.4244, 0.1690, 0.6799)),
    }
    shares = {"Mens E-Mail": 18.28, "Womens E-Mail": 15.14, "No E-Mail": 10.62}
    for name, share in shares.items():
        assert round((arm(name, 0).share or 0) * 100, 2) == share
    for name, (visit, conversion, spend) in expected.items():
        for column, figures in ((0, visit), (1, conversion)):
            found = compare_arms(arm(name, column), arm("No E-Mail", column))
            assert found.interval is not None
            assert (
                round(found.uplift or 0, 4), round(found.interval.low, 4), round(found.interval.high, 4),
            ) == figures  # fmt: skip
        found = compare_arms(arm(name, 0), arm("No E-Mail", 0))
        assert found.revenue_interval is not None
        assert (
            round(found.revenue_uplift or 0, 4),
            round(found.revenue_interval.low, 4),
            round(found.revenue_interval.high, 4),
        ) == spend
    assert NormalDist().inv_cdf(0.975) == pytest.approx(1.959964, abs=1e-6)
