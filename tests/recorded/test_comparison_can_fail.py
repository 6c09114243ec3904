"""The comparison with recorded data can fail: change a threshold, a boundary or an id rule, and it is red."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.recorded import engine, generated, generated_reference, reference
from tests.recorded.conftest import FiringsOf
from tests.recorded.firings import Firing, differences, entered


def run_edited(name: str, work: Path, file: str, change: tuple[str, str]) -> list[Firing]:
    folder = engine.copied_example(name, work)
    engine.edit(folder / file, *change)
    return entered(engine.ledger_of(folder))


@pytest.mark.recorded
def test_one_threshold(recorded_root: Path, reference_firings: FiringsOf, tmp_path: Path) -> None:
    """31 days in place of 30 in udacity's rule is seen."""
    found = run_edited("udacity", tmp_path, "rules/quiet.yaml", ("30 days", "31 days"))
    difference = differences(reference_firings("udacity"), found)
    assert "missing" in difference
    assert "silence" in difference


@pytest.mark.recorded
def test_one_boundary(recorded_root: Path, engine_firings: FiringsOf) -> None:
    """A reference in which activity exactly at the deadline does not cancel disagrees with the engine."""
    read = reference.read_udacity(recorded_root)
    wrong = reference.silences(read.events, read.horizon, activity_at_deadline_cancels=False)
    quiet = [row for row in engine_firings("udacity") if row.rule == "quiet"]
    assert len(wrong) > len(quiet)
    assert differences(wrong, quiet)


@pytest.mark.recorded
def test_one_id_rule(recorded_root: Path, reference_firings: FiringsOf, tmp_path: Path) -> None:
    """A hash of the content as the id of a cdnow row loses true repeats, and that is seen in the milestones."""
    change = ("time: {field: date,", "id: content\ntime: {field: date,")
    found = run_edited("cdnow", tmp_path, "streams/orders.yaml", change)
    expected = reference_firings("cdnow")
    assert differences(expected, found)
    assert sum(row.rule == "milestones" for row in found) < sum(row.rule == "milestones" for row in expected)


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
