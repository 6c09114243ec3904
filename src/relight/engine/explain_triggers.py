"""What a rule waits for and how far one customer is from it.

Last activity and when each threshold falls due, counts, asks, dates.
"""

from __future__ import annotations

from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from relight.base.kinds import UNKNOWN
from relight.customers.reading import trait_of
from relight.customers.series import entries_between
from relight.decide.calendar import date_deadlines, schedule_deadline
from relight.decide.silences import NEVER, due_of
from relight.decide.watches import DECLINE_MEAN_MIN, declined_series
from relight.engine.explain_events import tell_event, tell_global, tell_milestone, tell_released
from relight.engine.explain_lines import Ago, Decimals, Length, Line, Moment, OneOf, Times, say
from relight.engine.explain_telling import clock, tell
from relight.engine.explain_words import Finding, Mark, TriggerStory, leaf_finding
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
    from relight.engine.explain_lines import Said
    from relight.rules.plan import Rule, Threshold


_SEGMENT: Final = MappingProxyType({
    "inside": Line.SEGMENT_INSIDE, "outside": Line.SEGMENT_OUTSIDE, "unknown": Line.SEGMENT_UNKNOWN,
})  # fmt: skip


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
    names = OneOf(tuple(sorted(trigger.activity)))
    seen = [e.event_time for e in told.events if e.name in trigger.activity]
    if seen:
        last = max(seen)
        text = say(Line.LAST_ACTIVITY, events=names, ago=Ago(last, told.at, turn.zone))
        head = Finding(mark=Mark.YES, text=text, place=str(rule.place))
        start, name = last, str(last)
    else:
        first = turn.profile.first_on_time if turn.profile.first_on_time is not None else turn.profile.first_any
        if not trigger.include_never_active or first is None:
            never = Finding(
                mark=Mark.NO,
                text=say(Line.NO_ACTIVITY, events=names),
                needs=say(Line.SILENCE_BEGINS),
                more=(say(Line.INCLUDE_NEVER),),
                place=str(rule.place),
                leaf=tell(say(Line.CODE, text=names)),
                number="never",
            )
            return TriggerStory(findings=(never,))
        text = say(Line.FIRST_SEEN, events=names, ago=Ago(first, told.at, turn.zone))
        head = Finding(mark=Mark.YES, text=text, place=str(rule.place))
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
        written = threshold.personal.text if threshold.personal is not None else ""
        finding = Finding(
            mark=Mark.UNKNOWN,
            text=say(Line.THRESHOLD_UNKNOWN, threshold=written),
            place=place,
            leaf=written,
            number="unknown",
        )
        return finding, None
    needs = say(Line.NEEDS_SILENCE, length=Length(due - start))
    silent = say(Line.SILENT_FOR, length=Length(told.at - start))
    leaf, number, when = tell(needs), tell(silent), Moment(due, turn.zone)
    if due > told.at:
        more = say(Line.DUE_UNLESS_ACTIVE, when=when, length=Length(due - told.at))
        return Finding(mark=Mark.NO, text=silent, needs=needs, place=place, more=(more,), leaf=leaf, number=number), due
    id_ = (turn.state.threshold_ids or {}).get((rule.id, threshold.position), "")
    text = say(Line.FELL_DUE, length=Length(told.at - start), when=when)
    if f"{rule.id}\x1fsilence:{name}:{id_}" in turn.profile.judged:
        return Finding(mark=Mark.YES, text=text, needs=needs, place=place), due
    why = _unjudged(told, rule, threshold, start, due)
    return Finding(mark=Mark.NO, text=text, needs=needs, place=place, more=(why,), leaf=leaf, number=number), due


def _unjudged(told: Retold, rule: Rule, threshold: Threshold, start: int, due: int) -> Said:
    """Return why a threshold that fell due was not judged: an edit, a late arrival, a gap, or `settle`."""
    state, zone = told.turn.state, told.turn.zone
    wait = next(w for w in state.silences if (w.rule.id, w.threshold.position) == (rule.id, threshold.position))
    if due < wait.begun:
        return say(Line.EDITED_SINCE, when=Moment(wait.begun, zone))
    kept = told.turn.profile.starts.get(wait.activity, ())
    arrived = next((one.known_at for one in kept if one.event_time == start), start)
    settled = due + rule.settle
    if arrived > settled:
        return say(Line.ARRIVED_LATE, when=Moment(arrived, zone))
    judged = state.past_gaps(settled)
    if judged > settled:
        return say(Line.JUDGED_AFTER_GAP, when=Moment(judged, zone))
    if judged > told.at:
        return say(Line.JUDGED_WHEN_SETTLED, when=Moment(judged, zone), length=Length(rule.settle))
    return say(Line.NO_DEADLINE)


