"""Checks `open`, `upcoming` and `missing`, which put two things side by side: two events, a list and a property."""

from __future__ import annotations

from relight.base.kinds import TEXT_KINDS, Kind
from relight.base.suggest import suggest_words
from relight.customers.facts import Fact, Function
from relight.rules.conditions.checked import Checked, Constant, FactRead
from relight.rules.conditions.filters import Subject, check_subject
from relight.rules.conditions.scope import Walk
from relight.rules.conditions.types import INTEGER, Type
from relight.streams.expressions.nodes import Call, ListLiteral, Name, Node
from relight.streams.expressions.printing import print_node

_OPEN_FORM = "open(ticket_opened, ticket_resolved, by: ticket_id)"
_UPCOMING_FORM = "upcoming(feature_announced, feature_released, by: feature)"
_OTHERS = {
    Function.OPEN: "the other one concerns everybody",
    Function.UPCOMING: "'upcoming' is about what everybody is told",
}
_MISSING_FORM = "missing(features, feature_used.feature)"


def check_open(node: Call, walk: Walk) -> Checked | None:
    """Return the number of things opened and not closed, or None after reporting."""
    return _check_pair(node, Function.OPEN, _OPEN_FORM, walk)


def check_upcoming(node: Call, walk: Walk) -> Checked | None:
    """Return the list of what was announced to everybody and has not come, or None after reporting."""
    return _check_pair(node, Function.UPCOMING, _UPCOMING_FORM, walk)


def _check_pair(node: Call, function: Function, form: str, walk: Walk) -> Checked | None:
    by = next((keyword.value for keyword in node.keywords if keyword.name == "by"), None)
    if len(node.arguments) != 2 or len(node.keywords) != 1 or not isinstance(by, Name) or len(by.parts) != 1:  # noqa: PLR2004 - what opens and what closes
        walk.wrong_argument(
            node, f"'{function}' needs what opens, what closes, and the property that names the thing", form
        )
        return None
    opened, closed = (check_subject(one, function, form, walk, has_property=False) for one in node.arguments)
    if opened is None or closed is None or not _agree(node, (opened, closed), function, walk):
        return None
    if not isinstance(node.arguments[1], Name) or opened.keys:
        walk.wrong_argument(
            node, f"in '{function}' only the event that opens takes a filter, on its own properties", form
        )
        return None
    found = [_property_of(event.selector.event, by, walk) for event in (opened, closed)]
    if None in found:
        return None
    if found[0] != found[1]:
        message = f"'{by.dotted}' is not of the same type in both events"
        walk.report("type-mismatch", message, by.place)
        return None
    fact = Fact(function=function, selector=opened.selector, closed_by=closed.selector, by=by.parts[0])
    kind = INTEGER if function is Function.OPEN else Type(kind=Kind.LIST)
    return FactRead(type=kind, text=print_node(node), place=node.place, fact=fact, predicate=opened.predicate)


def _agree(node: Call, pair: tuple[Subject, Subject], function: Function, walk: Walk) -> bool:
    """Return whether both events are of one customer or both concern everybody, as the function wants it."""
    are_global = [walk.scope.schema.events[one.selector.event].is_global for one in pair]
    if all(are_global) or (function is Function.OPEN and not any(are_global)):
        return True
    at = are_global.index(False)
    message = f"'{pair[at].selector.event}' is an event of one customer, and {_OTHERS[function]}"
    walk.report("wrong-argument", message, node.arguments[at].place)
    return False


def _property_of(event: str, by: Name, walk: Walk) -> Kind | None:
    known = walk.scope.schema.events[event].properties
    if by.parts[0] in known:
        return known[by.parts[0]].kind
    hint = suggest_words(by.parts[0], known)
    tail = f"; {hint}" if hint else ""
    walk.report("unknown-property", f"'{by.parts[0]}' is not a property of '{event}'{tail}", by.place)
    return None


def check_missing(node: Call, walk: Walk) -> Checked | None:
    """Return the members of a list that were never seen, or None after reporting."""
    if len(node.arguments) != 2 or node.keywords:  # noqa: PLR2004 - the list and the property
        walk.wrong_argument(node, "'missing' needs a list and a property of an event", _MISSING_FORM)
        return None
    whole = _texts(node.arguments[0], walk)
    subject = check_subject(node.arguments[1], Function.MISSING, _MISSING_FORM, walk, has_property=True)
    if whole is None or subject is None or subject.prop is None:
        return None
    if subject.prop.kind not in TEXT_KINDS:
        message = f"'missing' compares texts, and '{subject.text}' is {Type(kind=subject.prop.kind)}"
        walk.report("type-mismatch", message, node.arguments[1].place)
        return None
    fact = Fact(
        function=Function.MISSING,
        selector=subject.selector,
        prop=subject.prop_name,
        prop_kind=subject.prop.kind,
        of=whole,
    )
    kind = Type(kind=Kind.LIST, item=Kind.TEXT)
    return FactRead(
        type=kind,
        text=print_node(node),
        place=node.place,
        fact=fact,
        predicate=subject.predicate,
        keys=subject.keys,
    )


def _texts(node: Node, walk: Walk) -> tuple[str, ...] | None:
    """Return the texts of a list by name or written out."""
    if isinstance(node, Name | ListLiteral):
        checked = walk.check(node)
        if checked is None:
            return None
        if isinstance(checked, Constant) and all(isinstance(value, str) for value in checked.value):
            return tuple(checked.value)
    walk.wrong_argument(node, "'missing' needs a list of texts", _MISSING_FORM)
    return None
