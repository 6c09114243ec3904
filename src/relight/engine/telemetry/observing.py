"""What the loop shows of itself after each batch: the catalogue's values, and a log line where something changed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from relight import __version__
from relight.base.instants import SECOND
from relight.engine.telemetry import catalogue as metric
from relight.engine.telemetry.log_lines import log
from relight.messages.life import MessageState

if TYPE_CHECKING:
    from relight.engine.dispatch import Dispatcher
    from relight.engine.engine import Engine
    from relight.engine.telemetry.exposition import Exposition, Values

#: Microseconds between two counts of the outbox: a query over the whole table.
OUTBOX_EVERY = 10 * SECOND


@dataclass(slots=True, kw_only=True)
class Observer:
    """Looks at one run from outside; never changes it."""

    engine: Engine
    dispatcher: Dispatcher
    #: Now (µs) -> classes and whether the sending brake paused them, and its shares.
    brakes: Callable[[int], tuple[Mapping[str, bool], Mapping[tuple[str, str], float]]]
    #: The wall clock, µs UTC.
    clock: Callable[[], int]
    #: None: nobody reads metrics.
    exposition: Exposition | None
    #: The run follows the wall clock, so that a lag means something.
    is_live: bool
    _recovered: int = 0
    _checkpoints: int = 0
    _trouble: str = ""
    _empty_pools: set[str] = field(default_factory=set)
    _batches: int = 0
    _last: int = 0
    _counted: int = 0
    _outbox: Values = field(default_factory=dict)

    def begin(self, *, plan: str, recovered: int) -> None:
        """Note the start, after recovery."""
        self._recovered = recovered
        self._last = self.clock()
        log("run started", version=__version__, plan=plan, recovered=recovered)

    def after_checkpoint(self) -> None:
        """Note that changed profiles were written."""
        self._checkpoints += 1

    def after_batch(self) -> None:
        """Show how things stand, and say what changed."""
        trouble = self.dispatcher.trouble
        self._tell_pools()
        if trouble != self._trouble:
            self._trouble = trouble
            if trouble:
                log("sending stopped", level=logging.ERROR, trouble=trouble)
            else:
                log("sending goes on")
        if self.exposition is not None:
            self._show(self.exposition)

    def _tell_pools(self) -> None:
        """Say once of each pool of codes that it is empty."""
        for pool in self.dispatcher.empty_pools:
            if pool not in self._empty_pools:
                self._empty_pools.add(pool)
                log("pool of codes is empty", level=logging.ERROR, pool=pool)

    def end(self, *, stopped: bool) -> None:
        """Note the end."""
        self._tell_pools()
        done = self.engine.progress
        log("run stopped" if stopped else "run ended", events=done.events, rows=done.rows, mails=done.mails)

    def _show(self, exposition: Exposition) -> None:
        done, now, plan = self.engine.progress, self.clock(), self.engine.plan
        if done.batches != self._batches:
            exposition.observe(metric.BATCH_SECONDS, (now - self._last) / SECOND)
        self._batches, self._last = done.batches, now
        if now - self._counted >= OUTBOX_EVERY:
            self._counted = now
            counts = self.engine.store.message_counts()
            self._outbox = {(state.value,): float(counts.get(state, 0)) for state in MessageState}
        stopped_classes, shares = self.brakes(now)
        exposition.show(
            {
                metric.EVENTS: done.events,
                metric.DUPLICATES: done.duplicates,
                metric.DIFFERING: done.differing,
                metric.DEAD_LETTERS: done.dead,
                metric.LEDGER_ROWS: {key: float(count) for key, count in done.rows_by.items()},
                metric.ATTEMPTS: {(what.value,): float(n) for what, n in self.dispatcher.sent.items()},
                metric.BATCHES: done.batches,
                metric.CHECKPOINTS: self._checkpoints,
                metric.RECOVERED: self._recovered,
                metric.TIME_LAG: max(0, now - done.reached) / SECOND if self.is_live else 0,
                metric.OUTBOX: self._outbox,
                metric.BRAKES: {(class_,): float(stopped) for class_, stopped in stopped_classes.items()},
                metric.SIGNALS: {(class_, signal): one for (class_, signal), one in shares.items()},
                metric.TROUBLE: 1 if self._trouble else 0,
                metric.PROFILES: len(self.engine.profiles),
                metric.BUILD: {(__version__,): 1.0},
                metric.PLAN: {(plan.version,): 1.0} if plan else {},
            }
        )
