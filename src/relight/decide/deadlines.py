"""The next deadline of a customer: silences, waits, minutes, dates, schedules and watched conditions (H2).

Deadlines are found from the profile and the plan each time; a timer is only an index that says when to look (H6).
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from typing import TYPE_CHECKING

import msgspec

from relight.base.instants import INSTANT_MAX
from relight.customers.profile import Entry
from relight.decide.calendar import date_deadlines, schedule_deadline
from relight.decide.silences import Silence, silence_deadlines
from relight.decide.standing import rule_of, step_of
from relight.decide.waits import wait_deadline

if TYPE_CHECKING:
    from relight.decide.turn import Turn
    from relight.rules.plan import Rule


class Stage(IntEnum):
    """At one instant: deadlines, then the competition of the minute (H2)."""

    DEADLINE = 0
    MINUTE = 1


class Deadline(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Something that falls due: `judged` is j, `instant` is d."""

    judged: int
    stage: Stage
    instant: int
    rule: str
    key: str
    #: What it is about: a silence, an entry that waits, or None for a minute, a date, a schedule, a watch.
    silence: Silence | None = None
    entry: Entry | None = None
    kind: str = ""

    @property
    def order(self) -> tuple[int, int, int, str, str]:
        """(j, stage, d, rule id, key)."""
        return (self.judged, self.stage, self.instant, self.rule, self.key)


def next_deadline(turn: Turn) -> Deadline | None:
    """Return the first deadline of the customer in (j, stage, d, rule id, key) order, or None."""
    return min(all_deadlines(turn), key=lambda d: d.order, default=None)


def all_deadlines(turn: Turn) -> Iterator[Deadline]:
    """Yield every deadline that stands now; one rule may have several."""
    for rule in turn.index.inactive:
        for silence in silence_deadlines(turn, rule):
            yield _at(turn, rule, silence.deadline, silence.occurrence, "silence", silence=silence)
    for entry in turn.profile.entries:
        if entry.candidate is not None:
            minute = entry.candidate.scheduled
            yield Deadline(judged=minute, stage=Stage.MINUTE, instant=minute, rule="", key="", kind="minute")
        else:
            step = step_of(turn, entry)
            due = None if step is None else wait_deadline(turn, entry, step)
            if due is not None:
                yield _at(turn, rule_of(turn, entry), due, entry.occurrence, "wait", entry=entry)
    for rule in turn.index.dated:
        for due in date_deadlines(turn, rule):
            yield _at(turn, rule, due, f"date:{due}", "date")
    for rule in turn.index.scheduled:
        due = schedule_deadline(turn, rule)
        if due is not None:
            yield _at(turn, rule, due, f"schedule:{due}", "schedule")
    for rule in turn.index.watched:
        flag = turn.profile.flags.get(rule.id)
        if flag is not None and flag.check_at < INSTANT_MAX:
            check_at = max(flag.check_at, turn.now)
            yield Deadline(
                judged=turn.state.past_gaps(check_at),
                stage=Stage.DEADLINE,
                instant=flag.check_at,
                rule=rule.id,
                key="",
                kind="watch",
            )


def _at(  # noqa: PLR0913 - the parts of one deadline
    turn: Turn,
    rule: Rule,
    due: int,
    key: str,
    kind: str,
    *,
    silence: Silence | None = None,
    entry: Entry | None = None,
) -> Deadline:
    judged = turn.state.past_gaps(max(due + rule.settle, turn.now))
    return Deadline(
        judged=judged, stage=Stage.DEADLINE, instant=due, rule=rule.id, key=key, kind=kind, silence=silence, entry=entry
    )
