"""Compiles the project's templates: what they ask of a customer is compiled like any rule's condition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from relight.base.kinds import Kind
from relight.base.problems import Problem
from relight.config.models import ConfigModel
from relight.rules.conditions import compile_condition
from relight.rules.definitions import Definitions
from relight.rules.plan import Condition, MessageClass, Rule, StepKind
from relight.rules.step_parts import body_path
from relight.rules.texts import Texts
from relight.streams.schema import Schema
from relight.templates import (
    CompiledBody,
    CompiledLetter,
    LetterScan,
    RenderPolicy,
    compile_bodies,
    compile_letters,
    lint_letters,
    scan_letters,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledLetters:
    """The templates by name, and what is wrong with them."""

    letters: Mapping[str, CompiledLetter | CompiledBody] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def scan_all_letters(sources: Mapping[str, str], schema: Schema, definitions: Definitions) -> LetterScan:
    """Return what the templates hold; sources: path below templates/ -> text."""
    names = {*schema.traits, *definitions.values, *definitions.segments, *definitions.lists}
    properties = {name for event in schema.events.values() for name in event.properties}
    return scan_letters(sources, names=names, properties=properties)


def compile_all_letters(
    scan: LetterScan, texts: Texts, *, rules: Mapping[str, Rule], config: ConfigModel | None, lint: bool = True
) -> CompiledLetters:
    """Return the compiled letters; mistakes in what they ask of a customer go to the texts.

    lint: also render every letter for made-up customers and read it back.
    """
    expressions: dict[str, Condition] = {}
    kinds: dict[str, Kind] = {}
    for one in scan.expressions:
        if one.text in expressions:
            continue
        checked = texts.check(one.text, one.place, want=None)
        if checked is not None:
            expressions[one.text] = compile_condition(checked, texts.binder)
            kinds[one.text] = checked.type.kind
    failed = {one.text for one in scan.expressions} - expressions.keys()
    problems = list(scan.problems)
    policy, traits = _render_policy(config), texts.scope.schema.traits
    letters, found = compile_letters(scan, expressions=expressions, policy=policy, traits=traits)
    bodies = compile_bodies(scan, expressions=expressions, policy=policy, traits=traits)
    problems += found
    if lint and config is not None and not failed and not any(p.severity == "error" for p in problems):
        schema = texts.scope.schema
        properties = {name: kind.kind for event in schema.events.values() for name, kind in event.properties.items()}
        marketing = {
            step.template
            for rule in rules.values()
            if rule.message_class is MessageClass.MARKETING
            for step in rule.program.steps.values()
            if step.kind is StepKind.SEND and step.template is not None
        }
        problems += lint_letters(scan, letters, marketing=marketing, kinds=kinds, properties=properties)
    return CompiledLetters(
        letters={**letters, **{body_path(name): body for name, body in bodies.items()}}, problems=problems
    )


def _render_policy(config: ConfigModel | None) -> RenderPolicy:
    if config is None:
        return RenderPolicy()
    project, sender = config.project, config.sender
    return RenderPolicy(
        project=project.name,
        zone=project.zone,
        locale=project.locale,
        currency=project.currency,
        sender={
            "name": sender.name,
            "address": sender.address,
            "reply_to": sender.reply_to or sender.address,
            "postal_address": sender.postal_address,
        },
        base_url=config.web.base_url.rstrip("/") if config.web else "",
    )
