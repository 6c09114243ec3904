"""What explain says of rules that wait for something to happen: how often it did, what was missing or asked for."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from relight.base.kinds import UNKNOWN
from relight.engine.explain_ledger import ledger_number, ledger_word
from relight.engine.explain_lines import Ago, Because, Line, Moment, OneOf, Said, Times, code, say
from relight.engine.explain_telling import tell
from relight.engine.explain_words import Finding, Mark, TriggerStory, shown, told_value
from relight.rules.plan import MilestoneKind

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

#: What is counted -> what it is called; `value` is an expression, and is told as it is written.
_TOTALS: Final = MappingProxyType({
    MilestoneKind.COUNT: Line.COUNT_OF,
    MilestoneKind.SUM: Line.SUM_OF,
    MilestoneKind.DISTINCT: Line.DISTINCT_OF,
    MilestoneKind.STREAK: Line.STREAK_OF,
})  # fmt: skip
#: Requests and global events that are told one by one; the newest.
TOLD_MAX = 5


# ---------------------------------------------------------------- events
def tell_event(told: Retold, rule: Rule, trigger: EventTrigger) -> TriggerStory:
    """Return how often the event came, and why it made no row."""
    fitting, refusal = _fitting(told, rule, trigger.match)
    if not fitting:
        return TriggerStory(findings=refusal)
    last = fitting[-1]
    ago = Ago(last.event_time, told.at, told.turn.zone)
    head = say(Line.CAME, event=trigger.match.event, times=Times(len(fitting)), ago=ago)
    finding = Finding(mark=Mark.YES, text=head, place=str(rule.place), more=tuple(_missed_lines(told, rule)))
    return TriggerStory(findings=(finding,), properties=dict(last.properties), event=last.name)


def _fitting(told: Retold, rule: Rule, match: EventMatch) -> tuple[list[Event], tuple[Finding, ...]]:
    """Return the events that match, or why none does."""
    named = [e for e in told.events if e.name == match.event]
    if not named:
        text = say(Line.NEVER_CAME, event=match.event)
        return [], (Finding(mark=Mark.NO, text=text, place=str(rule.place), leaf=match.event, number="0"),)
    if match.where is None:
        return named, ()
    where, turn = match.where, told.turn
    fitting = [e for e in named if where.evaluate(turn.reading(event=e.properties, own=e.properties)) is True]
    if fitting:
        return fitting, ()
    reading = turn.reading(event=named[-1].properties, own=named[-1].properties)
    leaf = where.blame(reading)
    value = UNKNOWN if leaf is None else leaf.value(reading)
    text = say(Line.NONE_WHERE, event=match.event, times=Times(len(named)), where=where.text)
    more = (say(Line.LAST_ONE_WAS, leaf=leaf.text, number=told_value(value)),) if leaf is not None else ()
    finding = Finding(
        mark=Mark.NO,
        text=text,
        place=str(where.place),
        more=more,
        leaf=leaf.text if leaf else where.text,
        number=shown(value),
    )
    return [], (finding,)


def _missed_lines(told: Retold, rule: Rule) -> Iterator[Said]:
    """Yield why occurrences got no row, by reason (R6)."""
    by_reason: dict[str, int] = {}
    for one in told.missed:
        if one.rule == rule.id:
            by_reason[one.reason] = by_reason.get(one.reason, 0) + 1
    for reason, count in by_reason.items():
        last = next(one for one in reversed(told.missed) if one.rule == rule.id and one.reason == reason)
        line = Line.MISSED if last.leaf is None else Line.MISSED_LEAF if last.number is None else Line.MISSED_WAS
        text = say(
            line,
            times=Times(count),
            reason=Because(reason),
            when=Moment(last.at, told.turn.zone),
            leaf=ledger_word(last.leaf or "", reason),
            number=ledger_number(last.leaf or "", last.number or "", reason, told.turn.zone),
        )
        yield say(Line.WITH_PLACE, text=text, place=last.place) if last.place else text


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
        of = trigger.match.event + (f".{trigger.prop}" if trigger.prop else "")
        what = say(_TOTALS[trigger.kind], of=of)
        if trigger.match.where is not None:
            what = say(Line.OF_WHERE, what=what, where=trigger.match.where.text)
    else:
        assert trigger.value is not None
        total, what = trigger.value.evaluate(turn.reading()), code(trigger.value.text)
        if total is UNKNOWN:
            text = say(Line.IS_UNKNOWN, what=what)
            finding = Finding(mark=Mark.UNKNOWN, text=text, place=place, leaf=tell(what), number="unknown")
            return TriggerStory(findings=(finding,))
    leaf, number, value = tell(what), shown(total), told_value(total)
    reached = [label for mark, label in zip(trigger.at, trigger.labels, strict=True) if mark <= total]
    ahead = [label for mark, label in zip(trigger.at, trigger.labels, strict=True) if mark > total]
    found = []
    if reached and not any(r.rule == rule.id and r.occurrence == f"milestone:{reached[-1]}" for r in told.rows):
        text = say(Line.REACHED_BEFORE, what=what, total=value, mark=reached[-1])
        found.append(Finding(mark=Mark.NO, text=text, place=place, leaf=leaf, number=number))
    elif reached:
        text = say(Line.REACHED, what=what, total=value, marks=OneOf(tuple(reached)))
        found.append(Finding(mark=Mark.YES, text=text, place=place))
    if ahead:
        mark = Mark.OFF if reached else Mark.NO
        text = say(Line.TOTAL_IS, what=what, total=value)
        needs = say(Line.NEXT_MILESTONE, mark=ahead[0])
        found.append(Finding(mark=mark, text=text, needs=needs, place=place, leaf=leaf, number=number))
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
        text = say(Line.NEVER_ASKED, event=trigger.asked.event, by=trigger.by)
        plain = Finding(mark=Mark.NO, text=text, place=place, leaf=trigger.asked.event, number="0")
        return TriggerStory(findings=refusal or (plain,))
    releases = {str(e.properties.get(trigger.by)): e for e in turn.world.view(turn.state) if e.name == trigger.shipped}
    found = []
    properties: dict[str, object] = {}
    release: dict[str, object] = {}
    for value, ask in sorted(asks.items(), key=lambda one: one[1].order)[-TOLD_MAX:]:
        when = Moment(ask.order[0], turn.zone)
        shipped = releases.get(value)
        if shipped is None:
            found.append(
                Finding(
                    mark=Mark.NO,
                    text=say(Line.ASKED, value=value, when=when),
                    needs=say(Line.NOT_SHIPPED, event=trigger.shipped),
                    place=place,
                    leaf=trigger.shipped,
                    number=value,
                )
            )
        elif shipped.event_time <= ask.order[0]:
            text = say(Line.ASKED_TOO_LATE, value=value, when=when, shipped=Moment(shipped.event_time, turn.zone))
            found.append(Finding(mark=Mark.NO, text=text, place=place, leaf=trigger.shipped, number=value))
        else:
            text = say(Line.ASKED_AND_SHIPPED, value=value, when=when, shipped=Moment(shipped.event_time, turn.zone))
            found.append(Finding(mark=Mark.YES, text=text, place=place))
            properties, release = dict(ask.properties), dict(shipped.properties)
    found.sort(key=lambda one: one.mark is not Mark.YES)
    return TriggerStory(findings=tuple(found), properties=properties, release=release, event=trigger.asked.event)


def tell_global(told: Retold, rule: Rule, trigger: GlobalTrigger) -> TriggerStory:
    """Return which of the global events concerned this customer."""
    turn = told.turn
    events = [e for e in turn.world.view(turn.state) if e.name == trigger.event]
    if not events:
        text = say(Line.NEVER_CAME, event=trigger.event)
        return TriggerStory(
            findings=(Finding(mark=Mark.NO, text=text, place=str(rule.place), leaf=trigger.event, number="0"),)
        )
    found = []
    release: dict[str, object] = {}
    for event in events[-TOLD_MAX:]:
        reading = turn.reading(min(event.ingest_time, told.at), event=event.properties)
        when = Moment(event.event_time, turn.zone)
        failed = next(
            (c for c in (trigger.where, trigger.affects) if c is not None and c.evaluate(reading) is not True), None
        )
        if failed is None:
            text = say(Line.CONCERNED, event=trigger.event, when=when)
            found.append(Finding(mark=Mark.YES, text=text, place=str(rule.place)))
            release = dict(event.properties)
            continue
        leaf = failed.blame(reading)
        decided, value = leaf or failed, UNKNOWN if leaf is None else leaf.value(reading)
        text = say(
            Line.NOT_CONCERNED, event=trigger.event, when=when, leaf=decided.text, number=told_value(value)
        )  # fmt: skip
        place = str(decided.place)
        found.append(Finding(mark=Mark.NO, text=text, place=place, leaf=decided.text, number=shown(value)))
    found.sort(key=lambda one: one.mark is not Mark.YES)
    return TriggerStory(findings=tuple(found), release=release, event=trigger.event)
