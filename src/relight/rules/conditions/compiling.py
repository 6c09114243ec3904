"""Turns typed conditions and patterns into the plan's own: what `decide` calls and `explain` asks."""

from __future__ import annotations

from collections.abc import Iterator

from relight.base.kinds import Kind
from relight.rules.conditions.checked import (
    Checked,
    CheckedPattern,
    FactRead,
    TraitRead,
    walk_parts,
)
from relight.rules.conditions.evaluate import Binder, Compiler
from relight.rules.conditions.explain import explain_condition
from relight.rules.plan import Condition, EventMatch


def compile_condition(checked: Checked, binder: Binder) -> Condition:
    """Return the compiled condition or expression; the binder is told every trait and fact it reads."""
    compiler = Compiler(binder)
    traits = frozenset(part.name for part in walk_parts(checked) if isinstance(part, TraitRead))
    events = frozenset(_events(checked))
    if checked.type.kind is not Kind.BOOLEAN:
        return Condition(
            text=checked.text,
            place=checked.place,
            evaluate=compiler.compile(checked),
            traits=traits,
            events=events,
        )
    explained = explain_condition(checked, compiler)
    return Condition(
        text=checked.text,
        place=checked.place,
        evaluate=explained.evaluate,
        leaves=explained.leaves,
        blame=explained.why_not,
        traits=traits,
        events=events,
    )


def _events(checked: Checked) -> Iterator[str]:
    for part in walk_parts(checked):
        if isinstance(part, FactRead):
            for selector in (part.fact.selector, part.fact.closed_by):
                if selector is not None:
                    yield selector.event


def compile_event_pattern(checked: CheckedPattern, binder: Binder) -> EventMatch:
    """Return the compiled pattern; its `where` reads the event's own properties as `reading.event`."""
    where = None if checked.where is None else compile_condition(checked.where, binder)
    return EventMatch(event=checked.event, where=where, compares=checked.compares)
