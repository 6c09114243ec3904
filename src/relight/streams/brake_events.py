"""The sending brake as an event, so that a rule can alert: `sending_brake`, of nobody but `_sending`."""

from __future__ import annotations

from collections.abc import Mapping

from relight.base.kinds import Kind
from relight.base.problems import Place, Problem
from relight.streams.envelope import Event
from relight.streams.own_events import OwnEvent
from relight.streams.schema import Schema

#: The event's name, its stream, and the made-up customer whose log holds it.
BRAKE_EVENT, BRAKE_STREAM, BRAKE_CUSTOMER = "sending_brake", "sending", "_sending"
_EVENT = OwnEvent(
    name=BRAKE_EVENT,
    stream=BRAKE_STREAM,
    customer=BRAKE_CUSTOMER,
    properties={
        "message_class": Kind.TEXT,
        "signal": Kind.TEXT,
        "level": Kind.TEXT,
        "share": Kind.TEXT,
        "mails": Kind.INTEGER,
    },
    maker="the sending brake",
)


def declare_brake_event(schema: Schema, place: Place) -> tuple[Schema, list[Problem]]:
    """Return the schema with the event; a stream that declares one of its name is told so."""
    return _EVENT.declare(schema, place)


def brake_event(values: Mapping[str, object], *, at: int) -> Event:
    """Return the event of a share beyond a limit, with its values, at an instant (µs)."""
    return _EVENT.happened(f"{values['message_class']}/{values['signal']}/{values['level']}/{at}", values, at=at)
