"""A missed target as an event (C14), so that a rule can alert its owner: `target_missed`, of nobody but `_targets`."""

from __future__ import annotations

from collections.abc import Mapping

from relight.base.kinds import Kind
from relight.base.problems import Place, Problem
from relight.streams.envelope import Event
from relight.streams.own_events import declare_own_event
from relight.streams.schema import EventType, PropertyType, Schema

#: The event's name, its stream, and the made-up customer whose log holds it.
TARGET_MISSED, TARGET_STREAM, TARGET_CUSTOMER = "target_missed", "targets", "_targets"
_PROPERTIES: Mapping[str, Kind] = {
    "target": Kind.TEXT,
    "title": Kind.TEXT,
    "period": Kind.TEXT,
    "goal": Kind.TEXT,
    "value": Kind.TEXT,
    "owner": Kind.TEXT,
}


def declare_missed_targets(schema: Schema, place: Place) -> tuple[Schema, list[Problem]]:
    """Return the schema with the event; a stream that declares one of its name is told so."""
    event = EventType(
        name=TARGET_MISSED,
        streams=(TARGET_STREAM,),
        properties={name: PropertyType(kind=kind) for name, kind in _PROPERTIES.items()},
        activity=False,
        place=place,
    )
    return declare_own_event(schema, event, "a missed target")


def missed_target_event(properties: Mapping[str, str], *, target: str, period: str, at: int) -> Event:
    """Return the event of a target missed in a period, at an instant (µs); once a target and period (V1)."""
    return Event(
        stream=TARGET_STREAM,
        id=f"{target}/{period}",
        customer=TARGET_CUSTOMER,
        name=TARGET_MISSED,
        event_time=at,
        ingest_time=at,
        properties={"target": target, "period": period, **properties},
    )
