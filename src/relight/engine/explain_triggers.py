"""What a rule waits for and how far one customer is from it.

Last activity and when each threshold falls due, counts, asks, dates.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from relight.base.kinds import UNKNOWN
from relight.customers.reading import trait_of
from relight.customers.series import entries_between
from relight.decide.calendar import date_deadlines, schedule_deadline
from relight.decide.silences import NEVER, due_of
from relight.decide.watches import DECLINE_MEAN_MIN, declined_series
from relight.engine.explain_events import tell_event, tell_global, tell_milestone, tell_released
from relight.engine.explain_words import Finding, Mark, TriggerStory, ago, clock, leaf_finding, length, listed, times
from relight.rules.plan import (
    DateTrigger,
    DeclinedTrigger,
    EventTrigger,
    GlobalTrigger,
    InactiveTrigger,
    MilestoneTrigger,
    ReleasedTrigger,
    ScheduleTrigger,
    SegmentTrigger,
)

if TYPE_CHECKING:
    from relight.engine.explain_history import Retold
    from relight.rules.plan import Rule, Threshold


def tell_trigger(told: Retold, rule: Rule) -> TriggerStory:
    """Return how far a customer is from what the rule waits for."""
    match rule.trigger:
        case InactiveTrigger() as trigger:
            return _inactive(told, rule, trigger)
        case EventTrigger() as trigger:
            return tell_event(told, rule, trigger)
        case MilestoneTrigger() as trigger:
            return tell_milestone(told, rule, trigger)
        case ReleasedTrigger() as trigger:
            return tell_released(told, rule, trigger)
        case GlobalTrigger() as trigger:
            return tell_global(told, rule, trigger)
        case DateTrigger() as trigger:
            return _date(told, rule, trigger)
        case ScheduleTrigger() as trigger:
            return _schedule(told, rule, trigger)
        case DeclinedTrigger() as trigger:
            return _declined(told, rule, trigger)
        case SegmentTrigger() as trigger:
            return _segment(told, rule, trigger)


# ---------------------------------------------------------------- silences
def _inactive(told: Retold, rule: Rule, trigger: InactiveTrigger) -> TriggerStory:
    turn = told.turn
    names = listed(sorted(trigger.activity))
    seen = [e.event_time for e in told.events if e.name in trigger.activity]
    if seen:
        last = max(seen)
        head = Finding(mark=Mark.YES, text=f"last {names} {ago(last, told.at, turn.zone)}", place=str(rule.place))
        start, name = last, str(last)
    else:
        first = turn.profile.first_on_time if turn.profile.first_on_time is not None else turn.profile.first_any
        if not trigger.include_never_active or first is None:
            text = f"no {names} ever"
            never = Finding(
                mark=Mark.NO,
                text=text,
                needs="silence begins with the last one",
                more=("`include_never_active: true` would count from first seen",),
                place=str(rule.place),
                leaf=names,
                number="never",
            )
            return TriggerStory(findings=(never,))
        head = Finding(
            mark=Mark.YES, text=f"never {names}; first seen {ago(first, told.at, turn.zone)}", place=str(rule.place)
        )
        start, name = first, NEVER
    lines, dues = [], []
    for threshold in trigger.thresholds:
        finding, due = _threshold(told, rule, threshold, start, name)
        lines.append(finding)
        if due is not None and due > told.at:
            dues.append(due)
    return TriggerStory(findings=(head, *lines), due=min(dues, default=None))


def _threshold(told: Retold, rule: Rule, threshold: Threshold, start: int, name: str) -> tuple[Finding, int | None]:
    turn, place = told.turn, str(rule.place)
    due = due_of(turn, threshold, start)
    if due is None:
        text = threshold.personal.text if threshold.personal is not None else ""
        finding = Finding(
            mark=Mark.UNKNOWN,
            text=f"the threshold {text} is unknown as of that activity",
            place=place,
            leaf=text,
            number="unknown",
        )
        return finding, None
    needs = f"needs {length(due - start)}"
    silent = f"silent for {length(told.at - start)}"
    if due > told.at:
        more = f"falls due {clock(due, turn.zone)} ({length(due - told.at)} from then), unless there is activity before"
        return Finding(
            mark=Mark.NO, text=silent, needs=needs, place=place, more=(more,), leaf=needs, number=silent
        ), due
    id_ = (turn.state.threshold_ids or {}).get((rule.id, threshold.position), "")
    text = f"{silent}; fell due {clock(due, turn.zone)}"
    since = (turn.state.threshold_since or {}).get((rule.id, id_), due)
    if f"{rule.id}\x1fsilence:{name}:{id_}" in turn.profile.judged:
        return Finding(mark=Mark.YES, text=text, needs=needs, place=place), due
    why = "that activity arrived after the deadline had passed"
    if due < since:
        why = f"the rule stands as it does only since {clock(since, turn.zone)}, and an edit never looks back"
    return Finding(mark=Mark.NO, text=text, needs=needs, place=place, more=(why,), leaf=needs, number=silent), due


# ---------------------------------------------------------------- dates, schedules, watched conditions
def _date(told: Retold, rule: Rule, trigger: DateTrigger) -> TriggerStory:
    turn, place = told.turn, str(rule.place)
    value = trait_of(turn.profile, trigger.trait, told.at)
    if value is UNKNOWN:
        text = f"the date {trigger.trait} is unknown"
        finding = Finding(mark=Mark.UNKNOWN, text=text, place=place, leaf=trigger.trait, number="unknown")
        return TriggerStory(findings=(finding,))
    told_value = clock(value, turn.zone) if isinstance(value, int) else str(value)
    due = next(date_deadlines(turn, rule), None)
    head = f"{trigger.trait} is {told_value}"
    if due is None:
        done = turn.profile.done.get(rule.id)
        text = f"{head}; " + ("its day has come" if done else "it was learned after its day")
        mark = Mark.YES if done else Mark.NO
        return TriggerStory(
            findings=(Finding(mark=mark, text=text, place=place, leaf=trigger.trait, number=told_value),)
        )
    needs = f"falls due {ago(due, told.at, turn.zone)}"
    finding = Finding(mark=Mark.NO, text=head, needs=needs, place=place, leaf=trigger.trait, number=told_value)
    return TriggerStory(findings=(finding,), due=due)


def _schedule(told: Retold, rule: Rule, trigger: ScheduleTrigger) -> TriggerStory:
    due = schedule_deadline(told.turn, rule)
    text = f"runs by the schedule {trigger.cron}"
    if due is None:
        return TriggerStory(findings=(Finding(mark=Mark.NO, text=text, needs="a first event", place=str(rule.place)),))
    needs = f"next {ago(due, told.at, told.turn.zone)}"
    return TriggerStory(findings=(Finding(mark=Mark.YES, text=text, needs=needs, place=str(rule.place)),), due=due)


def _declined(told: Retold, rule: Rule, trigger: DeclinedTrigger) -> TriggerStory:
    turn = told.turn
    series = turn.profile.series.get(declined_series(trigger))
    begin = told.at - trigger.window
    current = 0 if series is None else len(entries_between(series, begin, told.at))
    before = 0 if series is None else len(entries_between(series, begin - trigger.against, begin))
    mean = Decimal(before * trigger.window) / Decimal(trigger.against)
    least = (1 - Decimal(str(trigger.by))) * mean
    text = f"{trigger.of.event} {times(current)} in {length(trigger.window)}, usually {mean:.1f}"
    if mean < DECLINE_MEAN_MIN:
        needs = f"a habit: {DECLINE_MEAN_MIN} or more in {length(trigger.window)}, over {length(trigger.against)}"
        holds = False
    else:
        needs, holds = f"fires below {least:.1f}", current < least
    mark = Mark.YES if holds else Mark.NO
    finding = Finding(mark=mark, text=text, needs=needs, place=str(rule.place), leaf=needs, number=str(current))
    return TriggerStory(findings=(finding,))


def _segment(told: Retold, rule: Rule, trigger: SegmentTrigger) -> TriggerStory:
    reading = told.turn.reading()
    condition = trigger.condition
    value = condition.evaluate(reading)
    verb = "enters" if trigger.enters else "leaves"
    state = "unknown" if value is UNKNOWN else "inside" if value is True else "outside"
    fits = state == ("inside" if trigger.enters else "outside")
    head = Finding(
        mark=Mark.YES if fits else Mark.UNKNOWN if value is UNKNOWN else Mark.NO,
        text=f"{state} the segment {trigger.segment}",
        needs=f"fires when somebody {verb} it",
        place=str(rule.place),
        leaf=trigger.segment,
        number=state,
    )
    blamed = condition.blame(reading)
    leaves = (leaf_finding(leaf, reading, decides=leaf is blamed) for leaf in condition.leaves)
    return TriggerStory(findings=(head, *leaves))
