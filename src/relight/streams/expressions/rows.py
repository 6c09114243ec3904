"""The condition language over one raw row: `rows: minutes > 0`, `is: Quantity * UnitPrice`.

Names are the row's own fields, a dot reaches into nested ones. Values are taken as found: text that looks like a number
compares as one, an empty text is unknown. Knows no schema, so there is no check beyond the syntax.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from relight.base.kinds import UNKNOWN
from relight.base.problems import Place, Problem
from relight.streams.expressions.closures import (
    Evaluator,
    all_of,
    any_of,
    apply_known,
    calculate,
    constant,
    known,
    negation,
    negative,
)
from relight.streams.expressions.conversions import to_date, to_number, to_text, to_truth
from relight.streams.expressions.nodes import (
    Arithmetic,
    Call,
    Comparison,
    Filtered,
    Form,
    Known,
    ListLiteral,
    Literal,
    Logic,
    Name,
    Negative,
    Node,
    Not,
    walk_nodes,
)
from relight.streams.expressions.parser import parse_condition

_NUMBER_FORMS = frozenset({Form.INTEGER, Form.NUMBER, Form.PERCENT})
_ORDERS = frozenset({"<", "<=", ">", ">="})


def parse_row_condition(text: str, place: Place) -> tuple[Node | None, list[Problem]]:
    """Return the tree of an expression over a raw row, or None with what is wrong."""
    node, problems = parse_condition(text, place)
    if node is None:
        return None, problems
    for found in walk_nodes(node):
        message = _refusal(found)
        if message is not None:
            problems.append(
                Problem(
                    code="not-in-a-row",
                    message=message,
                    place=found.place,
                    help="An expression over a raw row compares and calculates with the row's own fields.",
                )
            )
    return (None, problems) if problems else (node, [])


def _refusal(node: Node) -> str | None:
    match node:
        case Call():
            return f"'{node.function}(…)' asks a customer's history, and a raw row has none"
        case Filtered():
            return "'where' filters a customer's history, and a raw row has none"
        case Literal(form=Form.DURATION | Form.CLOCK):
            return f"a raw row has no values to compare with a {node.form}"
        case _:
            return None


def row_fields(node: Node) -> frozenset[str]:
    """Return the fields an expression reads, nested ones with dots."""
    return frozenset(found.dotted for found in walk_nodes(node) if isinstance(found, Name))


def compile_row_condition(node: Node) -> Callable[[Mapping[str, object]], object]:
    """Return the closure of an expression: a row's fields to True, False, a value, or UNKNOWN.

    Numbers come out as int or Decimal, a bare field as it was found. The tree is one of `parse_row_condition`.
    """
    match node:
        case Literal():
            return constant(node.value)
        case Name():
            return _read_field(node.parts)
        case Logic():
            tests = tuple(_truth(operand) for operand in node.operands)
            return all_of(tests) if node.operator == "and" else any_of(tests)
        case Not():
            return negation(_truth(node.operand))
        case Known():
            return known(compile_row_condition(node.operand), negated=node.negated)
        case Negative():
            return negative(_number(node.operand))
        case Arithmetic():
            return calculate(node.operator, _number(node.left), _number(node.right))
        case Comparison():
            return _compare(node)
        case ListLiteral():
            items = tuple(compile_row_condition(item) for item in node.items)
            return lambda row: tuple(item(row) for item in items)
        case _:
            raise AssertionError(f"not an expression over a row: {node}")


# ---------------------------------------------------------------- reading fields
def _read_field(parts: tuple[str, ...]) -> Evaluator:
    head, *rest = parts

    def flat(row: Any) -> Any:
        value = row.get(head)
        return UNKNOWN if value is None or value == "" else value

    def nested(row: Any) -> Any:
        value = row.get(head)
        for part in rest:
            value = value.get(part) if isinstance(value, Mapping) else None
        return UNKNOWN if value is None or value == "" else value

    return nested if rest else flat


def _converted(node: Node, convert: Callable[[object], Any]) -> Evaluator:
    read = compile_row_condition(node)
    if isinstance(node, Literal):
        return constant(convert(node.value))

    def evaluate(row: Any) -> Any:
        value = read(row)
        return value if value is UNKNOWN else convert(value)

    return evaluate


def _number(node: Node) -> Evaluator:
    return _converted(node, to_number)


def _truth(node: Node) -> Evaluator:
    if isinstance(node, Logic | Not | Known | Comparison):
        return compile_row_condition(node)
    return _converted(node, to_truth)


# ---------------------------------------------------------------- comparing
def _compare(node: Comparison) -> Evaluator:
    sign = node.operator
    if sign in {"in", "not in"} and isinstance(node.right, ListLiteral):
        tests = tuple(_compare_pair("==", node.left, item) for item in node.right.items)
        return any_of(tests) if sign == "in" else negation(any_of(tests))
    if sign in {"contains", "starts with", "in", "not in"}:
        left, right = compile_row_condition(node.left), compile_row_condition(node.right)
        return apply_known(_TEXT_TESTS[sign], left, right)
    return _compare_pair(sign, node.left, node.right)


def _contains(whole: object, part: object) -> Any:
    if isinstance(whole, str):
        return str(part) in whole
    return part in whole if isinstance(whole, list | tuple) else UNKNOWN


_TEXT_TESTS: dict[str, Callable[[Any, Any], Any]] = {
    "contains": _contains,
    "starts with": lambda whole, part: str(whole).startswith(str(part)),
    "in": lambda part, whole: _contains(whole, part),
    "not in": lambda part, whole: UNKNOWN if _contains(whole, part) is UNKNOWN else not _contains(whole, part),
}


def _compare_pair(sign: str, left: Node, right: Node) -> Evaluator:
    convert = _conversion(sign, left, right)
    apply = _PAIR_TESTS[sign]
    if convert is not None:
        return apply_known(apply, _converted(left, convert), _converted(right, convert))
    return apply_known(_as_found(apply), compile_row_condition(left), compile_row_condition(right))


def _conversion(sign: str, left: Node, right: Node) -> Callable[[object], Any] | None:
    """Return what both sides are read as, by the literal or the calculation among them; None: as they are found."""
    for side in (left, right):
        if isinstance(side, Arithmetic | Negative):
            return to_number
        if isinstance(side, Literal):
            if side.form in _NUMBER_FORMS:
                return to_number
            if side.form is Form.DATE:
                return to_date
            return to_truth if side.form is Form.BOOLEAN else to_text
    return to_number if sign in _ORDERS else None


def _as_found(apply: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Compare two fields: as numbers where both are numbers, else as they stand."""

    def test(left: Any, right: Any) -> Any:
        first, second = to_number(left), to_number(right)
        if first is UNKNOWN or second is UNKNOWN:
            return apply(left, right)
        return apply(first, second)

    return test


_PAIR_TESTS: dict[str, Callable[[Any, Any], Any]] = {
    "==": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}
