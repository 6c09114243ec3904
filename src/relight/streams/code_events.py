"""A pool of codes that runs low as an event (A30), so that a rule can alert: `codes_low`, of nobody but `_codes`."""

from __future__ import annotations

from relight.base.kinds import Kind
from relight.base.problems import Place, Problem
from relight.streams.envelope import Event
from relight.streams.own_events import OwnEvent
from relight.streams.schema import Schema

#: The event's name, its stream, and the made-up customer whose log holds it.
CODES_LOW, CODES_STREAM, CODES_CUSTOMER = "codes_low", "codes", "_codes"
_EVENT = OwnEvent(
    name=CODES_LOW,
    stream=CODES_STREAM,
    customer=CODES_CUSTOMER,
    properties={"pool": Kind.TEXT, "left": Kind.INTEGER, "file": Kind.TEXT},
    maker="a pool of codes that runs low",
)


def declare_codes_low(schema: Schema, place: Place) -> tuple[Schema, list[Problem]]:
    """Return the schema with the event; a stream that declares one of its name is told so."""
    return _EVENT.declare(schema, place)


def codes_low_event(pool: str, *, left: int, file: str, held: int, at: int) -> Event:
    """Return the event of a pool that runs low, or is empty (left: 0), at an instant (µs).

    held: how many codes the pool ever held; once a filling and level (V1).
    """
    id_ = f"{pool}/{held}/{'low' if left else 'empty'}"
    return _EVENT.happened(id_, {"pool": pool, "left": left, "file": file}, at=at)
