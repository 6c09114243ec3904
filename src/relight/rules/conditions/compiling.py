"""Turns typed conditions and patterns into the plan's own: what `decide` calls and `explain` asks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from relight.base.kinds import Kind
from relight.customers.facts import Fact, Function
from relight.rules.conditions.checked import (
    Checked,
    CheckedPattern,
    ComparisonOf,
    Constant,
    FactRead,
    MembersRead,
    TraitRead,
    ViewRead,
    walk_parts,
)
from relight.rules.conditions.evaluate import Binder, Compiler
from relight.rules.conditions.explain import explain_condition
from relight.rules.conditions.own_source import own_source
from relight.rules.conditions.types import CLOCK
from relight.rules.plan import Condition, EventMatch

if TYPE_CHECKING:
    from relight.customers.reading import Reading
    from relight.rules.compiled import Leaf

#: Questions that read all activity where they name no event.
_OF_ACTIVITY = frozenset({Function.SILENT, Function.ACTIVE_DAYS, Function.STREAK})
#: Questions that list global events, and the word in the names of those.
_NEWS = {Function.RELEASES: "release", Function.INCIDENTS: "incident"}
#: Questions about events in a window, which change by time alone when one leaves it or comes into it, never else.
_OF_WINDOWS = frozenset({
    Function.COUNT, Function.EVER, Function.NEVER, Function.SUM, Function.AVERAGE, Function.MIN, Function.MAX,
    Function.DISTINCT, Function.TOP, Function.MISSING, Function.LAST, Function.FIRST,
})  # fmt: skip


def compile_condition(checked: Checked, binder: Binder) -> Condition:
    """Return the compiled condition or expression; the binder is told every trait and fact it reads."""
    compiler = Compiler(binder)
    parts = tuple(walk_parts(checked))
    facts = [part.fact for part in parts if isinstance(part, FactRead)]
    counted = {part.key: part for part in parts if isinstance(part, MembersRead)}
    of_members = {key: compile_condition(part.inner, binder) for key, part in counted.items()}
    for key, condition in of_members.items():
        binder.members(key, condition)
    explained = explain_condition(checked, compiler) if checked.type.kind is Kind.BOOLEAN else None
    return Condition(
        text=checked.text,
        place=checked.place,
        evaluate=compiler.compile(checked) if explained is None else explained.evaluate,
        leaves=() if explained is None else explained.leaves,
        blame=_blames_nothing if explained is None else explained.why_not,
        traits=frozenset(part.name for part in parts if isinstance(part, TraitRead)),
        events=frozenset(_events(facts)),
        reads_activity=any(fact.function in _OF_ACTIVITY and fact.selector is None for fact in facts),
        news=frozenset(_NEWS[fact.function] for fact in facts if fact.function in _NEWS),
        reads_time=any(_is_moved_by_time(part) for part in parts),
        notes_changes=not counted and all(_notes_changes(part) for part in parts),
        clocks=tuple(sorted({minute for part in parts for minute in _clocks(part)})),
        members=tuple(of_members),
        within=tuple(leaf.test for condition in of_members.values() for leaf in condition.leaves),
    )


def _blames_nothing(_reading: Reading) -> Leaf | None:
    return None


def _is_moved_by_time(part: Checked) -> bool:
    if isinstance(part, FactRead):
        return part.fact.function in {Function.SINCE, Function.SILENT}
    return isinstance(part, ViewRead) and part.name in {"now", "today", "local_time"}


def _notes_changes(part: Checked) -> bool:
    if not isinstance(part, FactRead):
        return not _is_moved_by_time(part)
    spans = (part.fact.window, part.fact.ago)
    return part.fact.function in _OF_WINDOWS and not any(span is not None and span.is_calendar for span in spans)


def _clocks(part: Checked) -> Iterator[int]:
    if isinstance(part, Constant) and part.type == CLOCK:
        yield part.value
    elif isinstance(part, ComparisonOf) and part.left.type == CLOCK and isinstance(part.right, Constant):
        values = part.right.value if isinstance(part.right.value, tuple) else (part.right.value,)
        yield from (value for value in values if isinstance(value, int))


def _events(facts: Iterable[Fact]) -> Iterator[str]:
    for fact in facts:
        for selector in (fact.selector, fact.closed_by):
            if selector is not None:
                yield selector.event


def compile_event_pattern(checked: CheckedPattern, binder: Binder) -> EventMatch:
    """Return the compiled pattern; its `where` reads the event's own properties as `reading.event`."""
    where = None if checked.where is None else compile_condition(checked.where, binder)
    own = None if checked.where is None else own_source(checked.where)
    return EventMatch(event=checked.event, where=where, compares=checked.compares, own=own)
