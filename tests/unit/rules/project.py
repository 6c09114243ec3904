"""A small schema for the tests of rules, and rules compiled from plain values without any file."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from relight.base.kinds import Kind
from relight.base.problems import Place, Problem
from relight.customers.layout import Layout, LayoutBuilder
from relight.rules.compile import RuleSource, Surroundings, compile_rules, slack_of
from relight.rules.definitions import read_definitions
from relight.rules.models import DefinitionsModel, RuleModel
from relight.rules.plan import MessageClass, Rule
from relight.rules.step_parts import Outside
from relight.rules.texts import Path
from relight.streams.schema import EventType, PropertyType, Schema


def event(name: str, *, activity: bool = True, is_global: bool = False, **properties: Kind) -> EventType:
    types = {key: PropertyType(kind=kind) for key, kind in properties.items()}
    return EventType(name=name, streams=("shop",), properties=types, activity=activity, is_global=is_global)


EVENTS = (
    event("signed_up"),
    event("order_placed", order_id=Kind.TEXT, total=Kind.MONEY, items=Kind.INTEGER),
    event("order_refunded", activity=False, order_id=Kind.TEXT),
    event("session_started"),
    event("feature_requested", activity=False, feature=Kind.TEXT),
    event("feature_used", feature=Kind.TEXT),
    event("feature_released", is_global=True, feature=Kind.TEXT, region=Kind.TEXT),
)
TRAITS = {
    "email": Kind.EMAIL,
    "plan": Kind.TEXT,
    "region": Kind.TEXT,
    "trial_ends_at": Kind.TIME,
    "birthday": Kind.DATE,
}
SCHEMA = Schema(
    events={one.name: one for one in EVENTS},
    traits={name: PropertyType(kind=kind) for name, kind in TRAITS.items()},
)
DEFINITIONS = {
    "values": {"spent": "sum(order_placed.total)", "recent": "sum(order_placed.total, 30 days)"},
    "segments": {"vip": "spent >= 1000"},
}


def place_of(path: Path, *, key: bool = False) -> Place:
    return Place(file="/".join(str(part) for part in path) or "top")


def surroundings() -> Surroundings:
    definitions, problems = read_definitions(DefinitionsModel.model_validate(DEFINITIONS), place_of, SCHEMA)
    assert problems == []
    return Surroundings(
        schema=SCHEMA,
        definitions=definitions,
        topics=frozenset({"news", "offers"}),
        class_topics={MessageClass.MARKETING: "news"},
        holdout=Decimal("0.05"),
        zone="Europe/Istanbul",
        outside=Outside(
            templates=frozenset({"nudge", "other/one"}),
            bodies=frozenset({"chat/new", "chat"}),
            alerts={"support": "support@shop.example"},
            webhooks=frozenset({"chat"}),
        ),
    )


def compile_one(written: dict[str, Any], **around: Any) -> tuple[Rule | None, list[Problem], Layout]:
    """Return a rule made from the values of its file, its problems, and what profiles keep for it."""
    if not {"send", "steps"} & written.keys():
        written = {**written, "send": "nudge"}
    source = RuleSource(id="example", model=RuleModel.model_validate(written), place_of=place_of)
    builder = LayoutBuilder(SCHEMA, slack=slack_of([source]))
    rules, problems, _ = compile_rules([source], replace(surroundings(), **around), builder)
    return rules.get("example"), problems, builder.build()


def sound(written: dict[str, Any], **around: Any) -> Rule:
    rule, problems, _ = compile_one(written, **around)
    assert problems == []
    assert rule is not None
    return rule


def told(written: dict[str, Any], **around: Any) -> list[tuple[str, str]]:
    """Return (place, code) of each problem."""
    _, problems, _ = compile_one(written, **around)
    return [(problem.place.file, problem.code) for problem in problems]
