"""Measures and effects for pages: computed away from the request that asks, kept until the store has gone on.

A page shows what was computed last and says as of when; only the very first one waits.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from relight.base.errors import RelightError
from relight.metrics import (
    Asked,
    BoardPart,
    CohortTable,
    Measure,
    MeasureLog,
    RuleEffect,
    TargetStatus,
    board_parts,
    cohort_table,
    compute_measures,
    effects_of,
    goal_sources,
    target_statuses,
)

if TYPE_CHECKING:
    from relight.config.measure_plan import MeasurePlan
    from relight.rules.plan import Plan
    from relight.stores.interface import Store

#: Seconds for which figures are shown before they are computed again.
FRESH_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Computed:
    """Everything that was computed at one time."""

    #: Where the store's time had come to (µs).
    until: int
    measures: Sequence[Measure] = ()
    effects: Mapping[str, RuleEffect] = field(default_factory=dict)
    targets: Sequence[TargetStatus] = ()
    cohorts: CohortTable | None = None
    boards: Mapping[str, Sequence[BoardPart]] = field(default_factory=dict)
    #: Why there are no figures; None where there are.
    trouble: str | None = None


@dataclass(slots=True, kw_only=True)
class Figures:
    """The figures of one project."""

    measure_plan: MeasurePlan | None
    plan: Plan
    open_store: Callable[[], Store]
    #: Seconds that only grow.
    seconds: Callable[[], float]
    _log: MeasureLog | None = None
    _known: Computed | None = None
    _at: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def latest(self) -> Computed:
        """Return figures not older than FRESH_SECONDS, or older ones while another request computes."""
        if self._known is not None and (self.seconds() - self._at < FRESH_SECONDS or self._lock.locked()):
            return self._known
        with self._lock:
            if self._known is None or self.seconds() - self._at >= FRESH_SECONDS:
                self._known = self._compute()
                self._at = self.seconds()
            return self._known

    def _compute(self) -> Computed:
        plan = self.measure_plan
        if plan is None:
            return Computed(until=0, trouble="config/measures.yaml declares no measures")
        try:
            store = self.open_store()
        except (RelightError, OSError) as error:
            return Computed(until=0, trouble=str(error))
        try:
            # Reading goes on where it stopped: what is new since the last page is all that is decoded.
            log = self._log or MeasureLog(plan, also=goal_sources(self.plan))
            self._log = None
            log.read_store(store)
            until = store.reached() or 1
            asked = Asked(until=until)
            effects = effects_of(log, store, self.plan)
            found = Computed(
                until=until,
                measures=compute_measures(log, asked),
                effects={one.rule: one for one in effects},
                targets=target_statuses(log, asked),
                cohorts=cohort_table(log, width="month", until=until) if "signup" in plan.sources else None,
                boards={name: board_parts(log, asked, name, effects=effects) for name in plan.boards},
            )
            self._log = log
        except RelightError as error:
            return Computed(until=0, trouble=str(error))
        finally:
            store.close()
        return found
