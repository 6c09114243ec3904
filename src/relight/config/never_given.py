"""What a rule's letters read of its occasion and never get: such a mail would be kept back for everybody.

Each letter is rendered for somebody made up of whom everything is known that this rule can know.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from relight.base.kinds import UNKNOWN, Kind
from relight.base.problems import Problem
from relight.rules.plan import (
    MESSAGE_KINDS,
    EventTrigger,
    GlobalTrigger,
    InactiveTrigger,
    MilestoneTrigger,
    ReleasedTrigger,
    StepKind,
)
from relight.rules.step_parts import body_path
from relight.templates import CompiledBody, CompiledLetter, RenderRefusal, sample_letter

if TYPE_CHECKING:
    from relight.rules.plan import Rule, Step
    from relight.streams.schema import Schema

#: Name that a template reads -> what gives it.
_GIVEN_BY = {
    "milestone": "only a `milestone` trigger gives it",
    "threshold": "only an `inactive` trigger gives it",
    "arm": "only a `split` among the rule's steps gives it",
    "entry": "it is no property of the event that starts this rule",
    "event": "it is no property of the event that starts this rule",
    "request": "only a `released` trigger gives it",
    "release": "only a `released` or `global` trigger gives it",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Occasion:
    """What one rule can give its letters."""

    #: Properties of the event that made the entry, and of the release or incident.
    entry: Mapping[str, Kind]
    release: Mapping[str, Kind]
    names: frozenset[str]


def never_given(
    rules: Mapping[str, Rule],
    letters: Mapping[str, CompiledLetter | CompiledBody],
    schema: Schema,
    *,
    kinds: Mapping[str, Kind],
    properties: Mapping[str, Kind],
) -> Iterator[Problem]:
    """Yield a warning for each step whose letter reads what its rule never gives.

    Args:
        rules: compiled.
        letters: compiled, by name; bodies of web requests by path.
        schema: the declared events.
        kinds: expression text -> kind of its value.
        properties: property of any event -> its kind.
    """
    for rule in rules.values():
        occasion = _occasion_of(rule, schema)
        for step in rule.program.steps.values():
            name = step.template or ""
            letter = letters.get(body_path(name) if step.kind is StepKind.WEBHOOK else name)
            if step.kind in MESSAGE_KINDS and letter is not None:
                found = _first_missing(letter, step, occasion, kinds, properties)
                if found is not None:
                    yield _problem(rule, step, found)


def _occasion_of(rule: Rule, schema: Schema) -> _Occasion:
    entry: Mapping[str, Kind] = {}
    release: Mapping[str, Kind] = {}
    names: set[str] = set()
    match rule.trigger:
        case EventTrigger(match=match):
            entry = _properties(schema, match.event)
        case MilestoneTrigger(match=match):
            names.add("milestone")
            # Of a value: whichever event changed it.
            entry = _properties(schema, *((match.event,) if match else schema.events))
        case GlobalTrigger(event=name):
            entry = release = _properties(schema, name)
        case ReleasedTrigger(asked=asked, shipped=shipped):
            entry, release = _properties(schema, asked.event), _properties(schema, shipped)
        case InactiveTrigger():
            names.add("threshold")
        case _:
            pass
    steps = rule.program.steps.values()
    if any(step.kind is StepKind.SPLIT for step in steps):
        names.add("arm")
    if any(step.code is not None for step in steps):
        entry = {**entry, "code": Kind.TEXT}
    return _Occasion(entry=entry, release=release, names=frozenset(names))


def _properties(schema: Schema, *events: str) -> dict[str, Kind]:
    return {
        name: declared.kind
        for event in events
        if event in schema.events
        for name, declared in schema.events[event].properties.items()
    }


def _first_missing(
    letter: CompiledLetter | CompiledBody,
    step: Step,
    occasion: _Occasion,
    kinds: Mapping[str, Kind],
    properties: Mapping[str, Kind],
) -> RenderRefusal | None:
    """Return why a letter is not rendered for want of what the rule never gives; None where nothing is wanting."""
    asked = letter.letter if isinstance(letter, CompiledBody) else letter
    for language in letter.variants:
        sample = next(sample_letter(asked, language or asked.policy.locale, kinds=kinds, properties=properties))
        known = sample.reading.properties
        entry = {name: known[name] for name in occasion.entry}
        release = {name: known[name] for name in occasion.release}
        reading = replace(
            sample.reading,
            properties=entry,
            milestone=sample.reading.milestone if "milestone" in occasion.names else UNKNOWN,
        )
        extra = {k: v for k, v in sample.extra.items() if k not in {"threshold", "milestone", "arm"} - occasion.names}
        extra |= {"event": release or entry, "request": entry, "release": release}
        if "arm" in occasion.names:
            extra["arm"] = "a"
        shown = replace(letter, letter=sample.letter) if isinstance(letter, CompiledBody) else sample.letter
        made = shown.render(reading, extra)
        if isinstance(made, RenderRefusal) and made.reason == "missing_data" and _root(made) in _GIVEN_BY:
            return made
    return None


def _root(refusal: RenderRefusal) -> str:
    return refusal.what.partition(".")[0]


def _problem(rule: Rule, step: Step, found: RenderRefusal) -> Problem:
    message = (
        f"rule '{rule.id}' never gives '{found.what}', which {found.file}:{found.line} reads: "
        "this message would be kept back for everybody (missing_data)"
    )
    return Problem(
        code="never-given",
        message=message,
        place=step.place,
        severity="warning",
        help=f"{_GIVEN_BY[_root(found)]}; ask `is known` first in the template, or send another one",
    )
