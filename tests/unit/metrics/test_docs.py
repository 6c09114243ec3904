"""docs/measures.md says what the measures say of themselves."""

from __future__ import annotations

from pathlib import Path

from relight.config.measure_kinds import CUSTOMER_MEASURES, MEASURES, measures_table

DOCS = Path(__file__).resolve().parents[3] / "docs" / "measures.md"


def test_the_table_of_measures_is_up_to_date() -> None:
    """Every measure stands in docs/measures.md with the very sentence that is shown beside its figures."""
    assert measures_table() in DOCS.read_text(encoding="utf-8")


def test_every_capability_has_a_measure() -> None:
    """C1 to C11 each have a measure; a name is one measure alone."""
    assert {kind.capability for kind in MEASURES.values()} == {f"C{n}" for n in range(1, 12)}
    assert {"clv", "nps", "orders", "churn_score"} <= set(CUSTOMER_MEASURES)
