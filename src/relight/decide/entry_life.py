"""The life of an entry as one table: state × cause → state (E2). A missing key is a move that cannot happen.

The diagram in docs/entry-life.md is drawn from this table. Mails, web requests and alerts are one thing here: messages.
"""

from __future__ import annotations

from enum import StrEnum


class EntryState(StrEnum):
    """Where an entry stands."""

    #: Walking its steps at one instant.
    RUNNING = "running"
    #: A message waits in its send step for its minute.
    CANDIDATE = "candidate"
    #: A wait runs to its deadline.
    WAITING = "waiting"
    #: A wait_for waits for its event or its time-out.
    AWAITING = "awaiting"
    ENDED = "ended"


class EntryCause(StrEnum):
    """What moves it."""

    REACHED_SEND = "reached_send"
    REACHED_WAIT = "reached_wait"
    REACHED_WAIT_FOR = "reached_wait_for"
    #: branch, split, set, and messages that go at once: transactional ones and alerts.
    WALKED = "walked"
    LAST_STEP = "last_step"
    #: The gate ran; a refused message ends nothing.
    GATE = "gate"
    #: No room in the caps: it waits for another minute.
    CAPPED = "capped"
    #: Quiet hours, a zone or a gap moved its minute.
    MOVED = "moved"
    DEADLINE = "deadline"
    MATCHED = "matched"
    #: Its step stands in the new version of the plan, or the next one that does.
    EDITED = "edited"
    EXIT = "exit"
    GOAL = "goal_met"
    GROUP = "group"
    REMOVED = "rule_removed"
    EXPIRED = "expired"


_R, _C, _W, _A, _E = EntryState
_ENDS = dict.fromkeys((EntryCause.EXIT, EntryCause.GOAL, EntryCause.GROUP, EntryCause.REMOVED), _E)

TRANSITIONS: dict[EntryState, dict[EntryCause, EntryState]] = {
    _R: {
        EntryCause.REACHED_SEND: _C,
        EntryCause.REACHED_WAIT: _W,
        EntryCause.REACHED_WAIT_FOR: _A,
        EntryCause.WALKED: _R,
        EntryCause.LAST_STEP: _E,
        **_ENDS,
    },
    _C: {EntryCause.GATE: _R, EntryCause.CAPPED: _C, EntryCause.MOVED: _C, EntryCause.EDITED: _R, **_ENDS},
    _W: {EntryCause.DEADLINE: _R, EntryCause.EDITED: _R, EntryCause.EXPIRED: _E, **_ENDS},
    _A: {
        EntryCause.MATCHED: _R,
        EntryCause.DEADLINE: _R,
        EntryCause.EDITED: _R,
        EntryCause.EXPIRED: _E,
        **_ENDS,
    },
    _E: {},
}


def next_state(state: EntryState, cause: EntryCause) -> EntryState:
    """Return the state after a cause. Raises ValueError for a move that the table does not have."""
    try:
        return TRANSITIONS[state][cause]
    except KeyError:
        message = f"an entry that is {state} cannot be moved by {cause}"
        raise ValueError(message) from None


def draw_entry_life() -> str:
    """Return the table as a diagram in text, for docs/entry-life.md.

    Under each state, causes -> the state they lead to.
    """
    lines = ["(new)", f"  └─> {EntryState.RUNNING}"]
    for state, moves in TRANSITIONS.items():
        if not moves:
            continue
        by_target: dict[EntryState, list[str]] = {}
        for cause, target in moves.items():
            by_target.setdefault(target, []).append(cause)
        shown = {target: ", ".join(causes) for target, causes in by_target.items()}
        width = max(len(text) for text in shown.values())
        lines += ["", str(state)]
        for number, (target, text) in enumerate(shown.items(), start=1):
            corner = "└─" if number == len(shown) else "├─"
            lines.append(f"  {corner} {text:<{width}} ─> {target}")
    return "\n".join(lines) + "\n"
