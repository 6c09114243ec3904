"""Who is behind two figures of a rule's effect (C13): the people who followed a link, and who reached the goal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from relight.engine.replies import CLICKED
from relight.metrics.effects import goal_times
from relight.metrics.entry_goals import NEVER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from relight.metrics.exposures import Exposures
    from relight.metrics.extract import MeasureLog
    from relight.metrics.tables import Codes, Ints
    from relight.rules.plan import Plan, Rule

#: The figures that have people here.
CLICKED_STEP, GOAL_STEP = "clicked", "goal"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepPeople:
    """People who came to a step, those who came last first."""

    #: Codes of customers.
    who: Codes
    #: When they did (µs).
    when: Ints


def effect_people(log: MeasureLog, plan: Plan, exposures: Exposures) -> Mapping[tuple[str, str], StepPeople]:
    """Return the people by (rule, step); as many as `effects_of` counts in the arm that was written to."""
    found: dict[tuple[str, str], StepPeople] = {}
    for name, rule in plan.rules.items():
        for step, people in (
            (CLICKED_STEP, _clickers(log, rule, exposures)),
            (GOAL_STEP, _reachers(log, rule, exposures)),
        ):
            if people is not None:
                found[name, step] = people
    return found


def _clickers(log: MeasureLog, rule: Rule, exposures: Exposures) -> StepPeople | None:
    if log.clickers(rule.id) is None:
        return None
    table = log.table(CLICKED)
    exposed = exposures.of(rule.id)
    wanted = table.texts["rule"] == log.words.codes.get(rule.id, -2)
    wanted &= np.isin(table.who, exposed.who[~exposed.held])
    who, when = table.who[wanted], table.when[wanted]
    # The last click of each.
    order = np.argsort(-when, kind="stable")
    codes, places = np.unique(who[order], return_index=True)
    return _newest(codes, when[order[places]])


def _reachers(log: MeasureLog, rule: Rule, exposures: Exposures) -> StepPeople | None:
    exposed = exposures.of(rule.id)
    times = goal_times(log, rule, exposed)
    if times is None:
        return None
    reached = (times != NEVER) & ~exposed.held
    return _newest(exposed.who[reached], times[reached])


def _newest(who: Codes, when: Ints) -> StepPeople:
    order = np.argsort(-when, kind="stable")
    return StepPeople(who=who[order], when=when[order])
