"""Why a customer got a message, or why not.

That one customer's log folded again, then each rule's trigger, audience and gate (R6, G1).

Reads records that are handed in; knows no store, no clock, and has no way to send.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from relight.customers.reading import trait_of
from relight.decide.standing import step_of
from relight.decide.waits import wait_deadline
from relight.engine.explain_delivery import after_sending
from relight.engine.explain_gate import audience_findings, entry_of_now, gate_findings
from relight.engine.explain_history import Missed, Retold, retell
from relight.engine.explain_triggers import tell_trigger
from relight.engine.explain_words import (
    Explanation,
    Finding,
    Mark,
    RuleStory,
    Standing,
    TriggerStory,
    clock,
    length,
    times,
)
from relight.messages.reasons import RowState
from relight.rules.plan import InactiveTrigger, MilestoneTrigger, StepKind

if TYPE_CHECKING:
    from relight.customers.profile import Entry
    from relight.messages.ledger import LedgerRow
    from relight.messages.life import MessageState
    from relight.rules.plan import Plan, Rule
    from relight.streams.envelope import Record

__all__ = ["Explanation", "Finding", "Mark", "RuleStory", "clock", "explain_customer", "retell"]


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

    Raises:
        UsageError: nothing had happened by then.
    """
    told = retell(plan=plan, plans=plans, customer=customer, own=own, everybody=everybody, at=at, first=first)
    rows = told.rows if ledger is None else [r for r in ledger if r.customer == customer and r.judged <= at]
    in_force = told.turn.plan.rules
    stories = tuple(
        _story(told, in_force[name], [r for r in rows if r.rule == name], journal)
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


def _story(told: Retold, rule: Rule, rows: list[LedgerRow], journal: Mapping[str, MessageState]) -> RuleStory:
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
        headline="",
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
    return after_sending(story, journal.get(last.occurrence_key), told.customer, reason)


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
        count = times(len(sent))
        leaves = sent[-1].scheduled if sent[-1].scheduled is not None else sent[-1].judged
        line = f"{customer} got {rule.id} {count}, last {clock(leaves, zone)}"
        return replace(story, outcome="sent", headline=line)
    before = f" this time (got it {times(len(sent))} before)" if sent else ""
    if last is not None and (missed is None or missed.at <= last.judged) and not inside:
        held = last.state is RowState.HELD_OUT
        line = f"{customer} was HELD OUT of {rule.id}" if held else f"{customer} did NOT get {rule.id}{before}"
        return replace(story, outcome="held_out" if held else "not_sent", headline=line, why=_row_finding(last, zone))
    if inside:
        return replace(story, outcome="waiting", headline=f"{customer} is in {rule.id} and has not got it yet{before}")
    why = _missed_finding(missed, zone) if missed is not None else _missing(story)
    return replace(story, headline=f"{customer} did NOT get {rule.id}{before}", why=why)


def _row_finding(row: LedgerRow, zone: str) -> Finding:
    number = "" if row.number is None else f": it was {row.number}"
    text = f"{row.reason}" + (f": {row.leaf}{number}" if row.leaf else "")
    return Finding(
        mark=Mark.NO,
        text=f"{text}, {clock(row.judged, zone)}",
        place=row.place or "",
        leaf=row.leaf,
        number=row.number,
        reason=row.reason,
    )


def _missed_finding(missed: Missed, zone: str) -> Finding:
    number = "" if missed.number is None else f": it was {missed.number}"
    text = missed.reason + (f": {missed.leaf}{number}" if missed.leaf else "")
    return Finding(
        mark=Mark.NO,
        text=f"{text}, at the {missed.event.name} of {clock(missed.event.event_time, zone)}",
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
    text = found.text + (f"; {found.needs}" if found.needs else "")
    return replace(found, text=text, more=())


# ---------------------------------------------------------------- what comes next
def _next(told: Retold, rule: Rule, trigger: TriggerStory, inside: list[Entry]) -> tuple[str, int | None]:
    turn = told.turn
    for entry in inside:
        step = step_of(turn, entry)
        exits = ", ".join(match.event for match in rule.exits_on)
        unless = f", unless {exits} comes first" if exits else ""
        if entry.candidate is not None:
            minute = entry.candidate.scheduled
            return f"Its mail goes through the gate {clock(minute, turn.zone)}{unless}.", minute
        due = None if step is None else wait_deadline(turn, entry, step)
        if step is not None and due is not None:
            awaited = step.awaited if step.kind is StepKind.WAIT_FOR else None
            for_what = "" if awaited is None else f" for {awaited.event}"
            until = f"{clock(due, turn.zone)} ({length(due - told.at)} from then)"
            line = f"It waits in step '{step.id}'{for_what} until {until}{unless}."
            return line, due
    if trigger.due is not None:
        line = (
            f"The next threshold falls due {clock(trigger.due, turn.zone)}, {length(trigger.due - told.at)} from then."
        )
        if not isinstance(rule.trigger, InactiveTrigger):
            line = f"It falls due {clock(trigger.due, turn.zone)}, {length(trigger.due - told.at)} from then."
        return line, trigger.due
    return "", None
