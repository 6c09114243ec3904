"""The streams that no file declares, for rule tests: what surveys, missed targets and pools of codes tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from relight.streams.plan import EventPlan, PropertyPlan, SourcePlan, StreamPlan
from relight.streams.times import make_time_reader
from relight.streams.values import coercer_of

if TYPE_CHECKING:
    from relight.streams.schema import EventType, Schema


def with_own_streams(declared: Mapping[str, StreamPlan], schema: Schema) -> dict[str, StreamPlan]:
    """Return the declared streams and one for each other stream that the schema's events name."""
    own: dict[str, list[EventType]] = {}
    for event in schema.events.values():
        for stream in event.streams:
            if stream not in declared:
                own.setdefault(stream, []).append(event)
    return {**declared, **{name: _stream_of(name, events) for name, events in own.items()}}


def _stream_of(name: str, events: list[EventType]) -> StreamPlan:
    read_time = make_time_reader(None)
    return StreamPlan(
        name=name,
        place=events[0].place,
        source=SourcePlan(kind="stdin"),
        events={event.name: (_event_plan(event),) for event in events},
        event_time_of=read_time,
        arrives_of=read_time,
        event_types={event.name: event for event in events},
        trait_types={},
        trait_places={},
    )


def _event_plan(event: EventType) -> EventPlan:
    read_time = make_time_reader(None)
    properties = tuple(
        PropertyPlan(name=name, key=name, coerce=coercer_of(one.kind, one.values, read_time))
        for name, one in event.properties.items()
    )
    return EventPlan(name=event.name, properties=properties, is_global=event.is_global)
