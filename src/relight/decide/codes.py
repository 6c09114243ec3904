"""The code of a mail, once sending has drawn it (S6): what `entry.code` reads from then on.

Nothing is drawn here: the record says what was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from relight.decide.entries import exit_by_trace, walk
from relight.decide.standing import first_trace_after, is_inside, step_of
from relight.rules.plan import StepKind

if TYPE_CHECKING:
    from relight.customers.profile import Entry
    from relight.decide.turn import Turn
    from relight.streams.envelope import Control


def note_code(turn: Turn, control: Control) -> None:
    """Note the code in the entry whose mail it was drawn for, and look back: it may have been redeemed before this."""
    code = control.detail.get("code")
    for entry in sorted(turn.profile.entries, key=lambda e: (e.rule, e.occurrence)):
        if code is not None and any(
            turn.key_of(entry.rule, entry.occurrence, s) == control.subject for s in entry.sent
        ):
            entry.code = str(code)
            _look_back(turn, entry)


def _look_back(turn: Turn, entry: Entry) -> None:
    """Let exits, the goal and a wait_for see what arrived while the code was not known here yet (E3)."""
    for trace in turn.profile.trail[first_trace_after(turn, entry.anchor) :]:
        if exit_by_trace(turn, entry, trace):
            return
    step = step_of(turn, entry)
    if is_inside(entry) and step is not None and step.kind is StepKind.WAIT_FOR:
        walk(turn, entry, turn.now)
