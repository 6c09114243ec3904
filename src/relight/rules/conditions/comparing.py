"""Types a comparison: whether its sides can be compared, and what a constant means beside the other side."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal

from relight.base.durations import Span
from relight.base.instants import DAY
from relight.base.kinds import Kind
from relight.base.suggest import suggest_words
from relight.customers.facts import Function
from relight.rules.conditions.checked import Checked, ComparisonOf, Constant, FactRead, ListOf, Named, ViewRead
from relight.rules.conditions.scope import Mode, Walk
from relight.rules.conditions.types import BOOLEAN, CLOCK, INTEGER, Shade, Type, has_order, is_comparable
from relight.streams.expressions.lexer import parse_clock
from relight.streams.expressions.nodes import Comparison, ListLiteral, Node
from relight.streams.expressions.printing import print_node

_ORDERS = frozenset({"<", "<=", ">", ">="})
#: The same comparison with its sides exchanged.
MIRRORED = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


def check_comparison(node: Comparison, walk: Walk) -> Checked | None:
    """Return the typed comparison, a constant on its right where there is one, or None after reporting."""
    if node.operator in {"in", "not in"} and isinstance(node.right, ListLiteral):
        return _check_members(node, node.right, walk)
    left, right = walk.check(node.left), walk.check(node.right)
    if left is None or right is None:
        return None
    if node.operator in {"in", "not in"}:
        return _check_in_list(node, left, right, walk)
    if node.operator in {"contains", "starts with"}:
        return _check_text_test(node, left, right, walk)
    left, right = _adapted(left, right), _adapted(right, left)
    if not _may_compare(node, left, right, walk):
        return None
    operator = node.operator
    if isinstance(left, Constant) and not isinstance(right, Constant):
        left, right, operator = right, left, MIRRORED[operator]
    if isinstance(right, Constant):
        left = _with_enough(operator, left, right.value)
    return _comparison(node, operator, left, right)


def _comparison(node: Comparison, operator: str, left: Checked, right: Checked) -> Checked:
    return ComparisonOf(
        type=BOOLEAN, text=print_node(node), place=node.place, operator=operator, left=left, right=right
    )


def _may_compare(node: Comparison, left: Checked, right: Checked, walk: Walk) -> bool:
    kinds = f"'{left.text}' is {left.type} and '{right.text}' is {right.type}"
    if Shade.CALENDAR in {left.type.shade, right.type.shade}:
        message = f"a duration in months has no fixed length, so it cannot be compared: {kinds}"
        walk.report("type-mismatch", message, right.place, "Write it in days: '30 days'.")
        return False
    if left == right:
        message = f"'{left.text}' is compared with itself"
        walk.report("compares-itself", message, node.place, "A property of the triggering event is 'entry.<name>'.")
        return False
    if not is_comparable(left.type, right.type):
        walk.report("type-mismatch", f"{kinds}: they cannot be compared", right.place, _help(left, right))
        return False
    if node.operator in _ORDERS and not (has_order(left.type) and has_order(right.type)):
        message = f"'{node.operator}' compares numbers, times and durations, and {kinds}"
        walk.report("type-mismatch", message, right.place, "Use '==', '!=' or 'in'.")
        return False
    if left.type.kind is not right.type.kind and Kind.DATE in {left.type.kind, right.type.kind}:
        return not needs_zone(node, walk)
    if node.operator in {"==", "!="} and not (_is_threshold(left, right, walk) and _is_threshold(right, left, walk)):
        return False
    return _allowed_value(left, right, walk) and _allowed_value(right, left, walk)


def needs_zone(node: Node, walk: Walk) -> bool:
    """Report and return True where the customer's zone is needed and a filter does not know it."""
    if walk.mode is not Mode.FILTER:
        return False
    message = "a filter does not know the customer's time zone, so it compares no time with a day and adds no months"
    walk.report("not-here", message, node.place)
    return True


def _help(left: Checked, right: Checked) -> str | None:
    for text, other in ((left, right), (right, left)):
        if not isinstance(text, Constant) or not isinstance(text.value, str):
            continue
        if other.type.is_number or other.type.kind in {Kind.BOOLEAN, Kind.DATE, Kind.TIME, Kind.DURATION}:
            return f"Write {text.value} without quotation marks." if text.value else None
    if Kind.LIST in {left.type.kind, right.type.kind}:
        return "Use 'contains' or 'in' with a list."
    return None


