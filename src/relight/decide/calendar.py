"""Dates and schedules (R7): a trait's date with an offset at a local time, and cron in the customer's zone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

from cronsim import CronSim

from relight.base.durations import add_months
from relight.base.instants import INSTANT_MIN, day_start, from_local, to_instant, to_local
from relight.decide.occurrences import Happening, occur
from relight.rules.plan import DateTrigger, ScheduleTrigger

if TYPE_CHECKING:
    from relight.customers.profile import TraitWrite
    from relight.decide.turn import Turn
    from relight.rules.plan import Rule

#: Years of a yearly date that are looked through for the next one.
YEARS_MAX = 150
#: Answers of cron lines that are remembered; some 200 bytes each.
FIRES_KEPT_MAX = 50_000


def date_deadlines(turn: Turn, rule: Rule) -> Iterator[int]:
    """Yield the next deadline (µs) of a date rule, if its trait names one that was known in time and is not done.

    A date that is learned after its own deadline (+ settle) makes no deadline, as a silence (H3).
    """
    trigger = rule.trigger
    assert isinstance(trigger, DateTrigger)
    writes = turn.profile.traits.get(trigger.trait)
    if not writes or writes[-1].value is None:
        return
    write = writes[-1]
    since = (turn.state.rule_since or {}).get(rule.id, INSTANT_MIN)
    after = max(_known_at(writes) - rule.settle, since, turn.profile.cursors.get(rule.id, INSTANT_MIN) + 1)
    done = turn.profile.done.get(rule.id, ())
    for year in range(YEARS_MAX if trigger.yearly else 1):
        due = _due(turn, trigger, write.value, year)
        if due is None:
            return
        if due >= after and f"date:{due}" not in done and _occurrence(turn, due) not in done:
            yield due
            return


def _known_at(writes: list[TraitWrite]) -> int:
    """Return when the last value was learned: a value repeated later was known before."""
    known = writes[-1].ingest_time
    for write in reversed(writes):
        if write.value != writes[-1].value:
            break
        known = min(known, write.ingest_time)
    return known


def _due(turn: Turn, trigger: DateTrigger, value: object, year: int) -> int | None:
    if isinstance(value, dt.date):
        instant = day_start(value, turn.zone)
    elif isinstance(value, int):
        instant = value
    else:
        return None
    if year:
        instant = add_months(instant, 12 * year, turn.zone)
    if trigger.before is not None:
        instant = trigger.before.before(instant, turn.zone)
    if trigger.after is not None:
        instant = trigger.after.after(instant, turn.zone)
    if trigger.at_minute is not None:
        day = to_local(instant, turn.zone).date()
        instant = from_local(
            dt.datetime.combine(day, dt.time(trigger.at_minute // 60, trigger.at_minute % 60)), turn.zone
        )
    return instant


def _occurrence(turn: Turn, due: int) -> str:
    return f"date:{to_local(due, turn.zone).date().isoformat()}"


def judge_date(turn: Turn, rule: Rule, due: int) -> None:
    """A date fell due."""
    trigger = rule.trigger
    assert isinstance(trigger, DateTrigger)
    if trigger.yearly:
        turn.profile.cursors[rule.id] = due
    # One day is one occurrence (R7): neither another time of that day nor another zone makes it a second one.
    occurrence = _occurrence(turn, due)
    turn.profile.done.setdefault(rule.id, set()).update((f"date:{due}", occurrence))
    occur(turn, rule, Happening(occurrence=occurrence, instant=due, anchor=due, is_deadline=True, is_keyed=False))


@lru_cache(maxsize=1_024)
def _begun(rule: str) -> str:
    """Return the name under which a customer keeps since when a rule's schedule counts."""
    return f"{rule}\x1fbegun"


def schedule_deadline(turn: Turn, rule: Rule) -> int | None:
    """Return the next instant of a cron rule after the last one, the first record and the rule's plan record."""
    trigger = rule.trigger
    assert isinstance(trigger, ScheduleTrigger)
    cursors = turn.profile.cursors
    last = cursors.get(rule.id)
    if last is None and (last := cursors.get(_begun(rule.id))) is None:
        return None
    since = (turn.state.rule_since or {}).get(rule.id, INSTANT_MIN)
    return _next_fire(trigger.cron, max(last, since - 1), turn.zone)


@lru_cache(maxsize=FIRES_KEPT_MAX)
def _next_fire(cron: str, after: int, zone: str) -> int | None:
    """Return when a cron line next fires after an instant: asked at each event, another one after each firing."""
    try:
        return to_instant(next(CronSim(cron, to_local(after, zone))))
    except StopIteration:
        return None


def begin_schedules(turn: Turn) -> None:
    """Let schedules count from the customer's first record."""
    for rule in turn.index.scheduled:
        key = _begun(rule.id)
        if key not in turn.profile.cursors:
            turn.profile.cursors[key] = turn.now
            turn.rearm = True


def judge_schedule(turn: Turn, rule: Rule, due: int) -> None:
    """A schedule fell due."""
    turn.profile.cursors[rule.id] = due
    occur(
        turn, rule, Happening(occurrence=f"schedule:{due}", instant=due, anchor=due, is_deadline=True, is_keyed=False)
    )
