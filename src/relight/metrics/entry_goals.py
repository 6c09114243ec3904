"""Goals that compare with the entry (C13): `code_redeemed where code == entry.code`, `order where cart == entry.cart`.

The event that made an entry is found in the log by the entry's occurrence, the code of its mail by the record that told
it. Only entries that one event makes have properties to compare with here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from relight.config.measure_plan import Source
from relight.metrics.extract import ComparedRow
from relight.rules.plan import EventMatch, EventTrigger, ReentryKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from relight.metrics.exposures import Exposed
    from relight.metrics.extract import MeasureLog, WholeRow
    from relight.rules.plan import Plan, Rule

#: Where a goal was not reached (µs).
NEVER = -1
_CODE = "entry.code"


def compares_with_entry(rule: Rule) -> bool:
    """Return whether a rule's goal compares with the entry."""
    where = None if rule.goal is None else rule.goal.match.where
    return where is not None and "entry." in where.text


def compares_with_code(plan: Plan, rule: Rule) -> bool:
    """Return whether a rule's goal compares with the code that its mail went out with, which no ghost has (S6)."""
    where = None if rule.goal is None else rule.goal.match.where
    if where is None or _CODE not in where.text or not any(step.code for step in rule.program.steps.values()):
        return False
    made_by = plan.schema.events.get(rule.trigger.match.event) if isinstance(rule.trigger, EventTrigger) else None
    return made_by is None or "code" not in made_by.properties


def is_compared(plan: Plan, rule: Rule) -> bool:
    """Return whether what a goal compares with can be found again: one event made the entry, or it is the code."""
    return compares_with_entry(rule) and (isinstance(rule.trigger, EventTrigger) or compares_with_code(plan, rule))


def compared_rules(plan: Plan) -> frozenset[str]:
    """Return the ids of the rules for which `Exposures` must keep what their entries are."""
    return frozenset(rule.id for rule in plan.rules.values() if is_compared(plan, rule))


def compared_sources(rule: Rule) -> Iterator[Source]:
    """Yield the events of which a MeasureLog must keep every property."""
    goal, trigger = rule.goal, rule.trigger
    names = [goal.match.event] if goal is not None else []
    names += [trigger.match.event] if isinstance(trigger, EventTrigger) else []
    for name in names:
        yield Source(text=name, match=EventMatch(event=name), is_whole=True)


def reached_times(log: MeasureLog, rule: Rule, exposed: Exposed, attribution: int) -> list[int] | None:
    """Return when each person first reached a rule's goal after their message or ghost (µs), NEVER for who did not.

    attribution: how long the goal counts (µs). None where the exposures do not say what the entries are.
    """
    goal = rule.goal
    if goal is None or goal.match.where is None or exposed.entries is None:
        return None
    test, found = goal.match.where.evaluate, []
    for code, begin, entry in zip(exposed.who.tolist(), exposed.when.tolist(), exposed.entries, strict=True):
        values = _entry_values(log, rule, code, entry.occurrence)
        codes = [log.drawn[key] for key in entry.keys if key in log.drawn]
        # The code of the last mail that has one (S6).
        values = {**values, "code": codes[-1]} if codes and "code" not in values else values
        times = (
            row.when
            for row in log.whole_rows(goal.match.event, code)
            if begin < row.when <= begin + attribution and test(ComparedRow(row.properties, values)) is True  # type: ignore[arg-type]  # all it reads
        )
        found.append(min(times, default=NEVER))
    return found


def _entry_values(log: MeasureLog, rule: Rule, code: int, occurrence: str) -> Mapping[str, object]:
    """Return the properties of the event that made an entry; none where it is not in the log any more."""
    trigger = rule.trigger
    if not isinstance(trigger, EventTrigger):
        return {}
    rows = log.whole_rows(trigger.match.event, code)
    sort, _, text = occurrence.partition(":")
    if sort == "event":
        return next((row.properties for row in rows if f"{row.stream}/{row.id}" == text), {})
    return _first_of_value(rule, trigger, rows, text)


def _first_of_value(rule: Rule, trigger: EventTrigger, rows: Sequence[WholeRow], text: str) -> Mapping[str, object]:
    """Return what the first event with a value of `per` says: it made the entry (R7)."""
    per, where = rule.reentry.per, trigger.match.where
    if rule.reentry.kind is not ReentryKind.PER or per is None:
        return {}
    fitting = (
        row.properties
        for row in rows
        if str(row.properties.get(per)) == text
        and (where is None or where.evaluate(ComparedRow(row.properties, {})) is True)  # type: ignore[arg-type]  # all it reads
    )
    return next(fitting, {})
