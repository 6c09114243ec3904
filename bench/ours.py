"""What relight does, measured: the code that `relight run` and `relight simulate` start, in a process of its own."""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench.measure import WATCH
from bench.workload import BEGIN, DAY

from relight.config.loader import load_project
from relight.engine.run import run_project
from relight.simulate.simulate import simulate

if TYPE_CHECKING:
    from relight.config.loader import LoadedProject

#: Records of one transaction.
BATCH = 1_000


def load(folder: str) -> LoadedProject:
    """Return the project, compiled."""
    project = load_project(Path(folder), env=dict(os.environ), lint=False)
    errors = [p for p in project.problems if p.severity == "error"]
    assert not errors, errors[:3]
    return project


class SteppingClock:
    """A wall clock that each batch moves on by the time its events cover: a live run as fast as it can."""

    def __init__(self, events: int, days: int) -> None:
        """Begin where the first batch ends."""
        self._step = days * DAY * BATCH // events
        self._now = BEGIN + self._step

    def __call__(self) -> int:
        """Return the instant (µs)."""
        return self._now

    def tick(self, progress: object) -> None:  # noqa: ARG002 - the run tells how far it is
        """Move on; called after each batch."""
        self._now += self._step


def live(folder: str, events: int, days: int) -> dict[str, float]:
    """`relight run` on a growing file, at a clock that the file's own times drive."""
    project = load(folder)
    clock = SteppingClock(events, days)
    WATCH.start()
    summary = run_project(project, clock=clock, once=True, on_progress=clock.tick)
    WATCH.stop()
    assert not summary.trouble, summary.trouble
    return {
        "events": summary.events,
        "rows": summary.rows,
        "mails": summary.mails,
        "evictions": summary.evictions,
        "ids": ids_indexed(Path(folder) / "relight.db"),
        "recovered": summary.recovered,
    }


def simulation(folder: str, jobs: int = 1) -> dict[str, float]:
    """`relight simulate` on a finished file; `longest` is the CPU of the parent and of the mean of its processes."""
    project = load(folder)
    WATCH.start()
    own = time.process_time()
    result = simulate(project, jobs=jobs)
    own = time.process_time() - own
    WATCH.stop()
    done = result.progress
    longest = own + (WATCH.cpu - own) / jobs
    return {"events": done.events, "rows": done.rows, "mails": done.mails, "ids": done.events, "longest": longest}


def ids_indexed(store: Path) -> int:
    """Return how many records the store's index holds: every event, and the control records."""
    with sqlite3.connect(store) as sql:
        inside, last = sql.execute(
            "SELECT coalesce(sum(entries), 0), coalesce(max(last_pos), 0) FROM segments"
        ).fetchone()
        newer = sql.execute("SELECT count(*) FROM log WHERE pos > ?", (last,)).fetchone()[0]
    return int(inside) + int(newer)
