"""What a rule waits for and how far one customer is from it.

Last activity and when each threshold falls due, counts, asks, dates.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from relight.base.kinds import UNKNOWN
from relight.customers.reading import trait_of
from relight.customers.series import entries_between
from relight.decide.calendar import date_deadlines, schedule_deadline
from relight.decide.silences import NEVER, due_of
from relight.decide.watches import DECLINE_MEAN_MIN, declined_series
from relight.engine.explain_words import Finding, Mark, ago, clock, leaf_finding, length, shown, times
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
    from collections.abc import Iterator

    from relight.engine.explain_history import Retold
    from relight.rules.plan import EventMatch, Rule, Threshold
    from relight.streams.envelope import Event

#: Requests and global events that are told one by one; the newest.
TOLD_MAX = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerStory:
    """What the trigger says."""

    findings: tuple[Finding, ...]
    #: Properties of the event that a message now would be about, and of the release or incident.
    properties: dict[str, object] = field(default_factory=dict)
    release: dict[str, object] = field(default_factory=dict)
    event: str = ""
    #: Nearest instant at which it may fire by the passing of time alone (µs).
    due: int | None = None


def tell_trigger(told: Retold, rule: Rule) -> TriggerStory:
    """Return how far a customer is from what the rule waits for."""
    match rule.trigger:
        case InactiveTrigger() as trigger:
            return _inactive(told, rule, trigger)
        case EventTrigger() as trigger:
            return _event(told, rule, trigger)
        case MilestoneTrigger() as trigger:
            return _milestone(told, rule, trigger)
        case ReleasedTrigger() as trigger:
            return _released(told, rule, trigger)
        case GlobalTrigger() as trigger:
            return _global(told, rule, trigger)
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
    names = _listed(sorted(trigger.activity))
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
        head = Finding(mark=Mark.YES, text=f"never {names}; first seen {ago(first, told.at, turn.zone)}", place=str(rule.place))
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
            mark=Mark.UNKNOWN, text=f"the threshold {text} is unknown as of that activity", place=place, leaf=text, number="unknown"
        )
        return finding, None
    needs = f"needs {length(due - start)}"
    silent = f"silent for {length(told.at - start)}"
    if due > told.at:
        more = f"falls due {clock(due, turn.zone)} ({length(due - told.at)} from then), unless there is activity before"
        return Finding(mark=Mark.NO, text=silent, needs=needs, place=place, more=(more,), leaf=needs, number=silent), due
    id_ = (turn.state.threshold_ids or {}).get((rule.id, threshold.position), "")
    text = f"{silent}; fell due {clock(due, turn.zone)}"
    since = (turn.state.threshold_since or {}).get((rule.id, id_), due)
    if f"{rule.id}\x1fsilence:{name}:{id_}" in turn.profile.judged:
        return Finding(mark=Mark.YES, text=text, needs=needs, place=place), due
    why = "that activity arrived after the deadline had passed"
    if due < since:
        why = f"the rule stands as it does only since {clock(since, turn.zone)}, and an edit never looks back"
    return Finding(mark=Mark.NO, text=text, needs=needs, place=place, more=(why,), leaf=needs, number=silent), due


# ---------------------------------------------------------------- events
def _event(told: Retold, rule: Rule, trigger: EventTrigger) -> TriggerStory:
    fitting, refusal = _fitting(told, rule, trigger.match)
    if not fitting:
        return TriggerStory(findings=refusal)
    last = fitting[-1]
    head = f"{trigger.match.event} came {times(len(fitting))}, last {ago(last.event_time, told.at, told.turn.zone)}"
    finding = Finding(mark=Mark.YES, text=head, place=str(rule.place), more=tuple(_missed_lines(told, rule)))
    return TriggerStory(findings=(finding,), properties=dict(last.properties), event=last.name)


def _fitting(told: Retold, rule: Rule, match: EventMatch) -> tuple[list[Event], tuple[Finding, ...]]:
    """Return the events that match, or why none does."""
    named = [e for e in told.events if e.name == match.event]
    if not named:
        text = f"there was no {match.event} yet"
        return [], (Finding(mark=Mark.NO, text=text, place=str(rule.place), leaf=match.event, number="0"),)
    if match.where is None:
        return named, ()
    where, turn = match.where, told.turn
    fitting = [e for e in named if where.evaluate(turn.reading(event=e.properties, own=e.properties)) is True]
    if fitting:
        return fitting, ()
    reading = turn.reading(event=named[-1].properties, own=named[-1].properties)
    leaf = where.blame(reading)
    number = "unknown" if leaf is None else shown(leaf.value(reading))
    text = f"{match.event} came {times(len(named))}, none of them where {where.text}"
    more = (f"the last one: {leaf.text} was {number}",) if leaf is not None else ()
    finding = Finding(
        mark=Mark.NO, text=text, place=str(where.place), more=more, leaf=leaf.text if leaf else where.text, number=number
    )
    return [], (finding,)


def _missed_lines(told: Retold, rule: Rule) -> Iterator[str]:
    """Yield why occurrences got no row, by reason (R6)."""
    by_reason: dict[str, int] = {}
    for one in told.missed:
        if one.rule == rule.id:
            by_reason[one.reason] = by_reason.get(one.reason, 0) + 1
    for reason, count in by_reason.items():
        last = next(one for one in reversed(told.missed) if one.rule == rule.id and one.reason == reason)
        told_leaf = "" if last.leaf is None else f": {last.leaf}" + ("" if last.number is None else f" was {last.number}")
        where = f" ({last.place})" if last.place else ""
        yield f"{times(count)} without a row, {reason}, last {clock(last.at, told.turn.zone)}{told_leaf}{where}"


def _milestone(told: Retold, rule: Rule, trigger: MilestoneTrigger) -> TriggerStory:
    turn, place = told.turn, str(rule.place)
    properties: dict[str, object] = {}
    if trigger.match is not None:
        fitting, refusal = _fitting(told, rule, trigger.match)
        if not fitting:
            return TriggerStory(findings=refusal)
        properties = dict(fitting[-1].properties)
        total: object = turn.profile.totals.get(rule.id) or 0
        if isinstance(total, set | list | tuple):
            total = len(total)
        what = f"{trigger.kind.value} of {trigger.match.event}" + (f".{trigger.prop}" if trigger.prop else "")
    else:
        assert trigger.value is not None
        total, what = trigger.value.evaluate(turn.reading()), trigger.value.text
        if total is UNKNOWN:
            finding = Finding(mark=Mark.UNKNOWN, text=f"{what} is unknown", place=place, leaf=what, number="unknown")
            return TriggerStory(findings=(finding,))
    reached = [label for mark, label in zip(trigger.at, trigger.labels, strict=True) if mark <= total]
    ahead = [label for mark, label in zip(trigger.at, trigger.labels, strict=True) if mark > total]
    found = []
    if reached:
        found.append(Finding(mark=Mark.YES, text=f"{what} is {shown(total)}: reached {_listed(reached)}", place=place))
    if ahead:
        mark = Mark.OFF if reached else Mark.NO
        text = f"{what} is {shown(total)}"
        needs = f"the next milestone is {ahead[0]}"
        found.append(Finding(mark=mark, text=text, needs=needs, place=place, leaf=what, number=shown(total)))
    return TriggerStory(
        findings=tuple(found), properties=properties, event=trigger.match.event if trigger.match else ""
    )


# ---------------------------------------------------------------- requests and what concerns everybody
def _released(told: Retold, rule: Rule, trigger: ReleasedTrigger) -> TriggerStory:
    turn, place = told.turn, str(rule.place)
    asks = turn.profile.asks.get(rule.id, {})
    if not asks:
        _, refusal = _fitting(told, rule, trigger.asked)
        text = f"never asked: no {trigger.asked.event} with a {trigger.by}"
        plain = Finding(mark=Mark.NO, text=text, place=place, leaf=trigger.asked.event, number="0")
        return TriggerStory(findings=refusal or (plain,))
    releases = {
        str(e.properties.get(trigger.by)): e for e in turn.world.view(turn.state) if e.name == trigger.shipped
    }
    found = []
    properties: dict[str, object] = {}
    release: dict[str, object] = {}
    for value, ask in sorted(asks.items(), key=lambda one: one[1].order)[-TOLD_MAX:]:
        asked = f"asked for {value} {clock(ask.order[0], turn.zone)}"
        shipped = releases.get(value)
        if shipped is None:
            found.append(
                Finding(mark=Mark.NO, text=asked, needs=f"no {trigger.shipped} of it yet", place=place, leaf=trigger.shipped, number=value)
            )
        elif shipped.event_time <= ask.order[0]:
            text = f"{asked}, after it had shipped {clock(shipped.event_time, turn.zone)}"
            found.append(Finding(mark=Mark.NO, text=text, place=place, leaf=trigger.shipped, number=value))
        else:
            found.append(Finding(mark=Mark.YES, text=f"{asked}; shipped {clock(shipped.event_time, turn.zone)}", place=place))
            properties, release = dict(ask.properties), dict(shipped.properties)
    found.sort(key=lambda one: one.mark is not Mark.YES)
    return TriggerStory(findings=tuple(found), properties=properties, release=release, event=trigger.asked.event)


def _global(told: Retold, rule: Rule, trigger: GlobalTrigger) -> TriggerStory:
    turn = told.turn
    events = [e for e in turn.world.view(turn.state) if e.name == trigger.event]
    if not events:
        text = f"there was no {trigger.event} yet"
        return TriggerStory(findings=(Finding(mark=Mark.NO, text=text, place=str(rule.place), leaf=trigger.event, number="0"),))
    found = []
    release: dict[str, object] = {}
    for event in events[-TOLD_MAX:]:
        reading = turn.reading(min(event.ingest_time, told.at), event=event.properties)
        head = f"{trigger.event} {clock(event.event_time, turn.zone)}"
        failed = next((c for c in (trigger.where, trigger.affects) if c is not None and c.evaluate(reading) is not True), None)
        if failed is None:
            found.append(Finding(mark=Mark.YES, text=f"{head} concerned this customer", place=str(rule.place)))
            release = dict(event.properties)
            continue
        leaf = failed.blame(reading)
        number = "unknown" if leaf is None else shown(leaf.value(reading))
        text = f"{head} did not concern this customer: {leaf.text if leaf else failed.text} was {number}"
        where = str(leaf.place if leaf else failed.place)
        found.append(Finding(mark=Mark.NO, text=text, place=where, leaf=leaf.text if leaf else failed.text, number=number))
    found.sort(key=lambda one: one.mark is not Mark.YES)
    return TriggerStory(findings=tuple(found), release=release, event=trigger.event)


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
        return TriggerStory(findings=(Finding(mark=mark, text=text, place=place, leaf=trigger.trait, number=told_value),))
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
        needs = f"a habit: at least {DECLINE_MEAN_MIN} in {length(trigger.window)} over the {length(trigger.against)} before"
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


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " or " + words[-1] if words else "activity"
