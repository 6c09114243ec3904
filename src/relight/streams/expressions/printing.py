"""Writes a syntax tree in its one canonical form; parsing that form gives an equal tree."""

from __future__ import annotations

from decimal import Decimal

from relight.base.durations import Span
from relight.base.instants import DAY, HOUR, MINUTE, SECOND
from relight.streams.expressions.lexer import KEYWORDS
from relight.streams.expressions.nodes import (
    Arithmetic,
    Call,
    Comparison,
    EventPattern,
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
)

#: How tightly each kind of node binds; a looser one inside a tighter one needs parentheses.
_OR, _AND, _NOT, _COMPARE, _SUM, _PRODUCT, _SIGN, _ATOM = range(8)


def print_node(node: Node) -> str:
    """Return the canonical text of a tree."""
    match node:
        case Literal():
            return _print_literal(node)
        case ListLiteral():
            inside = ", ".join(print_node(item) for item in node.items)
            return f"({inside},)" if len(node.items) == 1 else f"({inside})"
        case Name():
            return ".".join(print_word(part) for part in node.parts)
        case Filtered():
            return f"{print_node(node.subject)} where {print_node(node.where)}"
        case Call():
            keywords = [f"{keyword.name}: {print_node(keyword.value)}" for keyword in node.keywords]
            return f"{node.function}({', '.join([*(print_node(one) for one in node.arguments), *keywords])})"
        case Logic():
            least = _AND if node.operator == "or" else _NOT
            return f" {node.operator} ".join(_inside(operand, least) for operand in node.operands)
        case _:
            return _print_operator(node)


def _print_operator(node: Not | Negative | Arithmetic | Comparison | Known) -> str:
    match node:
        case Not():
            return f"not {_inside(node.operand, _NOT)}"
        case Negative():
            return f"-{_inside(node.operand, _SIGN)}"
        case Arithmetic():
            level = _level(node)
            return f"{_inside(node.left, level)} {node.operator} {_inside(node.right, level + 1)}"
        case Comparison():
            right = node.right
            if node.operator in {"in", "not in"} and isinstance(right, ListLiteral) and _is_plain(right):
                return f"{_inside(node.left, _SUM)} {node.operator} ({print_node(right.items[0])})"
            return f"{_inside(node.left, _SUM)} {node.operator} {_inside(right, _SUM)}"
        case Known():
            return f"{_inside(node.operand, _SUM)} is {'unknown' if node.negated else 'known'}"


def print_pattern(pattern: EventPattern) -> str:
    """Return the canonical text of an event pattern."""
    event = print_word(pattern.event)
    return event if pattern.where is None else f"{event} where {print_node(pattern.where)}"


def print_word(word: str) -> str:
    """Return a name as it is written: in backquotes where it is no plain word."""
    return word if word.isidentifier() and word not in KEYWORDS else f"`{word}`"


def print_span(span: Span) -> str:
    """Return a duration in the units of the language, the fewest that say it exactly: `1 month 3 days`."""
    parts: list[str] = []
    rest = span.elapsed
    if span.months:
        parts.append(str(Span(months=span.months)))
    for unit, size in (("day", DAY), ("hour", HOUR), ("minute", MINUTE), ("second", SECOND)):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {unit}{'' if count == 1 else 's'}")
    return " ".join(parts) or "0 seconds"


def _print_literal(node: Literal) -> str:
    value = node.value
    match node.form:
        case Form.TEXT:
            return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'
        case Form.BOOLEAN:
            return "true" if value else "false"
        case Form.CLOCK:
            assert isinstance(value, int)
            return f"{value // 60:02d}:{value % 60:02d}"
        case Form.DURATION:
            assert isinstance(value, Span)
            return print_span(value)
        case Form.NUMBER:
            assert isinstance(value, Decimal)
            text = _plain(value)
            return text if "." in text else f"{text}.0"
        case Form.PERCENT:
            assert isinstance(value, Decimal)
            return f"{_plain(value.scaleb(2))}%"
        case _:
            return str(value)


def _plain(value: Decimal) -> str:
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _is_plain(whole: ListLiteral) -> bool:
    """Return whether a list needs no comma after `in`: one value, written out."""
    return len(whole.items) == 1 and isinstance(whole.items[0], Literal)


def _level(node: Node) -> int:
    match node:
        case Logic():
            return _OR if node.operator == "or" else _AND
        case Not():
            return _NOT
        case Comparison() | Known():
            return _COMPARE
        case Arithmetic():
            return _SUM if node.operator in {"+", "-"} else _PRODUCT
        case Negative():
            return _SIGN
        case _:
            return _ATOM


def _inside(node: Node, least: int) -> str:
    text = print_node(node)
    return text if _level(node) >= least else f"({text})"
