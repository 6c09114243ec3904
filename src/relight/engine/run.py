"""`relight run`: one project on one machine, from its inputs to mails that left, and on as long as inputs can grow.

Finished files run at the time they carry; growing ones and pipes at the wall clock, which the caller hands in.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

from relight.base.errors import ProjectError
from relight.base.instants import INSTANT_MIN
from relight.config.loader import LoadedProject
from relight.delivery.files import FilesTransport
from relight.engine.code_pools import load_codes
from relight.engine.cycles import rare_collections
from relight.engine.daily import DayMaker, days_of
from relight.engine.engine import Engine
from relight.engine.erasing import erase_commands
from relight.engine.feed import Feed, feed_finished
from relight.engine.guard_commands import guard_commands
from relight.engine.inbox import InboxInput, Polled
from relight.engine.live import LiveFeed, log_order
from relight.engine.operator_commands import operator_commands
from relight.engine.plan_commands import plan_commands
from relight.engine.plan_versions import hold_of, keep_plan, known_plans
from relight.engine.provider_words import provider_commands
from relight.engine.run_summary import RunProgress, RunSummary
from relight.engine.second_look import SecondLook
from relight.engine.sending import Sending
from relight.engine.telemetry.observing import Observer
from relight.engine.telemetry.tracing import Span, no_spans
from relight.engine.way_out import open_ways
from relight.stores.crash import crash_point
from relight.stores.opening import open_inbox, open_store
from relight.streams.envelope import Control

if TYPE_CHECKING:
    from relight.config.settings import Settings
    from relight.engine.telemetry.exposition import Exposition
    from relight.rules.plan import Plan
    from relight.stores.inbox_interface import DurableInbox
    from relight.stores.interface import Store

#: Bytes of memory that one open profile is taken to need.
PROFILE_BYTES = 6_000
#: Share of the cache that open profiles may take; the others are closed, as bytes.
OPEN_SHARE = 0.25
#: Seconds that a live loop waits when nothing came.
IDLE_SECONDS = 0.2
#: Microseconds between two steps of time while nothing comes: how late a deadline is judged at most, and how often an
#: idle engine writes.
IDLE_STEP = 1_000_000
#: Batches of finished files between two checkpoints: what recovery folds again at the most, in batches.
CHECKPOINT_BATCHES = 50
#: Batches between two rounds of writing files: one flush of the disk serves many mails.
SEND_BATCHES = 8


def run_project(  # noqa: PLR0913 - one run, all of it by keyword
    project: LoadedProject,
    *,
    clock: Callable[[], int],
    until: int | None = None,
    once: bool = False,
    stop: threading.Event | None = None,
    on_progress: Callable[[RunProgress], None] | None = None,
    exposition: Exposition | None = None,
    span: Span = no_spans,
    day_maker: DayMaker | None = None,
) -> RunSummary:
    """Run a project until its inputs end, or until `stop` is set.

    Args:
        project: a loaded project; raises ProjectError where it has errors.
        clock: the wall clock in µs UTC.
        until: ends recorded time here (µs, inclusive).
        once: read what growing inputs hold now and end.
        stop: set by Ctrl-C; the batch at hand is finished, then the run ends.
        on_progress: called after each batch.
        exposition: where metrics are read; None shows none.
        span: opens spans for traces.
        day_maker: makes what each local day begins with (measures of customers); None for nothing.
    """
    errors = [p for p in project.problems if p.severity == "error"]
    if project.plan is None or project.settings is None:
        raise ProjectError(errors)
    settings = project.settings.store
    with closing(open_store(settings, project.folder)) as store, closing(open_inbox(settings, project.folder)) as inbox:
        load_codes(store, project.folder, project.settings.codes)
        run = _Run(project, store, inbox, project.plan)
        run.clock, run.stop, run.on_progress, run.span = clock, stop or threading.Event(), on_progress, span
        run.observer = Observer(
            engine=run.engine,
            dispatcher=run.sending.dispatcher,
            brakes=run.sending.brake_figures,
            clock=clock,
            exposition=exposition,
            is_live=any(not stream.source.is_finished for stream in project.streams.values()),
        )
        run.engine.days = days_of(project.plan, day_maker)
        return run.go(until=until, once=once)


class StoppedRunError(Exception):
    """The run was asked to stop; what is durable stands."""


class _Run:
    """One run while it lasts."""

    clock: Callable[[], int]
    stop: threading.Event
    on_progress: Callable[[RunProgress], None] | None
    observer: Observer
    span: Span

    def __init__(self, project: LoadedProject, store: Store, inbox: DurableInbox, plan: Plan) -> None:
        assert project.settings is not None
        settings: Settings = project.settings
        self.project, self.store, self.plan, self.settings = project, store, plan, settings
        most = max(1_000, int(settings.engine.cache * OPEN_SHARE) // PROFILE_BYTES)
        cached = os.environ.get("RELIGHT_CACHED_PROFILES")
        self.transport = open_ways(settings, project.folder)
        self.engine = Engine(
            store,
            cached_profiles=most if cached is None else int(cached),
            closed_bytes=int(settings.engine.cache * (1 - OPEN_SHARE)) if cached is None else 0,
            mails_expire=not isinstance(self.transport, FilesTransport),
        )
        self.sending = Sending(
            engine=self.engine,
            transport=self.transport,
            settings=settings,
            clock=self._wall_clock,
            is_stopped=self._must_stop_sending,
            look=self._second_look(inbox),
        )
        self.inbox = InboxInput(
            inbox=inbox, store=store, streams=project.streams, folder=project.folder, schema=plan.schema,
            surveys=plan.policy.surveys, commands=plan_commands(self.engine, store, project, self._read_by),
        )  # fmt: skip
        self.inbox.commands |= {**provider_commands(store, plan.schema), **guard_commands(store)}
        self.inbox.commands |= operator_commands(store, project.streams, project.folder)
        self.inbox.commands |= erase_commands(self.engine, store, inbox)
        self.summary = RunSummary()
        self.feed = Feed(streams=project.streams, folder=project.folder)
        self._batches = 0
        self._goes_live = any(not stream.source.is_finished for stream in project.streams.values())
        #: When the last checkpoint was written, at the wall clock (µs).
        self._checkpointed = 0

    @rare_collections()
    def go(self, *, until: int | None, once: bool) -> RunSummary:
        self._checkpointed = self.clock()
        keep_plan(self.store, self.project, self.plan)
        with self.span("recover", {}):
            self.summary.recovered = self.engine.recover(known_plans(self.store, self.plan))
        self.observer.begin(plan=self.plan.version, recovered=self.summary.recovered)
        crash_point("after_recovery")
        live = LiveFeed.open(self.project, self.store)
        try:
            self.sending.begin(self.engine.progress.reached)
            self._files(until)
            if live:
                self._live(live, once=once)
        except StoppedRunError:
            self.summary.stopped = True
            if isinstance(self.transport, FilesTransport):
                self._send(self.engine.progress.reached)
        finally:
            live.close()
        self._checkpoint()
        self._sum_up()
        self.observer.end(stopped=self.summary.stopped)
        return self.summary

    # ------------------------------------------------------------ inputs
    def _files(self, until: int | None) -> None:
        if not self.feed.counts:
            return
        self.summary.end = feed_finished(
            self.engine,
            self.feed,
            until=until,
            batch_records=self.settings.engine.batch,
            begin=self._follow,
            after_batch=self._after_files_batch,
        )
        self._take_waiting()
        self._send_all()

    def _follow(self, first: int) -> None:
        """Put the plan in force: at the first record of an empty log, else where time stands.

        One that was rolled back waits until somebody applies it, and so does an edited one where the config says so.
        """
        in_force = "" if self.engine.plan is None else self.engine.plan.version
        hold = hold_of(self.store, in_force, self.plan.version, needs_apply=self.settings.needs_apply)
        if hold.stands:
            self.summary.rolled_back, self.summary.unapplied = hold.rolled_back, hold.unapplied
            return
        reached = self.store.reached()
        self.engine.follow_plan(self.plan, first if reached is None else reached)

    def _live(self, live: LiveFeed, *, once: bool) -> None:
        now = self.clock()
        reached = self.store.reached()
        self._follow(now)
        if reached is not None and reached < now:
            until = now + self.plan.policy.catch_up
            self.engine.take([Control(kind="gap", ingest_time=reached, detail={"until": until})])
        is_busy = False
        while True:
            if not is_busy:  # else each SEND_BATCHES: a flush of the disk for a few files would hold the events up
                self._send(self.engine.progress.reached)
            now = max(self.clock(), self.engine.progress.reached)
            polled = self.inbox.poll(self.engine.progress.reached, now, self.settings.engine.batch)
            if polled.has_more:
                self._take_polled(polled)
                self._after_batch()
                continue
            records, positions = live.poll(now, self.settings.engine.batch)
            merged = Polled(records=[*polled.records, *records], positions={**positions, **polled.positions})
            is_new = bool(records or polled.positions)
            if is_new or now - self.engine.progress.reached >= IDLE_STEP or once or live.is_over():
                self._take_polled(merged, reached=now)
            self._after_batch()
            is_busy = bool(records) and isinstance(self.transport, FilesTransport)
            if not records:
                if once or live.is_over():
                    self._send_all()
                    return
                self.stop.wait(IDLE_SECONDS)

    # ------------------------------------------------------------ the inbox
    def _read_by(self, plan: Plan) -> None:
        """Read what the inbox holds by a plan that an order puts in force."""
        self.inbox.schema, self.inbox.surveys = plan.schema, plan.policy.surveys

    def _after_files_batch(self) -> None:
        if self._batches % SEND_BATCHES == 0:
            self._take_waiting()
        self._after_batch()

    def _take_waiting(self) -> None:
        """Take what the inbox holds, as of the instant the recorded files have come to.

        Where inputs grow, its events arrived after the files' time: they wait for theirs (H1).
        """
        now, most = self.engine.progress.reached, self.settings.engine.batch
        while now > INSTANT_MIN:
            polled = self.inbox.poll(now, now, most, until_event=self._goes_live)
            if not polled.positions:
                return
            self._take_polled(polled)

    def _take_polled(self, polled: Polled, *, reached: int | None = None) -> None:
        """Make what one look gave durable with the place it was read to; time comes to `reached`, else to its last."""
        crash_point("before_inbox_batch")
        records = self.feed.admit(self.store, sorted(polled.records, key=log_order))
        with self.span("batch", {"records": len(records)}):
            self.engine.take(records, positions=polled.positions, reached=reached)
        crash_point("after_inbox_batch")
        self.inbox.forget_erased()

    def _is_paused(self, rule: str) -> bool:
        return self.engine.world.states[-1].is_paused(rule)

    def _second_look(self, inbox: DurableInbox) -> SecondLook:
        """Mails to files leave at the time of the records, where the gate has seen every event there was (I8)."""
        by_record = isinstance(self.transport, FilesTransport)
        return SecondLook(
            inbox=inbox,
            store=self.store,
            was_withdrawn=partial(self.engine.has_withdrawn, by_record=by_record),
            is_paused=self._is_paused,
        )

    # ------------------------------------------------------------ after each batch
    def _after_batch(self) -> None:
        self._batches += 1
        if self._batches % SEND_BATCHES == 0 or not isinstance(self.transport, FilesTransport):
            self._send(self.engine.progress.reached)
        now = self.clock()
        if self._batches % CHECKPOINT_BATCHES == 0 or now - self._checkpointed >= self.settings.engine.checkpoint_every:
            self._checkpoint()
            self.inbox.forget(now)
            self._checkpointed = now
        self.observer.after_batch()
        if self.on_progress is not None:
            self.on_progress(self._progress())
        if self.stop.is_set():
            raise StoppedRunError

    def _checkpoint(self) -> None:
        with self.span("checkpoint", {}):
            self.engine.checkpoint()
        self.observer.after_checkpoint()

    def _send(self, recorded_now: int) -> None:
        """Send what is due: to files at the time the records carry, to real mailboxes at the wall clock (G3)."""
        with self.span("send", {}):
            self.summary.handed_over += self.sending.send(recorded_now)

    def _send_all(self) -> None:
        self.summary.handed_over += self.sending.send_all(self.engine.progress.reached, self.stop.wait)

    def _wall_clock(self) -> int:
        return self.clock()

    def _must_stop_sending(self) -> bool:
        """Files are written in no time; a mail server may take long over what is due."""
        return self.stop.is_set() and not isinstance(self.transport, FilesTransport)

    def _progress(self) -> RunProgress:
        done = self.engine.progress
        return RunProgress(
            events=done.events,
            duplicates=done.duplicates,
            dead=done.dead,
            rows=done.rows,
            mails=done.mails,
            handed_over=self.summary.handed_over,
            reached=done.reached,
            trouble=self.sending.trouble,
            held=lambda: self.sending.held,
        )

    def _sum_up(self) -> None:
        done, summary = self.engine.progress, self.summary
        summary.events, summary.duplicates, summary.differing = done.events, done.duplicates, done.differing
        summary.dead, summary.rows, summary.mails = done.dead, done.rows, done.mails
        summary.outcomes, summary.counts = dict(self.sending.sent), self.feed.counts
        summary.caught_up = self.feed.catching_up.taken if self.feed.catching_up else 0
        summary.version = self.engine.plan.version if self.engine.plan is not None else ""
        summary.evictions = self.engine.profiles.evictions
        summary.end = max(summary.end, done.reached)
        summary.trouble, summary.held = self.sending.trouble, self.sending.held
        summary.expired, summary.held_back = self.sending.dispatcher.expired, self.sending.dispatcher.stopped
        summary.empty_pools = tuple(self.sending.dispatcher.empty_pools)
        summary.low_pools = {pool: left for pool, left in self.sending.pools.told.items() if left}
