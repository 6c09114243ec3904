"""A small shop for the tests of conditions: its streams, and a customer whose history is a list of events."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

from relight.base.durations import Span
from relight.base.instants import DAY, HOUR, day_start, local_day
from relight.base.kinds import UNKNOWN, Kind
from relight.base.problems import Place, Problem
from relight.customers.facts import Fact, Function
from relight.rules.conditions import (
    Checked,
    Scope,
    check_condition,
    compile_condition,
    parse_condition,
)
from relight.rules.plan import Condition, Leaf
from relight.streams.expressions.nodes import Node
from relight.streams.schema import EventType, PropertyType, Schema

if TYPE_CHECKING:
    from relight.customers.reading import Reading

#: Where the conditions of these tests stand.
PLACE = Place(file="rules/winback.yaml", line=7, column=11)
#: 2026-03-01 12:00 in Istanbul, a Sunday.
NOW = day_start(dt.date(2026, 3, 1), "Europe/Istanbul") + 12 * HOUR


def prop(kind: Kind, *values: str) -> PropertyType:
    return PropertyType(kind=kind, values=values)


TRAITS = {
    "plan": prop(Kind.TEXT, "free", "pro", "team"),
    "name": prop(Kind.TEXT),
    "email": prop(Kind.EMAIL),
    "region": prop(Kind.TEXT),
    "team_size": prop(Kind.INTEGER),
    "credit": prop(Kind.MONEY),
    "ratio": prop(Kind.NUMBER),
    "is_admin": prop(Kind.BOOLEAN),
    "trial_ends_at": prop(Kind.TIME),
    "birthday": prop(Kind.DATE),
    "patience": prop(Kind.DURATION),
    "tags": prop(Kind.LIST),
}
ORDER = {
    "order_id": prop(Kind.TEXT),
    "cart_id": prop(Kind.TEXT),
    "total": prop(Kind.MONEY),
    "items": prop(Kind.INTEGER),
    "currency": prop(Kind.TEXT, "TRY", "EUR"),
    "paid_at": prop(Kind.TIME),
}
EVENTS: dict[str, dict[str, PropertyType]] = {
    "order_placed": ORDER,
    "cart_updated": {"cart_id": prop(Kind.TEXT), "items": prop(Kind.INTEGER)},
    "session_started": {},
    "subscribed": {},
    "ticket_opened": {"ticket_id": prop(Kind.TEXT), "topic": prop(Kind.TEXT)},
    "ticket_resolved": {"ticket_id": prop(Kind.TEXT)},
    "feature_used": {"feature": prop(Kind.TEXT)},
    "csat_answered": {"score": prop(Kind.INTEGER), "comment": prop(Kind.TEXT)},
    "feature_announced": {"feature": prop(Kind.TEXT)},
    "feature_released": {"feature": prop(Kind.TEXT)},
}
SCHEMA = Schema(
    events={
        name: EventType(
            name=name,
            streams=("shop",),
            properties=properties,
            is_global=name in ("feature_announced", "feature_released"),
        )
        for name, properties in EVENTS.items()
    },
    traits=TRAITS,
)


def tree(text: str) -> Node:
    node, problems = parse_condition(text, PLACE)
    assert node is not None, problems
    return node


DEFINED_AT = Place(file="rules/definitions.yaml", line=2, column=9)


def definition(text: str) -> Node:
    node, problems = parse_condition(text, DEFINED_AT)
    assert node is not None, problems
    return node


SCOPE = Scope(
    schema=SCHEMA,
    values={
        "spent": definition("sum(order_placed.total)"),
        "open_tickets": definition("open(ticket_opened, ticket_resolved, by: ticket_id)"),
        "chicken": definition("egg + 1"),
        "egg": definition("chicken + 1"),
    },
    segments={
        "vip": definition("spent >= 10000 and count(order_placed) >= 3"),
        "rich": definition("spent > 5000"),
        "poor": definition("spent < 100"),
    },
    lists={"features": ("boards", "forms", "api")},
    has_accounts=True,
    entry=ORDER,
    event={"region": prop(Kind.TEXT), "feature": prop(Kind.TEXT)},
    allow=frozenset({"threshold"}),
)


def check(text: str, scope: Scope = SCOPE, want: Kind | None = Kind.BOOLEAN) -> tuple[Checked | None, list[Problem]]:
    node, problems = parse_condition(text, PLACE)
    return (None, problems) if node is None else check_condition(node, scope, want=want)


# ---------------------------------------------------------------- one customer
@dataclass(frozen=True, slots=True)
class Happened:
    name: str
    #: Before NOW.
    ago: int
    properties: Mapping[str, object] = field(default_factory=dict)

    @property
    def at(self) -> int:
        return NOW - self.ago


@dataclass(slots=True, kw_only=True)
class View:
    """What a reading offers to a condition."""

    traits: dict[str, object] = field(default_factory=dict)
    history: list[Happened] = field(default_factory=list)
    at: int = NOW
    now: int = NOW
    zone: str = "Europe/Istanbul"
    event: Mapping[str, object] | None = None
    entry: Mapping[str, object] | None = None
    threshold: object = UNKNOWN
    arm: object = UNKNOWN
    milestone: object = UNKNOWN
    first_seen: object = UNKNOWN

    def trait(self, name: str) -> object:
        return self.traits.get(name, UNKNOWN)

    def note_midnight(self) -> None:
        """Nothing is watched here."""


class Scanner:
    """A binder that answers each question by scanning the whole history."""

    def __init__(self) -> None:
        self.facts: list[Fact] = []
        self.traits: list[str] = []

    def measure(self, name: str, kind: Kind) -> None:
        pass

    def trait(self, name: str) -> None:
        self.traits.append(name)

    def members(self, key: str, condition: Condition) -> None:
        pass

    def reader(
        self,
        fact: Fact,
        predicate: Callable[[Mapping[str, object]], object] | None,
        keys: tuple[Callable[[Any], object], ...],
    ) -> Callable[[Any], object]:
        self.facts.append(fact)

        def read(view: View) -> object:
            names = {fact.selector.event} if fact.selector else set(EVENTS)
            found = [one for one in view.history if one.name in names and _in_window(one, fact, view)]
            if predicate is not None:
                found = [one for one in found if predicate(one.properties) is True]
            if fact.selector:
                for name, key in zip(fact.selector.keyed_by, keys, strict=True):
                    wanted = key(view)
                    found = [one for one in found if one.properties.get(name) == wanted]
            return _answer(fact, sorted(found, key=lambda one: one.at), view)

        return read


def _in_window(one: Happened, fact: Fact, view: View) -> bool:
    end = (fact.ago or Span()).before(view.at, view.zone)
    return one.at <= end and (fact.window is None or one.at > fact.window.before(end, view.zone))


def _answer(fact: Fact, found: list[Happened], view: View) -> object:  # noqa: C901, PLR0912 - one case for each function
    values: list[Any] = [one.properties[fact.prop] for one in found if fact.prop and fact.prop in one.properties]
    match fact.function:
        case Function.COUNT:
            return len(found) if fact.enough is None else min(len(found), fact.enough)
        case Function.SUM:
            return sum(values, Decimal(0))
        case Function.AVERAGE:
            return Decimal(sum(values)) / len(values) if values else UNKNOWN
        case Function.MIN:
            return min(values, default=UNKNOWN)
        case Function.MAX:
            return max(values, default=UNKNOWN)
        case Function.DISTINCT:
            return len(set(values))
        case Function.TOP:
            return tuple(value for value, _ in Counter(values).most_common(fact.size))
        case Function.FIRST:
            return values[0] if values else UNKNOWN
        case Function.LAST:
            return values[-1] if values else UNKNOWN
        case Function.EVER | Function.NEVER:
            return bool(found) is (fact.function is Function.EVER)
        case Function.SINCE | Function.SILENT:
            return view.at - found[-1].at if found else UNKNOWN
        case Function.ACTIVE_DAYS:
            return len({local_day(one.at, view.zone) for one in found})
        case Function.OPEN:
            assert fact.closed_by is not None
            assert fact.by is not None
            closed = {one.properties[fact.by] for one in view.history if one.name == fact.closed_by.event}
            return len({one.properties[fact.by] for one in found} - closed)
        case Function.MISSING:
            return tuple(text for text in fact.of if text not in values)
        case Function.USUAL_INTERVAL:
            return (found[-1].at - found[0].at) // (len(found) - 1) if len(found) > 1 else UNKNOWN
        case Function.STREAK:
            return len({local_day(one.at, view.zone) for one in found})
        case _:
            return ()


def compiled(text: str, scope: Scope = SCOPE, want: Kind | None = Kind.BOOLEAN) -> Condition:
    checked, problems = check(text, scope, want)
    assert checked is not None, [str(problem) for problem in problems]
    return compile_condition(checked, Scanner())


def read(condition: Condition, view: View) -> object:
    return condition.evaluate(cast("Reading", view))


def holds(text: str, view: View, scope: Scope = SCOPE) -> object:
    return read(compiled(text, scope), view)


def value(text: str, view: View, scope: Scope = SCOPE) -> object:
    return read(compiled(text, scope, None), view)


def blamed(condition: Condition, view: View) -> Leaf | None:
    return condition.blame(cast("Reading", view))


def shown(leaf: Leaf, view: View) -> object:
    return leaf.value(cast("Reading", view))


def days(count: float) -> int:
    return int(count * DAY)
