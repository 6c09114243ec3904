"""The engine's ledger on generated logs, always: ties, days on which clocks jump, copies, late rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.recorded import engine, generated, generated_reference
from tests.recorded.firings import differences, entered, spent_late

SEEDS = (1, 2, 3)


@pytest.mark.parametrize("seed", SEEDS)
def test_ledger_equals_the_reference(seed: int, tmp_path: Path) -> None:
    """Silences, with settle too, and milestones of counts, sums and distinct values fire as the log knew then."""
    rows = generated.generate(seed)
    expected = generated_reference.expected_of(rows)
    ledger = engine.ledger_of(generated.write_project(tmp_path, rows))
    difference = differences(expected.entered, entered(ledger))
    assert not difference, f"entered, seed {seed}: {difference}"
    difference = differences(expected.late, spent_late(ledger))
    assert not difference, f"late_event, seed {seed}: {difference}"


@pytest.mark.parametrize("seed", SEEDS)
def test_generated_logs_hold_what_they_promise(seed: int) -> None:
    """Every seed has ties, copies, other bodies under one id, late rows, skipped times, files out of order."""
    rows = generated.generate(seed)
    every = [(stream, row) for stream, lines in rows.items() for row in lines]
    logs = generated_reference.logs_of(rows)
    events = [known for log in logs.values() for known in log]
    assert len(every) > len(events) + 50
    assert any(known.late for known in events)
    assert any(known.event_time == known.ingest_time - generated_reference.LATENESS for known in events)
    assert any(len({known.event_time for known in log}) < len(log) for log in logs.values())
    bodies: dict[tuple[str, object, object], set[object]] = {}
    for stream, row in every:
        bodies.setdefault((stream, row["who"], row["id"]), set()).add(row["at"])
    assert any(len(times) > 1 for times in bodies.values())
    for lines in rows.values():
        arrivals = [str(row["arrives"]) for row in lines]
        assert arrivals != sorted(arrivals)
    assert {str(time) for time in generated.SKIPPED.values()} <= {row["at"] for _, row in every}


@pytest.mark.parametrize("seed", SEEDS)
def test_boundary_matters_on_generated_logs(seed: int) -> None:
    """A reference in which activity exactly at a deadline does not cancel disagrees with the right one."""
    rows = generated.generate(seed)
    right = generated_reference.expected_of(rows)
    wrong = generated_reference.expected_of(rows, cancels_at_deadline=False)
    assert differences(right.entered, wrong.entered)
