"""A board with everything it shows, computed once (C14)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from relight.metrics.cohorts import CohortTable, FunnelCounts, cohort_table, count_funnel
from relight.metrics.compute import Asked, compute_measures
from relight.metrics.effects import RuleEffect
from relight.metrics.measure import Measure
from relight.metrics.targets import TargetStatus, target_statuses

if TYPE_CHECKING:
    from relight.config.measure_plan import BoardItem
    from relight.metrics.extract import MeasureLog


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardPart:
    """One item of a board; the fields besides `kind` and `name` hold what it shows, the others are None."""

    kind: Literal["measure", "cohorts", "chart", "target", "funnel", "rule"]
    name: str
    #: Of a measure, and of a chart, whose line is its series.
    measure: Measure | None = None
    cohorts: CohortTable | None = None
    target: TargetStatus | None = None
    funnel: FunnelCounts | None = None
    #: None where the rule decided nothing yet.
    effect: RuleEffect | None = None


def board_parts(log: MeasureLog, asked: Asked, board: str, *, effects: Sequence[RuleEffect] = ()) -> list[BoardPart]:
    """Return what a board shows, in order; effects: those of the rules it names, by `effects_of`."""
    items = log.plan.boards[board]
    names = [one.name for one in items if one.kind in ("measure", "chart")]
    measures = {one.name: one for one in compute_measures(log, asked, names)} if names else {}
    has_targets = any(one.kind == "target" for one in items)
    targets = {one.target.name: one for one in target_statuses(log, asked)} if has_targets else {}
    rules = {one.rule: one for one in effects}
    return [_part(log, asked, one, (measures, targets, rules)) for one in items]


def _part(
    log: MeasureLog,
    asked: Asked,
    item: BoardItem,
    known: tuple[dict[str, Measure], dict[str, TargetStatus], dict[str, RuleEffect]],
) -> BoardPart:
    measures, targets, rules = known
    match item.kind:
        case "measure" | "chart":
            return BoardPart(kind=item.kind, name=item.name, measure=measures[item.name])
        case "cohorts":
            table = cohort_table(log, width=item.name, until=asked.until, since=asked.since)
            return BoardPart(kind=item.kind, name=item.name, cohorts=table)
        case "target":
            return BoardPart(kind=item.kind, name=item.name, target=targets[item.name])
        case "funnel":
            counts = count_funnel(log, log.plan.funnels[item.name], until=asked.until)
            return BoardPart(kind=item.kind, name=item.name, funnel=counts)
        case "rule":
            return BoardPart(kind=item.kind, name=item.name, effect=rules.get(item.name))
