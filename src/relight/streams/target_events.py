"""A missed target as an event (C14), so that a rule can alert its owner: `target_missed`, of nobody but `_targets`."""

from __future__ import annotations

from collections.abc import Mapping

from relight.base.kinds import Kind
from relight.base.problems import Place, Problem
from relight.streams.envelope import Event
from relight.streams.own_events import OwnEvent
from relight.streams.schema import Schema

#: The event's name, its stream, and the made-up customer whose log holds it.
TARGET_MISSED, TARGET_STREAM, TARGET_CUSTOMER = "target_missed", "targets", "_targets"
_EVENT = OwnEvent(
    name=TARGET_MISSED,
    stream=TARGET_STREAM,
    customer=TARGET_CUSTOMER,
    properties={
        "target": Kind.TEXT,
        "title": Kind.TEXT,
        "period": Kind.TEXT,
        "goal": Kind.TEXT,
        "value": Kind.TEXT,
        "owner": Kind.TEXT,
    },
    maker="a missed target",
)


def declare_missed_targets(schema: Schema, place: Place) -> tuple[Schema, list[Problem]]:
    """Return the schema with the event; a stream that declares one of its name is told so."""
    return _EVENT.declare(schema, place)


def missed_target_event(properties: Mapping[str, str], *, target: str, period: str, at: int) -> Event:
    """Return the event of a target missed in a period, at an instant (µs); once a target and period (V1)."""
    return _EVENT.happened(f"{target}/{period}", {"target": target, "period": period, **properties}, at=at)
