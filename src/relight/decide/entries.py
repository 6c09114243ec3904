"""The life of an entry (E2, E3): exits, the goal, and walking its steps until one has to wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relight.decide.entry_life import EntryCause, next_state
from relight.decide.minutes import judge_message, make_candidate
from relight.decide.set_traits import set_trait
from relight.decide.standing import drop_entry, first_trace_after, go_on, is_inside, rule_of, state_of, step_of
from relight.decide.waits import wait_deadline
from relight.messages.reasons import Reason, RowState
from relight.rules.plan import MESSAGE_KINDS, MessageClass, StepKind, message_class_of, split_subject

if TYPE_CHECKING:
    from relight.customers.profile import Entry, Order, Trace
    from relight.decide.turn import Turn
    from relight.rules.plan import EventMatch, Step
    from relight.streams.envelope import Event

#: Steps one entry may take at one instant; a loop of steps cannot be written, so this is our own mistake.
STEPS_AT_ONCE_MAX = 10_000


def leave_entry(
    turn: Turn, entry: Entry, reason: Reason, instant: int, *, why: tuple[str | None, str | None] = (None, None)
) -> None:
    """End an entry with its reason and row; why: the comparison that decided, and its value."""
    next_state(state_of(turn, entry), EntryCause(reason.value))
    turn.write_row(
        entry.rule,
        entry.occurrence,
        entry.step or "",
        RowState.ENDED,
        reason=reason,
        instant=instant,
        leaf=why[0],
        number=why[1],
    )
    drop_entry(turn, entry)


# ---------------------------------------------------------------- exits and the goal (E3)
def matches(turn: Turn, entry: Entry, match: EventMatch, name: str, properties: dict[str, object]) -> bool:
    """Return whether an event of this name and properties matches the pattern for an entry."""
    if match.event != name:
        return False
    return match.where is None or match.where.evaluate(turn.reading(entry=entry, event=properties)) is True


def exit_by_event(turn: Turn, entry: Entry, event: Event) -> bool:
    """End the entry if a record is an exit or the goal; return whether it ended."""
    return _exit_by(turn, entry, event.order, event.name, event.properties)


def exit_by_trace(turn: Turn, entry: Entry, trace: Trace) -> bool:
    """The same for an event that arrived before the entry was made."""
    return _exit_by(turn, entry, trace.order, trace.name, trace.properties)


def _exit_by(turn: Turn, entry: Entry, order: Order, name: str, properties: dict[str, object]) -> bool:
    if order[0] <= entry.anchor or order[1:] == (entry.trigger_stream, entry.trigger_id):
        return False
    rule = rule_of(turn, entry)
    for match in rule.exits_on:
        if matches(turn, entry, match, name, properties):
            leave_entry(turn, entry, Reason.EXIT, turn.now, why=(name, None))
            return True
    goal = rule.goal
    in_time = goal is not None and (goal.attribution is None or order[0] <= entry.start + goal.attribution)
    if goal is not None and in_time and matches(turn, entry, goal.match, name, properties):
        leave_entry(turn, entry, Reason.GOAL_MET, turn.now, why=(name, None))
        return True
    return False


def exit_by_condition(turn: Turn, entry: Entry) -> bool:
    """End the entry if one of its exit conditions holds now; return whether it ended."""
    exits = rule_of(turn, entry).exits_when
    if exits:
        reading = turn.reading(entry=entry)
        for condition in exits:
            if condition.evaluate(reading) is True:
                leave_entry(turn, entry, Reason.EXIT, turn.now, why=(condition.text, None))
                return True
    return False


# ---------------------------------------------------------------- walking
def walk(turn: Turn, entry: Entry, as_of: int) -> None:
    """Take steps until one has to wait, or the entry ends. as_of: the instant whose view branches read (µs)."""
    turn.moved = True
    for _ in range(STEPS_AT_ONCE_MAX):
        step = step_of(turn, entry)
        if step is None or step.kind is StepKind.STOP:
            drop_entry(turn, entry)
            return
        if step.kind is StepKind.WAIT:
            return
        if step.kind is StepKind.WAIT_FOR:
            seen = _awaited(turn, entry, step)
            if seen is None:
                return
            _meet(turn, entry, step, seen.event_time)
            as_of = turn.now
        elif step.kind not in MESSAGE_KINDS:
            entry.step = _passed_by(turn, entry, step, as_of)
        elif step.id in entry.sent:
            entry.step = step.next
        elif message_class_of(rule_of(turn, entry), step) is MessageClass.MARKETING:
            make_candidate(turn, entry, step)
            return
        elif _send_at_once(turn, entry, step):
            return
    message = f"rule {entry.rule!r} takes more than {STEPS_AT_ONCE_MAX} steps at once"
    raise AssertionError(message)


def _passed_by(turn: Turn, entry: Entry, step: Step, as_of: int) -> str | None:
    """Carry out a step that takes no time, and return the next one."""
    if step.kind is StepKind.SPLIT:
        entry.arm, following = _drawn_arm(turn, entry, step)
        return following
    if step.kind is StepKind.SET:
        set_trait(turn, entry, step)
        return step.next
    return _chosen_arm(turn, entry, step, as_of)


def _send_at_once(turn: Turn, entry: Entry, step: Step) -> bool:
    """Transactional and internal messages go at once (G5); return whether that ended the entry."""
    ready = turn.state.past_gaps(turn.now) + turn.closing
    judge_message(turn, entry, step, born=turn.now, scheduled=ready)
    if not is_inside(entry):
        return True
    entry.step = step.next
    return False


def _chosen_arm(turn: Turn, entry: Entry, step: Step, as_of: int) -> str | None:
    reading = turn.reading(as_of, entry=entry)
    for condition, first in step.arms:
        if condition is None or condition.evaluate(reading) is True:
            return first
    return step.next


def _drawn_arm(turn: Turn, entry: Entry, step: Step) -> tuple[str, str | None]:
    """Return the arm of a split and its first step: a pure function of salt, rule, step and customer (E2)."""
    policy = turn.plan.policy
    drawn = policy.draw(policy.salt, split_subject(entry.rule, step.id), turn.profile.customer)
    bound = 0.0
    for arm, share, first in step.shares:
        bound += share
        if drawn < bound:
            return arm, first
    # Shares that add up to a hair less than 1 leave the last arm the rest.
    return step.shares[-1][0], step.shares[-1][2]


# ---------------------------------------------------------------- waiting for an event (E3)
def meet_event(turn: Turn, entry: Entry, event: Event) -> None:
    """Let a record end the wait_for an entry is at, if it matches, and walk on."""
    step = step_of(turn, entry)
    if (
        step is not None
        and step.kind is StepKind.WAIT_FOR
        and _fits(turn, entry, step, event.order, event.name, event.properties)
    ):
        _meet(turn, entry, step, event.event_time)
        walk(turn, entry, turn.now)


def _awaited(turn: Turn, entry: Entry, step: Step) -> Trace | None:
    """Return the first event in event-time order that already ends a wait_for."""
    for trace in turn.profile.trail[first_trace_after(turn, entry.since) :]:
        if _fits(turn, entry, step, trace.order, trace.name, trace.properties):
            return trace
    return None


def _fits(  # noqa: PLR0913, PLR0917 - one event against one step
    turn: Turn, entry: Entry, step: Step, order: Order, name: str, properties: dict[str, object]
) -> bool:
    due = wait_deadline(turn, entry, step)
    if step.awaited is None or due is None or not entry.since < order[0] <= due:
        return False
    if order[1:] == (entry.trigger_stream, entry.trigger_id):
        return False
    return matches(turn, entry, step.awaited, name, properties)


def _meet(turn: Turn, entry: Entry, step: Step, event_time: int) -> None:
    next_state(state_of(turn, entry), EntryCause.MATCHED)
    entry.entered = turn.now
    entry.since = event_time
    entry.has_awaited = True
    entry.floor = None
    entry.step = step.then if step.then is not None else step.next


def finish_wait(turn: Turn, entry: Entry, deadline: int) -> None:
    """A wait is over at its deadline d: go on, or end with `expired` when a gap held it back too long (H9, G3)."""
    rule = rule_of(turn, entry)
    due = deadline + rule.settle
    held = turn.state.past_gaps(due) - due
    if held > rule.grace:
        leave_entry(turn, entry, Reason.EXPIRED, deadline, why=(f"grace {rule.grace} µs", f"{held} µs"))
        return
    step = step_of(turn, entry)
    assert step is not None
    next_state(state_of(turn, entry), EntryCause.DEADLINE)
    entry.has_awaited = entry.has_awaited or step.kind is StepKind.WAIT_FOR
    go_on(entry, deadline)
    entry.step = step.otherwise if step.kind is StepKind.WAIT_FOR and step.otherwise is not None else step.next
    walk(turn, entry, deadline)
