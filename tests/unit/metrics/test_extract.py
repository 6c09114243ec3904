"""The log is read with its checksums, the same by the quick way and the slow; who was erased leaves every figure."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path

import pytest

from relight.base.errors import StoreError
from relight.base.instants import DAY
from relight.config.measure_plan import Source
from relight.metrics import Asked, MeasureLog, compute_measures
from relight.rules.plan import EventMatch
from relight.stores.id_index import SEALED_PAGE
from relight.stores.interface import Batch
from relight.stores.memory import MemoryStore
from relight.stores.sqlite import SqliteStore
from relight.streams.envelope import Control, Event
from tests.unit.metrics.kit import at, event, log_of, measure, plan_of

MEASURES = """
sources:
  order: bought where total > 2
  revenue: bought.total
  product: bought.product
  signup: signed_up
  left: left
  nps: nps.score
  cost: paid.amount
"""


def records(count: int = 600) -> list[Event | Control]:
    rng = random.Random(5)
    names = ("signed_up", "bought", "bought", "used", "left", "nps", "paid")
    found: list[Event | Control] = []
    for n in range(count):
        name = rng.choice(names)
        kinds: dict[str, dict[str, object]] = {
            "bought": {"total": f"{rng.randrange(900) / 100}", "product": rng.choice("xyz")},
            "nps": {"score": rng.randrange(11)},
            "paid": {"amount": rng.randrange(50)},
        }
        properties = kinds.get(name, {})
        who = None if name == "paid" else f"c{rng.randrange(80)}"
        found.append(event(name, who, at("2026-01-01") + n * DAY // 8, properties, number=n))
        if n % 50 == 0:
            found.append(
                Control(kind="trait", ingest_time=at("2026-01-01") + n * DAY // 8, customer="c1", subject="plan")
            )
    return found


def sqlite(path: Path, count: int = 600) -> SqliteStore:
    store = SqliteStore.open(path)
    found = records(count)
    for start in range(0, len(found), 200):
        store.append(Batch(log=[(one, None) for one in found[start : start + 200]]))
    return store


def test_both_ways_give_the_same(tmp_path: Path) -> None:
    """What is decoded from the bytes of a store gives the figures that whole records give, also read on in parts."""
    plan = plan_of(MEASURES)
    asked = Asked(until=at("2026-04-01"))
    whole = compute_measures(log_of(plan, records()), asked)
    store = sqlite(tmp_path / "s.db")
    also = [Source(text="bought", match=EventMatch(event="bought"), is_whole=True)]
    quick = MeasureLog(plan, also=also)
    assert quick.read_store(store) == len(records())
    assert quick.read_store(store) == 0
    assert compute_measures(quick, asked) == whole
    memory = MemoryStore()
    slow = MeasureLog(plan, also=also)
    for start in range(0, 613, 100):
        memory.append(Batch(log=[(one, None) for one in records()[start : start + 100]]))
        slow.read_store(memory)
    assert compute_measures(slow, asked) == whole
    kept = [[log.whole_rows("bought", code) for code in range(len(log.people.codes))] for log in (quick, slow)]
    assert kept[0] == kept[1]
    assert sum(map(len, kept[0])) == sum(isinstance(one, Event) and one.name == "bought" for one in records())
    store.close()


def test_pages_join(tmp_path: Path) -> None:
    """A log of more than one page is read to its end."""
    store = SqliteStore.open(tmp_path / "s.db")
    count = SEALED_PAGE + 10
    store.append(Batch(log=[(event("bought", "a", at("2026-01-01") + n, {"total": 3}), None) for n in range(count)]))
    log = MeasureLog(plan_of(MEASURES))
    assert log.read_store(store) == count
    assert measure(log, "orders", "2026-02-01").value == count
    store.close()


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        ("UPDATE log SET body = zeroblob(length(body)) WHERE pos = 77", "log record 77"),
        ("UPDATE log SET kind = 1 WHERE pos = 77", "log record 77"),
        ("DELETE FROM log WHERE pos = 77", "gap after record 0"),
    ],
)
def test_damage_is_noticed(tmp_path: Path, damage: str, text: str) -> None:
    """A flipped, moved or missing record stops the reading; no figure is made of it (I16)."""
    sqlite(tmp_path / "s.db").close()
    with sqlite3.connect(tmp_path / "s.db") as connection:
        connection.execute(damage)
    connection.close()
    store = SqliteStore.open(tmp_path / "s.db", read_only=True)
    with pytest.raises(StoreError, match=text):
        MeasureLog(plan_of(MEASURES)).read_store(store)
    store.close()


def test_who_is_erased_leaves_the_figures() -> None:
    """After an erasure a log that was read before counts like one that never held the person."""
    plan = plan_of(MEASURES)
    log = log_of(plan, records())
    compute_measures(log, Asked(until=at("2026-04-01")))
    log.take(Control(kind="erase", ingest_time=at("2026-04-01"), customer="c3"))
    without = log_of(plan, [one for one in records() if one.customer != "c3"])
    names = ["customers", "orders", "revenue", "nps", "repeat_purchase_rate"]
    asked = Asked(until=at("2026-04-01"))
    assert compute_measures(log, asked, names) == compute_measures(without, asked, names)


def test_a_year_before() -> None:
    """A measure says what it was in the same period a year before, and by how much it changed."""
    plan = plan_of("sources: {order: bought, revenue: bought.total}")
    log = log_of(
        plan,
        [event("bought", "a", "2025-03-31T23:59", {"total": 40}), event("bought", "a", "2026-03-01", {"total": 70})],
    )
    found = measure(log, "revenue", "2026-04-05")
    assert (found.value, found.year_before, found.change) == (70.0, 40.0, 30.0)
    assert measure(log, "revenue", "2025-04-05").year_before is None
