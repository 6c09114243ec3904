"""The source of a filter, for the code that a plan generates, says what the filter's closures say."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from relight.base.instants import DAY
from relight.rules.compiled import OwnSource
from relight.rules.conditions import check_event_pattern, compile_event_pattern, parse_event_pattern
from relight.rules.plan import EventMatch
from tests.unit.rules.conditions.shop import NOW, PLACE, SCOPE, Scanner, View, read

#: Tests of the properties of an order, one of each form.
SIMPLE = (
    "total >= 10",
    "total != 10.00",
    "items < 3",
    "items == 2",
    "currency == 'EUR'",
    "currency in ('EUR', 'TRY')",
    "order_id not in ('o', 'c')",
    "order_id contains 'o'",
    "order_id starts with 'b'",
    "order_id == cart_id",
    "event.items <= 2",
    "cart_id is known",
    "total is unknown",
)
ORDERS = st.fixed_dictionaries(
    {},
    optional={
        "order_id": st.sampled_from(["o", "bo", "c"]),
        "cart_id": st.sampled_from(["o", "c"]),
        "total": st.sampled_from([Decimal(10), Decimal("9.99"), Decimal(11)]),
        "items": st.integers(1, 4),
        "currency": st.sampled_from(["EUR", "TRY"]),
        "paid_at": st.sampled_from([NOW - 2 * DAY, NOW]),
    },
)
FILTERS = st.recursive(
    st.sampled_from(SIMPLE),
    lambda inner: st.one_of(
        inner.map(lambda one: f"not ({one})"),
        st.lists(inner, min_size=2, max_size=3).map(lambda ones: " and ".join(f"({one})" for one in ones)),
        st.lists(inner, min_size=2, max_size=3).map(lambda ones: " or ".join(f"({one})" for one in ones)),
    ),
    max_leaves=6,
)


def match_of(where: str) -> EventMatch | None:
    """Return the compiled pattern; None for a filter that `check` refuses, since it says nothing or holds never."""
    pattern, problems = parse_event_pattern(f"order_placed where {where}", PLACE)
    assert pattern is not None, problems
    checked, problems = check_event_pattern(pattern, SCOPE)
    if checked is None:
        assert {one.code for one in problems} <= {"never-holds", "always-holds"}, problems
        return None
    return compile_event_pattern(checked, Scanner())


def says(own: OwnSource, properties: dict[str, object]) -> object:
    names = {f"k{number}": value for number, value in enumerate(own.constants)}
    return eval(own.text.format(*names), {**names, "get": properties.get})  # noqa: S307 - what is tested


@given(where=FILTERS, properties=ORDERS)
def test_the_source_holds_where_the_filter_is_true(where: str, properties: dict[str, object]) -> None:
    """R5: The source is true where the filter is, and not where that is false or unknown, whatever an event lacks."""
    match = match_of(where)
    assume(match is not None)
    assert match is not None
    assert match.own is not None
    assert match.where is not None
    assert says(match.own, properties) == (read(match.where, View(event=properties)) is True)


@pytest.mark.parametrize(
    "where",
    [
        "cart_id == entry.cart_id",
        "items + 1 > 2",
        "paid_at > 2026-03-01",
    ],
)
def test_a_filter_of_more_than_the_events_properties_has_no_source(where: str) -> None:
    """A filter that reads the entry or the customer's zone, or calculates, has no source."""
    match = match_of(where)
    assert match is not None
    assert match.own is None
