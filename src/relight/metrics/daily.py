"""What each local day begins with: the measures of customers that changed, and targets missed in a period just over.

A `DayMaker` of the engine. A pure fold of the store: a target is judged by what the log held when its period was over.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from relight.base.instants import day_start, to_local
from relight.metrics.compute import Asked
from relight.metrics.customer_values import CustomerMeasures
from relight.metrics.figures import figure_text, goal_text
from relight.metrics.periods import period_start
from relight.metrics.tables import NO_CODE
from relight.metrics.targets import target_status
from relight.streams.target_events import TARGET_MISSED, missed_target_event

if TYPE_CHECKING:
    from relight.config.measure_plan import MeasurePlan, Target
    from relight.metrics.extract import MeasureLog
    from relight.stores.interface import Store
    from relight.streams.envelope import Control, Event


class DailyMeasures:
    """Serves a project's measures to its rules."""

    def __init__(self, plan: MeasurePlan) -> None:
        """Start before the first record; the log is read on at each beginning."""
        self.customers = CustomerMeasures(plan)
        #: (target, end of the period) that were judged already.
        self._judged: set[tuple[str, int]] = set()

    def __call__(self, store: Store, names: Collection[str], now: int) -> Iterator[Control | Event]:
        """Yield the control records of changed measures, then an event for each target missed, told once a period."""
        yield from self.customers(store, [name for name in names if name != TARGET_MISSED], now)
        if TARGET_MISSED in names:
            yield from self._missed(now)

    @property
    def log(self) -> MeasureLog:
        """The log as far as it was read."""
        return self.customers.log

    def forget(self) -> None:
        """Read the log from its beginning at the next call."""
        self.customers.forget()
        self._judged.clear()

    def _missed(self, now: int) -> Iterator[Event]:
        plan = self.log.plan
        told = self._told()
        for target in plan.targets.values():
            end = period_end(plan, target, now)
            if target.done is not None or (target.name, end) in self._judged:
                continue
            self._judged.add((target.name, end))
            found = missed_target(self.log, target, end, now)
            if found is not None and (target.name, str(found.properties["period"])) not in told:
                yield found

    def _told(self) -> set[tuple[str, str]]:
        """Return (target, period) of the events that the log has already."""
        table, words = self.log.table(TARGET_MISSED), self.log.words.names()
        pairs = zip(table.texts["target"].tolist(), table.texts["period"].tolist(), strict=True)
        return {(words[target], words[period]) for target, period in pairs if NO_CODE not in (target, period)}


def period_end(plan: MeasurePlan, target: Target, now: int) -> int:
    """Return when the last period of a target that is over was over (µs)."""
    return day_start(period_start(to_local(now, plan.zone).date(), target.per), plan.zone)


def missed_target(log: MeasureLog, target: Target, end: int, now: int) -> Event | None:
    """Return the event of a target that was missed in the period that ended at `end`, told at `now` (µs); else None."""
    status = target_status(log.as_of(end), Asked(until=end), target)
    if not status.misses or status.measure is None or status.measure.period is None:
        return None
    plan = log.plan
    properties = {
        # An effort is called as the team's language calls it; the titles of measures are English.
        "title": plan.title_of("effort", target.name, plan.locale[:2]) if target.name in plan.efforts else status.title,
        "goal": goal_text(target, status.unit, log.plan.currency),
        "value": figure_text(status.value, status.unit, log.plan.currency),
        "owner": target.owner or "nobody",  # an empty one would be missing data for a letter
    }
    return missed_target_event(properties, target=target.name, period=status.measure.period.label, at=now)
