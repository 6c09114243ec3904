"""The schema of all streams together: the same event or trait in two streams must agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from relight.base.problems import Place, Problem, sort_problems
from relight.streams.plan import StreamPlan
from relight.streams.schema import EventType, PropertyType, Schema


def merge_schemas(plans: Sequence[StreamPlan]) -> tuple[Schema, list[Problem]]:
    """Return what rules and templates may name, and the disagreements of the streams, each with both places."""
    events: dict[str, EventType] = {}
    traits: dict[str, tuple[PropertyType, Place]] = {}
    problems: list[Problem] = []
    for plan in plans:
        for name, found in plan.event_types.items():
            known = events.setdefault(name, found)
            if known is found:
                continue
            difference = _event_difference(known, found)
            if difference is not None:
                message = f"event '{name}' is declared twice and differs: {difference}"
                problems.append(Problem(code="event-differs", message=message, place=found.place, other=known.place))
            events[name] = replace(known, streams=(*known.streams, *found.streams))
        for name, kind in plan.trait_types.items():
            first, place = traits.setdefault(name, (kind, plan.trait_places[name]))
            if first != kind:
                message = f"trait '{name}' is declared twice and differs: {_type_difference(first, kind)}"
                here = plan.trait_places[name]
                problems.append(Problem(code="trait-differs", message=message, place=here, other=place))
    topics = sorted({topic for plan in plans for topic in plan.topics})
    schema = Schema(events=events, traits={name: kind for name, (kind, _) in traits.items()}, topics=tuple(topics))
    return schema, sort_problems(problems)


def _event_difference(first: EventType, second: EventType) -> str | None:
    for name in first.properties.keys() | second.properties.keys():
        one, other = first.properties.get(name), second.properties.get(name)
        if one is None or other is None:
            return f"only one of them has property '{name}'"
        if one != other:
            return f"property '{name}' {_type_difference(one, other)}"
    if first.activity != second.activity:
        return "only one of them counts as activity"
    if first.is_global != second.is_global:
        return "only one of them is global"
    return None


def _type_difference(first: PropertyType, second: PropertyType) -> str:
    if first.kind is not second.kind:
        return f"is {first.kind} there and {second.kind} here"
    if first.values != second.values:
        return "allows other values there"
    return f"has unit {first.unit} there and {second.unit} here"
