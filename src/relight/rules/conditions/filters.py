"""Which events a function asks about: the event, its property, and the `where` on the event's own properties.

A `where` compares own properties with constants; `p == entry.q` and `p == event.q` become keys of the question instead.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from relight.base.kinds import NUMBER_KINDS
from relight.base.suggest import suggest_words
from relight.customers.facts import Function, Selector
from relight.rules.conditions.checked import Checked, LogicOf
from relight.rules.conditions.scope import Mode, Walk
from relight.rules.conditions.types import BOOLEAN, is_comparable, property_type
from relight.streams.expressions.nodes import Comparison, Filtered, Form, ListLiteral, Literal, Logic, Name, Node, Not
from relight.streams.expressions.printing import print_node
from relight.streams.schema import EventType, PropertyType


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The events, or the property of events, that a function is about."""

    selector: Selector
    prop_name: str | None
    prop: PropertyType | None
    predicate: Checked | None
    keys: tuple[Checked, ...]
    #: As it was written, without the filter.
    text: str


def check_subject(node: Node, function: Function, form: str, walk: Walk, *, has_property: bool) -> Subject | None:
    """Return what a function is about, or None after reporting; `form` is how the function is written."""
    name = node.subject if isinstance(node, Filtered) else node
    if not isinstance(name, Name):
        quoted = isinstance(node, Literal) and node.form is Form.TEXT
        help_text = "Write its name without quotation marks." if quoted else f"Write '{form}'."
        walk.report("wrong-argument", f"'{function}' begins with the name of an event", node.place, help_text)
        return None
    event = find_event(name, walk)
    if event is None:
        return None
    prop_name, prop = _property(name, event, function, walk, has_property=has_property)
    if has_property and prop is None:
        return None
    if not has_property and len(name.parts) > 1:
        help_text = f"Write '{form.replace('event', event.name)}'."
        message = f"'{function}' is about events, and '{name.dotted}' is a property"
        walk.report("wrong-argument", message, name.place, help_text)
        return None
    plain = Subject(
        selector=Selector(event=event.name),
        prop_name=prop_name,
        prop=prop,
        predicate=None,
        keys=(),
        text=name.dotted,
    )
    return _filtered(plain, node.where, event, walk) if isinstance(node, Filtered) else plain


def find_event(name: Name, walk: Walk) -> EventType | None:
    """Return the declared event of a name's first part, or None after reporting that there is none."""
    word = name.parts[0]
    schema = walk.scope.schema
    event = schema.events.get(word)
    if event is None:
        hint = suggest_words(word, schema.events)
        tail = f"; {hint}" if hint else ""
        if word in schema.traits:
            message = f"'{word}' is a trait, not an event{tail}"
        else:
            message = f"no stream declares the event '{word}'{tail}"
        walk.report("unknown-event", message, name.place)
    return event


def _property(
    name: Name, event: EventType, function: Function, walk: Walk, *, has_property: bool
) -> tuple[str | None, PropertyType | None]:
    if not has_property:
        return None, None
    if len(name.parts) == 1:
        # A number comes first: it is what most functions calculate with.
        known = sorted(event.properties, key=lambda p: (event.properties[p].kind not in NUMBER_KINDS, p))
        example = known[0] if known else "property"
        help_text = f"Write '{function}({event.name}.{example})'."
        message = f"'{function}' needs a property of '{event.name}'"
        walk.report("wrong-argument", message, name.place, help_text if known else f"'{event.name}' has none.")
        return None, None
    word = ".".join(name.parts[1:])
    found = event.properties.get(word)
    if found is None:
        hint = suggest_words(word, event.properties)
        tail = f"; {hint}" if hint else ("" if event.properties else "; it has none")
        walk.report("unknown-property", f"'{word}' is not a property of '{event.name}'{tail}", name.place)
    return word, found


