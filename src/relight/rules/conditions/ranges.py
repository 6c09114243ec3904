"""The values one operand may still have, narrowed comparison by comparison; empty means a contradiction."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from relight.base.instants import DAY
from relight.base.kinds import Kind
from relight.customers.facts import MEMBERS_TOLD_MAX, Fact, Function
from relight.rules.conditions.checked import Checked, FactRead, MembersRead, PropertyRead, TraitRead, ViewRead

_MINUTES_OF_DAY = 24 * 60
_COUNTS = frozenset({Function.COUNT, Function.DISTINCT, Function.OPEN, Function.STREAK})
_LENGTHS = frozenset({Function.SINCE, Function.SILENT, Function.USUAL_INTERVAL})
#: The comparison that holds where this one does not.
OPPOSITE = {"==": "!=", "!=": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<", "in": "not in", "not in": "in"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """What is left of an operand's values."""

    #: Smallest value; None for no limit.
    low: Any = None
    low_open: bool = False
    #: Largest value; None for no limit.
    high: Any = None
    high_open: bool = False
    #: The only values; None for all between the limits.
    allowed: frozenset[Any] | None = None
    excluded: frozenset[Any] = frozenset()
    #: Only whole numbers.
    whole: bool = False

    def holds(self, value: Any) -> bool:
        """Return whether a value is within."""
        if value in self.excluded or (self.allowed is not None and value not in self.allowed):
            return False
        if self.low is not None and (value < self.low or (self.low_open and value == self.low)):
            return False
        return not (self.high is not None and (value > self.high or (self.high_open and value == self.high)))

    @property
    def is_empty(self) -> bool:
        """Return whether nothing is left."""
        if self.allowed is not None:
            return not any(self.holds(value) for value in self.allowed)
        if self.low is None or self.high is None:
            return False
        low, high = self.low, self.high
        if self.whole:
            low = math.floor(low) + 1 if self.low_open else math.ceil(low)
            high = math.ceil(high) - 1 if self.high_open else math.floor(high)
            taken = sum(1 for value in self.excluded if low <= value <= high and value == int(value))
            return bool(high - low + 1 <= taken)
        if low == high:
            return self.low_open or self.high_open or low in self.excluded
        return bool(low > high)


def narrowed(range_: Range, sign: str, value: Any) -> Range:
    """Return the values for which `operand <sign> value` holds as well."""
    match sign:
        case "==":
            return _only(range_, frozenset({value}))
        case "in":
            return _only(range_, frozenset(value))
        case "!=":
            return replace(range_, excluded=range_.excluded | {value})
        case "not in":
            return replace(range_, excluded=range_.excluded | frozenset(value))
        case "<" | "<=":
            return _at_most(range_, value, is_open=sign == "<")
        case _:
            return _at_least(range_, value, is_open=sign == ">")


def _only(range_: Range, values: frozenset[Any]) -> Range:
    return replace(range_, allowed=values if range_.allowed is None else range_.allowed & values)


def _at_most(range_: Range, value: Any, *, is_open: bool) -> Range:
    if range_.high is None or value < range_.high:
        return replace(range_, high=value, high_open=is_open)
    return replace(range_, high_open=range_.high_open or is_open) if value == range_.high else range_


def _at_least(range_: Range, value: Any, *, is_open: bool) -> Range:
    if range_.low is None or value > range_.low:
        return replace(range_, low=value, low_open=is_open)
    return replace(range_, low_open=range_.low_open or is_open) if value == range_.low else range_


def natural_range(part: Checked) -> Range:
    """Return the values an operand can have at all: a count is 0 or more, a plan one of those declared."""
    whole = part.type.kind is Kind.INTEGER
    match part:
        case FactRead():
            return replace(_fact_range(part.fact), whole=whole)
        case ViewRead(name="local_time"):
            return Range(low=0, high=_MINUTES_OF_DAY - 1, whole=True)
        case ViewRead(name="threshold"):
            return Range(low=0)
        case MembersRead():
            return Range(low=0, high=MEMBERS_TOLD_MAX, whole=True)
        case TraitRead() | PropertyRead() if part.type.values:
            return Range(allowed=frozenset(part.type.values))
        case _:
            if part.type.kind is Kind.BOOLEAN:
                return Range(allowed=frozenset({True, False}))
            return Range(whole=whole)


def _fact_range(fact: Fact) -> Range:
    if fact.function is Function.ACTIVE_DAYS and fact.window is not None:
        # A window that begins in the middle of a day touches one day more than it is long.
        return Range(low=0, high=-(-fact.window.longest // DAY) + 1)
    if fact.function in _COUNTS or fact.function in _LENGTHS:
        return Range(low=0)
    if fact.function in {Function.EVER, Function.NEVER}:
        return Range(allowed=frozenset({True, False}))
    return Range()


def describe(range_: Range, part: Checked) -> str:
    """Return why a comparison outside cannot hold, for the end of a sentence; empty where there is nothing to say."""
    if range_.allowed is not None:
        return ""
    is_days = isinstance(part, FactRead) and part.fact.function is Function.ACTIVE_DAYS
    if is_days or isinstance(part, MembersRead):
        return f"; '{part.text}' is 0 to {range_.high}"
    return f"; '{part.text}' is never below 0" if range_.low == 0 else ""
