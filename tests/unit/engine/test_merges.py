"""Merges through the engine: whole before they are decided on, refused for known profiles, the same after a restart."""

from __future__ import annotations

from relight.base.instants import DAY
from relight.engine.engine import Engine
from relight.stores.memory import MemoryStore
from relight.streams.envelope import Control, Event
from tests.support.story import make_plan

T0 = 1_767_225_600_000_000
THIRD = make_plan({"r": "{trigger: {milestone: {count: order, at: [3]}}, send: hello}"})
FOURTH = make_plan({"r": "{trigger: {milestone: {count: session, at: [2]}}, send: hello}"})


def event(number: int, name: str, day: float, customer: str) -> Event:
    at = T0 + int(day * DAY)
    traits: dict[str, object] = {"email": f"{customer}@mail.example"} if name == "identify" else {}
    return Event(
        stream="s", id=f"e{number}", customer=customer, name=name, event_time=at, ingest_time=at, traits=traits
    )


def merge(day: float, anonymous: str = "anon") -> Control:
    return Control(kind="merge", ingest_time=T0 + int(day * DAY), customer="ann", subject=anonymous)


def entered(store: MemoryStore) -> list[str]:
    return [row.occurrence for row in store.ledger() if not row.step]


def started(store: MemoryStore) -> Engine:
    engine = Engine(store)
    engine.recover([THIRD])
    engine.follow_plan(THIRD, T0)
    return engine


def test_a_merge_in_the_batch_of_what_it_merges() -> None:
    """V4: what the anonymous one did a moment before, in the same batch, is merged; a restart folds to the same."""
    store = MemoryStore()
    engine = started(store)
    engine.take([event(1, "order", 1, "anon"), event(2, "order", 2, "anon"), event(3, "identify", 3, "ann"), merge(3)])
    assert entered(store) == []
    again = Engine(store)  # nothing was checkpointed: all of it is folded again
    again.recover([THIRD])
    again.take([event(4, "order", 4, "ann")])
    assert entered(store) == ["milestone:3"]


def test_two_known_profiles_are_never_merged() -> None:
    """V4: two known profiles are never merged: the record is a dead letter that names both, and nothing is folded."""
    store = MemoryStore()
    engine = started(store)
    engine.take([event(1, "identify", 1, "bob"), event(2, "order", 2, "bob"), event(3, "identify", 3, "ann")])
    engine.take([merge(4, "bob")])
    (letter,) = [stored.letter for stored in store.dead_letters()]
    assert letter.code == "known-profile"
    assert "'bob'" in letter.reason
    assert all(isinstance(record, Event) or record.kind == "plan" for _, record in store.read_log())


def test_a_later_plan_counts_what_was_merged() -> None:
    """E5: counts that a new rule needs are folded again from the log, merged events included."""
    store = MemoryStore()
    engine = started(store)
    engine.take([event(1, "session", 1, "anon"), event(2, "identify", 3, "ann"), merge(3)])
    engine.follow_plan(FOURTH, T0 + 4 * DAY)
    engine.take([event(3, "session", 5, "ann")])
    assert entered(store) == ["milestone:2"]
