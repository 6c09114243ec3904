"""Several rows that are one event."""

from decimal import Decimal
from typing import Any

import pytest

from relight.streams import grouping
from relight.streams.grouping import GroupedRow, GroupLimitError, RowRefusal, group_rows
from relight.streams.refusals import Counts
from tests.unit.streams.stream_making import plan_of


def grouped(group: dict[str, Any], found: list[dict[str, object]], /, **changes: Any) -> list[GroupedRow | RowRefusal]:
    plan = plan_of(group_by=group, **changes)
    return list(group_rows(plan, ((at, f"f:{at}", row) for at, row in enumerate(found, 1))))


def test_rows_that_are_apart() -> None:
    """Rows of one group need not stand together: the event stands at the first, with exact sums, the rest its own."""
    rows: list[dict[str, object]] = [
        {"no": "A", "amount": "0.1", "country": "TR"},
        {"no": "B", "amount": "5", "country": "DE"},
        {"no": "A", "amount": "0.2", "country": "US"},
        {"no": "A", "amount": "", "country": "FR"},
    ]
    found = grouped({"fields": ["no"], "sum": ["amount"], "first": ["country"], "count": "lines"}, rows)
    assert found == [
        GroupedRow(
            position=1, source="f:1", key="A", row={"no": "A", "amount": Decimal("0.3"), "country": "TR", "lines": 3}
        ),
        GroupedRow(
            position=2, source="f:2", key="B", row={"no": "B", "amount": Decimal(5), "country": "DE", "lines": 1}
        ),
    ]


def test_computed_sums_and_rows() -> None:
    """A sum may be an expression over each row; `rows` filters before grouping."""
    rows: list[dict[str, object]] = [
        {"no": "A", "q": "2", "p": "1.5"},
        {"no": "A", "q": "-1", "p": "9"},
        {"no": "A", "q": "1", "p": "1"},
    ]
    found = grouped({"fields": ["no"], "sum": {"total": "q * p"}}, rows, rows="q > 0")
    assert [row.row["total"] for row in found] == [Decimal("4.0")]


def test_keys_do_not_collide() -> None:
    """Two groups never share a key, whatever stands in their fields."""
    rows: list[dict[str, object]] = [{"a": "x|y", "b": "z"}, {"a": "x", "b": "y|z"}, {"a": "x", "b": "y"}]
    keys = [row.key for row in grouped({"fields": ["a", "b"]}, rows) if isinstance(row, GroupedRow)]
    assert keys == ["x||y|z", "x|y||z", "x|y"]


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ({"no": "", "amount": "1"}, "missing-group"),
        ({"no": [], "amount": "1"}, "bad-group"),
        ({"no": "A", "amount": "x"}, "bad-value"),
    ],
)
def test_refused_rows(row: dict[str, object], code: str) -> None:
    """A row that cannot be grouped is refused alone."""
    found = grouped({"fields": ["no"], "sum": ["amount"]}, [row, {"no": "A", "amount": "1"}])
    assert isinstance(found[0], RowRefusal)
    assert (found[0].refusal.code, found[0].position) == (code, 1)
    assert isinstance(found[1], GroupedRow)
    assert found[1].row["amount"] == 1


def test_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """More groups than are held at once are an error, not a full memory."""
    monkeypatch.setattr(grouping, "GROUP_ROWS_MAX", 2)
    assert len(grouped({"fields": ["no"]}, [{"no": "A"}, {"no": "B"}, {"no": "A"}])) == 2
    with pytest.raises(GroupLimitError):
        grouped({"fields": ["no"]}, [{"no": "A"}, {"no": "B"}, {"no": "C"}])


def test_counts() -> None:
    """Rows are counted once: those of a group here, its first where it is decoded."""
    plan, counts = plan_of(group_by={"fields": ["no"]}, rows="q > 0"), Counts()
    rows: list[dict[str, object]] = [{"no": "A", "q": 1}, {"no": "A", "q": 1}, {"no": "A", "q": 0}, {"q": 1}]
    list(group_rows(plan, ((at, "f", row) for at, row in enumerate(rows)), counts))
    assert (counts.rows, counts.filtered, counts.dead) == (3, 1, {"missing-group": 1})
