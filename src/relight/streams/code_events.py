"""A pool of codes that runs low as an event (A30), so that a rule can alert: `codes_low`, of nobody but `_codes`."""

from __future__ import annotations

from collections.abc import Mapping

from relight.base.kinds import Kind
from relight.base.problems import Place, Problem
from relight.streams.envelope import Event
from relight.streams.own_events import declare_own_event
from relight.streams.schema import EventType, PropertyType, Schema

#: The event's name, its stream, and the made-up customer whose log holds it.
CODES_LOW, CODES_STREAM, CODES_CUSTOMER = "codes_low", "codes", "_codes"
_PROPERTIES: Mapping[str, Kind] = {"pool": Kind.TEXT, "left": Kind.INTEGER, "file": Kind.TEXT}


def declare_codes_low(schema: Schema, place: Place) -> tuple[Schema, list[Problem]]:
    """Return the schema with the event; a stream that declares one of its name is told so."""
    event = EventType(
        name=CODES_LOW,
        streams=(CODES_STREAM,),
        properties={name: PropertyType(kind=kind) for name, kind in _PROPERTIES.items()},
        activity=False,
        place=place,
    )
    return declare_own_event(schema, event, "a pool of codes that runs low")


def codes_low_event(pool: str, *, left: int, file: str, held: int, at: int) -> Event:
    """Return the event of a pool that runs low, or is empty (left: 0), at an instant (µs).

    held: how many codes the pool ever held; once a filling and level (V1).
    """
    return Event(
        stream=CODES_STREAM,
        id=f"{pool}/{held}/{'low' if left else 'empty'}",
        customer=CODES_CUSTOMER,
        name=CODES_LOW,
        event_time=at,
        ingest_time=at,
        properties={"pool": pool, "left": left, "file": file},
    )
