"""What makes two copies one event: the body, without how it came here (V1)."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from relight.streams.envelope import Event
from relight.streams.ids import is_same_body

T0 = 1_750_000_000_000_000


def make_event(**changes: object) -> Event:
    event = Event(
        stream="app", id="7", customer="ada", name="bought", event_time=T0, ingest_time=T0 + 5, properties={"total": 3}
    )
    changed: Event = msgspec.structs.replace(event, **changes)
    return changed


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({}, True),
        ({"ingest_time": T0 + 99, "position": 4, "late": True}, True),
        ({"event_time": T0 + 1}, False),
        ({"event_time": T0 + 9, "ingest_time": T0 + 9}, True),
        ({"properties": {"total": 4}}, False),
        ({"properties": {}}, False),
        ({"name": "sold"}, False),
        ({"traits": {"plan": "pro"}}, False),
        ({"consent": {"news": True}}, False),
        ({"account": "acme"}, False),
    ],
)
def test_two_copies_of_an_event_are_compared_by_body(
    changes: dict[str, object], same: bool
) -> None:  # a column of the table
    """Ingest time, row and lateness are no part of the body, nor an event time that was clamped; all else is (V1)."""
    assert is_same_body(make_event(), make_event(**changes)) is same


def test_the_spelling_of_a_number_is_no_difference() -> None:
    """12.5 and 12.50 are one amount; the text "12.5" is another thing (V1)."""
    first = make_event(properties={"b": Decimal("12.5"), "a": ("x",)})
    assert is_same_body(first, make_event(properties={"a": ("x",), "b": Decimal("12.500")}))
    assert not is_same_body(first, make_event(properties={"a": ("x",), "b": Decimal("12.6")}))
