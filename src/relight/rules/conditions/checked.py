"""The typed tree of a condition: every name resolved, every value of a known kind. Two equal trees ask the same.

Texts and places do not take part in equality.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from relight.base.problems import Place
from relight.customers.facts import Fact
from relight.rules.conditions.types import Type

_NOWHERE = Place(file="")


class Source(StrEnum):
    """Whose properties a name reads."""

    #: The properties of the event that a filter or pattern is asked about.
    OWN = "own"
    #: `event.<p>`: those of the event at hand.
    EVENT = "event"
    #: `entry.<p>`: those of the entry's triggering event.
    ENTRY = "entry"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What all parts have."""

    type: Type
    #: Canonical text, with names as they were written.
    text: str = field(default="", compare=False)
    place: Place = field(default=_NOWHERE, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant(Part):
    """A value known when the condition is compiled; a list is a tuple."""

    value: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class TraitRead(Part):
    """A trait."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureRead(Part):
    """A measure of the customer, as the last control record served it."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewRead(Part):
    """`now`, `today`, `local_time`, `first_seen`, `threshold`, `arm`, `milestone`."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PropertyRead(Part):
    """A property of an event."""

    source: Source
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FactRead(Part):
    """A question to the customer's history."""

    fact: Fact
    #: Filter on the event's own properties; None takes all.
    predicate: Checked | None = None
    #: The values that `fact.selector.keyed_by` are compared with, in that order.
    keys: tuple[Checked, ...] = ()
    #: For `Fact.enough`, where the comparison around it allows one.
    enough: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class MembersRead(Part):
    """The number of people of the customer's account for whom a condition holds."""

    #: The condition with every shared name written out: equal keys ask the same.
    key: str
    inner: Checked


@dataclass(frozen=True, slots=True, kw_only=True)
class Named(Part):
    """A value or segment, spelled out."""

    name: str
    inner: Checked


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOf(Part):
    """A list with members that are read."""

    items: tuple[Checked, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NotOf(Part):
    """The Kleene `not`."""

    operand: Checked


@dataclass(frozen=True, slots=True, kw_only=True)
class LogicOf(Part):
    """The Kleene `and` or `or`."""

    operator: str
    operands: tuple[Checked, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonOf(Part):
    """A comparison; a constant stands on the right where there is one."""

    operator: str
    left: Checked
    right: Checked


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownOf(Part):
    """`is known`, or `is unknown` where negated."""

    operand: Checked
    negated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ArithmeticOf(Part):
    """A calculation; the kinds of its sides say which."""

    operator: str
    left: Checked
    right: Checked


@dataclass(frozen=True, slots=True, kw_only=True)
class NegativeOf(Part):
    """`-x`."""

    operand: Checked


Checked = (
    Constant
    | TraitRead
    | MeasureRead
    | ViewRead
    | PropertyRead
    | FactRead
    | MembersRead
    | Named
    | ListOf
    | NotOf
    | LogicOf
    | ComparisonOf
    | KnownOf
    | ArithmeticOf
    | NegativeOf
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedPattern:
    """A typed event pattern."""

    event: str
    where: Checked | None = None
    #: Own properties that `where` compares, sorted.
    compares: tuple[str, ...] = ()
    place: Place = field(default=_NOWHERE, compare=False)


def bare(part: Checked) -> Checked:
    """Return what a name stands for."""
    while isinstance(part, Named):
        part = part.inner
    return part


def inner_parts(part: Checked) -> tuple[Checked, ...]:
    """Return the parts directly inside one; a fact's filter is not one of them, its keys are."""
    match part:
        case FactRead():
            return part.keys
        case Named() | MembersRead():
            return (part.inner,)
        case ListOf():
            return part.items
        case NotOf() | KnownOf() | NegativeOf():
            return (part.operand,)
        case LogicOf():
            return part.operands
        case ComparisonOf() | ArithmeticOf():
            return (part.left, part.right)
        case _:
            return ()


def walk_parts(part: Checked) -> Iterator[Checked]:
    """Yield a part and all parts inside it."""
    yield part
    for inner in inner_parts(part):
        yield from walk_parts(inner)
