"""Simulated power loss at any moment of a whole run, and of the recovery after one (I1-I4, I7, I8, I16)."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from relight.config.loader import LoadedProject, load_project
from relight.engine.run_summary import RunProgress
from relight.stores import sqlite_connection
from tests.faults import checker
from tests.faults.canary_project import END, draw_crowd, write_canaries
from tests.faults.disk import Disk, Operation, left_after, write_files
from tests.faults.evidence import Call, Line, Tables, read_lines, read_tables
from tests.faults.reference import Expected, expect, first_copies
from tests.faults.small_project import SECRET
from tests.faults.stand_in import StandIn, run_with
from tests.faults.tally import amount, count
from tests.faults.through_apsw import stores_on
from tests.faults.world import files_of

#: Lines of one transaction.
BATCH = 7
#: One crash in so many is followed by a whole run, and one in so many of those is followed by a second crash.
RECOVERED_EVERY, AGAIN_EVERY = 5, 4
STORE = "relight.db"
#: The sender's clock stands behind the records: it sends at the time they carry.
NOW = 0


@dataclass(frozen=True, slots=True)
class Recorded:
    """A run whose disk was watched, and what it should have come to."""

    project: LoadedProject
    disk: Disk
    calls: list[Call]
    lines: list[Line]
    expected: Expected
    tables: Tables


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    root = tmp_path_factory.mktemp("power")
    crowd = draw_crowd(3, customers=5, events=40)
    folder = write_canaries(root / "project", text=crowd.text, batch=BATCH)
    project = load_project(folder, env={"LINK_SECRET": SECRET})
    disk, stand_in = Disk(), StandIn()
    watched_run(project, disk, stand_in)
    lines = read_lines(folder / "data/app.ndjson")
    tables = read_tables(folder / "data" / STORE)
    assert checker.check_calls(tables, stand_in.calls) == []
    assert checker.check_drained(tables) == []
    assert len(stand_in.calls) == len(tables.messages) > 15
    return Recorded(project, disk, stand_in.calls, lines, expect(lines, until=END), tables)


@dataclass(frozen=True, slots=True)
class Again:
    """A run that went on after a power loss, watched."""

    disk: Disk
    #: Events that were there at its beginning.
    kept: int
    #: Calls before it, and its own.
    calls: list[Call]
    later: list[Call]


def watched_run(project: LoadedProject, disk: Disk, stand_in: StandIn) -> None:
    """Run to the end on a watched disk; it is told when a batch is acknowledged and when a call begins."""

    def begin() -> int:
        disk.mark("call")
        return len(disk.operations)

    stand_in.began = begin

    def acknowledge(done: RunProgress) -> None:
        disk.mark("acknowledged", done.events)

    patch = pytest.MonkeyPatch()
    with patch.context() as changed, stores_on(disk, patch):
        changed.setattr(sqlite_connection, "WAL_PAGES_MAX", 60)
        changed.setattr(sqlite_connection, "WAL_COMMITS_FIRST", 4)
        run_with(stand_in, project, patch, now=NOW, on_progress=acknowledge)


def place(project: LoadedProject, folder: Path, files: dict[str, bytes]) -> LoadedProject:
    """Return the project in a new folder whose store has these files."""
    write_files(folder / "data", files)
    (folder / "data/app.ndjson").symlink_to(project.folder / "data/app.ndjson")
    return replace(project, folder=folder)


def assert_kept(recorded: Recorded, folder: Path, acknowledged: int, calls: list[Call]) -> Tables:
    """What is left has everything acknowledged, at most a batch more, and every call that began stands in it."""
    store = folder / "data" / STORE
    if not store.exists():
        assert (acknowledged, calls) == (0, [])
        return Tables()
    with closing(sqlite3.connect(store)) as sql:  # rolls back what was not committed, as any next opener would
        assert sql.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    tables = read_tables(store)
    firsts, _ = first_copies(recorded.lines)
    known = [("app", one.customer, one.id) for one in firsts]
    assert tables.events == known[: len(tables.events)]
    assert checker.check_acknowledged(set(known[:acknowledged]), tables, in_flight_max=BATCH) == []
    for call in calls:
        key = tables.texts.get(call.text)
        assert key is not None, "the intent is durable before the provider is called (S2)"
        assert tables.messages[key] in {"sending", "accepted", "unknown"}
    return tables


def assert_recovers(recorded: Recorded, project: LoadedProject, calls: list[Call], disk: Disk | None) -> list[Call]:
    """A run that goes on from what is left comes to the end of the undisturbed one; nobody gets a mail twice."""
    stand_in = StandIn()
    if disk is None:
        run_with(stand_in, project, pytest.MonkeyPatch(), now=NOW)
    else:
        watched_run(project, disk, stand_in)
    tables = read_tables(project.folder / "data" / STORE)
    assert checker.check_same_decisions(recorded.tables.rows, tables.rows) == []
    assert checker.check_occurrences(tables, recorded.expected) == []
    assert checker.check_copies(tables, recorded.expected) == []
    assert checker.check_calls(tables, [*calls, *stand_in.calls]) == []
    assert checker.check_drained(tables) == []
    assert tables.tallies == recorded.tables.tallies
    return stand_in.calls


def test_the_disk_model_can_lose(recorded: Recorded) -> None:
    """Writes that were not synced are lost, kept in part or torn; what was synced stays; so a store that does not sync
    is caught.
    """
    disk = Disk()
    for one in (("create", 0, b""), ("write", 0, b"a" * 2048), ("sync", 0, b""), ("write", 0, b"b" * 2048)):
        disk.do(Operation(one[0], "f", one[1], one[2]))
    left = {left_after(disk, 4, random.Random(seed))["f"] for seed in range(200)}
    assert {b"a" * 2048, b"b" * 2048} < left
    assert {one.count(b"b") for one in left} == {0, 512, 1024, 1536, 2048}
    assert all(len(left_after(disk, 3, random.Random(seed))["f"]) == 2048 for seed in range(20))
    assert {"f" in left_after(disk, 2, random.Random(seed)) for seed in range(20)} == {True, False}


def test_a_store_that_does_not_sync_at_each_commit_is_caught(tmp_path: Path, recorded: Recorded) -> None:
    """Without the syncs of the write-ahead log (as `synchronous=NORMAL` has it) the check below finds events lost."""
    weak = Disk(operations=[o for o in recorded.disk.operations if (o.kind, o.name) != ("sync", f"{STORE}-wal")])
    caught = 0
    for number in range(30):
        draw = random.Random(number)
        end = draw.randrange(len(weak.operations) + 1)
        project = place(recorded.project, tmp_path / str(number), left_after(weak, end, draw))
        acknowledged = max(weak.marks("acknowledged", end), default=0)
        try:
            assert_kept(recorded, project.folder, acknowledged, [])
        except (AssertionError, sqlite3.DatabaseError):
            caught += 1
    assert caught >= 5


def test_a_power_loss_loses_nothing_acknowledged(tmp_path: Path, recorded: Recorded) -> None:
    """Crash after any operation, with any part of what was not synced: the file is whole, all acknowledged events are
    there and at most one batch more, what was handed over is not forgotten, and the next run ends like one that was
    never cut; it, too, may lose power.
    """
    operations = recorded.disk.operations
    crashes = amount(quick=200, full=800)
    recovered = again = 0
    for number in range(crashes):
        draw = random.Random(number)
        end = draw.randrange(len(operations) + 1)
        project = place(recorded.project, tmp_path / str(number), left_after(recorded.disk, end, draw))
        acknowledged = max(recorded.disk.marks("acknowledged", end), default=0)
        calls = recorded.calls[: len(recorded.disk.marks("call", end))]
        kept = len(assert_kept(recorded, project.folder, acknowledged, calls).events)
        if number % RECOVERED_EVERY == 0:
            second = Disk(begin=files_of(project.folder / "data"))
            later = assert_recovers(recorded, project, calls, second)
            recovered += 1
            if number % (RECOVERED_EVERY * AGAIN_EVERY) == 0:
                lose_again(recorded, tmp_path / f"{number} again", Again(second, kept, calls, later), draw)
                again += 1
    count("power loss (SQLite VFS) during a run", tried=crashes, faults=crashes)
    count("a whole run after a power loss", tried=recovered, faults=recovered)
    count("power loss during the recovery after one", tried=again, faults=again)


def lose_again(recorded: Recorded, folder: Path, again: Again, draw: random.Random) -> None:
    """Crash in the run that recovers, and recover from that."""
    end = draw.randrange(len(again.disk.operations) + 1)
    project = place(recorded.project, folder, left_after(again.disk, end, draw))
    calls = [*again.calls, *again.later[: len(again.disk.marks("call", end))]]
    acknowledged = again.kept + max(again.disk.marks("acknowledged", end), default=0)
    assert_kept(recorded, project.folder, acknowledged, calls)
    assert_recovers(recorded, project, calls, None)
