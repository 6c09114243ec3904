"""Types a condition: resolves each name, finds what cannot be compared or calculated, and what can never hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from relight.base.durations import Span
from relight.base.kinds import Kind
from relight.base.problems import Problem
from relight.rules.conditions.arithmetic import check_arithmetic, check_negative
from relight.rules.conditions.checked import (
    Checked,
    CheckedPattern,
    Constant,
    KnownOf,
    ListOf,
    LogicOf,
    NotOf,
    PropertyRead,
    Source,
    walk_parts,
)
from relight.rules.conditions.comparing import check_comparison
from relight.rules.conditions.contradictions import find_contradictions
from relight.rules.conditions.filters import find_event, spell_lists
from relight.rules.conditions.functions import check_call
from relight.rules.conditions.names import check_name
from relight.rules.conditions.scope import CONDITION_PARTS_MAX, SPELLED_DEPTH_MAX, Mode, Scope, Walk
from relight.rules.conditions.types import (
    BOOLEAN,
    CALENDAR,
    CLOCK,
    DATE,
    DURATION,
    INTEGER,
    NUMBER,
    TEXT,
    Type,
    fits,
)
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
from relight.streams.expressions.printing import print_node

_LITERAL_TYPES = {
    Form.TEXT: TEXT,
    Form.INTEGER: INTEGER,
    Form.NUMBER: NUMBER,
    Form.PERCENT: NUMBER,
    Form.BOOLEAN: BOOLEAN,
    Form.DATE: DATE,
    Form.CLOCK: CLOCK,
}


def check_condition(
    node: Node, scope: Scope, *, want: Kind | None = Kind.BOOLEAN
) -> tuple[Checked | None, list[Problem]]:
    """Return the typed tree and all problems; no tree where one of them is an error.

    want: the kind the result must have; NUMBER and MONEY take every kind of number, None takes anything.
    """
    problems: list[Problem] = []
    checked = check_node(node, Walk(scope=scope, problems=problems, check_node=check_node))
    if checked is not None and want is not None and not fits(checked.type, want):
        problems.append(_unwanted(checked, want))
    return _judged(checked, problems)


def _judged(checked: Checked | None, problems: list[Problem]) -> tuple[Checked | None, list[Problem]]:
    if checked is not None and not problems and checked.type.kind is Kind.BOOLEAN:
        problems.extend(find_contradictions(checked))
    failed = any(problem.severity == "error" for problem in problems)
    return (None if failed else checked), problems


def _unwanted(checked: Checked, want: Kind) -> Problem:
    if want is Kind.BOOLEAN:
        message = f"a condition is true or false, and '{checked.text}' is {checked.type}"
        help_text = f"Compare it: '{checked.text} > …'." if checked.type.is_number else "Compare it with something."
    else:
        message = f"'{checked.text}' is {checked.type}, and {Type(kind=want)} is needed here"
        help_text = None
    return Problem(code="type-mismatch", message=message, place=checked.place, help=help_text)


def check_event_pattern(pattern: EventPattern, scope: Scope) -> tuple[CheckedPattern | None, list[Problem]]:
    """Return the typed pattern and all problems; no pattern where one of them is an error."""
    problems: list[Problem] = []
    walk = Walk(scope=scope, problems=problems, check_node=check_node)
    event = find_event(Name(parts=(pattern.event,), place=pattern.place), walk)
    if event is None or pattern.where is None:
        found = None if event is None else CheckedPattern(event=pattern.event, place=pattern.place)
        return found, problems
    inside = walk.inside(mode=Mode.PATTERN, event=event.name, own=event.properties)
    checked = check_node(spell_lists(pattern.where, inside), inside)
    if checked is not None and checked.type != BOOLEAN:
        problems.append(_unwanted(checked, Kind.BOOLEAN))
    where, problems = _judged(checked, problems)
    if where is None:
        return None, problems
    own = {part.name for part in walk_parts(where) if isinstance(part, PropertyRead) and part.source is Source.OWN}
    return (
        CheckedPattern(event=event.name, where=where, compares=tuple(sorted(own)), place=pattern.place),
        problems,
    )


# ---------------------------------------------------------------- nodes
def check_node(node: Node, walk: Walk) -> Checked | None:
    """Return the typed tree of one node, or None after reporting what is wrong."""
    spent = walk.spent
    spent.parts += 1
    if spent.parts > CONDITION_PARTS_MAX:
        if spent.parts == CONDITION_PARTS_MAX + 1:
            message = f"with its values and segments spelled out this has more than {CONDITION_PARTS_MAX} parts"
            walk.report("condition-too-long", message, node.place)
        return None
    if spent.depth >= SPELLED_DEPTH_MAX:
        message = f"with its values and segments spelled out this is more than {SPELLED_DEPTH_MAX} levels deep"
        walk.report("condition-too-deep", message, node.place)
        return None
    spent.depth += 1
    checked = _CHECKS[type(node)](node, walk)
    spent.depth -= 1
    return checked


def _check_not(node: Not, walk: Walk) -> Checked | None:
    operand = _check_truth(node.operand, walk)
    if operand is None:
        return None
    return NotOf(type=BOOLEAN, text=print_node(node), place=node.place, operand=operand)


def _check_filtered(node: Filtered, walk: Walk) -> None:
    walk.report("condition-syntax", "'where' filters an event inside a function", node.place)


def _check_literal(node: Literal, walk: Walk) -> Constant:
    value: object = node.value
    if isinstance(value, Span):
        kind = CALENDAR if value.is_calendar else DURATION
        value = value if value.is_calendar else value.elapsed
    else:
        kind = _LITERAL_TYPES[node.form]
    return Constant(type=kind, text=print_node(node), place=node.place, value=value)


def _check_truth(node: Node, walk: Walk) -> Checked | None:
    checked = walk.check(node)
    if checked is not None and checked.type != BOOLEAN:
        walk.problems.append(_unwanted(checked, Kind.BOOLEAN))
        return None
    return checked


def _check_logic(node: Logic, walk: Walk) -> Checked | None:
    operands = [_check_truth(operand, walk) for operand in node.operands]
    found = tuple(operand for operand in operands if operand is not None)
    if len(found) < len(operands):
        return None
    return LogicOf(type=BOOLEAN, text=print_node(node), place=node.place, operator=node.operator, operands=found)


def _check_known(node: Known, walk: Walk) -> Checked | None:
    operand = walk.check(node.operand)
    if operand is None:
        return None
    return KnownOf(type=BOOLEAN, text=print_node(node), place=node.place, operand=operand, negated=node.negated)


def _check_list(node: ListLiteral, walk: Walk) -> Checked | None:
    items = [walk.check(item) for item in node.items]
    found = tuple(item for item in items if item is not None)
    if len(found) < len(items):
        return None
    kinds = {item.type.kind for item in found}
    kind = Type(kind=Kind.LIST, item=kinds.pop() if len(kinds) == 1 else None)
    text = print_node(node)
    if all(isinstance(item, Constant) for item in found):
        value = tuple(item.value for item in found if isinstance(item, Constant))
        return Constant(type=kind, text=text, place=node.place, value=value)
    return ListOf(type=kind, text=text, place=node.place, items=found)


_CHECKS: Mapping[type, Callable[[Any, Walk], Checked | None]] = {
    Literal: _check_literal,
    ListLiteral: _check_list,
    Name: check_name,
    Filtered: _check_filtered,
    Call: check_call,
    Not: _check_not,
    Negative: check_negative,
    Arithmetic: check_arithmetic,
    Comparison: check_comparison,
    Known: _check_known,
    Logic: _check_logic,
}