# ---------------------------------------------------------------- dates, schedules, watched conditions
def _date(told: Retold, rule: Rule, trigger: DateTrigger) -> TriggerStory:
    turn, place = told.turn, str(rule.place)
    value = trait_of(turn.profile, trigger.trait, told.at)
    if value is UNKNOWN:
        text = say(Line.DATE_UNKNOWN, trait=trigger.trait)
        finding = Finding(mark=Mark.UNKNOWN, text=text, place=place, leaf=trigger.trait, number="unknown")
        return TriggerStory(findings=(finding,))
    shown = Moment(value, turn.zone) if isinstance(value, int) else str(value)
    number = clock(value, turn.zone) if isinstance(value, int) else str(value)
    due = next(date_deadlines(turn, rule), None)
    if due is None:
        done = turn.profile.done.get(rule.id)
        text = say(Line.DATE_CAME if done else Line.DATE_TOO_LATE, trait=trigger.trait, value=shown)
        mark = Mark.YES if done else Mark.NO
        return TriggerStory(findings=(Finding(mark=mark, text=text, place=place, leaf=trigger.trait, number=number),))
    head = say(Line.DATE_IS, trait=trigger.trait, value=shown)
    needs = say(Line.FALLS_DUE, ago=Ago(due, told.at, turn.zone))
    finding = Finding(mark=Mark.NO, text=head, needs=needs, place=place, leaf=trigger.trait, number=number)
    return TriggerStory(findings=(finding,), due=due)


def _schedule(told: Retold, rule: Rule, trigger: ScheduleTrigger) -> TriggerStory:
    due = schedule_deadline(told.turn, rule)
    text = say(Line.SCHEDULE, cron=trigger.cron)
    if due is None:
        needs = say(Line.FIRST_EVENT)
        return TriggerStory(findings=(Finding(mark=Mark.NO, text=text, needs=needs, place=str(rule.place)),))
    needs = say(Line.NEXT_RUN, ago=Ago(due, told.at, told.turn.zone))
    return TriggerStory(findings=(Finding(mark=Mark.YES, text=text, needs=needs, place=str(rule.place)),), due=due)


def _declined(told: Retold, rule: Rule, trigger: DeclinedTrigger) -> TriggerStory:
    turn = told.turn
    series = turn.profile.series.get(declined_series(trigger))
    begin = told.at - trigger.window
    current = 0 if series is None else len(entries_between(series, begin, told.at))
    before = 0 if series is None else len(entries_between(series, begin - trigger.against, begin))
    mean = Decimal(before * trigger.window) / Decimal(trigger.against)
    least = (1 - Decimal(str(trigger.by))) * mean
    window, against = Length(trigger.window), Length(trigger.against)
    text = say(
        Line.HABIT, event=trigger.of.event, times=Times(current), window=window, mean=Decimals(mean)
    )  # fmt: skip
    if mean < DECLINE_MEAN_MIN:
        needs, holds = say(Line.NO_HABIT, least=DECLINE_MEAN_MIN, window=window, against=against), False
    else:
        needs, holds = say(Line.FIRES_BELOW, least=Decimals(least)), current < least
    mark = Mark.YES if holds else Mark.NO
    finding = Finding(mark=mark, text=text, needs=needs, place=str(rule.place), leaf=tell(needs), number=str(current))
    return TriggerStory(findings=(finding,))


def _segment(told: Retold, rule: Rule, trigger: SegmentTrigger) -> TriggerStory:
    reading = told.turn.reading()
    condition = trigger.condition
    value = condition.evaluate(reading)
    state = "unknown" if value is UNKNOWN else "inside" if value is True else "outside"
    fits = state == ("inside" if trigger.enters else "outside")
    head = Finding(
        mark=Mark.YES if fits else Mark.UNKNOWN if value is UNKNOWN else Mark.NO,
        text=say(_SEGMENT[state], segment=trigger.segment),
        needs=say(Line.FIRES_ON_ENTER if trigger.enters else Line.FIRES_ON_LEAVE),
        place=str(rule.place),
        leaf=trigger.segment,
        number=state,
    )
    blamed = condition.blame(reading)
    leaves = (leaf_finding(leaf, reading, decides=leaf is blamed) for leaf in condition.leaves)
    return TriggerStory(findings=(head, *leaves))
