"""The competition of a minute (G2).

All candidates of a customer run the gate in (priority, rule id, key) order, then take their places.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from relight.decide.entries import walk
from relight.decide.minutes import allowed_minute, judge_message
from relight.decide.standing import go_on, is_inside, priority_of, step_of

if TYPE_CHECKING:
    from relight.customers.profile import Entry
    from relight.decide.turn import Turn


def compete(turn: Turn, minute: int) -> None:
    """Run the gate over all candidates of one minute in (priority, rule id, key) order (G2)."""
    turn.closing = 1
    for entry in field_of(turn, minute):
        judge_candidate(turn, entry, minute)
    turn.closing = 0
    turn.moved = True


def judge_candidate(turn: Turn, entry: Entry, minute: int) -> None:
    """Run the gate over one candidate of a minute, unless it has gone meanwhile, and let its entry walk on."""
    if not is_inside(entry) or entry.candidate is None:
        return
    step = step_of(turn, entry)
    assert step is not None
    if judge_message(turn, entry, step, born=entry.candidate.born, scheduled=minute) and is_inside(entry):
        entry.candidate = None
        go_on(entry, minute)
        entry.step = step.next
        walk(turn, entry, minute)


def rank_of(turn: Turn, entry: Entry) -> tuple[int, str, str]:
    """Return the place of a candidate among those of its minute: priority, rule id, key (G2)."""
    return (-priority_of(turn, entry), entry.rule, entry.occurrence)


def _may_leave(turn: Turn, entry: Entry, ready: int, minute: int) -> bool:
    """Return whether a held message may leave at another one's minute: its step may have a time of its own (G1)."""
    return ready <= minute and allowed_minute(turn, minute, step_of(turn, entry)) == minute


def field_of(turn: Turn, minute: int) -> list[Entry]:
    """Return the candidates of a minute; with arbitration also the held ones that rank before one of them."""
    rank = partial(rank_of, turn)
    waiting = [e for e in turn.profile.entries if e.candidate is not None]
    due = [e for e in waiting if e.candidate and e.candidate.scheduled == minute]
    if turn.plan.policy.arbitration and due:
        last = max(rank(e) for e in due)
        held = [e for e in waiting if e.candidate and e.candidate.scheduled == e.candidate.first > minute]
        due += [e for e in held if rank(e) < last and e.candidate and _may_leave(turn, e, e.candidate.ready, minute)]
    return sorted(due, key=rank)
