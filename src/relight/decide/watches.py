"""Watched conditions: enters and leaves of segments, declining engagement, value milestones.

Judged as known then (R3, R7, I8).

A watch is looked at after each of the customer's own records that it reads, and at the instants at which time alone
can change it: the facts note them while they are read, and a change in between is found by bisection to the µs.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING

from relight.base.instants import HOUR, INSTANT_MAX, MINUTE, SECOND, to_instant, to_local
from relight.base.kinds import UNKNOWN
from relight.customers.profile import Flag
from relight.decide.occurrences import Happening, occur
from relight.rules.plan import DeclinedTrigger, MilestoneTrigger, SegmentTrigger

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from relight.customers.reading import Reading
    from relight.decide.turn import Turn
    from relight.rules.plan import Condition, Rule

#: Mean events a window below which a person has no habit to fall from.
DECLINE_MEAN_MIN = 1
#: Moves of one event in or out of the windows of a declined trigger that are looked through for the next change.
MOVES_AHEAD_MAX = 64
#: How far ahead a change that no fact announces is searched for (µs): two years.
SEARCH_AHEAD = 2 * 366 * 86_400_000_000
#: Longest local day (µs): one on which a clock is set back by more than an hour included.
DAY_LONGEST = 28 * HOUR


def check_watches(turn: Turn, event: str | None, *, is_new: bool) -> None:
    """Look at the watched rules that an event of this name can change; None looks at all.

    Is_new: it is the customer's first record.
    """
    for rule in turn.index.watched if event is None else turn.index.watched_by.get(event, ()):
        look(turn, rule, is_new=is_new)


def look(turn: Turn, rule: Rule, *, is_new: bool = False) -> None:
    """Judge one watch now: what changed since the last look happened now; note when to look again.

    Somebody new was in no segment; for a rule that is new, the first look only takes note (E5). Unknown is neither:
    the last known truth stands (R7).
    """
    flags, trigger = turn.profile.flags, rule.trigger
    flag = flags.get(rule.id)
    is_known = flag is not None
    if flag is None:
        flag = flags[rule.id] = Flag(state=False if is_new else None)
    was = flag.state
    # A set step of what follows may ask for the next look.
    flag.check_at = INSTANT_MAX
    if isinstance(trigger, SegmentTrigger) and rule.id in turn.index.counted:
        state, check_at = _truth(turn, trigger.condition)
        state = state is True  # who is unknown is not counted
    elif isinstance(trigger, SegmentTrigger):
        state, check_at = _truth(turn, trigger.condition)
        _turned(turn, rule, was, state, wanted=trigger.enters)
    elif isinstance(trigger, DeclinedTrigger):
        state, check_at = _declined(turn, trigger)
        _turned(turn, rule, was, state, wanted=True)
    elif isinstance(trigger, MilestoneTrigger):
        state, check_at = _reach_value(turn, rule, trigger, is_new=is_new or is_known)
    else:
        return
    flag = flags[rule.id]
    flag.check_at = min(check_at, flag.check_at)
    flag.state = was if state is None else state
    turn.profile.wake = min(turn.profile.wake, flag.check_at)


def _turned(turn: Turn, rule: Rule, was: bool | None, state: bool | None, *, wanted: bool) -> None:  # noqa: FBT001 - three-valued, not a switch
    """Fire when the known truth changed to what the rule waits for."""
    if state is not wanted or was is None or was is wanted:
        return
    kind = "enters" if wanted else "leaves"
    if isinstance(rule.trigger, DeclinedTrigger):
        kind = "declined"
    occur(turn, rule, Happening(occurrence=f"{kind}:{turn.now}", instant=turn.now, anchor=turn.now, is_keyed=False))


def _truth(turn: Turn, condition: Condition) -> tuple[bool | None, int]:
    reading = turn.reading()
    state = _known(condition.evaluate(reading))
    if condition.notes_changes:
        return state, reading.watch  # until then every fact that was read stays, and with them the truth
    # A leaf such as `since(E) < 10 days` changes once; the whole may change and change back before the limit.
    tests = [leaf.test for leaf in condition.leaves] or [condition.evaluate]
    return state, _next_change(turn, condition, tests, reading.watch)


def _next_change(turn: Turn, condition: Condition, tests: Sequence[Callable[[Reading], object]], watch: int) -> int:
    """Return when to look again: the first instant at which a test differs, else where what is known of it ends.

    watch: the next instant at which a fact changes.
    """
    limit = min(watch, turn.now + SEARCH_AHEAD)
    points = [*_clock_points(turn, condition, limit), limit]
    changes = [at for test in (*tests, *condition.within) if (at := _first_change(turn, test, points)) is not None]
    return min(changes, default=limit if condition.reads_time else watch)


def _first_change(turn: Turn, test: Callable[[Reading], object], points: Sequence[int]) -> int | None:
    """Return the instant from which a test differs, found by bisection before the first point at which it does.

    Between two points it changes once at the most. None when it is the same at all of them.
    """
    now = _known(test(turn.reading()))
    low = turn.now
    for high in points:
        if _known(test(turn.reading(high))) is not now:
            break
        low = high
    else:
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _known(test(turn.reading(middle))) is now else (low, middle)
    return high


def _clock_points(turn: Turn, condition: Condition, limit: int) -> list[int]:
    """Return the instants up to a limit at which comparisons with `local_time` may turn, a jump of the clock included.

    Such a condition is looked at again at midnight, so they lie on one local day.
    """
    if not condition.clocks or limit - turn.now > DAY_LONGEST:
        return []
    begin, end = to_local(turn.now, turn.zone), to_local(limit - 1, turn.zone)
    offsets = {int((local.utcoffset() or dt.timedelta()).total_seconds()) * SECOND for local in (begin, end)}
    midnight = dt.datetime.combine(begin.date(), dt.time(), dt.UTC)
    found = {
        to_instant(midnight) + minute * MINUTE - offset
        for clock in condition.clocks
        for minute in (clock, clock + 1)
        for offset in offsets
    }
    if len(offsets) > 1:
        found.add(_clock_jump(turn.now, limit - 1, turn.zone))
    return sorted(at for at in found if turn.now < at < limit)


def _clock_jump(low: int, high: int, zone: str) -> int:
    """Return the instant in (low, high] at which the zone's offset changes."""
    before = to_local(low, zone).utcoffset()
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if to_local(middle, zone).utcoffset() == before else (low, middle)
    return high


