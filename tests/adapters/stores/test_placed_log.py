"""The log of all partitions, by place."""

from __future__ import annotations

from contextlib import closing
from itertools import permutations

from relight.stores.placed_log import Place, PlacedLog
from relight.streams.envelope import Event

AT = 1_000
#: (customer, the account it names): rows that a map made of one, of which each has its own partition.
ROWS = [("ann", "acme"), ("bo", "acme"), ("cy", "birch")]


def told(order: tuple[int, ...]) -> tuple[list[str], list[list[str]]]:
    """Return who comes in which order, and who is connected with each before their own row."""
    with closing(PlacedLog()) as log:
        for one in order:
            customer, account = ROWS[one]
            event = Event(
                stream="app", id=f"e{one}", customer=customer, name="used", event_time=AT, ingest_time=AT, position=7
            )
            log.add((AT, 1, "app", 7, 0, 7), event, [account])
        found: list[tuple[Place, str]] = [(place, customer) for place, customer, *_ in log.between(AT, AT + 1)]
        before = [sorted(log.connected([customer], [dict(ROWS)[customer]], place)[0]) for place, customer in found]
        return [customer for _, customer in found], before


def test_rows_of_one_place_have_an_order_that_no_reading_makes() -> None:
    """I10: whichever partition was read first, rows that a map made of one come in the same order, and know the same of
    each other.
    """
    first = told((0, 1, 2))
    assert sorted(first[0]) == ["ann", "bo", "cy"]
    assert any(len(people) > 1 for people in first[1])
    for order in permutations(range(len(ROWS))):
        assert told(order) == first
