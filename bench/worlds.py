"""Stores as a long life leaves them: many known customers, a run that was killed; and what is measured there."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING

from bench.measure import WATCH, memory_now
from bench.ours import BATCH, SteppingClock, load
from bench.workload import BEGIN, DAY, Size, event_lines

from relight.customers.codec import encode_profile
from relight.engine.engine import Engine
from relight.engine.plan_versions import keep_plan, known_plans
from relight.engine.profiles import ProfileCache
from relight.engine.run import run_project
from relight.stores.interface import Profile as StoredProfile
from relight.stores.memory import MemoryStore
from relight.stores.sqlite import SqliteStore
from relight.streams.decode import decode_record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from relight.config.loader import LoadedProject
    from relight.customers.profile import Profile
    from relight.rules.plan import Plan

#: Checkpoints written in one transaction while a world of known customers is made.
KNOWN_AT_ONCE = 50_000
#: How long ago the known customers were last seen: every silence of theirs was judged.
DORMANT = 200 * DAY


# ---------------------------------------------------------------- many known customers
def known(folder: str, customers: int) -> dict[str, float]:
    """Fill a new store with so many customers that were here long ago, as checkpoints."""
    project = load(folder)
    assert project.plan is not None
    patterns = dormant(project, 1)
    store = SqliteStore.open(Path(folder) / "relight.db")
    engine = Engine(store)
    keep_plan(store, project, project.plan)
    engine.follow_plan(project.plan, BEGIN - DORMANT - DAY)
    engine.advance(BEGIN)
    for start in range(0, customers, KNOWN_AT_ONCE):
        store.save_checkpoints(copies(patterns, range(start, min(customers, start + KNOWN_AT_ONCE))), position=1)
    store.close()
    return {"events": customers}


def dormant(project: LoadedProject, number: int) -> list[Profile]:
    """Return profiles of so many people with a dozen events each, decided by the engine itself."""
    assert project.plan is not None
    engine = Engine(MemoryStore(), cached_profiles=2**31)
    engine.follow_plan(project.plan, BEGIN - DORMANT - DAY)
    stream = project.streams["app"]
    lines = event_lines(Size(events=12 * number, customers=number, days=2), begin=BEGIN - DORMANT)
    for position, line in enumerate(lines):
        events = decode_record(stream, line.encode(), position=position, source=f"known:{position}", ingest_time=None)
        assert isinstance(events, list)
        engine.take(events)
    engine.advance(BEGIN)
    found = [engine.profiles.peek(f"c{n:07d}") for n in range(number)]
    profiles = [profile for profile in found if profile is not None]
    for profile in profiles:
        profile.position = 1
    return profiles


def copies(patterns: list[Profile], numbers: Iterable[int]) -> Iterator[StoredProfile]:
    """Yield the patterns in turn as so many customers, each as a checkpoint."""
    for pattern, number in zip(cycle(patterns), numbers, strict=False):
        pattern.customer = f"c{number:07d}"
        yield StoredProfile(customer=pattern.customer, position=1, blob=encode_profile(pattern))


def among_known(folder: str, events: int, days: int) -> dict[str, float]:
    """`relight run` among the known customers; measured from its first batch on, when it has recovered."""
    project = load(folder)
    begun: list[int] = []
    clock = SteppingClock(events, days)

    def note(progress: object) -> None:
        clock.tick(progress)
        if not begun:
            begun.append(memory_now())
            WATCH.start()

    summary = run_project(project, clock=clock, once=True, on_progress=note)
    WATCH.stop()
    return {
        "events": summary.events - BATCH,
        "rows": summary.rows,
        "mails": summary.mails,
        "evictions": summary.evictions,
        "recovered_memory": begun[0],
    }


# ---------------------------------------------------------------- killed
def kill(folder: str, events: int, days: int, commits: int) -> dict[str, float]:
    """Start `relight run` as a process that ends itself with signal 9 in the middle of so many commits."""
    call = f"from bench.ours import live; live({folder!r}, {events}, {days})"
    environment = os.environ | {"RELIGHT_CRASH_AT": f"after_append_commit:{commits}"}
    done = subprocess.run([sys.executable, "-c", call], env=environment, check=False, capture_output=True, text=True)  # noqa: S603 - ours
    assert done.returncode == -signal.SIGKILL, done.stderr
    return {"events": commits * BATCH}


def recover(folder: str) -> dict[str, float]:
    """Stand again where a killed run stood: what a restart does before it reads its next record."""
    project = load(folder)
    assert project.plan is not None
    assert project.settings is not None
    WATCH.start()
    store = SqliteStore.open(Path(folder) / "relight.db")
    engine = Engine(store, closed_bytes=project.settings.engine.cache)
    folded = engine.recover(known_plans(store, project.plan))
    WATCH.stop()
    told = {"events": folded, "log": store.last_position(), "customers": len(engine.timers)}
    store.close()
    return told


# ---------------------------------------------------------------- what one customer weighs
def weigh(folder: str, most: int) -> dict[str, float]:
    """Hold the profiles of a run in memory, as the cache does, and say what each weighs there and as a checkpoint."""
    project = load(folder)
    plan = project.plan
    assert plan is not None
    store = SqliteStore.open(Path(folder) / "relight.db", read_only=True)
    names = [name for name, _ in zip(store.customers(), range(most), strict=False)]
    sizes = [_held(store, plan, names, opened=opened) for opened in (1, most)]
    stored = sum(len(one.blob) for one, _ in zip(store.profiles(), names, strict=False)) / len(names)
    store.close()
    return {"events": len(names), "bytes": sizes[0], "opened": sizes[1], "stored": stored}


def _held(store: SqliteStore, plan: Plan, names: list[str], *, opened: int) -> float:
    """Return the bytes of memory a customer that the cache takes, with so many open and all others closed."""
    cache = ProfileCache(store, most=opened, closed_bytes=2**40)
    gc.collect()
    before = memory_now()
    for name in names:
        cache.get(lambda _: plan.layout, name)
        cache.trim()
    gc.collect()
    return (memory_now() - before) / len(names)


def at_rest(folder: str) -> dict[str, float]:
    """What the program holds when a project is loaded, its store is open, and nothing has come yet."""
    project = load(folder)
    run_project(project, clock=SteppingClock(BATCH, 1), once=True)
    return {"memory": memory_now()}
