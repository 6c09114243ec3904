"""The steps a compiled condition is made of: three-valued logic (Kleene), comparisons, arithmetic.

Each function binds its operands once and returns a closure; nothing is looked up or built while it runs. An operand
takes whatever the condition is read over (a customer, an event's properties, a raw row): a value or UNKNOWN.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection
from decimal import Decimal
from typing import Any, TypeAlias

from relight.base.kinds import UNKNOWN

#: Reads one value.
Evaluator: TypeAlias = "Callable[[Any], Any]"

_TWO = 2


# ---------------------------------------------------------------- logic
def all_of(tests: tuple[Evaluator, ...]) -> Evaluator:
    """Return the Kleene `and`: False if any is False, else UNKNOWN if any is, else True."""
    if len(tests) == _TWO:
        return _both(*tests)

    def evaluate(source: Any) -> Any:
        found: Any = True
        for test in tests:
            truth = test(source)
            if truth is False:
                return False
            if truth is not True:
                found = UNKNOWN
        return found

    return evaluate


def _both(first: Evaluator, second: Evaluator) -> Evaluator:
    def evaluate(source: Any) -> Any:
        left = first(source)
        if left is False:
            return False
        right = second(source)
        return right if left is True or right is False else UNKNOWN

    return evaluate


def any_of(tests: tuple[Evaluator, ...]) -> Evaluator:
    """Return the Kleene `or`: True if any is True, else UNKNOWN if any is, else False."""

    def evaluate(source: Any) -> Any:
        found: Any = False
        for test in tests:
            truth = test(source)
            if truth is True:
                return True
            if truth is not False:
                found = UNKNOWN
        return found

    return evaluate


def negation(test: Evaluator) -> Evaluator:
    """Return the Kleene `not`."""

    def evaluate(source: Any) -> Any:
        truth = test(source)
        return UNKNOWN if truth is UNKNOWN else not truth

    return evaluate


def known(operand: Evaluator, *, negated: bool) -> Evaluator:
    """Return `is known`, or `is unknown`: never UNKNOWN itself."""
    if negated:
        return lambda source: operand(source) is UNKNOWN
    return lambda source: operand(source) is not UNKNOWN


# ---------------------------------------------------------------- comparisons
def compare_constant(sign: str, left: Evaluator, bound: Any) -> Evaluator:
    """Return `left <sign> bound` for a bound known when the condition is compiled."""
    return _WITH_CONSTANT[sign](left, bound)


def _equal(left: Evaluator, bound: Any) -> Evaluator:
    def evaluate(source: Any) -> Any:
        value = left(source)
        return value if value is UNKNOWN else value == bound

    return evaluate


def _unequal(left: Evaluator, bound: Any) -> Evaluator:
    def evaluate(source: Any) -> Any:
        value = left(source)
        return value if value is UNKNOWN else value != bound

    return evaluate


def _less(left: Evaluator, bound: Any) -> Evaluator:
    def evaluate(source: Any) -> Any:
        value = left(source)
        return value if value is UNKNOWN else value < bound

    return evaluate


def _at_most(left: Evaluator, bound: Any) -> Evaluator:
    def evaluate(source: Any) -> Any:
        value = left(source)
        return value if value is UNKNOWN else value <= bound

    return evaluate


def _more(left: Evaluator, bound: Any) -> Evaluator:
    def evaluate(source: Any) -> Any:
        value = left(source)
        return value if value is UNKNOWN else value > bound

    return evaluate


def _at_least(left: Evaluator, bound: Any) -> Evaluator:
    def evaluate(source: Any) -> Any:
        value = left(source)
        return value if value is UNKNOWN else value >= bound

    return evaluate


_WITH_CONSTANT: dict[str, Callable[[Evaluator, Any], Evaluator]] = {
    "==": _equal,
    "!=": _unequal,
    "<": _less,
    "<=": _at_most,
    ">": _more,
    ">=": _at_least,
}

_SIGNS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "contains": operator.contains,
    "starts with": str.startswith,
    "in": lambda value, members: value in members,
    "not in": lambda value, members: value not in members,
}


def compare(sign: str, left: Evaluator, right: Evaluator) -> Evaluator:
    """Return `left <sign> right` for two operands that are read; either unknown gives UNKNOWN."""
    apply = _SIGNS[sign]

    def evaluate(source: Any) -> Any:
        value = left(source)
        if value is UNKNOWN:
            return UNKNOWN
        other = right(source)
        return UNKNOWN if other is UNKNOWN else apply(value, other)

    return evaluate


def member_of(left: Evaluator, members: Collection[Any], *, negated: bool) -> Evaluator:
    """Return `left in members` for members known when the condition is compiled."""
    kept = frozenset(members)

    def inside(source: Any) -> Any:
        value = left(source)
        return value if value is UNKNOWN else value in kept

    def outside(source: Any) -> Any:
        value = left(source)
        return value if value is UNKNOWN else value not in kept

    return outside if negated else inside


# ---------------------------------------------------------------- arithmetic
def divide(left: Any, right: Any) -> Any:
    """Return the exact-decimal quotient of two numbers; UNKNOWN where the divisor is 0."""
    return Decimal(left) / right if right else UNKNOWN


_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": divide,
}


def calculate(sign: str, left: Evaluator, right: Evaluator) -> Evaluator:
    """Return `left <sign> right` on numbers: int, or Decimal of 28 digits; what cannot be said is UNKNOWN."""
    return apply_known(_ARITHMETIC[sign], left, right)


def apply_known(apply: Callable[[Any, Any], Any], left: Evaluator, right: Evaluator) -> Evaluator:
    """Return a function of two operands that is UNKNOWN where one is, or where the result has no number or date."""

    def evaluate(source: Any) -> Any:
        value = left(source)
        if value is UNKNOWN:
            return UNKNOWN
        other = right(source)
        if other is UNKNOWN:
            return UNKNOWN
        try:
            return apply(value, other)
        except (ArithmeticError, ValueError):
            return UNKNOWN

    return evaluate


def negative(operand: Evaluator) -> Evaluator:
    """Return `-operand`."""

    def evaluate(source: Any) -> Any:
        value = operand(source)
        return value if value is UNKNOWN else -value

    return evaluate


def constant(value: Any) -> Evaluator:
    """Return a closure that gives `value` for everything."""
    return lambda _source: value
