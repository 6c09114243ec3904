"""The volume guard's stop as an event (S5), so that a rule can alert: `volume_guard`, of nobody but `_sending`."""

from __future__ import annotations

from collections.abc import Mapping

from relight.base.kinds import Kind
from relight.base.problems import Place, Problem
from relight.streams.brake_events import BRAKE_CUSTOMER, BRAKE_STREAM
from relight.streams.envelope import Event
from relight.streams.own_events import OwnEvent
from relight.streams.schema import Schema

#: The event's name, its stream, and the made-up customer whose log holds it; both tell of sending.
GUARD_EVENT, GUARD_STREAM, GUARD_CUSTOMER = "volume_guard", BRAKE_STREAM, BRAKE_CUSTOMER
_EVENT = OwnEvent(
    name=GUARD_EVENT,
    stream=GUARD_STREAM,
    customer=GUARD_CUSTOMER,
    properties={"messages": Kind.INTEGER, "per_hour": Kind.INTEGER, "waiting": Kind.INTEGER, "stopped_at": Kind.TIME},
    maker="the volume guard",
)


def declare_guard_event(schema: Schema, place: Place) -> tuple[Schema, list[Problem]]:
    """Return the schema with the event; a stream that declares one of its name is told so."""
    return _EVENT.declare(schema, place)


def guard_event(values: Mapping[str, object], *, stop: str, at: int) -> Event:
    """Return the event of a stop of the guard, with its values, as of an instant (µs); once a stop (V1), by its id."""
    return _EVENT.happened(f"volume_guard/{stop}", values, at=at)
