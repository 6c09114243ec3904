"""What rules do with letters: which are marketing, and on which occasions each is written. Reads no template."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from relight.base.kinds import Kind
from relight.base.problems import Problem
from relight.config.letter_facts import Missing, Occasion, UsedLetters
from relight.rules.plan import (
    MESSAGE_KINDS,
    EventTrigger,
    GlobalTrigger,
    InactiveTrigger,
    MessageClass,
    MilestoneTrigger,
    ReleasedTrigger,
    Rule,
    Step,
    StepKind,
)
from relight.rules.step_parts import body_path
from relight.streams.schema import Schema

#: Name that a template reads -> what gives it.
GIVEN_BY = {
    "milestone": "only a `milestone` trigger gives it",
    "threshold": "only an `inactive` trigger gives it",
    "arm": "only a `split` among the rule's steps gives it",
    "entry": "it is no property of the event that starts this rule",
    "event": "it is no property of the event that starts this rule",
    "request": "only a `released` trigger gives it",
    "release": "only a `released` or `global` trigger gives it",
}


def used_letters(rules: Mapping[str, Rule], schema: Schema) -> UsedLetters:
    """Return what rules do with letters, sorted, each thing once; rules: compiled."""
    marketing = {
        step.template
        for rule in rules.values()
        if rule.message_class is MessageClass.MARKETING
        for step in rule.program.steps.values()
        if step.kind is StepKind.SEND and step.template is not None
    }
    occasions = {occasion for _, _, occasion in _uses(rules, schema)}
    return UsedLetters(marketing=tuple(sorted(marketing)), occasions=tuple(sorted(occasions)))


def never_given(rules: Mapping[str, Rule], schema: Schema, missing: list[Missing]) -> Iterator[Problem]:
    """Yield a warning for each step whose letter reads what its rule never gives.

    Args:
        rules: compiled.
        schema: the declared events.
        missing: what letters miss on the occasions of these rules.
    """
    found = {one.occasion: one for one in missing}
    for rule, step, occasion in _uses(rules, schema) if found else ():
        if occasion in found:
            yield _problem(rule, step, found[occasion])


def _uses(rules: Mapping[str, Rule], schema: Schema) -> Iterator[tuple[Rule, Step, Occasion]]:
    for rule in rules.values():
        given = None
        for step in rule.program.steps.values():
            if step.kind in MESSAGE_KINDS:
                entry, release, names = given = given or _occasion_of(rule, schema)
                name = step.template or ""
                letter = body_path(name) if step.kind is StepKind.WEBHOOK else name
                yield rule, step, Occasion(letter=letter, entry=entry, release=release, names=names)


def _occasion_of(rule: Rule, schema: Schema) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Return properties of the event, properties of the release or incident, and the other names that a rule gives."""
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
    return tuple(entry), tuple(release), tuple(sorted(names))


def _properties(schema: Schema, *events: str) -> dict[str, Kind]:
    return {
        name: declared.kind
        for event in events
        if event in schema.events
        for name, declared in schema.events[event].properties.items()
    }


def _problem(rule: Rule, step: Step, found: Missing) -> Problem:
    message = (
        f"rule '{rule.id}' never gives '{found.what}', which {found.file}:{found.line} reads: "
        "this message would be kept back for everybody (missing_data)"
    )
    return Problem(
        code="never-given",
        message=message,
        place=step.place,
        severity="warning",
        help=f"{GIVEN_BY[root_of(found.what)]}; ask `is known` first in the template, or send another one",
    )


def root_of(what: str) -> str:
    """Return the first name of what a template reads: `event` of `event.total`."""
    return what.partition(".")[0]
