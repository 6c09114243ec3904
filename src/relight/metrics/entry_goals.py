"""Goals that compare with the entry (C13): `code_redeemed where code == entry.code`, `order where cart == entry.cart`.

The event that made an entry is found in the log by the entry's occurrence, the code of its mail by the record that told
it. Only entries that one event makes have properties to compare with here: those of an event, a request or a global
event, and of a count, sum or distinct count that reached its mark.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from relight.config.measure_plan import Source
from relight.decide.triggers import grown
from relight.metrics.extract import ComparedRow
from relight.metrics.tables import NO_CODE
from relight.rules.plan import (
    EventMatch,
    EventTrigger,
    GlobalTrigger,
    MilestoneKind,
    MilestoneTrigger,
    ReentryKind,
    ReleasedTrigger,
)

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
    return compares_with_entry(rule) and (_maker(rule) is not None or compares_with_code(plan, rule))


def _maker(rule: Rule) -> str | None:
    """Return the name of the event that makes an entry and gives its properties; None where none does."""
    match rule.trigger:
        case EventTrigger(match=match) | ReleasedTrigger(asked=match):
            return match.event
        case GlobalTrigger(event=name):
            return name
        case MilestoneTrigger(kind=MilestoneKind.COUNT | MilestoneKind.SUM | MilestoneKind.DISTINCT, match=match):
            return None if match is None else match.event
        case _:
            return None


def compared_rules(plan: Plan) -> frozenset[str]:
    """Return the ids of the rules for which `Exposures` must keep what their entries are."""
    return frozenset(rule.id for rule in plan.rules.values() if is_compared(plan, rule))


def compared_sources(rule: Rule) -> Iterator[Source]:
    """Yield the events of which a MeasureLog must keep every property."""
    goal, maker = rule.goal, _maker(rule)
    names = [goal.match.event] if goal is not None else []
    names += [maker] if maker is not None else []
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
        values = _entry_values(log, rule, code, (entry.occurrence, begin))
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


def _entry_values(log: MeasureLog, rule: Rule, code: int, entry: tuple[str, int]) -> Mapping[str, object]:
    """Return the properties of the event that made an entry; none where it is not in the log any more.

    entry: its occurrence, and when its first message was due (µs).
    """
    sort, _, text = entry[0].partition(":")
    match rule.trigger:
        case EventTrigger() as trigger:
            rows = log.whole_rows(trigger.match.event, code)
            return _of_id(rows, text) if sort == "event" else _first_of_value(rule, trigger, rows, text)
        case GlobalTrigger(event=name):
            return _of_id(log.whole_rows(name, NO_CODE), text)
        case ReleasedTrigger() as trigger:
            return _earliest_request(trigger, log.whole_rows(trigger.asked.event, code), text, entry[1])
        case MilestoneTrigger(match=match) as trigger if match is not None:
            return _reached_mark(trigger, log.whole_rows(match.event, code), text)
        case _:
            return {}


def _of_id(rows: Sequence[WholeRow], text: str) -> Mapping[str, object]:
    return next((row.properties for row in rows if f"{row.stream}/{row.id}" == text), {})


def _earliest_request(
    trigger: ReleasedTrigger, rows: Sequence[WholeRow], text: str, until: int
) -> Mapping[str, object]:
    """Return what the earliest request for a released thing says, of those known by then (R7)."""
    fitting = [
        row
        for row in rows
        if row.known <= until
        and text.startswith(f"{row.properties.get(trigger.by)}:")
        and _fits(trigger.asked, row.properties)
    ]
    return min(fitting, key=lambda row: (row.when, row.stream, row.id)).properties if fitting else {}


def _reached_mark(trigger: MilestoneTrigger, rows: Sequence[WholeRow], label: str) -> Mapping[str, object]:
    """Return what the event says by which a count, sum or distinct count reached its mark, in log order (R3)."""
    marks = dict(zip(trigger.labels, trigger.at, strict=True))
    total: object = None
    for row in rows if label in marks and trigger.match is not None else ():
        if trigger.match is None or not _fits(trigger.match, row.properties):
            continue
        before, after, total = grown(trigger, total, row.properties)
        if before < marks[label] <= after:  # a size and its mark are of one kind
            return row.properties
    return {}


def _fits(match: EventMatch, properties: Mapping[str, object]) -> bool:
    return match.where is None or match.where.evaluate(ComparedRow(properties, {})) is True  # type: ignore[arg-type]  # all it reads


def _first_of_value(rule: Rule, trigger: EventTrigger, rows: Sequence[WholeRow], text: str) -> Mapping[str, object]:
    """Return what the first event with a value of `per` says: it made the entry (R7)."""
    per = rule.reentry.per
    if rule.reentry.kind is not ReentryKind.PER or per is None:
        return {}
    fitting = (
        row.properties for row in rows if str(row.properties.get(per)) == text and _fits(trigger.match, row.properties)
    )
    return next(fitting, {})
