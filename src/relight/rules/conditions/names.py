"""Says what a name stands for: a trait, a value, a property … or which name was probably meant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from relight.base.kinds import Kind
from relight.base.suggest import nearest_word, suggest_words
from relight.customers.facts import Fact, Function
from relight.rules.conditions.checked import (
    Checked,
    Constant,
    FactRead,
    MeasureRead,
    Named,
    PropertyRead,
    Source,
    TraitRead,
    ViewRead,
)
from relight.rules.conditions.scope import Mode, Walk
from relight.rules.conditions.types import (
    CLOCK,
    DATE,
    DURATION,
    TEXT,
    TIME,
    Type,
    property_type,
)
from relight.streams.expressions.nodes import Name, Node
from relight.streams.schema import PropertyType

#: Names that every condition may use.
VIEW_NAMES: Mapping[str, Type] = {"now": TIME, "today": DATE, "local_time": CLOCK, "first_seen": TIME}
#: Names that exist only in some places, and where.
EXTRA_NAMES: Mapping[str, Type] = {"threshold": DURATION, "arm": TEXT, "milestone": TEXT}
_EXTRA_WHERE = {
    "threshold": "only in rules with an `inactive` trigger",
    "arm": "only in the steps after a `split`",
    "milestone": "only in rules with a `milestone` trigger",
}
_TEMPLATE_NAMES = frozenset({"request", "release", "code", "survey"})
#: Type of a list of the product team.
LIST_OF_TEXT = Type(kind=Kind.LIST, item=Kind.TEXT)


def check_name(node: Name, walk: Walk) -> Checked | None:
    """Return what a name reads, or None after reporting that it is unknown or not allowed here."""
    if len(node.parts) > 1:
        return _dotted(node, walk)
    word = node.parts[0]
    if walk.mode is not Mode.CONDITION:
        return _own_property(node, walk)
    row = walk.scope.row
    if row is not None and word in row:
        return _property(node, Source.OWN, row[word])
    found = _view_name(node, walk) or _definition(node, walk)
    if found is not None:
        return None if isinstance(found, _Refused) else found
    trait = walk.scope.schema.traits.get(word)
    if trait is not None:
        return TraitRead(type=property_type(trait), text=node.dotted, place=node.place, name=word)
    if word in walk.scope.measures:
        return _measure(node, walk)
    _report_unknown(node, walk)
    return None


def _measure(node: Name, walk: Walk) -> Checked | None:
    word = node.parts[0]
    kind = walk.scope.measures[word]
    if kind is None:
        message = f"'{word}' is a measure, and `sources` in config/measures.yaml does not say what it is computed from"
        walk.report("missing-source", message, node.place, "docs/measures.md says what it needs")
        return None
    return MeasureRead(type=kind, text=word, place=node.place, name=word)


class _Refused:
    """A name that was found and reported."""


_REFUSED = _Refused()


def _view_name(node: Name, walk: Walk) -> Checked | _Refused | None:
    word = node.parts[0]
    if word in VIEW_NAMES:
        return ViewRead(type=VIEW_NAMES[word], text=word, place=node.place, name=word)
    if word == "silent":
        return FactRead(type=DURATION, text=word, place=node.place, fact=Fact(function=Function.SILENT))
    if word in EXTRA_NAMES:
        if word in walk.scope.allow:
            type_ = EXTRA_NAMES[word]
            type_ = replace(type_, values=walk.scope.arms) if word == "arm" else type_
            return ViewRead(type=type_, text=word, place=node.place, name=word)
        if word not in walk.scope.schema.traits:
            walk.report("not-here", f"'{word}' exists {_EXTRA_WHERE[word]}", node.place)
            return _REFUSED
    return None


def _definition(node: Name, walk: Walk) -> Checked | _Refused | None:
    word = node.parts[0]
    scope = walk.scope
    if word in scope.lists:
        return Constant(type=LIST_OF_TEXT, text=word, place=node.place, value=scope.lists[word])
    if word in scope.values:
        return _spelled_out(node, scope.values[word], walk) or _REFUSED
    if word in scope.segments:
        found = _spelled_out(node, scope.segments[word], walk)
        if found is not None and found.type.kind is not Kind.BOOLEAN:
            walk.report("type-mismatch", f"the segment '{word}' is {found.type}, not true or false", found.inner.place)
            return _REFUSED
        return found or _REFUSED
    return None


def _spelled_out(node: Name, definition: Node, walk: Walk) -> Named | None:
    word = node.parts[0]
    if word in walk.expanding:
        circle = " → ".join([*walk.expanding[walk.expanding.index(word) :], word])
        walk.report("circular-definition", f"'{word}' is defined by itself: {circle}", node.place)
        return None
    # A definition means the same everywhere, so it reads nothing of the place where it is used.
    plain = replace(walk.scope, entry=None, event=None, row=None, allow=frozenset())
    inner = walk.inside(scope=plain, expanding=(*walk.expanding, word)).check(definition)
    if inner is None:
        return None
    return Named(type=inner.type, text=word, place=node.place, name=word, inner=inner)


def _dotted(node: Name, walk: Walk) -> Checked | None:
    head, prop = node.parts[0], ".".join(node.parts[1:])
    if head not in {"entry", "event"}:
        _report_dotted(node, walk)
        return None
    if walk.mode is Mode.FILTER:
        walk.report(
            "not-here",
            f"inside an event function '{node.dotted}' may only be compared for equality",
            node.place,
            f"Write 'where {prop} == {node.dotted}', joined to the rest by 'and'.",
        )
        return None
    if head == "event" and walk.mode is Mode.PATTERN:
        properties: Mapping[str, PropertyType] | None = walk.own
    else:
        properties = walk.scope.entry if head == "entry" else walk.scope.event
    if properties is None:
        where = "an entry" if head == "entry" else "an event at hand"
        walk.report("not-here", f"'{node.dotted}' needs {where}, and there is none here", node.place)
        return None
    if head == "entry" and prop == "code" and prop not in properties:
        walk.report(
            "not-here",
            "'entry.code' is the code that a mail of the entry went out with, and there is none here",
            node.place,
            "It exists in exits, goals and steps of a rule with a `send` that has `code: <pool>`; not in its audience.",
        )
        return None
    if prop not in properties:
        what = "the triggering event" if head == "entry" else "the event"
        _report_property(node, what, prop, walk, properties)
        return None
    source = Source.ENTRY if head == "entry" else Source.EVENT
    if source is Source.EVENT and walk.mode is Mode.PATTERN:
        source = Source.OWN
    return _property(node, source, properties[prop])


def _property(node: Name, source: Source, declared: PropertyType) -> Checked:
    return PropertyRead(
        type=property_type(declared), text=node.dotted, place=node.place, source=source, name=node.parts[-1]
    )


def _own_property(node: Name, walk: Walk) -> Checked | None:
    word = node.parts[0]
    if word in walk.own:
        return _property(node, Source.OWN, walk.own[word])
    if word in walk.scope.lists:
        return Constant(type=LIST_OF_TEXT, text=word, place=node.place, value=walk.scope.lists[word])
    if word in walk.scope.schema.traits or word in walk.scope.values or word in walk.scope.segments:
        walk.report(
            "not-here",
            f"'{word}' is no property of '{walk.event}', and a filter reads nothing else",
            node.place,
            f"Compare '{word}' outside the filter, joined by 'and'.",
        )
        return None
    _report_property(node, f"'{walk.event}'", word, walk, walk.own)
    return None


# ---------------------------------------------------------------- what was probably meant
def _report_property(node: Name, what: str, prop: str, walk: Walk, known: Mapping[str, PropertyType]) -> None:
    hint = suggest_words(prop, known)
    tail = f"; {hint}" if hint else ("; it has none" if not known else "")
    walk.report("unknown-property", f"'{prop}' is not a property of {what}{tail}", node.place)


def _report_dotted(node: Name, walk: Walk) -> None:
    head, prop = node.parts[0], node.parts[1]
    if head in walk.scope.schema.events:
        walk.report(
            "unknown-name",
            f"'{node.dotted}' is a property of an event; a function says of which of them",
            node.place,
            f"Write 'last({node.dotted})' or 'sum({node.dotted})'.",
        )
        return
    near = nearest_word(head, ["entry", "event", *walk.scope.schema.events])
    tail = f"; did you mean '{near}.{prop}'?" if near else ""
    walk.report("unknown-name", f"nothing is called '{node.dotted}'{tail}", node.place)


def _report_unknown(node: Name, walk: Walk) -> None:
    word = node.parts[0]
    scope = walk.scope
    if word in scope.schema.events:
        help_text = f"Write 'ever({word})' or 'count({word})'."
        walk.report("unknown-name", f"'{word}' is an event, not a value", node.place, help_text)
        return
    if word in _TEMPLATE_NAMES:
        walk.report("not-here", f"'{word}' exists only in templates", node.place)
        return
    allowed = {*scope.schema.traits, *scope.values, *scope.segments, *scope.lists, *VIEW_NAMES, "silent", *scope.allow}
    allowed |= {name for name, kind in scope.measures.items() if kind is not None}
    allowed |= set(scope.row or ())
    near = nearest_word(word, sorted(allowed))
    tail = f"; did you mean '{near}'?" if near else ""
    mend = None if near else f'Text stands between quotation marks: "{word}".'
    walk.report("unknown-name", f"nothing is called '{word}'{tail}", node.place, mend)
