"""By which keys a cluster decides accounts together: noted before a plan is told, and one more only with nothing at hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from relight.base.errors import UsageError
from relight.config.settings import KafkaSettings
from relight.engine.account_keys import keys_in_force, note_keys, refuse_other_keys
from relight.engine.plan_versions import note_told
from relight.rules.plan import AccountKey, Plan
from relight.stores.interface import Batch, Profile
from relight.stores.partition import LOG_INPUT, PartitionStore
from relight.stores.postgres import PostgresStore
from relight.stores.postgres_connection import Connection
from relight.stores.postgres_partition import PartitionSink
from tests.support.story import make_plan
from tests.unit.engine.test_accounts import TOGETHER

FIELD, TRAIT = AccountKey(trait=None), AccountKey(trait="plan")
SEND = {"quiet": "{trigger: {inactive: 3 days, activity: [session]}, send: hello}"}


def capped(key: AccountKey, rules: dict[str, str] | None = None) -> Plan:
    return make_plan(rules or SEND, account=key, account_caps=TOGETHER)


ALONE = make_plan(SEND, account=FIELD)


def cluster(partitions: int) -> KafkaSettings:
    return KafkaSettings(
        brokers=("127.0.0.1:9092",), partitions=partitions, replication=1, standbys=0, generation=1, max_wait=0,
        user=None, password=None, security="none",
    )  # fmt: skip


@pytest.fixture
def store(url: str) -> Iterator[PostgresStore]:
    with closing(PostgresStore.open(url, exclusive=False)) as opened:
        yield opened


def test_the_first_plan_says_by_what(store: PostgresStore) -> None:
    """Workers that start before the router go by the plan that it will tell; with one partition there is nothing to say."""
    plan = capped(FIELD)
    assert keys_in_force(store, plan, cluster(12)) == {FIELD}
    note_keys(store, plan, cluster(12))
    assert keys_in_force(store, ALONE, cluster(12)) == {FIELD}
    assert keys_in_force(store, plan, cluster(1)) == frozenset()


def test_one_partition_keeps_for_later_what_its_plans_ask_for(store: PostgresStore) -> None:
    """A log that is moved to more partitions goes on with the keys of the plans that one partition followed."""
    note_keys(store, ALONE, cluster(1))
    note_told(store, "first", 1)
    note_keys(store, capped(TRAIT), cluster(1))
    assert keys_in_force(store, ALONE, cluster(12)) == {TRAIT}


def test_another_key_asks_for_workers_that_stand_still(store: PostgresStore, url: str) -> None:
    """Who keeps what follows must change for all at once: not while a worker runs, nor where one has not decided all."""
    note_keys(store, ALONE, cluster(2))
    note_told(store, "first", 1)
    plan = capped(FIELD)
    with closing(Connection(url)) as connection:
        for number, reached in enumerate((2_000, 1_000)):
            PartitionSink.claim(connection, number, "w").write(Batch(), 10, reached)
        with pytest.raises(UsageError, match="2 workers run"):
            note_keys(store, plan, cluster(2), workers=lambda: 2)
        with pytest.raises(UsageError, match="have not decided all"):
            note_keys(store, plan, cluster(2))
        with pytest.raises(UsageError, match="together, which the plans before did not"):
            refuse_other_keys(store, plan, cluster(2))
        PartitionSink.claim(connection, 1, "w").write(Batch(), 20, 2_000)
    note_keys(store, plan, cluster(2))
    refuse_other_keys(store, plan, cluster(2))
    assert keys_in_force(store, ALONE, cluster(2)) == {FIELD}


def test_a_checkpoint_of_another_key_does_not_count(url: str) -> None:
    """Who decides on whom changes with the key: the log is folded from its beginning."""
    with closing(Connection(url)) as connection, closing(PostgresStore.open(url)):
        store = PartitionStore(PartitionSink.claim(connection, 0, "w"))
        store.append(Batch(positions={LOG_INPUT: "10"}, reached=1_000))
        store.save_checkpoints([Profile(customer="ada", position=1, blob=b"x")], position=0)
        writing = store.write_checkpoint()
        blobs = dict([*writing.parts, writing.head])
        assert not PartitionStore(PartitionSink.claim(connection, 0, "w"), together="account").load(blobs)
        assert PartitionStore(PartitionSink.claim(connection, 0, "w")).load(blobs)


def test_who_is_decided_on_elsewhere_leaves_the_checkpoint(url: str) -> None:
    """A profile that is let go is in no later checkpoint."""
    with closing(Connection(url)) as connection, closing(PostgresStore.open(url)):
        store = PartitionStore(PartitionSink.claim(connection, 0, "w"))
        store.append(Batch(positions={LOG_INPUT: "10"}, reached=1_000))
        store.save_checkpoints([Profile(customer=one, position=1, blob=b"x") for one in ("ada", "bo")], position=0)
        first = store.write_checkpoint()
        store.drop_profile("ada")
        store.append(Batch(positions={LOG_INPUT: "20"}, reached=2_000))
        second = store.write_checkpoint()
        heir = PartitionStore(PartitionSink.claim(connection, 0, "w"))
        assert heir.load(dict([*first.parts, first.head]) | dict([*second.parts, second.head]))
        assert [one.customer for one in heir.profiles()] == ["bo"]
