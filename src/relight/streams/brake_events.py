"""The sending brake as an event, so that a rule can alert: `sending_brake`, of nobody but `_sending`."""

from __future__ import annotations

from collections.abc import Mapping

from relight.base.kinds import Kind
from relight.base.problems import Place, Problem
from relight.streams.envelope import Event
from relight.streams.own_events import declare_own_event
from relight.streams.schema import EventType, PropertyType, Schema

#: The event's name, its stream, and the made-up customer whose log holds it.
BRAKE_EVENT, BRAKE_STREAM, BRAKE_CUSTOMER = "sending_brake", "sending", "_sending"
_PROPERTIES: Mapping[str, Kind] = {
    "message_class": Kind.TEXT, "signal": Kind.TEXT, "level": Kind.TEXT, "share": Kind.TEXT, "mails": Kind.INTEGER,
}  # fmt: skip


def declare_brake_event(schema: Schema, place: Place) -> tuple[Schema, list[Problem]]:
    """Return the schema with the event; a stream that declares one of its name is told so."""
    event = EventType(
        name=BRAKE_EVENT,
        streams=(BRAKE_STREAM,),
        properties={name: PropertyType(kind=kind) for name, kind in _PROPERTIES.items()},
        activity=False,
        place=place,
    )
    return declare_own_event(schema, event, "the sending brake")


def brake_event(values: Mapping[str, object], *, at: int) -> Event:
    """Return the event of a share beyond a limit, with its values, at an instant (µs)."""
    return Event(
        stream=BRAKE_STREAM,
        id=f"{values['message_class']}/{values['signal']}/{values['level']}/{at}",
        customer=BRAKE_CUSTOMER,
        name=BRAKE_EVENT,
        event_time=at,
        ingest_time=at,
        properties=dict(values),
    )
