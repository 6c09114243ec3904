"""Who is told when a pool of codes runs low, and how often (A30, S6)."""

from __future__ import annotations

import pytest

from relight.engine.code_pools import PoolWatch, wants_codes_low
from relight.messages.ledger import OutboxMessage
from relight.stores.memory import MemoryStore
from relight.streams.code_events import CODES_CUSTOMER, CODES_LOW, CODES_STREAM, codes_low_event, declare_codes_low
from relight.streams.schema import EventType, PropertyType, Schema
from tests.adapters.stores.examples import make_message

T0 = 1_767_225_600_000_000


class Pool:
    """A pool of a store, drawn from one by one."""

    def __init__(self, codes: int, *, low: int = 2) -> None:
        self.store, self.low, self.messages = MemoryStore(), low, 0
        self.held = 0
        self.watch = self.started()
        self.fill(codes)

    def started(self) -> PoolWatch:
        return PoolWatch(store=self.store, files={"offer": "codes/offer.csv"}, low=self.low)

    def fill(self, codes: int) -> None:
        self.store.add_codes("offer", [f"C{self.held + n}" for n in range(codes)])
        self.held += codes

    def draw(self, codes: int) -> None:
        messages: list[OutboxMessage] = []
        for _ in range(codes):
            self.messages += 1
            messages.append(make_message(self.messages, pool="offer"))
        self.store._draw(messages)

    def told(self) -> list[str]:
        found = self.watch.look({"offer"}, T0)
        self.watch.settle(found)
        return [one.id for one in found]


def test_each_level_of_a_filling_is_told_once() -> None:
    """Few, then none; asked again and again, and by a second start, nothing more; after more codes it begins anew."""
    pool = Pool(5)
    pool.draw(2)
    assert pool.told() == []
    pool.draw(1)
    assert pool.told() == ["offer/5/low"]
    pool.draw(1)
    assert pool.told() == []
    pool.watch = pool.started()
    assert pool.told() == [], "another process"
    pool.draw(1)
    assert pool.told() == ["offer/5/empty"]
    pool.watch = pool.started()
    assert pool.told() == []
    pool.fill(3)
    assert pool.told() == []
    pool.draw(1)
    assert pool.told() == ["offer/8/low"]


def test_what_was_not_made_durable_is_told_again() -> None:
    """A process that dies between the event and its note tells the same event, which the log knows already (V1)."""
    pool = Pool(1)
    (first,) = pool.watch.look({"offer"}, T0)
    pool.watch = pool.started()
    (second,) = pool.watch.look({"offer"}, T0 + 5)
    assert (first.id, first.properties) == (second.id, second.properties)


def test_the_event_says_what_a_letter_needs() -> None:
    """Pool, how many are left and the file; as of the instant it was seen."""
    pool = Pool(1)
    (event,) = pool.watch.look({"offer"}, T0)
    assert (event.stream, event.customer, event.name, event.event_time) == (CODES_STREAM, CODES_CUSTOMER, CODES_LOW, T0)
    assert event.properties == {"pool": "offer", "left": 1, "file": "codes/offer.csv"}
    empty = codes_low_event("offer", left=0, file="", held=3, at=T0)
    assert empty.id == "offer/3/empty"


@pytest.mark.parametrize(("codes", "left"), [(3, False), (2, True), (1, True)])
def test_the_limit_itself_is_low(codes: int, left: bool) -> None:
    """`codes_low: 2`: three are enough, two are few."""
    assert bool(Pool(codes).told()) is left


def test_without_a_rule_nobody_waits() -> None:
    """No plan, no event."""
    assert wants_codes_low(None) is False


def test_a_stream_may_not_declare_the_event() -> None:
    """`codes_low` is ours; a stream that has one is told where both stand."""
    theirs = EventType(name=CODES_LOW, streams=("shop",))
    schema, problems = declare_codes_low(Schema(events={CODES_LOW: theirs}), theirs.place)
    assert [one.code for one in problems] == ["reserved-name"]
    assert schema.events[CODES_LOW] is theirs
    declared, problems = declare_codes_low(Schema(), theirs.place)
    assert problems == []
    assert set(declared.events[CODES_LOW].properties) == {"pool", "left", "file"}
    assert isinstance(declared.events[CODES_LOW].properties["left"], PropertyType)
    assert not declared.events[CODES_LOW].activity
