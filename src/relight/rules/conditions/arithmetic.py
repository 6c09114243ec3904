"""Types a calculation. Numbers with numbers, durations with durations and numbers, days and times with durations."""

from __future__ import annotations

from relight.base.instants import DAY
from relight.base.kinds import Kind
from relight.rules.conditions.checked import ArithmeticOf, Checked, Constant, NegativeOf
from relight.rules.conditions.comparing import needs_zone
from relight.rules.conditions.scope import Walk
from relight.rules.conditions.types import DATE, DURATION, INTEGER, MONEY, NUMBER, TIME, Shade, Type
from relight.streams.expressions.nodes import Arithmetic, Negative
from relight.streams.expressions.printing import print_node

_VERBS = {
    "+": "'{0}' and '{1}' cannot be added",
    "-": "'{1}' cannot be taken from '{0}'",
    "*": "'{0}' and '{1}' cannot be multiplied",
    "/": "'{0}' cannot be divided by '{1}'",
}


def check_arithmetic(node: Arithmetic, walk: Walk) -> Checked | None:
    """Return the typed calculation, or None after reporting that there is none of these kinds."""
    left, right = walk.check(node.left), walk.check(node.right)
    if left is None or right is None:
        return None
    kind = result_type(node.operator, left.type, right.type)
    if kind is None:
        message = _VERBS[node.operator].format(left.text, right.text)
        walk.report("type-mismatch", f"{message}: {left.type} and {right.type}", right.place)
        return None
    if kind == DATE and not _whole_days(left, right, walk):
        return None
    if _reads_zone(left.type, right.type) and needs_zone(node, walk):
        return None
    return ArithmeticOf(
        type=kind, text=print_node(node), place=node.place, operator=node.operator, left=left, right=right
    )


def check_negative(node: Negative, walk: Walk) -> Checked | None:
    """Return `-x` of a number or an elapsed duration, or None after reporting."""
    operand = walk.check(node.operand)
    if operand is None:
        return None
    if not (operand.type.is_number or operand.type.is_elapsed):
        message = f"'-' stands before numbers and durations, and '{operand.text}' is {operand.type}"
        walk.report("type-mismatch", message, operand.place)
        return None
    kind = INTEGER if operand.type.kind is Kind.INTEGER else Type(kind=operand.type.kind)
    return NegativeOf(type=kind, text=print_node(node), place=node.place, operand=operand)


def result_type(operator: str, left: Type, right: Type) -> Type | None:
    """Return the type of `left <operator> right`, or None where there is no such calculation."""
    if left.is_number and right.is_number:
        return _number_type(operator, left, right)
    if operator in {"+", "-"}:
        return _moved(operator, left, right)
    if operator == "*":
        if left.is_elapsed and right.is_number:
            return DURATION
        return DURATION if left.is_number and right.is_elapsed else None
    if left.is_elapsed and right.is_number:
        return DURATION
    return NUMBER if left.is_elapsed and right.is_elapsed else None


def _number_type(operator: str, left: Type, right: Type) -> Type:
    kinds = (left.kind, right.kind)
    if operator == "/":
        return MONEY if left.kind is Kind.MONEY and right.kind is not Kind.MONEY else NUMBER
    if Kind.MONEY in kinds:
        return MONEY
    return INTEGER if kinds == (Kind.INTEGER, Kind.INTEGER) else NUMBER


def _moved(operator: str, left: Type, right: Type) -> Type | None:
    """Return the type of a sum or difference with a day, a time or a duration in it."""
    if left.is_elapsed and right.is_elapsed:
        return DURATION
    for moved in (TIME, DATE):
        if left == moved and right.kind is Kind.DURATION:
            return moved
        if operator == "+" and right == moved and left.kind is Kind.DURATION:
            return moved
    instants = {Kind.TIME, Kind.DATE}
    plain = left.shade is Shade.PLAIN and right.shade is Shade.PLAIN
    return DURATION if operator == "-" and plain and left.kind in instants and right.kind in instants else None


def _whole_days(left: Checked, right: Checked, walk: Walk) -> bool:
    for side in (left, right):
        if isinstance(side, Constant) and side.type == DURATION and side.value % DAY:
            message = f"a day moves by whole days, and '{side.text}' is not that"
            walk.report("type-mismatch", message, side.place)
            return False
    return True


def _reads_zone(left: Type, right: Type) -> bool:
    """Return whether the wall clock of a customer decides the result."""
    if Kind.TIME not in {left.kind, right.kind}:
        return False
    return Shade.CALENDAR in {left.shade, right.shade} or Kind.DATE in {left.kind, right.kind}
