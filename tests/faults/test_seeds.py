"""Simulation by seed: whatever clock, disk, provider and arrivals do, nothing wrong happens, and then all is done."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from relight.config.loader import LoadedProject, load_project
from tests.faults.canary_project import write_canaries
from tests.faults.conftest import ROOT
from tests.faults.evidence import Tables, read_tables
from tests.faults.small_project import SECRET
from tests.faults.stand_in import StandIn, run_with
from tests.faults.tally import amount, count
from tests.faults.world import STORE, World, draw_world, judge


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> LoadedProject:
    folder = write_canaries(tmp_path_factory.mktemp("seeds"))
    return load_project(folder, env={"LINK_SECRET": SECRET})


def commit() -> str:
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "no git"


def undisturbed(world: World, folder: Path) -> Tables:
    """Return what the world's log comes to without any fault."""
    (folder / "data").mkdir(parents=True)
    (folder / "data/app.ndjson").write_text(world.crowd.text)
    run_with(StandIn(), replace(world.project, folder=folder), pytest.MonkeyPatch(), now=0)
    return read_tables(folder / "data" / STORE)


def live_through(seed: int, project: LoadedProject, root: Path) -> World:
    """Live a seed's world to its end; raises AssertionError with (seed, commit) for whatever goes wrong in it."""
    world = draw_world(seed, project, root / "world")
    try:
        tables = world.live()
        assert judge(world, tables, undisturbed(world, root / "undisturbed")) == []
    except Exception as error:
        raise AssertionError(f"seed {seed}, commit {commit()}: {error}") from error
    return world


def test_nothing_goes_wrong_in_any_world(tmp_path: Path, project: LoadedProject) -> None:
    """I1-I8, I13, I19 hold through power losses, failing and full disks, a moody provider, unsubscribes and clocks that
    step, and once all that has stopped every message comes to its end. RELIGHT_SEED=n lives through one seed.
    """
    chosen = os.environ.get("RELIGHT_SEED")
    seeds = [int(chosen)] if chosen else range(amount(quick=100, full=1000))
    worlds = faults = starts = suppressed = 0
    for seed in seeds:
        world = live_through(seed, project, tmp_path / str(seed))
        worlds, faults, starts = worlds + 1, faults + world.faults, starts + world.starts
        suppressed += len(world.suppressed)
        shutil.rmtree(tmp_path / str(seed))
    assert chosen or min(faults, suppressed) > worlds // 4
    count("a world by seed: disk, provider, clock, unsubscribes, restarts", tried=worlds, faults=faults)


def test_a_fault_of_the_engine_is_reported_with_its_seed(tmp_path: Path, project: LoadedProject) -> None:
    """A world in which a mail is handed over twice ends with the seed and the commit that show it."""
    world = draw_world(1, project, tmp_path / "world")
    tables = world.live()
    world.stand_in.calls.append(next(call for call in world.stand_in.calls if call.answer == "accepted"))
    assert any("accepted 2 times" in one for one in judge(world, tables, Tables()))
    with pytest.MonkeyPatch().context() as changed:
        changed.setattr(World, "live", lambda _: 1 // 0)
        with pytest.raises(AssertionError, match=rf"seed 7, commit {commit()}: "):
            live_through(7, project, tmp_path / "again")
