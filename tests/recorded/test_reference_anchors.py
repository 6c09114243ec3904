"""The reference reads the recorded files right: its counts are those that others published or worked out elsewhere."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from tests.recorded import reference
from tests.recorded.conftest import FiringsOf
from tests.recorded.firings import Firing

pytestmark = pytest.mark.recorded


def of_threshold(firings: list[Firing], days: int) -> list[Firing]:
    position = reference.SILENCE_DAYS.index(days)
    return [row for row in firings if row.rule == "quiet" and row.occurrence.endswith(f":{position}")]


def marks(firings: list[Firing], rule: str = "milestones") -> dict[str, int]:
    return dict(Counter(row.occurrence.partition(":")[2] for row in firings if row.rule == rule))


def months(events: pd.DataFrame) -> pd.Series:
    return pd.to_datetime(events["at"], unit="us").dt.to_period("M")


def test_udacity_silences(reference_firings: FiringsOf) -> None:
    """976 silences of 30 days by 796 students, on 37,360 days with minutes."""
    silences = of_threshold(reference_firings("udacity"), 30)
    assert (len(silences), len({row.customer for row in silences})) == (976, 796)


def test_cdnow_silences(reference_firings: FiringsOf) -> None:
    """45,448 silences of 30 days with the horizon 1998-06-30 inclusive."""
    assert len(of_threshold(reference_firings("cdnow"), 30)) == 45_448


def test_udacity_rows(recorded_root: Path) -> None:
    """37,360 days of 1,168 students had minutes, the first 2014-11-10, the last 2015-08-27."""
    events = reference.read_udacity(recorded_root).events
    assert (len(events), events["customer"].nunique()) == (37_360, 1_168)
    first, last = (pd.Timestamp(at, unit="us").date() for at in (events["at"].min(), events["at"].max()))
    assert (str(first), str(last)) == ("2014-11-10", "2015-08-27")


def test_cdnow_rows(recorded_root: Path) -> None:
    """69,659 rows of 23,570 customers on 67,591 customer-days, 2,500,315.63 dollars and 167,881 CDs."""
    events = reference.read_cdnow(recorded_root).events
    assert (len(events), events["customer"].nunique()) == (69_659, 23_570)
    assert len(events.drop_duplicates(["customer", "at"])) == 67_591
    assert events["cents"].sum() == 250_031_563
    assert events["cds"].astype(int).sum() == 167_881


def test_cdnow_cohorts(recorded_root: Path) -> None:
    """First months hold 7,846, 8,476 and 7,248 customers; of January's, 1,157, 964 and 810 buy in months 1 to 3."""
    events = reference.read_cdnow(recorded_root).events
    month = months(events)
    first = month.groupby(events["customer"]).transform("min")
    assert events["customer"].groupby(first).nunique().tolist() == [7_846, 8_476, 7_248]
    january = events[first == "1997-01"]
    active = january["customer"].groupby(month[january.index]).nunique()
    assert active.iloc[1:4].tolist() == [1_157, 964, 810]


def test_cdnow_repeaters(recorded_root: Path) -> None:
    """11,516 customers bought on two days or more."""
    events = reference.read_cdnow(recorded_root).events.drop_duplicates(["customer", "at"])
    assert (events["customer"].value_counts() >= 2).sum() == 11_516


def test_onlineretail_rows(recorded_root: Path, reference_firings: FiringsOf) -> None:
    """541,909 lines, 135,080 without customer, 9,288 cancelled, 5,268 repeated; 2,845 of 4,338 order twice."""
    lines = reference.read_retail_lines(recorded_root)
    assert len(lines) == 541_909
    assert (lines["CustomerID"] == "").sum() == 135_080
    assert lines["InvoiceNo"].str.startswith("C").sum() == 9_288
    assert lines.duplicated().sum() == 5_268
    reached = marks(reference_firings("onlineretail"))
    assert (reached["1"], reached["2"]) == (4_338, 2_845)


def test_onlineretail_cohort(recorded_root: Path) -> None:
    """The clean cohort of December 2010 is active as counted elsewhere in months 0 to 12."""
    events = reference.read_onlineretail(recorded_root).events
    month = months(events)
    first = month.groupby(events["customer"]).transform("min")
    cohort = events[first == "2010-12"]
    active = cohort["customer"].groupby(month[cohort.index]).nunique().tolist()
    assert active == [885, 324, 286, 340, 321, 352, 321, 309, 313, 350, 331, 445, 235]


def test_httpwg_rows(recorded_root: Path, reference_firings: FiringsOf) -> None:
    """6,526 rows by 185 people, 213 releases; 207 tags name a version of a draft."""
    events = reference.read_httpwg(recorded_root).events
    people = events[events["event"] != "release_published"]
    assert (len(events), people["customer"].nunique(), len(events) - len(people)) == (6_526, 185, 213)
    assert events["event"].value_counts()["feature_requested"] == 685
    assert len(reference.published_areas(events)) == 207
    shipped = [row for row in reference_firings("httpwg") if row.rule == "shipped"]
    assert (len(shipped), len({row.customer for row in shipped})) == (979, 80)


@pytest.mark.parametrize(
    ("name", "reached"),
    [
        ("cdnow", [23_570, 11_662, 3_925, 1_154, 20, 8]),
        ("httpwg", [137, 84, 40, 28, 12, 8]),
        ("onlineretail", [4_338, 2_845, 1_114, 391, 16, 3]),
        ("udacity", [1_168, 992, 834, 743, 301, 47]),
    ],
)
def test_milestones_of_every_set(name: str, reached: list[int], reference_firings: FiringsOf) -> None:
    """So many customers reached each count: the figures of the example's page."""
    counted = marks(reference_firings(name))
    assert [counted[str(mark)] for mark in reference.COUNT_MARKS] == reached
