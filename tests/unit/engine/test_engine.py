"""The engine's body: copies, batches that fail, recovery, eviction; each against the same work done plainly."""

from __future__ import annotations

import copy
from decimal import Decimal, InvalidOperation
from pathlib import Path

import pytest

from relight.base.errors import BackpressureError
from relight.base.instants import DAY, HOUR
from relight.engine.engine import Engine
from relight.messages.ledger import LedgerRow
from relight.rules.plan import Plan
from relight.stores.interface import Appended, Batch, Store
from relight.stores.memory import MemoryStore
from relight.stores.sqlite import SqliteStore
from relight.streams.envelope import Control, DeadLetter, Event
from tests.support.story import make_plan

T0 = 1_767_225_600_000_000
"""2026-01-01 00:00 UTC."""
RULES = {
    "quiet": "{trigger: {inactive: [7 days, 20 days]}, audience: 'sum(order.total) > 10', send: hello}",
    "there": "{trigger: {released: {asked: asked, shipped: shipped, by: feature}}, steps: [{wait: 3 days}, {send: again}]}",
    "first": "{trigger: {milestone: {sum: order.total, at: [20, 50]}}, send: third}",
}
PLAN = make_plan(RULES)


class StubbornStore(MemoryStore):
    """A store that has no room for some of its batches."""

    def __init__(self) -> None:
        super().__init__()
        self.refuse = 0

    def append(self, batch: Batch) -> Appended:
        if self.refuse:
            self.refuse -= 1
            raise BackpressureError("the disk is full")
        return super().append(batch)


def event(number: int, name: str, day: float, customer: str | None = "ann", **properties: object) -> Event:
    traits: dict[str, object] = {"email": f"{customer}@mail.example"} if name == "identify" else {}
    at = T0 + int(day * DAY)
    return Event(
        stream="s", id=f"e{number}", customer=customer, name=name, event_time=at, ingest_time=at,
        properties=dict(properties), traits=traits, position=number,
    )  # fmt: skip


def history() -> list[Event | Control | DeadLetter]:
    return [
        event(1, "identify", 1),
        event(2, "identify", 1, "bo"),
        event(3, "order", 2, total=Decimal("19.99")),
        event(4, "asked", 2.5, "bo", feature="boards"),
        event(5, "order", 3, "bo", total=Decimal("0.10")),
        event(6, "order", 4, total=Decimal("0.01")),
        event(7, "shipped", 6, None, feature="boards"),
        event(8, "asked", 6.5, feature="boards"),
        event(9, "order", 30, total=Decimal(40)),
        event(10, "order", 31, "bo", total=Decimal(1)),
    ]


def begun(store: Store, plan: Plan = PLAN, *, cached_profiles: int = 100) -> Engine:
    engine = Engine(store, cached_profiles=cached_profiles)
    engine.follow_plan(plan, T0)
    return engine


def finished(engine: Engine) -> list[LedgerRow]:
    engine.advance(T0 + 60 * DAY)
    return sorted(engine.store.ledger(), key=lambda r: (r.judged, r.customer, r.rule, r.occurrence, r.step))


@pytest.fixture(scope="module")
def plain() -> list[LedgerRow]:
    engine = begun(MemoryStore())
    for record in history():
        engine.take([record])
    return finished(engine)


def test_the_history_has_something_to_compare(plain: list[LedgerRow]) -> None:
    """The rows that all tests here compare with are of all three rules and of both customers."""
    assert {(r.rule, r.customer) for r in plain if r.state == "pending"} >= {
        ("quiet", "ann"), ("there", "bo"), ("first", "ann"),
    }  # fmt: skip


def test_a_batch_equals_its_records_one_by_one(plain: list[LedgerRow]) -> None:
    """I8: batching does not change the decision ledger."""
    engine = begun(MemoryStore())
    engine.take(history())
    assert finished(engine) == plain


def test_copies_are_counted_and_change_nothing(plain: list[LedgerRow]) -> None:
    """V1, I2: the same again is the same event whatever its age; the first body wins, differences are counted."""
    engine = begun(MemoryStore())
    records = history()
    other = copy.copy(records[2])
    assert isinstance(other, Event)
    other.properties = {"total": Decimal(1000)}
    other.ingest_time = T0 + 5 * DAY
    engine.take([*records[:3], copy.copy(records[2])])
    engine.take([*records[3:6], other, *records[6:]])
    assert finished(engine) == plain
    assert (engine.progress.duplicates, engine.progress.differing) == (2, 1)
    assert engine.store.duplicates_differing() == 1


def test_a_dead_letter_consumes_no_id_and_blocks_nothing(plain: list[LedgerRow]) -> None:
    """V2: a malformed event goes to the dead-letter store and blocks nothing."""
    engine = begun(MemoryStore())
    dead = DeadLetter(
        stream="s", position=3, source="f:3", code="bad", reason="no time", raw=b"{", ingest_time=T0 + DAY
    )
    engine.take([*history()[:2], dead, *history()[2:]])
    assert finished(engine) == plain
    assert engine.progress.dead == 1
    assert [d.letter for d in engine.store.dead_letters()] == [dead]


@pytest.mark.parametrize("size", [1, 3, 10])
def test_a_batch_that_the_store_refuses_is_decided_exactly_once(plain: list[LedgerRow], size: int) -> None:
    """I1, I7: A refused batch leaves nothing behind: handed in again it is decided as if for the first time, and only once."""
    store = StubbornStore()
    engine = begun(store)
    records = history()
    for at in range(0, len(records), size):
        store.refuse = 2
        for _ in range(2):
            with pytest.raises(BackpressureError):
                engine.take(records[at : at + size])
        engine.take(records[at : at + size])
    store.refuse = 1
    with pytest.raises(BackpressureError):
        engine.advance(T0 + 60 * DAY)
    assert finished(engine) == plain
    assert engine.progress.events == len(records)
    assert store.last_position() == len(records) + 1


