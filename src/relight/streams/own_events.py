"""Events that the engine itself tells, of made-up customers: their declarations, beside those of the streams."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from relight.base.problems import Place, Problem

if TYPE_CHECKING:
    from relight.streams.schema import EventType, Schema


def declare_own_event(schema: Schema, event: EventType, maker: str) -> tuple[Schema, list[Problem]]:
    """Return the schema with an event of ours; a stream that declares one of its name is told so.

    maker: what makes the event, for people: `a missed target`.
    """
    known = schema.events.get(event.name)
    if known is None:
        return replace(schema, events={**schema.events, event.name: event}), []
    message = f"'{event.name}' is what {maker} makes, and a stream declares it as well"
    help_text = "give the stream's event another name"
    place: Place = known.place
    return schema, [
        Problem(code="reserved-name", message=message, place=place, other=event.place, help=help_text)
    ]  # fmt: skip
