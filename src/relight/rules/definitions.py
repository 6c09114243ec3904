"""The names a team shares: values, segments and lists, checked once and compiled where something reads them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from relight.base.kinds import Kind
from relight.base.problems import Place, Problem
from relight.customers.facts import Function
from relight.customers.layout import LayoutBuilder
from relight.rules.conditions import Checked, Node, Scope, check_condition, compile_condition, parse_condition
from relight.rules.conditions.types import Type
from relight.rules.models import DefinitionsModel
from relight.rules.plan import Condition
from relight.rules.texts import PlaceOf
from relight.streams.expressions.nodes import Name, walk_nodes
from relight.streams.schema import Schema

#: Names that mean something of their own in conditions.
RESERVED_NAMES = frozenset(
    {"now", "today", "local_time", "first_seen", "threshold", "arm", "milestone", "entry", "event", "request",
     "release", "code", "survey", "true", "false", "and", "or", "not", "in", "is", "where", "known", "unknown",
     "contains", "starts", "with", *(str(function) for function in Function)}
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Definitions:
    """Parsed and typed definitions."""

    values: Mapping[str, Node] = field(default_factory=dict)
    segments: Mapping[str, Node] = field(default_factory=dict)
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    #: Measures of a customer: those that can be computed with their types, others with None.
    measures: Mapping[str, Type | None] = field(default_factory=dict)
    #: The config says what names the account somebody belongs to.
    has_accounts: bool = False
    #: Typed trees of those values and segments that are without mistake.
    checked: Mapping[str, Checked] = field(default_factory=dict)

    def scope(self, schema: Schema) -> Scope:
        """Return what every condition of the project may name."""
        return Scope(
            schema=schema, values=self.values, segments=self.segments, lists=self.lists, measures=self.measures,
            has_accounts=self.has_accounts,
        )  # fmt: skip


def read_definitions(
    model: DefinitionsModel,
    place_of: PlaceOf,
    schema: Schema,
    measures: Mapping[str, Type | None] | None = None,
    *,
    has_accounts: bool = False,
) -> tuple[Definitions, list[Problem]]:
    """Return the definitions and every problem of them; a broken one is left out of `checked` only.

    measures: those of a customer, which definitions may name; has_accounts: the config names what accounts are.
    """
    problems: list[Problem] = []
    nodes: dict[str, dict[str, Node]] = {"values": {}, "segments": {}}
    seen: dict[str, Place] = {}
    for section, texts in (("values", model.values), ("segments", model.segments), ("lists", model.lists)):
        for name, text in texts.items():
            place = place_of((section, name), key=True)
            problems += _name_problems(name, place, seen, schema)
            seen.setdefault(name, place)
            if isinstance(text, str):
                node, found = parse_condition(text, place_of((section, name)))
                problems += found
                if node is not None:
                    nodes[section][name] = node
    definitions = Definitions(
        values=nodes["values"],
        segments=nodes["segments"],
        lists={name: tuple(members) for name, members in model.lists.items()},
        measures=measures or {},
        has_accounts=has_accounts,
    )
    scope = definitions.scope(schema)
    checked: dict[str, Checked] = {}
    for section, want in (("values", None), ("segments", Kind.BOOLEAN)):
        for name, node in nodes[section].items():
            tree, found = check_condition(node, scope, want=want)
            problems += found
            if tree is not None:
                checked[name] = tree
    return replace(definitions, checked=checked), problems


def _name_problems(name: str, place: Place, seen: Mapping[str, Place], schema: Schema) -> list[Problem]:
    if name in RESERVED_NAMES:
        message = f"'{name}' already means something in conditions"
        return [Problem(code="reserved-name", message=message, place=place, help="choose another name")]
    if name in seen:
        message = f"'{name}' is defined twice, first in line {seen[name].line}"
        return [
            Problem(code="duplicate-name", message=message, place=place, other=seen[name], help="rename one of them")
        ]
    if name in schema.traits or name in schema.events:
        what = "a trait" if name in schema.traits else "an event"
        message = f"'{name}' is {what} of a stream already"
        return [Problem(code="duplicate-name", message=message, place=place, help="choose another name")]
    return []


def compile_definitions(
    definitions: Definitions, names: Iterable[str], binder: LayoutBuilder
) -> tuple[dict[str, Condition], dict[str, Condition]]:
    """Return the compiled (values, segments) among the names, and those that they name themselves."""
    wanted: set[str] = set()
    waiting = [name for name in names if name in definitions.checked]
    while waiting:
        name = waiting.pop()
        if name not in wanted:
            wanted.add(name)
            node = definitions.values.get(name) or definitions.segments[name]
            inner = {part.parts[0] for part in walk_nodes(node) if isinstance(part, Name)}
            waiting += [one for one in inner if one in definitions.checked]
    compiled = {name: compile_condition(definitions.checked[name], binder) for name in sorted(wanted)}
    values = {name: found for name, found in compiled.items() if name in definitions.values}
    return values, {name: found for name, found in compiled.items() if name not in values}
