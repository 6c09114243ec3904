"""Where an entry stands: its rule, its step, whether it still lives. Shared by everything that moves entries."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from relight.decide.entry_life import EntryState
from relight.rules.plan import PRIORITY_DEFAULT, StepKind

if TYPE_CHECKING:
    from relight.customers.profile import Entry, Trace
    from relight.decide.turn import Turn
    from relight.rules.plan import Rule, Step


def rule_of(turn: Turn, entry: Entry) -> Rule:
    """Return the rule an entry is in, in the version in force."""
    return turn.plan.rules[entry.rule]


def step_of(turn: Turn, entry: Entry) -> Step | None:
    """Return the step an entry is at; None when it has ended."""
    return None if entry.step is None else rule_of(turn, entry).program.steps[entry.step]


def priority_of(turn: Turn, entry: Entry) -> int:
    """Return the priority of an entry's rule."""
    rule = turn.plan.rules.get(entry.rule)
    return rule.priority if rule else PRIORITY_DEFAULT


def state_of(turn: Turn, entry: Entry) -> EntryState:
    """Return where an entry stands in the table of its life."""
    step = step_of(turn, entry)
    if step is None:
        return EntryState.ENDED
    if entry.candidate is not None:
        return EntryState.CANDIDATE
    waiting = {StepKind.WAIT: EntryState.WAITING, StepKind.WAIT_FOR: EntryState.AWAITING}
    return waiting.get(step.kind, EntryState.RUNNING)


def drop_entry(turn: Turn, entry: Entry) -> None:
    """Take an entry out of the profile: it has ended."""
    turn.profile.entries = [e for e in turn.profile.entries if e is not entry]
    entry.step = None
    entry.candidate = None


def go_on(entry: Entry, instant: int) -> None:
    """Enter the next step at an instant (µs). The first wait_for still looks back to the entry's trigger (E3)."""
    entry.entered = instant
    entry.floor = None
    if entry.has_awaited:
        entry.since = instant


def is_inside(entry: Entry) -> bool:
    """Return whether the entry still lives: `drop_entry` takes its step away."""
    return entry.step is not None


def first_trace_after(turn: Turn, instant: int) -> int:
    """Return the place in the trail of the first event later than an instant (µs)."""
    return bisect_right(turn.profile.trail, instant, key=_when)


def _when(trace: Trace) -> int:
    return trace.event_time
