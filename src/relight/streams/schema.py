"""What the declared streams say exists: events with typed properties, traits, topics.

Rules and templates are typed against it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from relight.base.durations import Span
from relight.base.instants import HOUR
from relight.base.kinds import Kind
from relight.base.problems import Place

#: Default allowed lateness of a stream (H5).
LATENESS_DEFAULT = Span(elapsed=72 * HOUR)


@dataclass(frozen=True, slots=True, kw_only=True)
class PropertyType:
    """The type of one property or trait."""

    kind: Kind
    #: Allowed values of a text; empty allows all.
    values: tuple[str, ...] = ()
    #: Currency of money (ISO 4217) or a unit of a number, for people; None where not declared.
    unit: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventType:
    """One declared event. Two streams may declare the same name; then their properties must agree."""

    name: str
    #: Streams that may carry it.
    streams: tuple[str, ...]
    properties: Mapping[str, PropertyType] = field(default_factory=dict)
    #: Counts as usage where a rule names no activity (R1).
    activity: bool = True
    #: Concerns everybody (H8).
    is_global: bool = False
    #: Where it was declared first.
    place: Place = Place(file="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """Everything rules and templates may name."""

    events: Mapping[str, EventType] = field(default_factory=dict)
    traits: Mapping[str, PropertyType] = field(default_factory=dict)
    topics: tuple[str, ...] = ()