def test_a_record_that_breaks_decide_leaves_the_others_as_they_were(plain: list[LedgerRow]) -> None:
    """I13: a batch that fails half-way is undone in memory too; without its poison it is decided as ever."""
    engine = begun(MemoryStore())
    records = history()
    poison = event(99, "order", 2, total=Decimal("sNaN"))
    with pytest.raises(InvalidOperation):
        engine.take([*records[:3], poison])
    engine.take(records)
    assert finished(engine) == plain


@pytest.mark.parametrize("crash", range(1, 11))
def test_recovery_at_any_record_goes_on_as_if_nothing_had_happened(plain: list[LedgerRow], crash: int) -> None:
    """I7, I9: an engine made anew from the store, with an old checkpoint, judges what is left and repeats nothing."""
    store = MemoryStore()
    engine = begun(store)
    records = history()
    engine.take(records[:4])
    engine.checkpoint()
    for record in records[4 : max(4, crash)]:
        engine.take([record])
    again = Engine(store)
    again.recover([PLAN])
    again.take(records[max(4, crash) :])
    assert finished(again) == plain


def test_a_release_before_the_crash_still_sends_after_it(plain: list[LedgerRow]) -> None:
    """H8: whom a release concerned before a crash is still on the way after it, although their checkpoint is older."""
    store = MemoryStore()
    engine = begun(store)
    engine.take(history()[:5])
    engine.checkpoint()
    engine.take(history()[5:7])
    again = Engine(store)
    again.recover([PLAN])
    again.advance(T0 + 9 * DAY + 1)
    sent = [r for r in store.ledger() if r.rule == "there" and r.state == "pending"]
    assert [(r.customer, r.scheduled) for r in sent] == [("bo", T0 + 9 * DAY)]


def test_recovery_counts_nothing_twice() -> None:
    """R6: what gets no row is counted once, although recovery looks at it again."""
    plan = make_plan({"i": '{trigger: {global: incident, affects: "region == event.region"}, send: hello}'})
    store = MemoryStore()
    engine = begun(store, plan)
    engine.take([event(1, "identify", 1), event(2, "incident", 2, None, region="eu")])
    before = store.tallies()
    assert [t.count for t in before] == [1]
    again = Engine(store)
    again.recover([plan])
    assert store.tallies() == before


def test_eviction_of_profiles_changes_nothing(plain: list[LedgerRow]) -> None:
    """I8: a cache of one profile, written and read back between batches, decides as a cache of all."""
    engine = begun(MemoryStore(), cached_profiles=1)
    for record in history():
        engine.take([record])
    assert finished(engine) == plain
    assert engine.profiles.evictions > 5


def test_a_profile_written_under_an_older_plan_is_read_by_that_plan() -> None:
    """H3: what fell due before an edit is judged by the plan of then, although the profile is read after the edit."""
    store = MemoryStore()
    engine = begun(store, cached_profiles=1)
    engine.take([event(1, "identify", 1), event(2, "order", 1.5, total=Decimal(30))])
    engine.advance(T0 + 2 * DAY)
    engine.take([event(3, "identify", 8, "bo")], reached=T0 + 8 * DAY)
    assert engine.profiles.peek("ann") is None
    later = make_plan({"x": "{trigger: {inactive: 400 days}, send: hello}"})
    # The record of the new plan lies before the deadline that the old plan makes at 8.5 days.
    engine.world.register(later)
    engine.take([Control(kind="plan", ingest_time=T0 + 9 * DAY, subject=later.version)], reached=T0 + 9 * DAY)
    assert [(r.rule, r.state) for r in store.ledger(rule="quiet")] == [("quiet", "entered"), ("quiet", "pending")]


def test_on_sqlite_everything_is_the_same_after_closing_and_opening(plain: list[LedgerRow], tmp_path: Path) -> None:
    """I9: values come back from the file as they were: exact sums, instants, texts."""
    store = SqliteStore.open(tmp_path / "relight.db")
    engine = begun(store)
    engine.take(history()[:6])
    store.close()
    store = SqliteStore.open(tmp_path / "relight.db")
    engine = Engine(store)
    engine.recover([PLAN])
    engine.take(history()[6:])
    assert finished(engine) == plain
    store.close()


def test_the_same_plan_is_put_in_force_once() -> None:
    """A plan in force already makes no second record."""
    engine = begun(MemoryStore())
    assert engine.follow_plan(PLAN, T0 + HOUR) is False
    assert engine.store.last_position() == 1


def test_what_concerns_everybody_comes_after_the_records_of_its_instant_that_were_taken() -> None:
    """H1, I9: a global record that comes when own records of its instant were taken already has the next µs."""
    store = MemoryStore()
    engine = begun(store)
    engine.take([event(1, "identify", 1), event(2, "order", 2, total=Decimal(20))])
    other = make_plan({**RULES, "first": "{trigger: {milestone: {sum: order.total, at: [5]}}, send: third}"})
    engine.follow_plan(other, T0 + 2 * DAY)
    engine.take([event(3, "shipped", 2, None, feature="boards")])
    assert [record.ingest_time - T0 - 2 * DAY for _, record in store.global_log()][1:] == [1, 1]
    rows = list(store.ledger())
    again = Engine(store)
    again.recover([PLAN, other])
    assert list(store.ledger()) == rows
    again.take([event(4, "order", 2, total=Decimal(1))])
    again.take([Control(kind="pause", ingest_time=T0 + 2 * DAY, subject="quiet")])
    assert [record.ingest_time - T0 - 2 * DAY for _, record in store.global_log()][-1] == 2, (
        "after the order, raised by the release"
    )
