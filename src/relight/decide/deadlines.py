"""The next deadline of a customer: silences, waits, minutes, dates, schedules and watched conditions (H2).

Deadlines are found from the profile and the plan each time; a timer is only an index that says when to look (H6).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from relight.base.instants import INSTANT_MAX
from relight.customers.profile import Entry
from relight.decide.backfill import backfill_deadlines
from relight.decide.calendar import date_deadlines, schedule_deadline
from relight.decide.due import Deadline, Silence, Stage
from relight.decide.silences import silence_deadlines, silence_of_one
from relight.decide.standing import rule_of, step_of
from relight.decide.waits import wait_deadline

if TYPE_CHECKING:
    from relight.decide.turn import Turn
    from relight.rules.world import SilenceWait


_DEADLINE, _MINUTE = int(Stage.DEADLINE), int(Stage.MINUTE)


class _Search:
    """The first deadline seen so far."""

    __slots__ = ("entry", "judged", "kind", "order", "silence")

    def __init__(self) -> None:
        #: (j, stage, d, rule id, key); nothing is found while `kind` is empty.
        self.order: tuple[int, int, int, str, str] = (INSTANT_MAX, 0, INSTANT_MAX, "", "")
        self.judged = INSTANT_MAX
        self.kind = ""
        self.silence: Silence | None = None
        self.entry: Entry | None = None

    def offer(
        self,
        order: tuple[int, int, int, str, str],
        kind: str,
        *,
        silence: Silence | None = None,
        entry: Entry | None = None,
    ) -> None:
        """Take a deadline that comes before what was found."""
        if order < self.order or not self.kind:
            self.order, self.judged, self.kind = order, order[0], kind
            self.silence, self.entry = silence, entry


def next_deadline(turn: Turn) -> Deadline | None:
    """Return the first deadline of the customer in (j, stage, d, rule id, key) order, or None."""
    search, index = _Search(), turn.index
    for entry in turn.profile.entries:
        _offer_entry(turn, search, entry)
    _search_silences(turn, search)
    for wait in turn.state.silences_of_all:
        _offer_silences(turn, search, wait, search.judged - wait.rule.settle)
    if index.dated or index.scheduled:
        _offer_calendar(turn, search)
    for rule, at in backfill_deadlines(turn) if index.backfilled else ():
        search.offer((_judged(turn, at), _DEADLINE, at, rule.id, "backfill"), "backfill")
    flags = turn.profile.flags
    for rule in index.watched if flags else ():
        flag = flags.get(rule.id)
        if flag is not None and flag.check_at < INSTANT_MAX:
            search.offer((_judged(turn, flag.check_at), _DEADLINE, flag.check_at, rule.id, ""), "watch")
    return _found(search)


def _search_silences(turn: Turn, search: _Search) -> None:
    """Offer the silences that begin with activity; j is never before d + settle: what falls due later loses."""
    profile, waiting, soonest = turn.profile, turn.state.silences_of, turn.state.soonest_of
    for activity, starts in profile.starts.items():
        if not starts or starts[0].event_time + soonest.get(activity, INSTANT_MAX) > search.judged:
            continue
        start = starts[0]
        for wait in waiting[activity]:
            latest = search.judged - wait.rule.settle
            if wait.elapsed is None or len(starts) > 1:
                if wait.elapsed is None or start.event_time + wait.elapsed <= latest:
                    _offer_silences(turn, search, wait, latest)
            elif (silence := silence_of_one(profile, wait, start, latest)) is not None:
                _offer_silence(turn, search, wait, silence)


def _offer_silences(turn: Turn, search: _Search, wait: SilenceWait, latest: int) -> None:
    """Offer the silences of a threshold that fall due at `latest` or before."""
    for silence in silence_deadlines(turn, wait, latest):
        _offer_silence(turn, search, wait, silence)


def _offer_silence(turn: Turn, search: _Search, wait: SilenceWait, silence: Silence) -> None:
    due = silence.deadline
    order = (_judged(turn, due + wait.rule.settle), _DEADLINE, due, wait.rule.id, silence.occurrence)
    search.offer(order, "silence", silence=silence)


def _offer_calendar(turn: Turn, search: _Search) -> None:
    for rule in turn.index.dated:
        for due in date_deadlines(turn, rule):
            search.offer((_judged(turn, due + rule.settle), _DEADLINE, due, rule.id, f"date:{due}"), "date")
    for rule in turn.index.scheduled:
        at = schedule_deadline(turn, rule)
        if at is not None:
            search.offer((_judged(turn, at + rule.settle), _DEADLINE, at, rule.id, f"schedule:{at}"), "schedule")


def first_of_entries(turn: Turn) -> int:
    """Return the first j (µs) of what the customer's entries wait for; INSTANT_MAX where none waits."""
    first = INSTANT_MAX
    for entry in turn.profile.entries:
        if entry.candidate is not None:
            first = min(first, entry.candidate.scheduled)
            continue
        step = step_of(turn, entry)
        due = None if step is None else wait_deadline(turn, entry, step)
        if due is not None:
            first = min(first, _judged(turn, due + rule_of(turn, entry).settle))
    return first


def _offer_entry(turn: Turn, search: _Search, entry: Entry) -> None:
    if entry.candidate is not None:
        minute = entry.candidate.scheduled
        search.offer((minute, _MINUTE, minute, "", ""), "minute")
        return
    step = step_of(turn, entry)
    due = None if step is None else wait_deadline(turn, entry, step)
    if due is None:
        return
    due_at = due + rule_of(turn, entry).settle
    if due_at <= search.judged:
        search.offer((_judged(turn, due_at), _DEADLINE, due, entry.rule, entry.occurrence), "wait", entry=entry)


def _judged(turn: Turn, instant: int) -> int:
    """Return j: not before now, not inside a gap."""
    now, state = turn.profile.now, turn.state
    at = max(now, instant)
    return state.past_gaps(at) if state.gaps else at


def _found(search: _Search) -> Deadline | None:
    if not search.kind:
        return None
    judged, stage, instant, rule, key = search.order
    return Deadline(
        judged=judged,
        stage=Stage(stage),
        instant=instant,
        rule=rule,
        key=key,
        kind=search.kind,
        silence=search.silence,
        entry=search.entry,
    )
