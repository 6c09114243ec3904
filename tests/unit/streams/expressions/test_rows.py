"""The condition language over raw rows."""

from __future__ import annotations

from decimal import Decimal

import pytest

from relight.base.kinds import UNKNOWN
from relight.base.problems import Place
from relight.streams.expressions import compile_row_condition, parse_row_condition, row_fields

PLACE = Place(file="streams/shop.yaml", line=3, column=7)


def evaluate(text: str, row: dict[str, object]) -> object:
    node, problems = parse_row_condition(text, PLACE)
    assert node is not None, problems
    return compile_row_condition(node)(row)


@pytest.mark.parametrize(
    ("text", "row", "expected"),
    [
        ("minutes > 0", {"minutes": "12"}, True),
        ("minutes > 0", {"minutes": "0.0"}, False),
        ("minutes > 0", {"minutes": 3}, True),
        ("minutes > 0", {"minutes": 0.5}, True),
        ("minutes > 0", {}, UNKNOWN),
        ("minutes > 0", {"minutes": None}, UNKNOWN),
        ("minutes > 0", {"minutes": ""}, UNKNOWN),
        ("minutes > 0", {"minutes": "many"}, UNKNOWN),
        ("minutes > 0", {"minutes": "1_000"}, UNKNOWN),
        ("minutes > 0", {"minutes": "NaN"}, UNKNOWN),
        ("minutes > 0", {"minutes": float("inf")}, UNKNOWN),
        ("minutes > 0", {"minutes": True}, UNKNOWN),
        ("Quantity * UnitPrice", {"Quantity": "3", "UnitPrice": "2.55"}, Decimal("7.65")),
        ("Quantity * UnitPrice", {"Quantity": "3"}, UNKNOWN),
        ("total / items", {"total": 10, "items": 4}, Decimal("2.5")),
        ("total / items", {"total": 10, "items": 0}, UNKNOWN),
        ("-total", {"total": "2"}, Decimal(-2)),
        ("Country == 'UK'", {"Country": "UK"}, True),
        ("Country != 'UK'", {"Country": "TR"}, True),
        ("Country != 'UK'", {}, UNKNOWN),
        ("code == '007'", {"code": "007"}, True),
        ("code == '007'", {"code": "7"}, False),
        ("first == second", {"first": "1.0", "second": 1}, True),
        ("first == second", {"first": "a", "second": "b"}, False),
        ("Country in ('UK', 'TR')", {"Country": "TR"}, True),
        ("items in (1, 2)", {"items": "2"}, True),
        ("items not in (1, 2)", {"items": "3"}, True),
        ("items not in (1, 2)", {}, UNKNOWN),
        ("name contains 'ann'", {"name": "Joanna"}, True),
        ("tags contains 'a'", {"tags": ["a", "b"]}, True),
        ("name starts with 'Jo'", {"name": "Joanna"}, True),
        ("Customer is known", {"Customer": ""}, False),
        ("Customer is unknown", {}, True),
        ("day >= 2026-03-01", {"day": "2026-03-01T10:00:00"}, True),
        ("day >= 2026-03-01", {"day": "soon"}, UNKNOWN),
        ("paid == true", {"paid": "TRUE"}, True),
        ("paid", {"paid": False}, False),
        ("not paid", {"paid": "false"}, True),
        ("properties.total > 5", {"properties": {"total": 9}}, True),
        ("properties.total > 5", {"properties": "none"}, UNKNOWN),
        ("`Customer ID` == 12", {"Customer ID": "12"}, True),
        ("minutes > 0 and Customer is known", {"minutes": "1", "Customer": "c"}, True),
        ("minutes > 0 or Country == 'UK'", {"Country": "UK"}, True),
        ("big * big", {"big": "9e999999"}, UNKNOWN),
    ],
)
def test_a_row_is_read_as_it_was_found(text: str, row: dict[str, object], expected: object) -> None:
    """Text that looks like a number compares as one; what is missing, empty or no number is unknown."""
    assert evaluate(text, row) == expected


@pytest.mark.parametrize("text", ["count(order_placed) > 1", "age > 3 days", "ever(order_placed where total > 1)"])
def test_a_row_has_no_history(text: str) -> None:
    """An event function or a duration over a raw row is a problem."""
    node, problems = parse_row_condition(text, PLACE)
    assert node is None
    assert {problem.code for problem in problems} == {"not-in-a-row"}


def test_the_fields_of_an_expression_are_known() -> None:
    """The fields an expression reads are listed, nested ones with dots."""
    node, _ = parse_row_condition("Quantity * UnitPrice > 1 and a.b is known", PLACE)
    assert node is not None
    assert row_fields(node) == {"Quantity", "UnitPrice", "a.b"}
