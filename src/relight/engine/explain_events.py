"""What explain says of rules that wait for something to happen: how often it did, what was missing or asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relight.base.kinds import UNKNOWN
from relight.engine.explain_words import Finding, Mark, TriggerStory, ago, clock, listed, shown, times

if TYPE_CHECKING:
    from collections.abc import Iterator

    from relight.engine.explain_history import Retold
    from relight.rules.plan import (
        EventMatch,
        EventTrigger,
        GlobalTrigger,
        MilestoneTrigger,
        ReleasedTrigger,
        Rule,
    )
    from relight.streams.envelope import Event

#: Requests and global events that are told one by one; the newest.
TOLD_MAX = 5


# ---------------------------------------------------------------- events
def tell_event(told: Retold, rule: Rule, trigger: EventTrigger) -> TriggerStory:
    """Return how often the event came, and why it made no row."""
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
        mark=Mark.NO,
        text=text,
        place=str(where.place),
        more=more,
        leaf=leaf.text if leaf else where.text,
        number=number,
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
        told_leaf = (
            "" if last.leaf is None else f": {last.leaf}" + ("" if last.number is None else f" was {last.number}")
        )
        where = f" ({last.place})" if last.place else ""
        yield f"{times(count)} without a row, {reason}, last {clock(last.at, told.turn.zone)}{told_leaf}{where}"


def tell_milestone(told: Retold, rule: Rule, trigger: MilestoneTrigger) -> TriggerStory:
    """Return the total and the next milestone."""
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
        what += f" where {trigger.match.where.text}" if trigger.match.where is not None else ""
    else:
        assert trigger.value is not None
        total, what = trigger.value.evaluate(turn.reading()), trigger.value.text
        if total is UNKNOWN:
            finding = Finding(mark=Mark.UNKNOWN, text=f"{what} is unknown", place=place, leaf=what, number="unknown")
            return TriggerStory(findings=(finding,))
    reached = [label for mark, label in zip(trigger.at, trigger.labels, strict=True) if mark <= total]
    ahead = [label for mark, label in zip(trigger.at, trigger.labels, strict=True) if mark > total]
    found = []
    if reached and not any(r.rule == rule.id and r.occurrence == f"milestone:{reached[-1]}" for r in told.rows):
        text = f"{what} is {shown(total)}: {reached[-1]} was reached before this rule stood, and no past is repeated"
        found.append(Finding(mark=Mark.NO, text=text, place=place, leaf=what, number=shown(total)))
    elif reached:
        found.append(Finding(mark=Mark.YES, text=f"{what} is {shown(total)}: reached {listed(reached)}", place=place))
    if ahead:
        mark = Mark.OFF if reached else Mark.NO
        text = f"{what} is {shown(total)}"
        needs = f"the next milestone is {ahead[0]}"
        found.append(Finding(mark=mark, text=text, needs=needs, place=place, leaf=what, number=shown(total)))
    return TriggerStory(
        findings=tuple(found), properties=properties, event=trigger.match.event if trigger.match else ""
    )


# ---------------------------------------------------------------- requests and what concerns everybody
def tell_released(told: Retold, rule: Rule, trigger: ReleasedTrigger) -> TriggerStory:
    """Return what was asked for, and whether it shipped."""
    turn, place = told.turn, str(rule.place)
    asks = turn.profile.asks.get(rule.id, {})
    if not asks:
        _, refusal = _fitting(told, rule, trigger.asked)
        text = f"never asked: no {trigger.asked.event} with a {trigger.by}"
        plain = Finding(mark=Mark.NO, text=text, place=place, leaf=trigger.asked.event, number="0")
        return TriggerStory(findings=refusal or (plain,))
    releases = {str(e.properties.get(trigger.by)): e for e in turn.world.view(turn.state) if e.name == trigger.shipped}
    found = []
    properties: dict[str, object] = {}
    release: dict[str, object] = {}
    for value, ask in sorted(asks.items(), key=lambda one: one[1].order)[-TOLD_MAX:]:
        asked = f"asked for {value} {clock(ask.order[0], turn.zone)}"
        shipped = releases.get(value)
        if shipped is None:
            found.append(
                Finding(
                    mark=Mark.NO,
                    text=asked,
                    needs=f"no {trigger.shipped} of it yet",
                    place=place,
                    leaf=trigger.shipped,
                    number=value,
                )
            )
        elif shipped.event_time <= ask.order[0]:
            text = f"{asked}, after it had shipped {clock(shipped.event_time, turn.zone)}"
            found.append(Finding(mark=Mark.NO, text=text, place=place, leaf=trigger.shipped, number=value))
        else:
            found.append(
                Finding(mark=Mark.YES, text=f"{asked}; shipped {clock(shipped.event_time, turn.zone)}", place=place)
            )
            properties, release = dict(ask.properties), dict(shipped.properties)
    found.sort(key=lambda one: one.mark is not Mark.YES)
    return TriggerStory(findings=tuple(found), properties=properties, release=release, event=trigger.asked.event)


def tell_global(told: Retold, rule: Rule, trigger: GlobalTrigger) -> TriggerStory:
    """Return which of the global events concerned this customer."""
    turn = told.turn
    events = [e for e in turn.world.view(turn.state) if e.name == trigger.event]
    if not events:
        text = f"there was no {trigger.event} yet"
        return TriggerStory(
            findings=(Finding(mark=Mark.NO, text=text, place=str(rule.place), leaf=trigger.event, number="0"),)
        )
    found = []
    release: dict[str, object] = {}
    for event in events[-TOLD_MAX:]:
        reading = turn.reading(min(event.ingest_time, told.at), event=event.properties)
        head = f"{trigger.event} {clock(event.event_time, turn.zone)}"
        failed = next(
            (c for c in (trigger.where, trigger.affects) if c is not None and c.evaluate(reading) is not True), None
        )
        if failed is None:
            found.append(Finding(mark=Mark.YES, text=f"{head} concerned this customer", place=str(rule.place)))
            release = dict(event.properties)
            continue
        leaf = failed.blame(reading)
        number = "unknown" if leaf is None else shown(leaf.value(reading))
        text = f"{head} did not concern this customer: {leaf.text if leaf else failed.text} was {number}"
        where = str(leaf.place if leaf else failed.place)
        found.append(
            Finding(mark=Mark.NO, text=text, place=where, leaf=leaf.text if leaf else failed.text, number=number)
        )
    found.sort(key=lambda one: one.mark is not Mark.YES)
    return TriggerStory(findings=tuple(found), release=release, event=trigger.event)
