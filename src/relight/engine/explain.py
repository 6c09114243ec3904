"""Why a customer got a message, or why not.

That one customer's log folded again, then each rule's trigger, audience and gate (R6, G1).

Reads records that are handed in; knows no store, no clock, and has no way to send.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from relight.customers.reading import trait_of
from relight.decide.standing import step_of
from relight.decide.waits import wait_deadline
from relight.engine.explain_delivery import after_sending
from relight.engine.explain_gate import audience_findings, entry_of_now, gate_findings
from relight.engine.explain_history import Missed, Retold, retell
from relight.engine.explain_holds import stopped_by_log
from relight.engine.explain_ledger import ledger_number, ledger_word
from relight.engine.explain_lines import Because, Length, Line, Moment, Said, Times, say
from relight.engine.explain_telling import clock, tell
from relight.engine.explain_triggers import tell_trigger
from relight.engine.explain_words import (
    Explanation,
    Finding,
    Mark,
    RuleStory,
    Standing,
    TriggerStory,
)
from relight.messages.reasons import RowState
from relight.rules.plan import InactiveTrigger, MilestoneTrigger, StepKind

if TYPE_CHECKING:
    from relight.customers.profile import Entry
    from relight.engine.explain_holds import Hold
    from relight.messages.ledger import LedgerRow
    from relight.messages.life import MessageState
    from relight.rules.plan import Plan, Rule, Step
    from relight.streams.envelope import Record

__all__ = ["Explanation", "Finding", "Mark", "RuleStory", "clock", "explain_customer", "retell", "tell"]


def explain_customer(  # noqa: PLR0913 - one question, by keyword
    *,
    plan: Plan,
    plans: Iterable[Plan] = (),
    customer: str,
    own: Iterable[Record],
    everybody: Iterable[Record],
    at: int,
    rules: Sequence[str] = (),
    ledger: Iterable[LedgerRow] | None = None,
    first: int | None = None,
    journal: Mapping[str, MessageState] = MappingProxyType({}),
    holds: Mapping[str, Hold] = MappingProxyType({}),
    keyed: Callable[[str], str] | None = None,
) -> Explanation:
    """Return what became of a customer in each rule, and what stands in the way as of `at` (µs, inclusive).

    Args:
        plan: the rules of now.
        plans: the versions that the log names, as far as they are kept.
        customer: whose log it is.
        own: the customer's own records, in log order.
        everybody: global records, in log order.
        at: the instant that is asked about.
        rules: ids; all for none. Each must be in the plan.
        ledger: the rows that stand; None takes those that folding again gives, which are equal (I9).
        first: where the log names no plan, when it came into force.
        journal: occurrence key -> where the message is; empty where nothing is ever sent.
        holds: occurrence key -> what keeps a message that waits from leaving.
        keyed: address hash -> how the list names it once somebody with it was erased; None where nobody was.

    Raises:
        UsageError: nothing had happened by then.
    """
    told = retell(
        plan=plan, plans=plans, customer=customer, own=own, everybody=everybody, at=at, first=first, keyed=keyed
    )
    rows = told.rows if ledger is None else [r for r in ledger if r.customer == customer and r.judged <= at]
    in_force = told.turn.plan.rules
    stories = tuple(
        _story(told, in_force[name], [r for r in rows if r.rule == name], journal, holds)
        for name in rules or sorted(in_force)
        if name in in_force
    )
    return Explanation(
        customer=customer,
        at=at,
        zone=told.turn.zone,
        records=told.records,
        stories=stories,
        plan_version=told.turn.plan.version,
        standing=tuple(_standing(told, entry) for entry in told.turn.profile.entries),
        traits={name: trait_of(told.turn.profile, name, at) for name in told.turn.profile.traits},
        consent={topic: given for topic, (_, given) in told.turn.profile.consent.items()},
    )


def _standing(told: Retold, entry: Entry) -> Standing:
    step = step_of(told.turn, entry)
    is_mail = entry.candidate is not None
    due = None if step is None else wait_deadline(told.turn, entry, step)
    return Standing(
        rule=entry.rule,
        step=None if step is None else step.id,
        since=entry.entered,
        until=due if entry.candidate is None else entry.candidate.scheduled,
        is_mail=is_mail,
        awaits=step.awaited.event if step is not None and step.awaited is not None and not is_mail else "",
    )


def _story(
    told: Retold, rule: Rule, rows: list[LedgerRow], journal: Mapping[str, MessageState], holds: Mapping[str, Hold]
) -> RuleStory:
    turn = told.turn
    trigger = tell_trigger(told, rule)
    inside = [e for e in turn.profile.entries if e.rule == rule.id]
    entry = inside[-1] if inside else entry_of_now(turn, rule, trigger.properties, trigger.release, trigger.event)
    known = bool(trigger.properties or trigger.release) and not isinstance(rule.trigger, MilestoneTrigger)
    needs_event = not isinstance(rule.trigger, InactiveTrigger) and not known
    story = RuleStory(
        rule=rule.id,
        title=rule.name or rule.id,
        place=str(rule.place),
        outcome="not_sent",
        headline=say(Line.NOT_GOT, customer=told.customer, rule=rule.id),
        rows=tuple(rows),
        trigger=trigger.findings,
        audience=audience_findings(turn, rule, entry),
        gate=gate_findings(turn, rule, entry, is_real=bool(inside) or not needs_event),
    )
    story = _concluded(told, rule, story, trigger, inside)
    if story.outcome != "sent":
        return story
    last = next(row for row in reversed(rows) if row.state is RowState.PENDING)
    reason = told.outcomes.get(last.occurrence_key, "")
    state = journal.get(last.occurrence_key)
    hold = stopped_by_log(turn, rule) or holds.get(last.occurrence_key)
    if not isinstance(hold, Finding):
        hold = _leaves(told, last) or hold
    return after_sending(story, state, told.customer, reason=reason, hold=hold)


def _leaves(told: Retold, row: LedgerRow) -> Said | None:
    """Return when a decided mail will leave and why not before; None where its time has come."""
    if row.scheduled is None or row.scheduled <= told.at:
        return None
    is_gap = told.turn.state.past_gaps(row.judged) > row.judged
    line = Line.SENT_AFTER_START if is_gap else Line.SENT_AT
    return say(line, when=Moment(row.scheduled, told.turn.zone))


# ---------------------------------------------------------------- the conclusion
def _concluded(told: Retold, rule: Rule, story: RuleStory, trigger: TriggerStory, inside: list[Entry]) -> RuleStory:
    """Return the story with its headline, its reason and what happens next."""
    zone, customer = told.turn.zone, told.customer
    sent = [r for r in story.rows if r.state is RowState.PENDING]
    refused = [r for r in story.rows if r.state in (RowState.SUPPRESSED, RowState.ENDED, RowState.HELD_OUT)]
    next_line, ask_again = _next(told, rule, trigger, inside)
    story = replace(story, next=next_line, ask_again=ask_again)
    last = refused[-1] if refused else None
    missed = next((m for m in reversed(told.missed) if m.rule == rule.id), None)
    if sent and (last is None or sent[-1].judged > last.judged):
        leaves = sent[-1].scheduled if sent[-1].scheduled is not None else sent[-1].judged
        line = say(Line.GOT, customer=customer, rule=rule.id, times=Times(len(sent)), when=Moment(leaves, zone))
        return replace(story, outcome="sent", headline=line)
    through = None if inside else _went_through(story.rows)
    if through is not None and (missed is None or missed.at <= through.judged):
        line = say(Line.WENT_THROUGH, when=Moment(through.judged, zone))
        led_past = Finding(mark=Mark.NO, text=line, place=story.place)
        return replace(story, headline=_not_got(customer, rule, len(sent)), why=led_past)
    if last is not None and (missed is None or missed.at <= last.judged) and not inside:
        held = last.state is RowState.HELD_OUT
        line = say(Line.HELD_OUT, customer=customer, rule=rule.id) if held else _not_got(customer, rule, len(sent))
        return replace(story, outcome="held_out" if held else "not_sent", headline=line, why=_row_finding(last, zone))
    if inside:
        return replace(story, outcome="waiting", headline=_inside(customer, rule, len(sent)))
    why = _missed_finding(missed, zone) if missed is not None else _missing(story)
    return replace(story, headline=_not_got(customer, rule, len(sent)), why=why)


def _went_through(rows: Sequence[LedgerRow]) -> LedgerRow | None:
    """Return the row of an entry that is over and brought nothing to the gate; None where another row came after.

    A branch or an event in time can lead past every message: then nothing was kept back, and no row says so.
    """
    entered = next((row for row in reversed(rows) if row.state is RowState.ENTERED), None)
    if entered is None or any(row.judged >= entered.judged for row in rows if row.state is not RowState.ENTERED):
        return None
    return entered


def _not_got(customer: str, rule: Rule, before: int) -> Said:
    if not before:
        return say(Line.NOT_GOT, customer=customer, rule=rule.id)
    return say(Line.NOT_GOT_AGAIN, customer=customer, rule=rule.id, times=Times(before))


def _inside(customer: str, rule: Rule, before: int) -> Said:
    if not before:
        return say(Line.INSIDE, customer=customer, rule=rule.id)
    return say(Line.INSIDE_AGAIN, customer=customer, rule=rule.id, times=Times(before))


def _reason_was(one: LedgerRow | Missed, zone: str) -> Said:
    reason = str(one.reason)
    if not one.leaf:
        return say(Line.REASON, reason=Because(reason))
    leaf = ledger_word(one.leaf, reason)
    if one.number is None:
        return say(Line.REASON_LEAF, reason=Because(reason), leaf=leaf)
    number = ledger_number(one.leaf, one.number, reason, zone)
    return say(Line.REASON_WAS, reason=Because(reason), leaf=leaf, number=number)


def _row_finding(row: LedgerRow, zone: str) -> Finding:
    return Finding(
        mark=Mark.NO,
        text=say(Line.DECIDED_AT, why=_reason_was(row, zone), when=Moment(row.judged, zone)),
        place=row.place or "",
        leaf=row.leaf,
        number=row.number,
        reason=row.reason,
    )


def _missed_finding(missed: Missed, zone: str) -> Finding:
    why, when = _reason_was(missed, zone), Moment(missed.event.event_time, zone)
    return Finding(
        mark=Mark.NO,
        text=say(Line.AT_EVENT, why=why, event=missed.event.name, when=when),
        place=missed.place or "",
        leaf=missed.leaf,
        number=missed.number,
        reason=missed.reason,
    )


def _missing(story: RuleStory) -> Finding | None:
    """Return the first thing that is missing where nothing has come up yet."""
    if any(f.mark is Mark.YES for f in story.trigger[:1]) and len(story.trigger) == 1:
        found = next((f for f in (*story.audience, *story.gate) if f.stops), None)
    else:
        found = next((f for f in story.trigger if f.stops), None)
    if found is None:
        return None
    text = found.text if found.needs is None else say(Line.TOGETHER, text=found.text, needs=found.needs)
    return replace(found, text=text, more=())


# ---------------------------------------------------------------- what comes next
def _next(told: Retold, rule: Rule, trigger: TriggerStory, inside: list[Entry]) -> tuple[Said | None, int | None]:
    turn = told.turn
    exits = ", ".join(match.event for match in rule.exits_on)
    for entry in inside:
        step = step_of(turn, entry)
        if entry.candidate is not None:
            minute = entry.candidate.scheduled
            line = Line.GATE_AT_UNLESS if exits else Line.GATE_AT
            return say(line, when=Moment(minute, turn.zone), exits=exits), minute
        due = None if step is None else wait_deadline(turn, entry, step)
        if step is not None and due is not None:
            awaited = step.awaited if step.kind is StepKind.WAIT_FOR else None
            return _waits(told, step, due, "" if awaited is None else awaited.event, exits), due
    if trigger.due is None:
        return None, None
    line = Line.NEXT_THRESHOLD if isinstance(rule.trigger, InactiveTrigger) else Line.NEXT_DUE
    return say(line, when=Moment(trigger.due, turn.zone), length=Length(trigger.due - told.at)), trigger.due


def _waits(told: Retold, step: Step, due: int, event: str, exits: str) -> Said:
    plain, unless = (Line.WAITS_FOR, Line.WAITS_FOR_UNLESS) if event else (Line.WAITS, Line.WAITS_UNLESS)
    line = unless if exits else plain
    when, until = Moment(due, told.turn.zone), Length(due - told.at)
    return say(line, step=step.id, event=event, when=when, length=until, exits=exits)
