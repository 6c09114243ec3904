"""Rules that tell the team of a stop of the volume guard (S5): the only ones whose messages leave while it stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from relight.base.problems import Place, Problem
from relight.rules.plan import EventTrigger, MessageClass, ReentryKind
from relight.streams.guard_events import GUARD_EVENT

if TYPE_CHECKING:
    from relight.rules.plan import Rule


def waits_for_guard(rule: Rule) -> bool:
    """Return whether the event `volume_guard` triggers a rule."""
    return isinstance(rule.trigger, EventTrigger) and rule.trigger.match.event == GUARD_EVENT


def tells_of_guard(rule: Rule | None) -> bool:
    """Return whether a rule goes on, and its messages leave, while the guard has stopped everything else."""
    return rule is not None and rule.message_class is MessageClass.INTERNAL and waits_for_guard(rule)


def guard_alert_problems(rules: Mapping[str, Rule], guard: Place) -> list[Problem]:
    """Return what keeps the team from hearing of a stop: no rule tells of it, one stands behind it, one tells once.

    guard: where the config has it.
    """
    waiting = [rule for rule in rules.values() if waits_for_guard(rule)]
    if not waiting:
        message = "nobody is told when the volume guard stops all sending"
        help_text = (
            "write a rule with `trigger: {event: volume_guard}`, `class: internal`, `reentry: every` and an alert"
        )
        return [Problem(code="silent-guard", message=message, place=guard, severity="warning", help=help_text)]
    problems = []
    for rule in waiting:
        if rule.message_class is not MessageClass.INTERNAL:
            message = f"the volume guard stops {rule.message_class.value} rules, so this one cannot tell of it"
            problems.append(
                Problem(code="guarded-alert", message=message, place=rule.place, help="write `class: internal`")
            )
        elif rule.reentry.kind is ReentryKind.ONCE:
            message = "this rule tells of the guard's first stop and of no later one"
            problems.append(
                Problem(
                    code="first-stop-only",
                    message=message,
                    place=rule.place,
                    severity="warning",
                    help="write `reentry: every`",
                )
            )
    return problems
