"""The questions a condition asks, one by one, with the value that decided: for `explain` and the ledger."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from relight.base.durations import Span
from relight.base.instants import MINUTE, SECOND, format_instant
from relight.base.kinds import UNKNOWN, Kind
from relight.rules.conditions.checked import (
    Checked,
    ComparisonOf,
    Constant,
    KnownOf,
    LogicOf,
    Named,
    NotOf,
)
from relight.rules.conditions.evaluate import Compiler
from relight.rules.conditions.types import Shade, Type
from relight.rules.plan import Leaf
from relight.streams.expressions.closures import Evaluator, all_of, any_of, negation
from relight.streams.expressions.printing import print_span

#: Returns the leaf to blame, or None where there is none.
Blame = Callable[[Any], Leaf | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """One truth of a condition with its leaves."""

    evaluate: Evaluator
    leaves: tuple[Leaf, ...]
    #: The leaf for which it is not true; None where it is.
    why_not: Blame
    #: The leaf for which it is not false; None where it is.
    why: Blame


def explain_condition(part: Checked, compiler: Compiler) -> Explained:
    """Return a boolean part compiled together with its leaves; each leaf is compiled once."""
    match part:
        case Named():
            return explain_condition(part.inner, compiler)
        case NotOf():
            inner = explain_condition(part.operand, compiler)
            return Explained(
                evaluate=negation(inner.evaluate), leaves=inner.leaves, why_not=inner.why, why=inner.why_not
            )
        case LogicOf():
            return _explain_logic(part, compiler)
        case _:
            return _explain_leaf(part, compiler)


def _explain_logic(part: LogicOf, compiler: Compiler) -> Explained:
    parts = tuple(explain_condition(operand, compiler) for operand in part.operands)
    tests = tuple(one.evaluate for one in parts)
    leaves = tuple(leaf for one in parts for leaf in one.leaves)
    why_not, why = tuple(one.why_not for one in parts), tuple(one.why for one in parts)
    if part.operator == "and":
        evaluate = all_of(tests)
        return Explained(
            evaluate=evaluate, leaves=leaves, why_not=_first(why_not), why=_unless(evaluate, _first(why), truth=False)
        )
    evaluate = any_of(tests)
    return Explained(
        evaluate=evaluate, leaves=leaves, why_not=_unless(evaluate, _first(why_not), truth=True), why=_first(why)
    )


def _first(blames: tuple[Blame, ...]) -> Blame:
    """Return the first leaf that any of them names."""

    def blame(reading: Any) -> Leaf | None:
        for one in blames:
            leaf = one(reading)
            if leaf is not None:
                return leaf
        return None

    return blame


def _unless(evaluate: Evaluator, blame: Blame, *, truth: bool) -> Blame:
    return lambda reading: None if evaluate(reading) is truth else blame(reading)


def _explain_leaf(part: Checked, compiler: Compiler) -> Explained:
    test = compiler.compile(part)
    shown = _shown_part(part)
    value = test if shown is part else compiler.compile(shown)
    leaf = Leaf(text=part.text, place=part.place, test=test, value=_shower(value, shown.type))
    return Explained(
        evaluate=test,
        leaves=(leaf,),
        why_not=lambda reading: None if test(reading) is True else leaf,
        why=lambda reading: None if test(reading) is False else leaf,
    )


def _shown_part(part: Checked) -> Checked:
    """Return the part whose value explains a leaf: the left side of a comparison."""
    match part:
        case ComparisonOf():
            return part.left if not isinstance(part.left, Constant) else part.right
        case KnownOf():
            return part.operand
        case _:
            return part


# ---------------------------------------------------------------- values for people
def _shower(value: Evaluator, kind: Type) -> Evaluator:
    if kind.shade is Shade.CLOCK or kind.kind in {Kind.DURATION, Kind.TIME}:
        return lambda reading: show_value(value(reading), kind, reading.zone)
    return value


def show_value(value: Any, kind: Type, zone: str) -> Any:
    """Return a value as a person reads it: `34 days`, `09:00`, a local time; others and UNKNOWN stay as they are."""
    if value is UNKNOWN:
        return value
    if kind.shade is Shade.CLOCK:
        return f"{value // 60:02d}:{value % 60:02d}"
    if kind.kind is Kind.TIME:
        return format_instant(value, zone)
    if kind.kind is Kind.DURATION and not isinstance(value, Span):
        return _show_length(value)
    return value


def _show_length(length: int | Decimal) -> str:
    """Return a length in µs, to the second below a minute and else to the minute."""
    whole = int(length)
    sign, size = ("-" if whole < 0 else ""), abs(whole)
    step = MINUTE if size >= MINUTE else SECOND
    return sign + print_span(Span(elapsed=size // step * step))
