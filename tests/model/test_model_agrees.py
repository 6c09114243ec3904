"""decide and the engine write the ledger of the independent model, however their work is cut into pieces."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from relight.stores.interface import Store
from relight.stores.memory import MemoryStore
from relight.stores.sqlite import SqliteStore
from tests.model.compare import first_difference, shown
from tests.support.model_logs import ModelLog, Rows, model_logs
from tests.support.model_runs import decide_rows, engine_rows, idle, through_bytes

pytestmark = pytest.mark.recorded

#: Random logs of each sort in CI; RELIGHT_FUZZ multiplies them.
SMALL, DENSE = 400, 100
#: Random logs with random sequences, of each sort.
WALKING = 150
MORE = int(os.environ.get("RELIGHT_FUZZ", "1"))


def assert_same(one: ModelLog, ours: Rows) -> None:
    difference = first_difference(ours, one.rows)
    assert difference is None, f"{one.name}: {difference}\n{shown(one.log)}"


def test_decide_writes_the_rows_of_the_model() -> None:
    """H: a customer's decision ledger is a pure function of their own log and the plan versions in it."""
    for one in model_logs(SMALL * MORE, DENSE * MORE):
        assert_same(one, decide_rows(one))


def test_decide_writes_the_rows_of_the_model_for_sequences() -> None:
    """H, E2, E3: the same with random sequences: waits, wait_for and branches inside one another, edited on the way."""
    for one in model_logs(0, 0, walking=WALKING * MORE):
        assert_same(one, decide_rows(one))


def test_an_engine_that_is_stopped_amid_sequences_writes_the_same_rows() -> None:
    """I8, I9: an engine that recovers amid sequences writes the same rows, copies of events included."""
    for seed, one in enumerate(model_logs(0, 0, walking=WALKING // 3 * MORE)):
        assert_same(one, engine_rows(one, MemoryStore, seed=seed, reopen=lambda store: store, copies=4))


def test_a_profile_written_down_between_any_two_records_decides_the_same() -> None:
    """I8: Restarts do not change the decision ledger: every profile goes through its bytes between every two records."""
    for one in model_logs(150 * MORE, 50 * MORE):
        assert_same(one, decide_rows(one, through_bytes))


def test_time_that_comes_in_many_small_steps_decides_the_same() -> None:
    """H2: It advances to T judging all j < T, and however often it is told so between two records, the rows are the same."""
    for seed, one in enumerate(model_logs(150 * MORE, 50 * MORE)):
        assert_same(one, decide_rows(one, idle(seed)))


@pytest.mark.parametrize("copies", [0, 6])
def test_an_engine_in_memory_writes_the_same_rows(copies: int) -> None:
    """I2, I8: batches cut anywhere, copies of events and a cache of two profiles do not change the decision ledger."""
    for seed, one in enumerate(model_logs(150 * MORE, 50 * MORE)):
        assert_same(one, engine_rows(one, MemoryStore, seed=seed, copies=copies))


def test_an_engine_that_recovers_from_its_store_writes_the_same_rows() -> None:
    """I7, I9: an engine that starts again in the middle of a log judges nothing twice and nothing less."""
    for seed, one in enumerate(model_logs(150 * MORE, 50 * MORE)):
        assert_same(one, engine_rows(one, MemoryStore, seed=seed, reopen=lambda store: store))


def test_an_engine_on_sqlite_that_is_closed_and_opened_again_writes_the_same_rows(tmp_path: Path) -> None:
    """I8, I9: the same with a real file: what the log keeps as text comes back as the values that decided."""
    for seed, one in enumerate(model_logs(20 * MORE, 8 * MORE)):
        path = tmp_path / f"{seed}.sqlite"

        def reopen(store: Store, path: Path = path) -> Store:
            store.close()
            return SqliteStore.open(path)

        rows = engine_rows(one, lambda path=path: SqliteStore.open(path), seed=seed, reopen=reopen, copies=3)  # type: ignore[misc]
        assert_same(one, rows)


def test_customers_may_be_interleaved_in_any_way() -> None:
    """I8: the interleaving of different customers does not change the decision ledger of either."""
    for seed, one in enumerate(model_logs(100 * MORE, 0)):
        dice = random.Random(seed)
        apart = [dice.randint(0, 1) for _ in one.customers]
        for customer, first in zip(one.customers, apart, strict=True):
            own = [r for r in one.log if r.customer in (customer, None)]
            log = ModelLog(name=f"{one.name} {customer}", log=own, until=one.until, customers=(customer,), rows={})
            assert decide_rows(log)[customer] == one.rows[customer], (one.name, first)
