"""The PostgreSQL store keeps the promises of every store, and those that only a server can break."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from relight.base.errors import ServiceError, StoreError
from relight.messages.life import MessageCause, MessageState
from relight.stores.interface import Batch, LetterEnd, Settlement
from relight.stores.postgres import PostgresStore
from relight.stores.postgres_codes import POOL_LOCK_CLASS
from relight.stores.postgres_schema import MIGRATIONS, SCHEMA_VERSION
from tests.adapters.stores.conformance import StoreConformance
from tests.adapters.stores.examples import MINUTE, T0, batch_of, make_event, make_letter, make_message, make_row
from tests.support.postgres_server import PostgresServer


class TestPostgresStore(StoreConformance):
    @pytest.fixture(autouse=True)
    def _server(self, postgres: PostgresServer) -> None:
        self.url = postgres.new_schema()

    def make_store(self, folder: Path) -> PostgresStore:  # noqa: ARG002  # a server needs none
        return PostgresStore.open(self.url)


def test_one_engine_at_a_time(url: str) -> None:
    """A second embedded engine is refused while the first lives; readers and senders are not."""
    first = PostgresStore.open(url)
    with pytest.raises(StoreError, match="in use by another engine"):
        PostgresStore.open(url)
    PostgresStore.open(url, read_only=True).close()
    PostgresStore.open(url, exclusive=False).close()
    first.close()
    PostgresStore.open(url).close()


def test_what_was_written_is_there_again(url: str) -> None:
    """A store that is opened again stands where it stood."""
    store = PostgresStore.open(url)
    store.append(batch_of(make_event(1), make_event(2)))
    store.close()
    again = PostgresStore.open(url)
    assert again.last_position() == 2
    assert again.append(batch_of(make_event(3))).last_position == 3
    again.close()


def test_two_senders_take_different_messages(url: str) -> None:
    """S5: while one claim is being made, another passes over its messages instead of waiting for them."""
    store = PostgresStore.open(url)
    store.append(Batch(outbox=[make_message(i) for i in range(4)]))
    other = PostgresStore.open(url, exclusive=False)
    with psycopg.connect(url) as holder:
        holder.execute("SELECT key FROM outbox ORDER BY due, seq LIMIT 3 FOR UPDATE")
        taken = other.claim(T0, 10, owner="other", lease=MINUTE).ready
        assert [claim.message for claim in taken] == [make_message(3)]
        holder.rollback()
    rest = store.claim(T0, 10, owner="one", lease=MINUTE).ready
    assert {claim.message.occurrence_key for claim in rest} == {make_message(i).occurrence_key for i in range(3)}
    other.close()
    store.close()


def test_two_senders_share_no_code_and_find_no_pool_empty_too_early(url: str) -> None:
    """S6: a sender waits for another's draw: what that gives back is there for it, and a code is never given twice."""
    store = PostgresStore.open(url)
    store.append(Batch(outbox=[make_message(i, pool="offer") for i in (1, 2)]))
    store.add_codes("offer", ["LAST"])
    other = PostgresStore.open(url, exclusive=False)
    with psycopg.connect(url) as holder, ThreadPoolExecutor() as threads:
        holder.execute("SELECT pg_advisory_xact_lock(%s, hashtext('offer'))", (POOL_LOCK_CLASS,))
        holder.execute("UPDATE codes SET key = 'another', drawn_at = 0")
        waiting = threads.submit(other.claim, T0, 1, owner="other", lease=MINUTE)
        assert not wait([waiting], timeout=0.3).done
        holder.rollback()
        assert [claim.code for claim in waiting.result(10).ready] == ["LAST"]
    assert store.claim(T0, 1, owner="one", lease=MINUTE).empty_pools == ("offer",)
    other.close()
    store.close()


