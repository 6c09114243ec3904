"""The fence of a partition: who was superseded writes nothing, and a batch is counted once however often it is tried."""

from __future__ import annotations

import threading
from contextlib import closing
from itertools import pairwise

import psycopg
import pytest

from relight.base.errors import FaultError
from relight.stores.interface import Batch, Profile
from relight.stores.listing import Tally
from relight.stores.partition import LOG_INPUT, PartitionStore
from relight.stores.postgres import PostgresStore
from relight.stores.postgres_connection import Connection
from relight.stores.postgres_partition import FencedError, PartitionSink
from tests.adapters.stores.examples import make_letter, make_message, make_row
from tests.support.postgres_server import PostgresServer

TALLY = Tally(rule="quiet", reason="already_entered", day=739_000, count=2)


def batch(number: int) -> Batch:
    return Batch(rows=[make_row(number)], outbox=[make_message(number)], tallies=[TALLY], dead=[make_letter(number)])


def test_who_was_superseded_writes_nothing(url: str) -> None:
    """I14: after a takeover the former owner's batches leave nothing, whether new or folded forward."""
    with closing(Connection(url)) as one, closing(Connection(url)) as two, closing(PostgresStore.open(url)) as store:
        zombie = PartitionSink.claim(one, 3, "one")
        zombie.write(batch(1), 10, 1_000)
        heir = PartitionSink.claim(two, 3, "two")
        assert (heir.epoch, heir.durable) == (zombie.epoch + 1, 10)
        assert not zombie.is_owner()
        for offset in (20, 10):
            with pytest.raises(FencedError):
                zombie.write(batch(2), offset, 2_000)
        heir.write(batch(3), 20, 2_000)
        assert list(store.ledger()) == [make_row(1), make_row(3)]
        assert store.partitions() == [(3, 2, 20, 2_000, "two")]
        assert len(list(store.messages())) == len(list(store.dead_letters())) == 2


def test_folding_forward_counts_nothing_twice(url: str) -> None:
    """Up to the durable offset a batch only shows that its rows stand; beyond it everything counts."""
    with closing(Connection(url)) as connection, closing(PostgresStore.open(url)) as store:
        PartitionSink.claim(connection, 0, "w").write(batch(1), 10, 1_000)
        again = PartitionSink.claim(connection, 0, "w")
        known, conflicts = again.write(batch(1), 10, 1_000)
        assert (known, conflicts) == (1, ())
        assert store.tallies() == [TALLY]
        assert len(list(store.dead_letters())) == 1
        other = make_row(1, leaf="plan = 'pro'")
        assert again.write(Batch(rows=[other]), 8, 900) == (1, (other,))
        with pytest.raises(FaultError, match="stands at offset 10"):
            PartitionSink(connection, 0, again.epoch, 5).write(batch(2), 20, 2_000)


def test_a_commit_whose_answer_was_lost_is_not_made_twice(url: str) -> None:
    """A batch that is tried again after its commit finds the offset moved, and leaves everything as it is."""
    with closing(Connection(url)) as connection, closing(PostgresStore.open(url)) as store:
        sink = PartitionSink.claim(connection, 0, "w")
        sink.write(batch(1), 10, 1_000)
        twin = PartitionSink(connection, 0, sink.epoch, 0)
        twin.write(batch(1), 10, 1_000)
        assert twin.durable == 10
        assert store.tallies() == [TALLY]
        assert len(list(store.dead_letters())) == 1


def test_a_batch_waits_for_a_server_that_comes_back(postgres: PostgresServer, url: str) -> None:
    """While PostgreSQL is away a batch is tried again, and nothing acknowledged is lost by its death."""
    with closing(Connection(url)) as connection:
        sink = PartitionSink.claim(connection, 0, "w")
        sink.write(batch(1), 10, 1_000)
        postgres.kill()
        mend = threading.Timer(0.5, postgres.start)
        mend.start()
        sink.write(batch(2), 20, 2_000)
        mend.join()
    with closing(PostgresStore.open(url)) as store:
        assert list(store.ledger()) == [make_row(1), make_row(2)]


def test_takeovers_at_any_moment_leave_no_gap_and_no_repeat(url: str) -> None:
    """Three owners who claim and write at random moments: every offset is written once, in order."""
    PostgresStore.open(url).close()
    written: list[int] = []

    def work(owner: str) -> None:
        with closing(Connection(url)) as connection:
            while len(written) < 60:
                sink = PartitionSink.claim(connection, 0, owner)
                for _ in range(5):
                    offset = sink.durable + 1
                    try:
                        sink.write(Batch(rows=[make_row(offset)], tallies=[TALLY]), offset, offset)
                    except FencedError:
                        break
                    written.append(offset)

    threads = [threading.Thread(target=work, args=(f"w{number}",)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(written) >= 60
    assert all(b == a + 1 for a, b in pairwise(sorted(written)))
    with closing(PostgresStore.open(url)) as store, psycopg.connect(url) as sql:
        assert sql.execute("SELECT count(*) FROM ledger").fetchone() == (len(written),)
        assert store.tallies()[0].count == 2 * len(written)


def test_a_checkpoint_that_is_ahead_of_its_decisions_does_not_count(url: str) -> None:
    """After PostgreSQL was restored from a backup, everything is folded from the beginning of the log."""
    blobs: dict[bytes, bytes] = {}
    with closing(Connection(url)) as connection:
        store = PartitionStore(PartitionSink.claim(connection, 0, "w"))
        store.append(Batch(rows=[make_row(1)], positions={LOG_INPUT: "10"}, reached=1_000))
        store.save_checkpoints([Profile(customer="ada", position=1, blob=b"x")], position=0)
        writing = store.write_checkpoint()
        blobs |= dict([*writing.parts, writing.head])
        heir = PartitionStore(PartitionSink.claim(connection, 0, "w"))
        assert heir.load(blobs)
        assert (heir.offset, heir.load_profile("ada")) == (10, Profile(customer="ada", position=1, blob=b"x"))
        with psycopg.connect(url, autocommit=True) as sql:
            sql.execute("UPDATE partitions SET next_offset = 4")
        restored = PartitionStore(PartitionSink.claim(connection, 0, "w"))
        assert not restored.load(blobs)
        assert (restored.offset, restored.load_profile("ada")) == (0, None)
        assert writing.parts[0][0] in restored.write_checkpoint().removals
