"""Targets with their progress, and boards that show measures, charts and targets (C14)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from relight.config.measure_kinds import Unit
from relight.metrics.compute import Asked, compute_measures

if TYPE_CHECKING:
    from relight.config.measure_plan import Target
    from relight.metrics.extract import MeasureLog
    from relight.metrics.measure import Measure


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetStatus:
    """How far a target is."""

    target: Target
    title: str
    unit: Unit
    #: The measure's value in its last full period; None where there is none, or for what is only done.
    value: float | None
    #: None where nothing can be said yet.
    reached: bool | None
    #: Length of the bar, 0 to 1; None where nothing can be said yet.
    progress: float | None
    measure: Measure | None

    @property
    def misses(self) -> bool:
        """Whether there is a value, and it misses."""
        return self.reached is False and self.value is not None


def target_statuses(log: MeasureLog, asked: Asked) -> list[TargetStatus]:
    """Return every target of the project, in the order of the file."""
    return [target_status(log, asked, target) for target in log.plan.targets.values()]


def target_status(log: MeasureLog, asked: Asked, target: Target) -> TargetStatus:
    """Return how far one target is, by its own period."""
    if target.done is not None:
        return _done(target, log.plan.title_of("target", target.name))
    (measure,) = compute_measures(log, Asked(until=asked.until, width=target.per), [target.name])
    value = measure.value if measure.period is not None and measure.period.complete else None
    return TargetStatus(
        target=target,
        title=measure.title,
        unit=measure.unit,
        value=value,
        reached=is_reached(target, value),
        progress=progress_of(target, value),
        measure=measure,
    )


def _done(target: Target, title: str) -> TargetStatus:
    return TargetStatus(
        target=target,
        title=title,
        unit=Unit.NUMBER,
        value=None,
        reached=target.done,
        progress=1.0 if target.done else 0.0,
        measure=None,
    )


def is_reached(target: Target, value: float | None) -> bool | None:
    """Return whether a value meets its target; None for no value."""
    if value is None:
        return None
    if target.below is not None:
        return value < target.below
    return target.at_least is not None and value >= target.at_least


def progress_of(target: Target, value: float | None) -> float | None:
    """Return how much of the way is behind us, 0 to 1: from `from` (0) to the target.

    What must stay below, with no `from`, is all there while it does, and the target's share of the value beyond it.
    """
    if value is None:
        return None
    if target.below is not None:
        if value < target.below:
            return 1.0
        if target.begin is not None and target.begin != target.below:
            return _between((value - target.begin) / (target.below - target.begin))
        return _between(target.below / value) if value > 0 else 1.0
    assert target.at_least is not None
    begin = 0.0 if target.begin is None else target.begin
    if target.at_least == begin:
        return 1.0 if value >= target.at_least else 0.0
    return _between((value - begin) / (target.at_least - begin))


def _between(share: float) -> float:
    return min(1.0, max(0.0, share))