def _known(value: object) -> bool | None:
    return None if value is UNKNOWN else value is True


def _declined(turn: Turn, trigger: DeclinedTrigger) -> tuple[bool | None, int]:
    """Whether the window holds less than the share of the person's own mean of the windows before it."""
    series = turn.profile.series.get(declined_series(trigger))
    if series is None:
        return False, INSTANT_MAX
    recent, window = series.recent, trigger.window
    # [low, mid) stand in the windows before, [mid, high) in the window that ends now.
    begin = turn.now - window
    low, mid, high = (bisect_left(recent, (at + 1,)) for at in (begin - trigger.against, begin, turn.now))
    state = _is_low(trigger, high - mid, mid - low)
    # Time alone moves entries from the window into those before it, then out of them: the first move that turns the
    # truth is when to look again. Somebody with very many is looked at earlier, which changes nothing.
    at = INSTANT_MAX
    for _ in range(MOVES_AHEAD_MAX):
        if low == high or not (state or (high - low) * window >= trigger.against * DECLINE_MEAN_MIN):
            return state, INSTANT_MAX
        at = recent[low][0] + window + trigger.against
        if mid < high:
            at = min(at, recent[mid][0] + window)
        while mid < high and recent[mid][0] + window <= at:
            mid += 1
        while low < mid and recent[low][0] + window + trigger.against <= at:
            low += 1
        if _is_low(trigger, high - mid, mid - low) is not state:
            break
    return state, at


def _is_low(trigger: DeclinedTrigger, current: int, before: int) -> bool:
    """Return whether a window of so many events is below the share of the mean of the windows before. In integers."""
    if before * trigger.window < trigger.against * DECLINE_MEAN_MIN:
        return False
    part, whole = _kept_share(trigger.by)
    return current * trigger.against * whole < before * trigger.window * part


@lru_cache(maxsize=64)
def _kept_share(by: float | Decimal) -> tuple[int, int]:
    return (1 - Decimal(str(by))).as_integer_ratio()


def declined_series(trigger: DeclinedTrigger) -> str:
    """Return the key of the series that a declined trigger reads: `config` keeps it under the selector's text."""
    where = trigger.of.where.text if trigger.of.where is not None else ""
    return f"{trigger.of.event} where {where}" if where else trigger.of.event


def _reach_value(turn: Turn, rule: Rule, trigger: MilestoneTrigger, *, is_new: bool) -> tuple[bool | None, int]:
    """A value's milestones: fired when first seen at or above each, as known then.

    A new rule's first look spends what was reached.
    """
    assert trigger.value is not None
    reading = turn.reading()
    value = trigger.value.evaluate(reading)
    if value is UNKNOWN:
        return None, reading.watch
    done = turn.profile.done.setdefault(rule.id, set())
    for mark, label in zip(trigger.at, trigger.labels, strict=True):
        occurrence = f"milestone:{label}"
        if value >= mark and occurrence not in done:
            done.add(occurrence)
            if is_new:
                what = Happening(occurrence=occurrence, instant=turn.now, anchor=turn.now, milestone=label)
                occur(turn, rule, what)
    compute, ahead = trigger.value.evaluate, next((mark for mark in trigger.at if value < mark), None)
    if ahead is None:
        return True, INSTANT_MAX
    if trigger.value.notes_changes:
        return True, reading.watch
    return True, _next_change(turn, trigger.value, [lambda at: _reaches(compute(at), ahead)], reading.watch)


def _reaches(value: object, mark: object) -> object:
    return value if value is UNKNOWN else value >= mark  # type: ignore[operator]  # both are numbers