# ---------------------------------------------------------------- where
def _filtered(subject: Subject, where: Node, event: EventType, walk: Walk) -> Subject | None:
    inside = walk.inside(mode=Mode.FILTER, event=event.name, own=event.properties)
    before = len(walk.problems)
    keyed: dict[str, Checked] = {}
    tests: dict[str, tuple[Node, Checked]] = {}
    for part in _conjuncts(where):
        pair = _key_pair(part)
        if pair is not None:
            _add_key(pair, keyed, walk=walk, inside=inside)
            continue
        written = spell_lists(part, walk)
        checked = inside.check(written)
        if checked is None:
            continue
        if checked.type != BOOLEAN:
            walk.report("type-mismatch", f"'{checked.text}' is {checked.type}, not true or false", part.place)
            continue
        tests[print_node(written)] = (written, checked)
    if len(walk.problems) > before:
        return None
    names = sorted(keyed)
    ordered = [tests[text] for text in sorted(tests)]
    text, predicate = _join(ordered, where)
    return replace(
        subject,
        selector=Selector(event=event.name, where=text, keyed_by=tuple(names)),
        predicate=predicate,
        keys=tuple(keyed[name] for name in names),
    )


def _join(tests: list[tuple[Node, Checked]], where: Node) -> tuple[str, Checked | None]:
    """Return the canonical text and the typed tree of all tests together, in the order given."""
    if not tests:
        return "", None
    if len(tests) == 1:
        return print_node(tests[0][0]), tests[0][1]
    text = print_node(Logic(operator="and", operands=tuple(node for node, _ in tests)))
    operands = tuple(checked for _, checked in tests)
    return text, LogicOf(type=BOOLEAN, text=text, place=where.place, operator="and", operands=operands)


def _conjuncts(node: Node) -> tuple[Node, ...]:
    return node.operands if isinstance(node, Logic) and node.operator == "and" else (node,)


def _key_pair(node: Node) -> tuple[Name, Name] | None:
    """Return the own property and the outer name of `p == entry.q`, or None."""
    if not isinstance(node, Comparison) or node.operator != "==":
        return None
    left, right = node.left, node.right
    if not isinstance(left, Name) or not isinstance(right, Name):
        return None
    if _is_outer(right) and len(left.parts) == 1:
        return left, right
    return (right, left) if _is_outer(left) and len(right.parts) == 1 else None


def _is_outer(name: Name) -> bool:
    return len(name.parts) > 1 and name.parts[0] in {"entry", "event"}


def _add_key(pair: tuple[Name, Name], keyed: dict[str, Checked], *, walk: Walk, inside: Walk) -> None:
    own, outer = inside.check(pair[0]), walk.check(pair[1])
    if own is None or outer is None:
        return
    name = pair[0].parts[0]
    if name in keyed:
        walk.report("wrong-argument", f"'{name}' is compared with two things at once", pair[0].place)
        return
    if not is_comparable(property_type(inside.own[name]), outer.type):
        message = f"'{own.text}' is {own.type} and '{outer.text}' is {outer.type}: they cannot be compared"
        walk.report("type-mismatch", message, pair[1].place)
        return
    keyed[name] = outer


def spell_lists(node: Node, walk: Walk) -> Node:
    """Return the filter with shared lists written out: its text must change when they do."""
    match node:
        case Comparison():
            left, right = _spelled(node.left, walk), _spelled(node.right, walk)
            return replace(node, left=left, right=right)
        case Logic():
            return replace(node, operands=tuple(spell_lists(operand, walk) for operand in node.operands))
        case Not():
            return replace(node, operand=spell_lists(node.operand, walk))
        case _:
            return node


def _spelled(node: Node, walk: Walk) -> Node:
    if not isinstance(node, Name) or len(node.parts) > 1:
        return node
    word = node.parts[0]
    if word not in walk.scope.lists or word in walk.own:
        return node
    items = tuple(Literal(form=Form.TEXT, value=text, place=node.place) for text in walk.scope.lists[word])
    return ListLiteral(items=items, place=node.place)
