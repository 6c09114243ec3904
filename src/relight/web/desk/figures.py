"""Measures and effects for pages: computed away from the request that asks, kept until the store has gone on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from relight.base.errors import RelightError
from relight.engine.log_copy import LongLogError
from relight.metrics import (
    Asked,
    BoardPart,
    CohortTable,
    Exposures,
    Measure,
    MeasureLog,
    RuleEffect,
    StepPeople,
    TargetStatus,
    board_parts,
    cohort_table,
    compared_rules,
    compute_measures,
    effect_people,
    effects_of,
    goal_sources,
    target_statuses,
)
from relight.stores.interface import Freezes
from relight.web.desk.background import Background

if TYPE_CHECKING:
    from relight.config.measure_plan import MeasurePlan
    from relight.rules.plan import Plan
    from relight.stores.interface import Store

#: What a page says until the first figures are there.
PENDING = "they are being computed; look again in a moment"
#: Said where the project has errors in what it declares.
NOTHING_DECLARED = "config/measures.yaml declares no measures"


@dataclass(frozen=True, slots=True, kw_only=True)
class Computed:
    """Everything that was computed at one time."""

    #: Where the store's time had come to (µs); None where there are no figures.
    until: int | None = None
    measures: Sequence[Measure] = ()
    effects: Mapping[str, RuleEffect] = field(default_factory=dict)
    targets: Sequence[TargetStatus] = ()
    cohorts: CohortTable | None = None
    boards: Mapping[str, Sequence[BoardPart]] = field(default_factory=dict)
    #: (rule, step) -> who came to it.
    people: Mapping[tuple[str, str], StepPeople] = field(default_factory=dict)
    #: Customers by the codes of `people`.
    names: Sequence[str] = ()
    #: Why there are no figures; None where there are.
    trouble: str | None = None


class Figures:
    """The figures of one project."""

    def __init__(
        self,
        *,
        measure_plan: MeasurePlan | None,
        plan: Plan,
        open_store: Callable[[], Store],
        seconds: Callable[[], float],
        stays_open: bool = False,
    ) -> None:
        """Start without any.

        seconds: a clock that only grows; stays_open: the store is kept between, whose log elsewhere is then read on.
        """
        self._stays_open = stays_open
        self._store: Store | None = None
        #: Why there never are any.
        self._trouble: str | None = None
        self._measure_plan, self._plan, self._open_store = measure_plan, plan, open_store
        self._background: Background[Computed] = Background(make=self._compute, seconds=seconds)
        #: Reading goes on where it stopped: what is new is all that is decoded. Of the computing thread alone.
        self._log: MeasureLog | None = None
        self._exposures: Exposures | None = None
        self._is_stale = False

    def latest(self) -> Computed:
        """Return what was computed last."""
        return self._background.latest() or Computed(trouble=PENDING)

    def forget(self) -> None:
        """Show nothing of what was read before: somebody was erased."""
        self._is_stale = True
        self._background.forget()

    def _compute(self) -> Computed:
        if self._trouble is not None:
            return Computed(trouble=self._trouble)
        if self._is_stale:
            self._is_stale = False
            if self._store is not None:  # it keeps what it read
                self._store.close()
            self._drop()
        if self._measure_plan is None:
            return Computed(trouble=NOTHING_DECLARED)
        try:
            store = self._store or self._open_store()
        except (RelightError, OSError) as error:
            return Computed(trouble=str(error))
        self._store = store if self._stays_open else None
        try:
            with store.frozen() if self._stays_open and isinstance(store, Freezes) else nullcontext():
                return self._read(store, self._measure_plan)
        except LongLogError as error:
            self._trouble = str(error)
            self._drop()
            return Computed(trouble=self._trouble)
        except RelightError as error:
            self._drop()  # may be half read
            return Computed(trouble=str(error))
        finally:
            if store is not self._store:
                store.close()

    def _drop(self) -> None:
        self._log = self._exposures = self._store = None

    def close(self) -> None:
        """Close the store, unless figures are being computed from it: that thread ends with the process."""
        if not self._background.is_busy and self._store is not None:
            self._store.close()
            self._store = None

    def _read(self, store: Store, plan: MeasurePlan) -> Computed:
        log = self._log = self._log or MeasureLog(plan, also=goal_sources(self._plan))
        exposures = self._exposures = self._exposures or Exposures(log.people, entries_of=compared_rules(self._plan))
        log.read_store(store)
        exposures.read_store(store)
        until = store.reached() or 1
        asked = Asked(until=until)
        effects = effects_of(log, store, self._plan, exposures=exposures)
        return Computed(
            until=until,
            measures=compute_measures(log, asked),
            effects={one.rule: one for one in effects},
            targets=target_statuses(log, asked),
            cohorts=cohort_table(log, width="month", until=until) if "signup" in plan.sources else None,
            boards={name: board_parts(log, asked, name, effects=effects) for name in plan.boards},
            people=effect_people(log, self._plan, exposures),
            names=log.people.names(),
        )
