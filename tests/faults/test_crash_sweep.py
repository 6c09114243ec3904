"""kill -9 at every crash point of a whole run: started again, it ends as if nobody had killed it."""

from __future__ import annotations

import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from relight.stores.crash import CRASH_POINTS
from tests.faults.checker import Tables, check_always, check_finished, message_ids, well_formed
from tests.faults.conftest import CUSTOMERS, Clean, Runner, Shop, copy_project
from tests.faults.tally import amount, count
from tests.faults.tracing import spread

#: Points that a short run does not come to; the store's own sweep kills at them.
STORE_ONLY = {"before_segment_commit", "after_segment_commit", "before_merge_commit", "after_merge_commit"}
#: Points of the inbox, which this run leaves empty: test_inbox kills at them.
INBOX = {"before_inbox_commit", "after_inbox_commit", "before_inbox_batch", "after_inbox_batch"}
#: Passes of one point at which `make faults` kills, from the first to the last: a year of days is 370 commits, and one is
#: like the next.
PASSES_MAX = 40
#: Points of an erasure on a cluster, whose test kills at them.
CLUSTER = {"before_topic_replaced", "inside_topic_replaced", "before_log_followed", "after_log_followed"}
POINTS = [name for name in CRASH_POINTS if name not in STORE_ONLY | INBOX | CLUSTER]


def decided(tables: Tables) -> tuple[object, ...]:
    """What must be the same in every run of one log (I8)."""
    return tables.rows, tables.tallies, tables.log, tables.dead, tables.positions


def test_the_clean_run_keeps_its_promises(clean: Clean) -> None:
    """The run to compare with has something of everything, and the checker finds nothing wrong with it."""
    inputs = clean.shop.inputs()
    assert check_finished(clean.tables, message_ids(clean.mails.values()), inputs) == []
    assert len({row[2] for row in clean.tables.fields.values()}) > CUSTOMERS // 2
    assert len(clean.mails) >= 20, "of several claims"
    assert clean.tables.dead >= 5
    assert sum(count > 1 for count in inputs.values()) >= 5


def test_the_clean_run_passes_every_point(clean: Clean) -> None:
    """The sweep meets each point there is, but those of the store's index."""
    assert sorted(clean.passes) == sorted(POINTS)


@pytest.mark.parametrize("point", POINTS)
def test_a_killed_run_ends_like_one_that_was_not(tmp_path: Path, shops: Runner, clean: Clean, point: str) -> None:
    """I1-I4, I7, I8: whatever point a run is killed at, what stands is sound; started again it has the same log, the
    same ledger, and every mail once, byte for byte.
    """
    last = clean.passes[point]
    every = spread([(point, nth) for nth in range(1, last + 1)], amount(quick=2, full=PASSES_MAX))
    for _, nth in every if last > 2 else every[-1:]:
        shop = shops.shop(tmp_path / str(nth))
        assert shops.run(shop, RELIGHT_CRASH_AT=f"{point}:{nth}") == -signal.SIGKILL
        assert_sound(shop)
        assert shops.run(shop) == 0
        assert_same(shop, clean)
        count("kill -9 at a crash point of our own", tried=1, faults=1)


def test_a_run_killed_again_and_again_ends(tmp_path: Path, shops: Runner, clean: Clean) -> None:
    """Killed a fifth of its way at every start, recovery itself included, a run still comes to its end."""
    shop = shops.shop(tmp_path / "shop")
    starts = 0
    while shops.run(shop, RELIGHT_CRASH_AT=f"after_append_commit:{clean.passes['after_append_commit'] // 5}") != 0:
        assert_sound(shop)
        starts += 1
        assert starts < clean.passes["after_append_commit"], "no way forward"
    assert starts >= 3
    assert_same(shop, clean)


def test_batches_and_memory_change_nothing(tmp_path: Path, shops: Runner, clean: Clean) -> None:
    """I8: one record a batch with room for everybody, or all records in one with room for one, is the same run."""
    for batch, cached in ((7, "1000"), (5000, "1")):
        shop = shops.shop(tmp_path / str(batch))
        assert shops.run(shop, batch=batch, RELIGHT_CACHED_PROFILES=cached) == 0
        assert_same(shop, clean)


def test_copies_change_nothing(tmp_path: Path, clean: Clean) -> None:
    """I2: without the lines that come a second time, the ledger and the mails are the same."""
    project = copy_project(tmp_path / "project")
    app = project / "data/app.ndjson"
    lines = app.read_bytes().splitlines(keepends=True)
    app.write_bytes(b"".join(dict.fromkeys(lines)))
    assert len(dict.fromkeys(lines)) < len(lines)
    runs = Runner(project)
    shop = runs.shop(tmp_path / "shop")
    assert runs.run(shop) == 0
    runs.close()
    assert set(well_formed(project)) == set(clean.shop.inputs())
    found = shop.tables()
    assert found.rows == clean.tables.rows
    assert shop.mails() == clean.mails


def assert_sound(shop: Shop) -> None:
    if shop.store.exists() and shop.store.stat().st_size:
        tables = shop.tables()
        assert check_always(tables, message_ids(shop.mails().values()), shop.inputs()) == []


def assert_same(shop: Shop, clean: Clean) -> None:
    tables, mails = shop.tables(), shop.mails()
    assert check_finished(tables, message_ids(mails.values()), shop.inputs()) == []
    assert decided(tables) == decided(clean.tables)
    assert mails == clean.mails


# ---------------------------------------------------------------- the checker can fail
def test_the_checker_sees_what_it_is_there_for(clean: Clean) -> None:
    """Each promise that is broken by hand is reported: lost, twice, invented, early, unbalanced, undone."""
    tables, inputs, sent = clean.tables, clean.shop.inputs(), message_ids(clean.mails.values())

    def complaints(sends: dict[str, int] | None = None, **changes: Any) -> str:
        return "\n".join(check_finished(replace(tables, **changes), sent if sends is None else sends, inputs))

    some = next(iter(sent))
    key = next(iter(tables.messages))
    late = next(k for k, row in tables.fields.items() if row[9] is not None)
    early = [*tables.fields[late]]
    early[10] = early[9] - 1
    assert "lost: " in complaints(events=tables.events[1:])
    assert "2 times in the log" in complaints(events=[*tables.events, tables.events[0]])
    assert "not of the input" in complaints(events=[*tables.events, ("app", "nobody", "0")])
    assert "accepted 2 times" in complaints({**sent, some: 2})
    assert "the provider has" in complaints({n: c for n, c in sent.items() if n != some})
    assert "are left sending" in complaints(messages={**tables.messages, key: "sending"})
    assert "no message for row" in complaints(messages={k: s for k, s in tables.messages.items() if k != key})
    assert "no row for message" in complaints(messages={**tables.messages, "else": "accepted"})
    assert "before" in complaints(fields={**tables.fields, late: early})
    assert "rows for" in complaints(fields={**tables.fields, "else": tables.fields[late]})
