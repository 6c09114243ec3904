"""De-duplication is exact whatever the cut of segments, restarts and colliding hashes."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from relight.base.errors import StoreError
from relight.stores.id_index import IndexLimits
from relight.stores.interface import EventIdentity
from relight.stores.sqlite import SqliteStore
from tests.adapters.stores.conftest import OpenStore
from tests.adapters.stores.examples import batch_of, make_control, make_event

CUSTOMERS = ["ada", "bob", "eve", None]
IDENTITIES = st.tuples(st.sampled_from(["app", "web"]), st.sampled_from(CUSTOMERS), st.integers(0, 40))


def identity(pick: tuple[str, str | None, int]) -> EventIdentity:
    return (pick[0], pick[1], str(pick[2]))


class DedupeMachine(RuleBasedStateMachine):
    """The store against a dictionary of what was appended."""

    @initialize(
        limits=st.builds(
            IndexLimits,
            recent_ids_max=st.integers(1, 6),
            merge_fan_in=st.integers(2, 3),
            segment_entries_max=st.sampled_from([4, 20, 10_000]),
            block_entries=st.integers(1, 4),
            merge_entries=st.integers(1, 50),
            hash_bits=st.sampled_from([0, 1, 2, 8, 64]),
        )
    )
    def begin(self, limits: IndexLimits) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="relight-test-")
        self.limits = limits
        self.model: dict[EventIdentity, int] = {}
        self.customers: dict[str | None, list[int]] = {}
        self.size = 0
        self.store = self.open()

    def open(self) -> SqliteStore:
        return SqliteStore.open(Path(self.folder.name) / "store.db", limits=self.limits)

    @rule(picks=st.lists(IDENTITIES, max_size=8))
    def append_new(self, picks: list[tuple[str, str | None, int]]) -> None:
        known = self.store.find_known([identity(pick) for pick in picks])
        assert known == [self.model.get(identity(pick)) for pick in picks]
        new = [pick for pick in dict.fromkeys(picks) if identity(pick) not in self.model]
        self.store.append(batch_of(*[make_event(number, customer=who, stream=stream) for stream, who, number in new]))
        for pick in new:
            self.size += 1
            self.model[identity(pick)] = self.size
            self.customers.setdefault(pick[1], []).append(self.size)

    @rule(who=st.sampled_from(CUSTOMERS))
    def append_control(self, who: str | None) -> None:
        self.store.append(batch_of(make_control(customer=who)))
        self.size += 1
        self.customers.setdefault(who, []).append(self.size)

    @rule()
    def checkpoint(self) -> None:
        self.store.save_checkpoints([])

    @rule()
    def restart(self) -> None:
        self.store.close()
        self.store = self.open()

    @rule(who=st.sampled_from(["ada", "bob", "eve"]), after=st.integers(0, 30))
    def read_customer(self, who: str, after: int) -> None:
        expected = [position for position in self.customers.get(who, []) if position > after]
        assert [position for position, _ in self.store.customer_log(who, after=after)] == expected

    @rule()
    def read_global(self) -> None:
        assert [position for position, _ in self.store.global_log()] == self.customers.get(None, [])

    @precondition(lambda self: self.model)
    @rule()
    def ask_everything(self) -> None:
        asked = list(self.model)
        assert self.store.find_known(asked) == [self.model[one] for one in asked]

    @invariant()
    def positions_are_counted(self) -> None:
        assert self.store.last_position() == self.size

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()


TestDedupe = DedupeMachine.TestCase
TestDedupe.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)


@pytest.mark.parametrize("hash_bits", [0, 1, 64])
def test_colliding_hashes_lose_no_event(open_store: OpenStore, hash_bits: int) -> None:
    """With hashes of no bits all keys are one, and still each event is told apart by the log itself."""
    limits = IndexLimits(hash_bits=hash_bits, recent_ids_max=8, block_entries=3, merge_fan_in=2)
    store = open_store(limits=limits)
    events = [make_event(number, customer=who) for number in range(20) for who in ("ada", "bob")]
    for event in events:
        assert store.find_known([(event.stream, event.customer, event.id)]) == [None]
        store.append(batch_of(event))
    asked = [(event.stream, event.customer, event.id) for event in events]
    assert store.find_known(asked) == list(range(1, 41))
    assert [position for position, _ in store.customer_log("bob")] == list(range(2, 41, 2))


def test_recent_keys_become_a_segment_at_the_limit(open_store: OpenStore) -> None:
    """Memory holds at most `recent_ids_max` keys and one batch: the append after that writes a segment first."""
    store = open_store(limits=IndexLimits(recent_ids_max=4))
    for number in range(4):
        store.append(batch_of(make_event(number)))
    assert segments(store) == []
    store.append(batch_of(make_event(4)))
    assert segments(store) == [(0, 4)]


def test_a_level_is_merged_when_it_is_full(open_store: OpenStore) -> None:
    """As many segments as the fan-in become one of the next level, and a merge that would be too big is left alone."""
    limits = IndexLimits(recent_ids_max=2, merge_fan_in=2, segment_entries_max=4)
    store = open_store(limits=limits)
    for number in range(13):
        store.append(batch_of(make_event(number)))
    assert segments(store) == [(1, 4), (1, 4), (1, 4)]


def test_a_damaged_segment_is_noticed(open_store: OpenStore) -> None:
    """A flipped bit in a block of an id segment is reported by name, never read as `new` (I16)."""
    store = open_store(limits=IndexLimits(recent_ids_max=2))
    for number in range(3):
        store.append(batch_of(make_event(number)))
    store._connection.sql.execute("UPDATE segment_blocks SET body = zeroblob(length(body))")
    with pytest.raises(StoreError, match="id block 1"):
        store.find_known([("app", "ada", "0")])


def segments(store: SqliteStore) -> list[tuple[int, int]]:
    rows = store._connection.sql.execute("SELECT level, entries FROM segments ORDER BY last_pos")
    return [(level, entries) for level, entries in rows.fetchall()]
