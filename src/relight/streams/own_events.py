"""Events that the engine itself tells, of made-up customers, so that a rule can alert: declared beside the streams'."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from relight.base.kinds import Kind
from relight.base.problems import Place, Problem
from relight.streams.envelope import Event
from relight.streams.schema import EventType, PropertyType, Schema

#: The made-up customers whose logs hold them: nobody who is counted.
OWN_CUSTOMERS = frozenset({"_codes", "_sending", "_targets"})

#: Name of an event of ours -> what a project writes to have it.
ASKED_FOR_BY: Mapping[str, str] = MappingProxyType(
    {
        "codes_low": "`codes` in config/default.yaml",
        "sending_brake": "`brakes` in config/default.yaml",
        "target_missed": "`targets` in config/measures.yaml",
        "volume_guard": "`volume` in config/default.yaml",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnEvent:
    """One event of ours."""

    name: str
    stream: str
    #: The made-up customer whose log holds it.
    customer: str
    properties: Mapping[str, Kind]
    #: What makes it, for people: `a missed target`.
    maker: str

    def declare(self, schema: Schema, place: Place) -> tuple[Schema, list[Problem]]:
        """Return the schema with the event; a stream that declares one of its name is told so."""
        known = schema.events.get(self.name)
        if known is None:
            event = EventType(
                name=self.name,
                streams=(self.stream,),
                properties={name: PropertyType(kind=kind) for name, kind in self.properties.items()},
                activity=False,
                place=place,
            )
            return replace(schema, events={**schema.events, self.name: event}), []
        message = f"'{self.name}' is what {self.maker} makes, and a stream declares it as well"
        help_text = "give the stream's event another name"
        return schema, [
            Problem(code="reserved-name", message=message, place=known.place, other=place, help=help_text)
        ]  # fmt: skip

    def happened(self, id_: str, properties: Mapping[str, object], *, at: int) -> Event:
        """Return the event at an instant (µs); the same id again is a copy (V1)."""
        return Event(
            stream=self.stream,
            id=id_,
            customer=self.customer,
            name=self.name,
            event_time=at,
            ingest_time=at,
            properties=dict(properties),
        )
