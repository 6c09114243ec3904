"""Compiles the project's templates: what they ask of a customer is compiled like any rule's condition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from relight.base.problems import Problem
from relight.base.suggest import suggest_words
from relight.config.letter_expressions import CompiledExpressions
from relight.config.letter_facts import Missing, UsedLetters
from relight.config.models import ConfigModel
from relight.config.never_given import missing_data
from relight.config.sender_identity import identity_line
from relight.config.surveys import survey_scores
from relight.rules.definitions import Definitions
from relight.rules.step_parts import body_path
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
    #: What is read of an occasion that never gives it.
    missing: list[Missing] = field(default_factory=list)


def scan_all_letters(sources: Mapping[str, str], schema: Schema, definitions: Definitions) -> LetterScan:
    """Return what the templates hold; sources: path below templates/ -> text."""
    names = {*schema.traits, *definitions.values, *definitions.segments, *definitions.lists, *definitions.measures}
    properties = {name for event in schema.events.values() for name in event.properties}
    return scan_letters(sources, names=names, properties=properties)


def compile_all_letters(
    scan: LetterScan,
    asked: CompiledExpressions,
    *,
    used: UsedLetters,
    config: ConfigModel | None,
    lint: bool = True,
) -> CompiledLetters:
    """Return the compiled letters.

    Whatever a finding rests on beside these arguments must become part of the key of `relight.config.check_cache`.

    Args:
        scan: the templates.
        asked: what they ask of a customer.
        used: what rules do with them.
        config: None where it is damaged.
        lint: also render every letter for made-up customers and read it back.
    """
    expressions, kinds, schema = asked.conditions, asked.kinds, asked.schema
    problems_of_surveys = _survey_problems(scan, config)
    failed = {one.text for one in scan.expressions} - expressions.keys()
    problems = [*scan.problems, *problems_of_surveys]
    policy, traits = _render_policy(config), schema.traits
    compiled, found = compile_letters(scan, expressions=expressions, policy=policy, traits=traits)
    bodies = compile_bodies(scan, expressions=expressions, policy=policy, traits=traits)
    problems += found
    letters: dict[str, CompiledLetter | CompiledBody] = {
        **compiled,
        **{body_path(name): body for name, body in bodies.items()},
    }
    missing: list[Missing] = []
    if lint and config is not None and not failed and not any(p.severity == "error" for p in problems):
        properties = {name: kind.kind for event in schema.events.values() for name, kind in event.properties.items()}
        problems += lint_letters(scan, compiled, marketing=used.marketing, kinds=kinds, properties=properties)
        if not any(p.severity == "error" for p in problems):
            missing = missing_data(used.occasions, letters, kinds=kinds, properties=properties)
    return CompiledLetters(letters=letters, problems=problems, missing=missing)


def _survey_problems(scan: LetterScan, config: ConfigModel | None) -> list[Problem]:
    """Return the surveys that templates ask and the config lacks, or whose links would lead nowhere."""
    problems: list[Problem] = []
    if config is None:
        return problems
    for one in scan.confirms:
        if one.text not in config.topics:
            advice = suggest_words(one.text, config.topics)
            message = f"the config has no topic '{one.text}'"
            problems.append(Problem(code="unknown-topic", message=message, place=one.place, help=advice))
    for one in scan.surveys:
        if one.text not in config.surveys:
            advice = suggest_words(one.text, config.surveys)
            message = f"the config has no survey '{one.text}'"
            help_text = advice or f"write `surveys: {{{one.text}: {{scale: 1-5}}}}` in config/default.yaml"
            problems.append(Problem(code="unknown-survey", message=message, place=one.place, help=help_text))
        elif config.web is None:
            message = "a survey is answered by links, and the config has no `web` with a base_url for them"
            help_text = 'web: {base_url: "https://mail.shop.example", secret: "${RELIGHT_LINK_SECRET}"}'
            problems.append(Problem(code="no-survey-links", message=message, place=one.place, help=help_text))
    return problems


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
            "title": sender.title or "",
            "mersis": sender.mersis or "",
            "phone": sender.phone or "",
            "identity": identity_line(sender),
        },
        base_url=config.web.base_url.rstrip("/") if config.web else "",
        surveys=survey_scores(config),
    )
