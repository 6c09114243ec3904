"""Orders to erase people of a cluster, as the store keeps them and `doctor` tells of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from relight.base.errors import UsageError
from relight.base.instants import DAY
from relight.cli.erase_cluster import ORDER_WAITS_WARN, look_at_orders
from relight.config.loader import load_project
from relight.engine.cluster_move import move_log
from relight.engine.cluster_people import with_messages
from relight.engine.erase_orders import (
    ClusterOrder,
    forget_orders,
    forget_suppressing_words,
    keep_marked,
    keep_orders,
    suppressing_words,
    waiting_orders,
)
from relight.stores.erasure import Person
from relight.stores.interface import Batch
from relight.stores.postgres import PostgresStore
from relight.stores.postgres_inbox import PostgresInbox
from tests.adapters.stores.examples import make_message, make_row
from tests.faults.small_project import QUIET, SECRET, write_project
from tests.support.told_topics import on_cluster

T0 = 1_772_442_000_000_000
BOB = Person(
    customer="bob", customers=frozenset({"bob"}), addresses=frozenset({"bob@mail.example", "b@mail.example"}),
    keys=frozenset(),
)  # fmt: skip


@pytest.fixture
def store(url: str) -> Iterator[PostgresStore]:
    with closing(PostgresStore.open(url, exclusive=False)) as found:
        yield found


def test_an_order_is_kept_once(store: PostgresStore) -> None:
    """The first order counts, the oldest comes first, what is known of it later is kept, and it is forgotten alone."""
    bob, ann = ClusterOrder(customer="bob", ordered=T0 + 1), ClusterOrder(customer="ann", ordered=T0)
    keep_orders(store, [bob])
    keep_orders(store, [ann, msgspec.structs.replace(bob, ordered=T0 + 9)])
    assert waiting_orders(store) == [ann, bob]
    marked = msgspec.structs.replace(ann, generation=2, places=[("app", 1, [3, 5])])
    keep_marked(store, [marked])
    assert waiting_orders(store) == [marked, bob]
    forget_orders(store, [marked])
    assert waiting_orders(store) == [bob]


@pytest.mark.parametrize("begun", [1, 2])
def test_no_move_comes_between(url: str, store: PostgresStore, tmp_path: Path, begun: int) -> None:
    """An erasure that was begun is finished before the log goes on in other partitions: it says in which generation
    people are gone, and that would be another.
    """
    loaded = load_project(write_project(tmp_path, {"quiet": QUIET}), env={"LINK_SECRET": SECRET})
    assert loaded.settings is not None
    settings = on_cluster(loaded.settings, url)
    loaded = replace(loaded, streams={}, settings=settings)
    bob = ClusterOrder(customer="bob", ordered=T0)
    keep_orders(store, [bob])
    keep_marked(store, [msgspec.structs.replace(bob, generation=begun)])
    with pytest.raises(UsageError, match="that is not finished"):
        move_log(loaded)
    keep_marked(store, [bob])
    with pytest.raises(UsageError, match="the store follows generation 1"):  # the next thing that is looked at
        move_log(loaded)


def test_doctor_says_how_long_orders_wait(store: PostgresStore) -> None:
    """Nothing where nobody waits; a warning once it takes longer than three weeks."""
    assert look_at_orders(store, T0) == []
    keep_orders(store, [ClusterOrder(customer="bob", ordered=T0)])
    ((mark, text, fix),) = look_at_orders(store, T0 + 3 * DAY)
    assert (mark, text) == ("ok", "1 customer to be erased, the first ordered 3 days ago")
    assert fix == "relight erase --apply"
    assert "bob" not in text
    assert look_at_orders(store, T0 + ORDER_WAITS_WARN)[0][0] == "warn"


def test_messages_that_came_back_are_theirs(store: PostgresStore) -> None:
    """Folding again puts back what an erasure that was stopped took out: it is found by the ledger as it is now."""
    row, message = make_row(1), make_message(1)
    store.append(Batch(rows=[row], outbox=[message]))
    person = replace(BOB, customers=frozenset({row.customer}))
    found = with_messages(store, person)
    assert found.keys == {row.occurrence_key}
    assert found.addresses == person.addresses | {message.address}


def test_words_that_suppress_come_once_and_go(url: str, store: PostgresStore) -> None:
    """Ordered twice, an address is suppressed by one word; afterwards the inbox knows nothing of it."""
    with closing(PostgresInbox.open(url)) as inbox:
        for _ in range(2):
            inbox.put(suppressing_words(BOB, T0))
        assert len(list(inbox.words_after(0, 10))) == 2
        assert forget_suppressing_words(store, BOB) == 2
        assert forget_suppressing_words(store, BOB) == 0
        assert list(inbox.words_after(0, 10)) == []