def test_a_batch_is_written_whole_or_not_at_all(url: str) -> None:
    """Nothing of a batch stands when its transaction fails."""
    store = PostgresStore.open(url)
    with psycopg.connect(url, autocommit=True) as sql:
        sql.execute("ALTER TABLE outbox ADD CONSTRAINT no CHECK (due < 0)")
    with pytest.raises(StoreError, match="PostgreSQL refused"):
        store.append(Batch(log=batch_of(make_event(1)).log, rows=[make_row(1)], outbox=[make_message(1)]))
    assert (store.last_position(), list(store.ledger()), list(store.read_log())) == (0, [], [])
    store.close()


def test_a_store_of_a_newer_version_is_refused(url: str) -> None:
    """An older program does not touch a newer store, and a reader does not make one."""
    with pytest.raises(StoreError, match="no store of relight yet"):
        PostgresStore.open(url, read_only=True)
    PostgresStore.open(url).close()
    with psycopg.connect(url, autocommit=True) as sql:
        sql.execute("UPDATE numbers SET value = %s WHERE name = 'schema_version'", (SCHEMA_VERSION + 1,))
    with pytest.raises(StoreError, match=f"version {SCHEMA_VERSION + 1}"):
        PostgresStore.open(url)


def test_an_older_store_learns_how_its_letters_ended(url: str) -> None:
    """A dead letter that an earlier version read again ended so; one that waits waits on."""
    with closing(PostgresStore.open(url)) as store:
        store.append(Batch(dead=[make_letter(1), make_letter(2)]))
        store.end_letters([1], T0, LetterEnd.DISMISSED)
    before = next(n for n, one in enumerate(MIGRATIONS) if any("COLUMN ending" in text for text in one))
    with psycopg.connect(url, autocommit=True) as sql:
        sql.execute("ALTER TABLE dead_letters DROP COLUMN ending")
        sql.execute("ALTER TABLE dead_letters RENAME COLUMN ended_at TO replayed_at")
        sql.execute("UPDATE numbers SET value = %s WHERE name = 'schema_version'", (before,))
    with closing(PostgresStore.open(url)) as store:
        assert [(one.ended_at, one.end) for one in store.dead_letters()] == [(T0, LetterEnd.REPLAYED), (None, None)]
        assert [one.number for one in store.waiting_letters(9)] == [2]


def test_a_flipped_bit_is_noticed(url: str) -> None:
    """I16: a damaged message is never handed out."""
    store = PostgresStore.open(url)
    store.append(Batch(outbox=[make_message(1)]))
    with psycopg.connect(url, autocommit=True) as sql:
        sql.execute("UPDATE outbox SET body = set_byte(body, 9, get_byte(body, 9) # 1)")
    with pytest.raises(StoreError, match="damaged"):
        store.claim(T0, 1, owner="sender", lease=MINUTE)
    store.close()


def test_a_server_that_is_away_is_named(postgres: PostgresServer) -> None:
    """A server that cannot be reached is told as such, without the password of its address."""
    with pytest.raises(ServiceError, match="cannot be reached") as told:
        PostgresStore.open(f"postgresql://me:geheim@/nothing?host={postgres.folder}/nowhere")
    assert "geheim" not in str(told.value)


def test_the_journal_keeps_what_a_provider_says(url: str) -> None:
    """Characters that a PostgreSQL text cannot hold are replaced, so that no answer stops the sender."""
    store = PostgresStore.open(url)
    store.append(Batch(outbox=[make_message(1)]))
    (claim,) = store.claim(T0, 1, owner="sender", lease=MINUTE).ready
    word = Settlement(
        occurrence_key=claim.message.occurrence_key,
        token=1,
        cause=MessageCause.PROVIDER_ACCEPTED,
        text="a\0b",
        provider_id="\ud800",
        at=T0,
    )
    assert store.settle([word]) == [MessageState.ACCEPTED]
    (attempt,) = store.attempts()
    assert (attempt.text, attempt.provider_id) == ("a\ufffdb", "?")
    store.close()
