"""Checks the functions that ask a customer's history, and turns each call into one question (a Fact)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from relight.base.durations import Span
from relight.base.kinds import NUMBER_KINDS, Kind
from relight.base.suggest import suggest_words
from relight.customers.facts import Fact, Function
from relight.rules.conditions.checked import Checked, FactRead
from relight.rules.conditions.filters import Subject, check_subject
from relight.rules.conditions.members import check_members
from relight.rules.conditions.pairs import check_missing, check_open, check_upcoming
from relight.rules.conditions.scope import Mode, Walk
from relight.rules.conditions.types import BOOLEAN, DAYS, DURATION, INTEGER, MONEY, NUMBER, Type
from relight.streams.expressions.nodes import Call, Form, Literal, Node
from relight.streams.expressions.printing import print_node

#: Most values of `top(E.p, n)`.
TOP_SIZE_MAX = 100


class _About(Enum):
    """What stands first in the brackets."""

    EVENT = "an event"
    PROPERTY = "a property of an event"
    NOTHING = "nothing"


class _Window(Enum):
    """Whether a window may or must follow."""

    NO = 0
    MAY = 1
    MUST = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shape:
    """How a function is called."""

    about: _About
    window: _Window
    #: How to write it.
    form: str


def _shape(about: _About, window: _Window, form: str) -> _Shape:
    return _Shape(about=about, window=window, form=form)


_SHAPES = {
    Function.COUNT: _shape(_About.EVENT, _Window.MAY, "count(event, 30 days)"),
    Function.SUM: _shape(_About.PROPERTY, _Window.MAY, "sum(event.property, 30 days)"),
    Function.AVERAGE: _shape(_About.PROPERTY, _Window.MAY, "average(event.property, 30 days)"),
    Function.MIN: _shape(_About.PROPERTY, _Window.MAY, "min(event.property, 30 days)"),
    Function.MAX: _shape(_About.PROPERTY, _Window.MAY, "max(event.property, 30 days)"),
    Function.DISTINCT: _shape(_About.PROPERTY, _Window.MAY, "distinct(event.property, 30 days)"),
    Function.TOP: _shape(_About.PROPERTY, _Window.MAY, "top(event.property, 3, 30 days)"),
    Function.FIRST: _shape(_About.PROPERTY, _Window.NO, "first(event.property)"),
    Function.LAST: _shape(_About.PROPERTY, _Window.MAY, "last(event.property, 30 days)"),
    Function.EVER: _shape(_About.EVENT, _Window.MAY, "ever(event, 30 days)"),
    Function.NEVER: _shape(_About.EVENT, _Window.MAY, "never(event, 30 days)"),
    Function.SINCE: _shape(_About.EVENT, _Window.NO, "since(event)"),
    Function.ACTIVE_DAYS: _shape(_About.NOTHING, _Window.MUST, "active_days(7 days)"),
    Function.STREAK: _shape(_About.EVENT, _Window.NO, "streak(event)"),
    Function.USUAL_INTERVAL: _shape(_About.EVENT, _Window.NO, "usual_interval(event)"),
    Function.SILENT: _shape(_About.EVENT, _Window.NO, "silent(event)"),
    Function.RELEASES: _shape(_About.NOTHING, _Window.MUST, "releases(30 days)"),
    Function.INCIDENTS: _shape(_About.NOTHING, _Window.MUST, "incidents(30 days)"),
}
_FIXED_RESULTS = {
    Function.COUNT: INTEGER,
    Function.DISTINCT: INTEGER,
    Function.EVER: BOOLEAN,
    Function.NEVER: BOOLEAN,
    Function.SINCE: DURATION,
    Function.ACTIVE_DAYS: INTEGER,
    Function.STREAK: DAYS,
    Function.USUAL_INTERVAL: DURATION,
    Function.SILENT: DURATION,
    Function.RELEASES: Type(kind=Kind.LIST),
    Function.INCIDENTS: Type(kind=Kind.LIST),
}
#: Kinds that can be added up.
_SUMMED = NUMBER_KINDS | {Kind.DURATION}
#: Kinds of which one can be the smallest.
_ORDERED = NUMBER_KINDS | {Kind.DURATION, Kind.TIME, Kind.DATE}


def check_call(node: Call, walk: Walk) -> Checked | None:
    """Return the question a call asks, or None after reporting what is wrong with it."""
    names = [str(function) for function in Function]
    if node.function not in names:
        hint = suggest_words(node.function, names)
        tail = f"; {hint}" if hint else ""
        walk.report("unknown-function", f"there is no function '{node.function}'{tail}", node.place)
        return None
    if walk.mode is not Mode.CONDITION:
        message = f"'{node.function}(…)' asks a customer's history, and a filter reads one event"
        walk.report("not-here", message, node.place, "Ask it outside the filter, joined by 'and'.")
        return None
    function = Function(node.function)
    if function is Function.MEMBERS:
        return check_members(node, walk)
    if function is Function.OPEN:
        return check_open(node, walk)
    if function is Function.UPCOMING:
        return check_upcoming(node, walk)
    if function is Function.MISSING:
        return check_missing(node, walk)
    return _check_shaped(node, function, _SHAPES[function], walk)


def _check_shaped(node: Call, function: Function, shape: _Shape, walk: Walk) -> Checked | None:
    arguments = list(node.arguments)
    subject: Subject | None = None
    if shape.about is not _About.NOTHING:
        if not arguments:
            walk.wrong_argument(node, f"'{function}' needs {shape.about.value}", shape.form)
            return None
        subject = check_subject(arguments.pop(0), function, shape.form, walk, has_property=_has_property(shape))
    size = _take_size(node, arguments, walk) if function is Function.TOP else None
    before = len(walk.problems)
    window = _take_window(arguments, shape, walk)
    ago = _take_ago(node, shape, walk)
    for extra in arguments:
        walk.wrong_argument(extra, f"'{function}' takes nothing more here", shape.form)
    if shape.window is _Window.MUST and window is None and len(walk.problems) == before:
        walk.wrong_argument(node, f"'{function}' needs a window", shape.form)
    if ago is not None and window is None and len(walk.problems) == before:
        walk.wrong_argument(node, "'ago' moves a window, and there is none", f"{shape.form[:-1]}, ago: 1 year)")
    if len(walk.problems) > before or (shape.about is not _About.NOTHING and subject is None):
        return None
    if function is Function.TOP and size is None:
        return None
    result = _result(node, function, subject, walk)
    if result is None:
        return None
    fact = Fact(function=function, window=window, ago=ago, size=size)
    if subject is None:
        return FactRead(type=result, text=print_node(node), place=node.place, fact=fact)
    kind = subject.prop.kind if subject.prop else None
    fact = replace(fact, selector=subject.selector, prop=subject.prop_name, prop_kind=kind)
    return FactRead(
        type=result,
        text=print_node(node),
        place=node.place,
        fact=fact,
        predicate=subject.predicate,
        keys=subject.keys,
    )


def _has_property(shape: _Shape) -> bool:
    return shape.about is _About.PROPERTY


def _take_size(node: Call, arguments: list[Node], walk: Walk) -> int | None:
    form = _SHAPES[Function.TOP].form
    first = arguments.pop(0) if arguments else node
    if isinstance(first, Literal) and first.form is Form.INTEGER and isinstance(first.value, int):
        if 1 <= first.value <= TOP_SIZE_MAX:
            return first.value
        walk.wrong_argument(first, f"'top' gives 1 to {TOP_SIZE_MAX} values", form)
        return None
    walk.wrong_argument(first, "'top' needs to know how many", form)
    return None


def _take_window(arguments: list[Node], shape: _Shape, walk: Walk) -> Span | None:
    if not arguments or shape.window is _Window.NO:
        return None
    return _span(arguments.pop(0), "a window", shape, walk)


def _span(node: Node, what: str, shape: _Shape, walk: Walk) -> Span | None:
    if not isinstance(node, Literal) or not isinstance(node.value, Span):
        walk.wrong_argument(node, f"{what} is a duration that is written out", shape.form)
        return None
    if node.value.longest <= 0:
        walk.wrong_argument(node, f"{what} is longer than nothing", shape.form)
        return None
    return node.value


def _take_ago(node: Call, shape: _Shape, walk: Walk) -> Span | None:
    ago = None
    for keyword in node.keywords:
        if keyword.name == "ago" and shape.window is not _Window.NO and ago is None:
            ago = _span(keyword.value, "'ago'", shape, walk)
            continue
        twice = keyword.name == "ago" and ago is not None
        message = "'ago' stands here twice" if twice else f"'{node.function}' has no argument '{keyword.name}'"
        walk.report("wrong-argument", message, keyword.place, f"Write '{shape.form}'.")
    return ago


def _result(node: Call, function: Function, subject: Subject | None, walk: Walk) -> Type | None:
    fixed = _FIXED_RESULTS.get(function)
    if fixed is not None or subject is None or subject.prop is None:
        return fixed
    kind = subject.prop.kind
    found = Type(kind=kind, values=subject.prop.values)
    match function:
        case Function.TOP:
            return Type(kind=Kind.LIST, item=kind)
        case Function.SUM if kind in _SUMMED:
            return Type(kind=kind)
        case Function.AVERAGE if kind in NUMBER_KINDS:
            return MONEY if kind is Kind.MONEY else NUMBER
        case Function.MIN | Function.MAX if kind in _ORDERED:
            return Type(kind=kind)
        case Function.FIRST | Function.LAST:
            return found
        case _:
            message = f"'{function}' needs numbers, and '{subject.text}' is {found}"
            walk.report("type-mismatch", message, node.arguments[0].place)
            return None
