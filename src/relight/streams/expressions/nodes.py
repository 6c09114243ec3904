"""The syntax tree of the condition language: what was written and where, not yet what it means.

Places do not take part in equality, so that printing a tree and parsing the text gives an equal tree.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from relight.base.durations import Span
from relight.base.problems import Place

#: Most characters of one condition.
CONDITION_LENGTH_MAX = 2_000
#: Most levels of one condition inside each other: parentheses, operators, functions.
CONDITION_DEPTH_MAX = 32
#: Most members of a list.
LIST_LENGTH_MAX = 200

_NOWHERE = Place(file="")


class Form(StrEnum):
    """How a literal was written."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    #: `10%`, held as Decimal("0.1").
    PERCENT = "percent"
    BOOLEAN = "boolean"
    DATE = "date"
    #: `09:00`, held as the minute of the day.
    CLOCK = "clock"
    #: `30 days`, held as a Span.
    DURATION = "duration"


@dataclass(frozen=True, slots=True, kw_only=True)
class Literal:
    """A value written out."""

    form: Form
    value: str | int | bool | Decimal | dt.date | Span
    place: Place = field(default=_NOWHERE, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListLiteral:
    """`("a", "b")`."""

    items: tuple[Node, ...]
    place: Place = field(default=_NOWHERE, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """`plan`, `entry.order_id`, `order_placed.total`."""

    parts: tuple[str, ...]
    place: Place = field(default=_NOWHERE, compare=False)

    @property
    def dotted(self) -> str:
        """Return the parts joined by dots."""
        return ".".join(self.parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filtered:
    """`order_placed where total > 100`, only ever an argument of a function."""

    subject: Name
    where: Node
    place: Place = field(default=_NOWHERE, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyword:
    """`ago: 1 year`, an argument by name."""

    name: str
    value: Node
    place: Place = field(default=_NOWHERE, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """`count(order_placed, 30 days)`."""

    function: str
    arguments: tuple[Node, ...] = ()
    keywords: tuple[Keyword, ...] = ()
    place: Place = field(default=_NOWHERE, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Not:
    """`not x`."""

    operand: Node
    place: Place = field(default=_NOWHERE, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Negative:
    """`-x`; a negative number is a literal instead."""

    operand: Node
    place: Place = field(default=_NOWHERE, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arithmetic:
    """`left + right`; also `-`, `*`, `/`."""

    operator: str
    left: Node
    right: Node
    place: Place = field(default=_NOWHERE, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """`left == right`; also `!= < <= > >=`, `in`, `not in`, `contains`, `starts with`."""

    operator: str
    left: Node
    right: Node
    place: Place = field(default=_NOWHERE, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """`x is known`, or `x is unknown` where negated."""

    operand: Node
    negated: bool
    place: Place = field(default=_NOWHERE, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Logic:
    """`a and b and c`, or the same with `or`; an operand is never the same operator again."""

    operator: str
    operands: tuple[Node, ...]
    place: Place = field(default=_NOWHERE, compare=False)


Node = Literal | ListLiteral | Name | Filtered | Call | Not | Negative | Arithmetic | Comparison | Known | Logic


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPattern:
    """`E` or `E where …`: of a trigger, exit, goal or wait_for."""

    event: str
    where: Node | None = None
    #: Where the event's name stands.
    place: Place = field(default=_NOWHERE, compare=False)


def child_nodes(node: Node) -> tuple[Node, ...]:
    """Return the nodes directly inside a node, in the order of the text."""
    match node:
        case ListLiteral():
            return node.items
        case Filtered():
            return (node.subject, node.where)
        case Call():
            return (*node.arguments, *(keyword.value for keyword in node.keywords))
        case Not() | Negative() | Known():
            return (node.operand,)
        case Arithmetic() | Comparison():
            return (node.left, node.right)
        case Logic():
            return node.operands
        case _:
            return ()


def walk_nodes(node: Node) -> Iterator[Node]:
    """Yield the node and everything inside it, outermost first; needs no recursion."""
    waiting = [node]
    while waiting:
        found = waiting.pop()
        yield found
        waiting.extend(reversed(child_nodes(found)))


def first_too_deep(node: Node, most: int = CONDITION_DEPTH_MAX) -> Node | None:
    """Return the first node that lies more than `most` levels deep, or None; needs no recursion."""
    level: tuple[Node, ...] = (node,)
    for _ in range(most):
        level = tuple(child for one in level for child in child_nodes(one))
        if not level:
            return None
    return level[0]
