"""A copy of a log by customer: of copies the first stays, or the tombstone that stands where the first stood (V1, V5)."""

from __future__ import annotations

from contextlib import closing

import pytest

from relight.stores.own_logs import OwnLogs
from relight.streams.envelope import ERASED, Control, Event, Record

END = (2**60, -1, -1)


def keyed(text: str) -> str:
    return f"erased:{text}"


def event(number: int, customer: str, at: int) -> Event:
    return Event(
        stream="app", id=f"e{number}", customer=customer, name="used", event_time=at, ingest_time=at, position=number
    )


def tombstone(number: int, customer: str, at: int) -> Control:
    return Control(
        kind=ERASED, ingest_time=at, customer=keyed(customer), subject="app", detail={"id": f"e{number}"}
    )  # fmt: skip


@pytest.mark.parametrize("knows", [True, False])
def test_a_copy_of_an_erased_event_is_none(*, knows: bool) -> None:
    """Who has the key leaves the copy out, and nobody else's event of that id; without it, it is an event like any."""
    with closing(OwnLogs(keyed=keyed if knows else None)) as logs:
        records: list[Record] = [
            tombstone(1, "bob", 1), tombstone(2, "bob", 2), event(1, "bob", 3), event(1, "ann", 4), event(3, "bob", 5)
        ]  # fmt: skip
        logs.add((one, 0, place) for place, one in enumerate(records))
        found = [one.id for one, _ in logs.of("bob", before=END) if isinstance(one, Event)]
        assert found == (["e3"] if knows else ["e1", "e3"])
        assert [one.id for one, _ in logs.of("ann", before=END) if isinstance(one, Event)] == ["e1"]
        assert sum(isinstance(one, Control) for one in logs.between(0, 9)) == 2
