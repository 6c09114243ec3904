"""Recorded events through the same engine, with the memory store and no way to send (I9)."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from relight.base.errors import ProjectError
from relight.config.loader import LoadedProject, load_project
from relight.engine.accounts import shared_accounts
from relight.engine.daily import DayMaker, days_of, wanted_by
from relight.engine.engine import Engine
from relight.engine.feed import BATCH_RECORDS_DEFAULT, Feed, feed_finished
from relight.simulate.jobs import ShareRefusedError, simulate_shares
from relight.simulate.log_figures import LogFigures, figures_of_log
from relight.stores.memory import MemoryStore

if TYPE_CHECKING:
    from relight.engine.progress import Progress
    from relight.messages.ledger import LedgerRow
    from relight.rules.plan import Plan
    from relight.streams.plan import StreamPlan
    from relight.streams.refusals import Counts


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationResult:
    """What a project would have done with some recorded events."""

    plan: Plan
    #: The decision ledger, in the order it was decided.
    rows: Sequence[LedgerRow]
    #: (rule, reason, local day of the project) -> how often (R6).
    counted: Mapping[tuple[str, str, int], int]
    counts: Mapping[str, Counts]
    progress: Progress
    #: Instant that time came to (µs).
    end: int
    #: Rows, mails, counts and dead letters.
    store: MemoryStore
    #: What was read.
    log: LogFigures


def simulate_folder(  # noqa: PLR0913 - one simulation, all of it by keyword
    folder: Path | str,
    *,
    environment: str | None = None,
    env: Mapping[str, str] | None = None,
    until: int | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    jobs: int = 1,
) -> SimulationResult:
    """Load a project folder and run its finished streams; raises ProjectError with every problem."""
    variables = dict(os.environ if env is None else env)
    project = load_project(Path(folder), environment=environment, env=variables, lint=False)
    errors = [p for p in project.problems if p.severity == "error"]
    if errors or project.plan is None:
        raise ProjectError(errors)
    return simulate(project, until=until, on_progress=on_progress, jobs=jobs)


def simulate(  # noqa: PLR0913 - one simulation, all of it by keyword
    project: LoadedProject,
    *,
    streams: Mapping[str, StreamPlan] | None = None,
    until: int | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    day_maker: DayMaker | None = None,
    jobs: int = 1,
) -> SimulationResult:
    """Run recorded events through the engine and return everything it decided; nothing can be sent.

    streams: read these instead of the project's own; until: ends time here (µs); day_maker: makes what each local day
    begins with (measures of customers), as the live run does; jobs: processes that share the customers: the result is
    the same but for the order of rows of different customers. Measures are made of all customers, and people of capped
    accounts are decided together, so that these are one process's.
    """
    plan = project.plan
    assert plan is not None
    streams = project.streams if streams is None else streams
    if jobs > 1 and not wanted_by(plan) and shared_accounts(plan) is None:
        try:
            return _in_shares(plan, streams, project.folder, jobs=jobs, until=until, on_progress=on_progress)
        except ShareRefusedError:
            pass  # what is wrong is told below, by one process
    store = MemoryStore()
    engine = Engine(store, cached_profiles=2**31)
    engine.days = days_of(plan, day_maker)
    feed = Feed(streams=streams, folder=project.folder)

    def begin(first: int) -> None:
        engine.follow_plan(plan, first)

    def after_batch() -> None:
        if on_progress is not None:
            on_progress(engine.progress)

    end = feed_finished(
        engine,
        feed,
        until=until,
        batch_records=BATCH_RECORDS_DEFAULT,
        begin=begin,
        after_batch=after_batch,
    )
    tallies = {(t.rule, t.reason, t.day): t.count for t in engine.store.tallies()}
    return SimulationResult(
        plan=plan,
        rows=list(engine.store.ledger()),
        counted=tallies,
        counts=feed.counts,
        progress=engine.progress,
        end=end,
        store=store,
        log=figures_of_log(store),
    )


def _in_shares(  # noqa: PLR0913 - one simulation, all of it by keyword
    plan: Plan,
    streams: Mapping[str, StreamPlan],
    folder: Path,
    *,
    jobs: int,
    until: int | None,
    on_progress: Callable[[Progress], None] | None,
) -> SimulationResult:
    found = simulate_shares(plan, dict(streams), folder, jobs=jobs, until=until, on_progress=on_progress)
    return SimulationResult(
        plan=plan,
        rows=list(found.store.ledger()),
        counted={(t.rule, t.reason, t.day): t.count for t in found.store.tallies()},
        counts=found.counts,
        progress=found.progress,
        end=found.end,
        store=found.store,
        log=found.figures,
    )
