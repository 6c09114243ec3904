"""The comparison with recorded data can fail: change a threshold, a boundary or an id rule, and it is red.

Each change is made on one side and is red against the other; the same change said on the other side too is equal again,
so that it is that change which is seen. Two of the three read a slice of their set (slices.py): the whole sets are
compared in test_examples.py.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from tests.recorded import engine, generated, generated_reference, reference, slices
from tests.recorded.conftest import FiringsOf
from tests.recorded.firings import Firing, differences, entered


@pytest.fixture
def sliced(
    recorded_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Path:
    """A folder that holds the first customers of the set that the test names; the engine reads from it too."""
    root = tmp_path / "data"
    slices.SLICES[request.param](recorded_root, root)
    monkeypatch.setenv("RELIGHT_DATA", str(root))
    return root


def run_edited(name: str, work: Path, file: str, change: tuple[str, str]) -> list[Firing]:
    folder = engine.copied_example(name, work)
    engine.edit(folder / file, *change)
    return entered(engine.ledger_of(folder))


@pytest.mark.recorded
@pytest.mark.parametrize("sliced", ["udacity"], indirect=True)
def test_one_threshold(sliced: Path, tmp_path: Path) -> None:
    """31 days in place of 30 in udacity's rule is seen, in the silences of that threshold alone."""
    found = run_edited("udacity", tmp_path, "rules/quiet.yaml", ("30 days", "31 days"))
    right = reference.udacity(sliced)
    assert "missing" in differences(right, found)
    position = reference.SILENCE_DAYS.index(30)
    differing = set(right) ^ set(found)
    assert differing
    assert {(row.rule, row.occurrence.rpartition(":")[2]) for row in differing} == {("quiet", str(position))}
    read = reference.read_udacity(sliced)
    days = [31 if day == 30 else day for day in reference.SILENCE_DAYS]
    edited = reference.silences(read.events, read.horizon, days=days) + reference.milestones(read.events)
    assert not differences(edited, found)


@pytest.mark.recorded
def test_one_boundary(recorded_root: Path, engine_firings: FiringsOf) -> None:
    """A reference in which activity exactly at the deadline does not cancel disagrees with the engine, there alone."""
    read = reference.read_udacity(recorded_root)
    wrong = reference.silences(read.events, read.horizon, activity_at_deadline_cancels=False)
    quiet = [row for row in engine_firings("udacity") if row.rule == "quiet"]
    assert differences(wrong, quiet)
    assert not set(quiet) - set(wrong)
    active = set(zip(read.events["customer"], read.events["at"].tolist(), strict=True))
    assert all((row.customer, row.instant) in active for row in set(wrong) - set(quiet))


@pytest.mark.recorded
@pytest.mark.parametrize("sliced", ["cdnow"], indirect=True)
def test_one_id_rule(sliced: Path, tmp_path: Path) -> None:
    """A hash of the content as the id of a cdnow row loses true repeats: milestones and sums come later or never."""
    change = ("time: {field: date,", "id: content\ntime: {field: date,")
    found = run_edited("cdnow", tmp_path, "streams/orders.yaml", change)
    right = reference.cdnow(sliced)
    assert "missing" in differences(right, found)
    assert {row.rule for row in set(right) ^ set(found)} == {"milestones", "spent"}
    read = reference.read_cdnow(sliced)
    once = read.events.drop_duplicates(["customer", "date", "cds", "dollars"])
    assert len(once) < len(read.events)
    edited = reference.silences(once, read.horizon) + reference.milestones(once) + reference.sums(once)
    assert not differences(edited, found)


@pytest.mark.recorded
@pytest.mark.parametrize("sliced", ["cdnow", "udacity"], indirect=True)
def test_slices_hold_what_is_looked_for(sliced: Path) -> None:
    """A slice has whole customers: cdnow's with orders that repeat another one, udacity's with silences of 30 days."""
    if (sliced / "cdnow").exists():
        events: pd.DataFrame = reference.read_cdnow(sliced).events
        assert events["customer"].nunique() == slices.CDNOW_CUSTOMERS
        assert events.duplicated(["customer", "date", "cds", "dollars"]).any()
    else:
        position = reference.SILENCE_DAYS.index(30)
        silences = [row for row in reference.udacity(sliced) if row.occurrence.endswith(f":{position}")]
        assert len({row.customer for row in silences}) > slices.UDACITY_CUSTOMERS / 2


@pytest.mark.parametrize(
    ("file", "change"),
    [
        ("rules/quiet.yaml", ("7 days", "8 days")),
        ("streams/app.yaml", ("id: id", "id: content")),
        ("streams/app.yaml", ("arrives: arrives", "allowed_lateness: 72 hours")),
    ],
    ids=["threshold", "id", "arrives"],
)
def test_generated_log_shows_one_change(file: str, change: tuple[str, str], tmp_path: Path) -> None:
    """The same on a generated log, without recorded data: a threshold, an id rule, and the time of arrival."""
    rows = generated.generate(1)
    folder = generated.write_project(tmp_path, rows)
    engine.edit(folder / file, *change)
    assert differences(generated_reference.expected_of(rows).entered, entered(engine.ledger_of(folder)))


def test_generated_boundary(tmp_path: Path) -> None:
    """On a generated log, a reference in which activity at the deadline does not cancel disagrees with the engine."""
    rows = generated.generate(1)
    wrong = generated_reference.expected_of(rows, cancels_at_deadline=False)
    ledger = engine.ledger_of(generated.write_project(tmp_path, rows))
    assert differences(wrong.entered, entered(ledger))
