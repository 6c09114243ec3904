"""Which rules an event, a global event or the passing of time concerns.

A rule costs nothing on events it does not read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from relight.rules.plan import (
    DateTrigger,
    DeclinedTrigger,
    EventTrigger,
    GlobalTrigger,
    InactiveTrigger,
    MilestoneKind,
    MilestoneTrigger,
    Program,
    ReleasedTrigger,
    Rule,
    ScheduleTrigger,
    SegmentTrigger,
)
from relight.rules.quiet_code import QuietCode

if TYPE_CHECKING:
    from relight.customers.layout import Layout
    from relight.rules.plan import Cap, Condition, Plan

#: What the id of a watched condition that counts people of an account begins with: no rule's id does.
COUNTED = "members "


#: A rule that reads an event: the rule, its trigger, and the condition on the event's properties.
Pulled: TypeAlias = "tuple[Rule, object, Condition | None]"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanIndex:
    """Rules by what they wait for, each list in rule-id order."""

    #: What profiles keep under the plan.
    layout: Layout
    #: event name -> event, count-like milestone and released (asked) rules.
    by_event: Mapping[str, tuple[Rule, ...]]
    #: The same, each with its trigger and what that asks of the event's properties (None: nothing).
    pulled_by: Mapping[str, tuple[Pulled, ...]]
    #: global event name -> released and global rules.
    by_global: Mapping[str, tuple[Rule, ...]]
    #: Rules that deadlines come from.
    inactive: tuple[Rule, ...]
    dated: tuple[Rule, ...]
    scheduled: tuple[Rule, ...]
    #: Rules whose condition is watched: declined, enters, leaves, value milestones; with them, by ids that no rule has,
    #: the conditions by which people of an account are counted.
    watched: tuple[Rule, ...]
    #: id -> those conditions, as rules that make no occurrence.
    counted: Mapping[str, Rule]
    #: Rules that also take those who match already.
    backfilled: tuple[Rule, ...]
    #: activity key of each inactive rule.
    activity_keys: Mapping[str, str]
    #: Any inactive rule includes the never active: an earlier first event re-arms.
    has_never: bool
    #: Events that move a personal threshold or its start; each re-arms.
    personal_events: frozenset[str]
    #: event name -> rules whose entries it can end or move on: exits, the goal, a wait_for, conditions.
    moved_by: Mapping[str, frozenset[str]]
    #: Rules whose entries every event can end: they exit on a condition.
    moved_by_any: frozenset[str]
    #: event name -> watched rules that read its history; a record of another name changes nothing in them.
    watched_by: Mapping[str, tuple[Rule, ...]]
    #: Global event -> watched rules that read it.
    watched_globals: Mapping[str, tuple[Rule, ...]]
    #: trait -> watched rules that read it.
    watched_traits: Mapping[str, tuple[str, ...]]
    #: A trait or a first record may make a deadline earlier that is no entry's: dates, schedules, personal thresholds.
    rearmed_by_traits: bool
    #: Caps of single rules on an account's other people.
    account_caps: tuple[Cap, ...]
    #: Events that trigger, that a watch reads, or that move a personal threshold: all others are only folded.
    loud: frozenset[str]
    #: Event name among these -> whether one such event leaves every rule with nothing to say.
    quiet: QuietCode


def activity_key(names: frozenset[str]) -> str:
    """Return the key under which the starts of a set of activity are kept."""
    return "|".join(sorted(names))


def index_plan(plan: Plan) -> PlanIndex:
    """Return the index of a plan."""
    rules = [plan.rules[rule_id] for rule_id in sorted(plan.rules)]
    by_event: dict[str, list[Rule]] = {}
    by_global: dict[str, list[Rule]] = {}
    for rule in rules:
        for name in _event_names(rule):
            by_event.setdefault(name, []).append(rule)
        if isinstance(rule.trigger, ReleasedTrigger):
            by_global.setdefault(rule.trigger.shipped, []).append(rule)
        elif isinstance(rule.trigger, GlobalTrigger):
            by_global.setdefault(rule.trigger.event, []).append(rule)
    inactive = [r for r in rules if isinstance(r.trigger, InactiveTrigger)]
    conditional = frozenset(r.id for r in rules if r.exits_when)
    triggers = [r.trigger for r in inactive if isinstance(r.trigger, InactiveTrigger)]
    counted = {COUNTED + key: _as_watch(key, condition) for key, condition in sorted(plan.members.items())}
    watched = (*(r for r in rules if _is_watched(r)), *counted.values())
    watched_by: dict[str, list[Rule]] = {}
    for rule in watched:
        for name in _watched_events(rule, plan):
            watched_by.setdefault(name, []).append(rule)
    personal = _personal_events(triggers, plan)
    return PlanIndex(
        layout=plan.layout,
        by_event={n: tuple(found) for n, found in by_event.items()},
        pulled_by={n: tuple((r, r.trigger, _where_of(r.trigger)) for r in found) for n, found in by_event.items()},
        by_global={n: tuple(found) for n, found in by_global.items()},
        inactive=tuple(inactive),
        dated=tuple(r for r in rules if isinstance(r.trigger, DateTrigger)),
        scheduled=tuple(r for r in rules if isinstance(r.trigger, ScheduleTrigger)),
        watched=watched,
        counted=counted,
        backfilled=tuple(r for r in rules if r.backfill is not None),
        activity_keys={r.id: activity_key(t.activity) for r, t in zip(inactive, triggers, strict=True)},
        has_never=any(t.include_never_active for t in triggers),
        personal_events=personal,
        watched_by={n: tuple(found) for n, found in watched_by.items()},
        watched_globals=_watched_globals(watched, plan),
        watched_traits=_watched_traits(watched),
        rearmed_by_traits=bool(personal)
        or any(isinstance(r.trigger, DateTrigger | ScheduleTrigger) for r in rules)
        or any(t.include_never_active for t in triggers),
        loud=frozenset(by_event) | frozenset(watched_by) | personal,
        account_caps=tuple(rule.account_cap for rule in rules if rule.account_cap is not None),
        quiet=QuietCode(by_event, never=frozenset(watched_by) | personal),
        moved_by=_moved_by(rules, conditional),
        moved_by_any=conditional,
    )


def _where_of(trigger: object) -> Condition | None:
    match trigger:
        case EventTrigger(match=match) | ReleasedTrigger(asked=match):
            return match.where
        case MilestoneTrigger(match=match) if match is not None:
            return match.where
        case _:
            return None


def _personal_events(triggers: Sequence[InactiveTrigger], plan: Plan) -> frozenset[str]:
    return frozenset(
        name
        for trigger in triggers
        for threshold in trigger.thresholds
        if threshold.personal is not None
        for name in trigger.activity | read_events(threshold.personal, plan)
    )


def _moved_by(rules: Sequence[Rule], conditional: frozenset[str]) -> dict[str, frozenset[str]]:
    moved: dict[str, set[str]] = {}
    for rule in rules:
        matches = [*rule.exits_on, *(step.awaited for step in rule.program.steps.values())]
        matches.append(None if rule.goal is None else rule.goal.match)
        for match in matches:
            if match is not None:
                moved.setdefault(match.event, set(conditional)).add(rule.id)
    return {name: frozenset(ids) for name, ids in moved.items()}


def _event_names(rule: Rule) -> tuple[str, ...]:
    match rule.trigger:
        case EventTrigger(match=match):
            return (match.event,)
        case MilestoneTrigger(match=match) if match is not None:
            return (match.event,)
        case ReleasedTrigger(asked=asked):
            return (asked.event,)
        case _:
            return ()


def _as_watch(key: str, condition: Condition) -> Rule:
    trigger = SegmentTrigger(segment=key, condition=condition, enters=True)
    return Rule(id=COUNTED + key, trigger=trigger, program=Program(steps={}, start=None), place=condition.place)


def _is_watched(rule: Rule) -> bool:
    trigger = rule.trigger
    if isinstance(trigger, MilestoneTrigger):
        return trigger.kind is MilestoneKind.VALUE
    return isinstance(trigger, DeclinedTrigger | SegmentTrigger)


def watched_condition(rule: Rule) -> Condition | None:
    """Return the condition or value whose truth a rule waits for; None for other triggers."""
    match rule.trigger:
        case SegmentTrigger(condition=condition):
            return condition
        case MilestoneTrigger(value=value):
            return value
        case _:
            return None


def _watched_traits(rules: Sequence[Rule]) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for rule in rules:
        condition = watched_condition(rule)
        for trait in condition.traits if condition is not None else ():
            found.setdefault(trait, []).append(rule.id)
    return {trait: tuple(ids) for trait, ids in found.items()}


def _watched_events(rule: Rule, plan: Plan) -> frozenset[str]:
    if isinstance(rule.trigger, DeclinedTrigger):
        return frozenset({rule.trigger.of.event})
    condition = watched_condition(rule)
    return frozenset() if condition is None else read_events(condition, plan)


def read_events(condition: Condition, plan: Plan) -> frozenset[str]:
    """Return every event that can change a condition: those it names, all activity, and the news it lists."""
    found = set(condition.events)
    for name, event in plan.schema.events.items():
        if condition.reads_activity and event.activity and not event.is_global:
            found.add(name)
        if event.is_global and any(word in name for word in condition.news):
            found.add(name)
    return frozenset(found)


def _watched_globals(rules: Sequence[Rule], plan: Plan) -> dict[str, tuple[Rule, ...]]:
    found: dict[str, list[Rule]] = {}
    for rule in rules:
        for name in _watched_events(rule, plan):
            declared = plan.schema.events.get(name)
            if declared is not None and declared.is_global:
                found.setdefault(name, []).append(rule)
    return {name: tuple(reading) for name, reading in found.items()}
