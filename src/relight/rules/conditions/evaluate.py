"""Compiles a typed condition to closures over a reading of one customer. All names are bound here, none later."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol

from relight.base.kinds import UNKNOWN, Kind
from relight.customers.facts import Fact
from relight.rules.conditions.checked import (
    ArithmeticOf,
    Checked,
    ComparisonOf,
    Constant,
    FactRead,
    KnownOf,
    ListOf,
    LogicOf,
    MeasureRead,
    MembersRead,
    Named,
    NegativeOf,
    NotOf,
    PropertyRead,
    Source,
    TraitRead,
    ViewRead,
)
from relight.rules.conditions.clocks import arithmetic_of, day_as_instant, view_reader
from relight.rules.plan import Condition
from relight.streams.expressions.closures import (
    Evaluator,
    all_of,
    any_of,
    compare,
    compare_constant,
    constant,
    known,
    member_of,
    negation,
    negative,
)


class Binder(Protocol):
    """Who keeps a customer's history: is told what is read, and gives the closures that read it."""

    def reader(
        self,
        fact: Fact,
        predicate: Callable[[Mapping[str, object]], object] | None,
        keys: tuple[Callable[[Any], object], ...],
    ) -> Callable[[Any], object]:
        """Return the closure that answers a fact from a reading.

        predicate: the filter on an event's own properties; keys: read the values of `fact.selector.keyed_by`.
        """

    def trait(self, name: str) -> None:
        """Take note that a trait is read."""

    def measure(self, name: str, kind: Kind) -> None:
        """Take note that a measure of the customer is read."""

    def members(self, key: str, condition: Condition) -> None:
        """Take note that the people of an account are counted for whom a condition holds."""


class Compiler:
    """Compiles the parts of one condition: over a reading, or (`own_only`) over an event's own properties."""

    def __init__(self, binder: Binder, *, own_only: bool = False) -> None:
        self.binder = binder
        self.own_only = own_only

    def compile(self, part: Checked) -> Evaluator:
        """Return the closure of a part."""
        match part:
            case Constant():
                return constant(part.value)
            case Named():
                return self.compile(part.inner)
            case TraitRead() | MeasureRead() | ViewRead() | PropertyRead() | FactRead():
                return self._read(part)
            case MembersRead():
                return _members_counter(part.key, self.compile(part.inner))
            case LogicOf():
                tests = tuple(self.compile(operand) for operand in part.operands)
                return all_of(tests) if part.operator == "and" else any_of(tests)
            case NotOf():
                return negation(self.compile(part.operand))
            case KnownOf():
                return known(self.compile(part.operand), negated=part.negated)
            case ComparisonOf():
                return self._compare(part)
            case ArithmeticOf():
                left, right = self.compile(part.left), self.compile(part.right)
                return arithmetic_of(part.operator, (part.left.type, left), (part.right.type, right))
            case NegativeOf():
                return negative(self.compile(part.operand))
            case ListOf():
                return _listed(tuple(self.compile(item) for item in part.items))

    def _read(self, part: TraitRead | MeasureRead | ViewRead | PropertyRead | FactRead) -> Evaluator:
        match part:
            case TraitRead():
                self.binder.trait(part.name)
                return _trait_reader(part.name)
            case MeasureRead():
                self.binder.measure(part.name, part.type.kind)
                return _measure_reader(part.name, part.type.kind)
            case ViewRead():
                return view_reader(part.name)
            case PropertyRead():
                return _property_reader(part, own_only=self.own_only)
            case FactRead():
                fact = part.fact if part.enough is None else replace(part.fact, enough=part.enough)
                filter_ = None
                if part.predicate is not None:
                    filter_ = Compiler(self.binder, own_only=True).compile(part.predicate)
                return self.binder.reader(fact, filter_, tuple(self.compile(key) for key in part.keys))

    def _compare(self, part: ComparisonOf) -> Evaluator:
        left, right = self.compile(part.left), part.right
        kinds = (part.left.type.kind, right.type.kind)
        if kinds == (Kind.TIME, Kind.DATE):
            return compare(part.operator, left, day_as_instant(self.compile(right)))
        if kinds == (Kind.DATE, Kind.TIME):
            return compare(part.operator, day_as_instant(left), self.compile(right))
        if not isinstance(right, Constant):
            return compare(part.operator, left, self.compile(right))
        if part.operator in {"in", "not in"}:
            return member_of(left, right.value, negated=part.operator == "not in")
        if part.operator in {"contains", "starts with"}:
            return compare(part.operator, left, constant(right.value))
        return compare_constant(part.operator, left, right.value)


def _trait_reader(name: str) -> Evaluator:
    return lambda reading: reading.trait(name)


def _measure_reader(name: str, kind: Kind) -> Evaluator:
    return lambda reading: reading.measure(name, kind)


def _members_counter(key: str, own: Evaluator) -> Evaluator:
    return lambda reading: reading.members(key, holds=own(reading) is True)


def _property_reader(part: PropertyRead, *, own_only: bool) -> Evaluator:
    name = part.name
    if own_only:

        def from_properties(properties: Any) -> Any:
            value = properties.get(name)
            return UNKNOWN if value is None else value

        return from_properties
    if part.source is Source.ENTRY:

        def from_entry(reading: Any) -> Any:
            properties = reading.entry
            value = None if properties is None else properties.get(name)
            return UNKNOWN if value is None else value

        return from_entry

    def from_event(reading: Any) -> Any:
        properties = reading.event
        value = None if properties is None else properties.get(name)
        return UNKNOWN if value is None else value

    return from_event


def _listed(items: tuple[Evaluator, ...]) -> Evaluator:
    """Return a list that is read; unknown where one member is."""

    def evaluate(reading: Any) -> Any:
        values = tuple(item(reading) for item in items)
        return UNKNOWN if UNKNOWN in values else values

    return evaluate