def _adapted(part: Checked, other: Checked) -> Checked:
    """Return a constant as the other side reads it: `"09:00"` beside a time of day, `7 days` beside a count of days."""
    if not isinstance(part, Constant):
        return part
    if other.type.shade is Shade.CLOCK and isinstance(part.value, str):
        minute = parse_clock(part.value)
        return part if minute is None else replace(part, type=CLOCK, value=minute)
    if other.type.shade is Shade.DAYS and part.type.is_elapsed and part.value % DAY == 0:
        return replace(part, type=INTEGER, value=part.value // DAY)
    return part


def _allowed_value(part: Checked, constant: Checked, walk: Walk) -> bool:
    """Report a text that is not among the declared values of the other side."""
    if not part.type.values or not isinstance(constant, Constant) or constant.value in part.type.values:
        return True
    hint = suggest_words(constant.value, part.type.values)
    tail = f"; {hint}" if hint else ""
    message = f"'{constant.value}' is not a value of '{part.text}'{tail}"
    walk.report("unknown-value", message, constant.place)
    return False


def _is_threshold(part: Checked, constant: Checked, walk: Walk) -> bool:
    """Report a length that no threshold of the rule has: an edited threshold leaves such a comparison behind."""
    lengths = walk.scope.thresholds
    if not (isinstance(part, ViewRead) and part.name == "threshold" and isinstance(constant, Constant) and lengths):
        return True
    if constant.value in lengths:
        return True
    known = ", ".join(str(Span(elapsed=length)) for length in lengths)
    walk.report(
        "unknown-value", f"no threshold of this rule is '{constant.text}'", constant.place, f"Write one of {known}."
    )
    return False


# ---------------------------------------------------------------- lists and texts
def _check_members(node: Comparison, members: ListLiteral, walk: Walk) -> Checked | None:
    left = walk.check(node.left)
    items = [walk.check(item) for item in members.items]
    if left is None or None in items:
        return None
    good = True
    adapted: list[Checked] = []
    for item in items:
        assert item is not None
        fitting = _adapted(item, left)
        adapted.append(fitting)
        if not is_comparable(left.type, fitting.type) or {left.type.kind, fitting.type.kind} == {Kind.TIME, Kind.DATE}:
            message = f"'{left.text}' is {left.type} and '{item.text}' is {item.type}: they cannot be compared"
            walk.report("type-mismatch", message, item.place, _help(left, fitting))
            good = False
        elif not (_allowed_value(left, fitting, walk) and _is_threshold(left, fitting, walk)):
            good = False
    if not good:
        return None
    kind = Type(kind=Kind.LIST, item=left.type.kind)
    text, place = print_node(members), members.place
    if all(isinstance(item, Constant) for item in adapted):
        values = tuple(item.value for item in adapted if isinstance(item, Constant))
        return _comparison(node, node.operator, left, Constant(type=kind, text=text, place=place, value=values))
    return _comparison(node, node.operator, left, ListOf(type=kind, text=text, place=place, items=tuple(adapted)))


def _check_in_list(node: Comparison, left: Checked, right: Checked, walk: Walk) -> Checked | None:
    if right.type.kind is not Kind.LIST:
        message = f"'{node.operator}' needs a list, and '{right.text}' is {right.type}"
        help_text = f"Write '{right.text} contains {left.text}'." if right.type.is_text else 'A list is ("a", "b").'
        walk.report("type-mismatch", message, right.place, help_text)
        return None
    return _comparison(node, node.operator, left, right) if _with_list(right, left, walk) else None


def _with_list(whole: Checked, member: Checked, walk: Walk) -> bool:
    """Return whether `member` may be a member of the list `whole`, or report."""
    item = whole.type.item
    if member.type.kind is Kind.LIST or (item is not None and not is_comparable(Type(kind=item), member.type)):
        members = "lists" if item is None else f"members that are {Type(kind=item)}"
        message = f"'{whole.text}' has {members}, and '{member.text}' is {member.type}"
        walk.report("type-mismatch", message, member.place)
        return False
    return True


def _check_text_test(node: Comparison, left: Checked, right: Checked, walk: Walk) -> Checked | None:
    if node.operator == "contains" and left.type.kind is Kind.LIST:
        return _comparison(node, "contains", left, right) if _with_list(left, right, walk) else None
    for side in (left, right):
        if not side.type.is_text:
            needs = "texts or a list" if node.operator == "contains" else "texts"
            message = f"'{node.operator}' compares {needs}, and '{side.text}' is {side.type}"
            walk.report("type-mismatch", message, side.place)
            return None
    return _comparison(node, node.operator, left, right)


# ---------------------------------------------------------------- how many suffice
def _with_enough(operator: str, part: Checked, bound: object) -> Checked:
    """Return a compared count with the number beyond which the answer stays the same (R4)."""
    if isinstance(part, Named):
        return replace(part, inner=_with_enough(operator, part.inner, bound))
    if not isinstance(part, FactRead) or part.fact.function is not Function.COUNT:
        return part
    if not isinstance(bound, int | Decimal):
        return part
    most = math.ceil(bound) if operator in {">=", "<"} else math.floor(bound) + 1
    return replace(part, enough=max(1, most))
