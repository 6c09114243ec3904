"""From "it happened" to an entry, or to the reason why not (R6, E1): one function for every trigger."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from relight.base.instants import INSTANT_MIN, to_local
from relight.customers.profile import Entry, Reach
from relight.decide.entries import exit_by_condition, exit_by_trace, leave_entry, walk
from relight.decide.standing import first_trace_after, priority_of
from relight.messages.gate import blame, braked_verdict, paused_reason, reentry_word, refuse
from relight.messages.reasons import Reason, RowState
from relight.rules.plan import InactiveTrigger, ReentryKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from relight.decide.turn import Turn
    from relight.messages.gate import Verdict
    from relight.rules.plan import Rule


class Happening(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What happened, for one rule."""

    #: Text of the occurrence; with rule and customer it is the key (R2, R3, R7).
    occurrence: str
    #: Instant the row names: the record's ingest time or the deadline d.
    instant: int
    #: Exit, goal and the first wait_for match events later than this (E3).
    anchor: int
    #: (stream, id, name) of the triggering event; empty for a deadline.
    trigger: tuple[str, str, str] = ("", "", "")
    properties: Mapping[str, object] = msgspec.field(default_factory=dict)
    late: bool = False
    #: It is a deadline: grace applies, and the audience is read as of d.
    is_deadline: bool = False
    #: It is an event trigger: a false audience and re-entry are counted, not written (R6).
    is_event: bool = False
    #: Keyed by `per`, a silence, a milestone or a request: parallel entries are allowed (E1).
    is_keyed: bool = True
    threshold: int | None = None
    threshold_id: str | None = None
    milestone: str | None = None
    release: Mapping[str, object] = msgspec.field(default_factory=dict)
    release_event: str = ""
    #: For silences: the start's text, shared by its thresholds (E1).
    silence: str = ""
    #: A refusal found before (`unless` of a release).
    refusal: Verdict | None = None


def occur(turn: Turn, rule: Rule, what: Happening) -> None:
    """Write the occurrence's row; make the entry and run its first steps when nothing stands against it."""
    entry = _entry_of(turn, rule, what)
    reading = turn.reading(what.instant if what.is_deadline else None, entry=entry)
    fits = rule.audience is None or rule.audience.evaluate(reading) is True
    if what.is_event and not fits:
        turn.count(rule, Reason.AUDIENCE_FALSE)
        return
    verdict = _early_refusal(turn, rule, what)
    if verdict is None and not fits and rule.audience is not None:
        verdict = blame(rule.audience, reading, Reason.AUDIENCE_FALSE)
    if verdict is None:
        verdict = what.refusal
    if verdict is None:
        reason = _reentry_reason(turn, rule, what)
        if reason is not None and what.is_event:
            turn.count(rule, reason)
            return
        verdict = None if reason is None else refuse(reason, reentry_word(reason, rule.reentry))
    rivals = _rivals(turn, rule)
    if verdict is None and (incumbent := next((e for e in rivals if priority_of(turn, e) >= rule.priority), None)):
        verdict = refuse(Reason.GROUP, f"group {rule.group}", f"inside {incumbent.rule}")
    if verdict is not None:
        turn.write_row(
            rule, what.occurrence, "", RowState.SUPPRESSED,
            reason=verdict.reason, instant=what.instant, verdict=verdict,
        )  # fmt: skip
        return
    for rival in rivals:
        leave_entry(turn, rival, Reason.GROUP, what.instant, why=(f"group {rule.group}", f"taken by {rule.id}"))
    turn.write_row(rule, what.occurrence, "", RowState.ENTERED, instant=what.instant)
    _note_reach(turn, rule, what)
    turn.profile.entries.append(entry)
    turn.moved = True
    _begin(turn, entry, what.instant)


def _entry_of(turn: Turn, rule: Rule, what: Happening) -> Entry:
    return Entry(
        rule=rule.id,
        occurrence=what.occurrence,
        start=what.instant,
        anchor=what.anchor,
        trigger_stream=what.trigger[0],
        trigger_id=what.trigger[1],
        trigger_event=what.trigger[2],
        properties=dict(what.properties),
        plan_version=turn.plan.version,
        step=rule.program.start,
        entered=what.instant,
        since=what.anchor,
        deadline=what.instant if what.is_deadline else None,
        threshold=what.threshold,
        threshold_id=what.threshold_id,
        milestone=what.milestone,
        release=dict(what.release),
        release_event=what.release_event,
    )


def _begin(turn: Turn, entry: Entry, as_of: int) -> None:
    """Look back for exits and the goal (E3), then walk."""
    for trace in turn.profile.trail[first_trace_after(turn, entry.anchor) :]:
        if exit_by_trace(turn, entry, trace):
            return
    if not exit_by_condition(turn, entry):
        walk(turn, entry, as_of)


def _rivals(turn: Turn, rule: Rule) -> list[Entry]:
    """Return the customer's entries in other rules of the group, in order."""
    if rule.group is None:
        return []
    found = [e for e in turn.profile.entries if e.rule != rule.id and _group_of(turn, e) == rule.group]
    return sorted(found, key=lambda e: (e.rule, e.occurrence))


def _early_refusal(turn: Turn, rule: Rule, what: Happening) -> Verdict | None:
    if what.late:
        # What is late without an event of its own, a date or a release, says no more.
        delay = turn.now - what.anchor - 1 if what.trigger[2] else 0
        return refuse(Reason.LATE_EVENT, *(("arrived late", f"{delay} µs") if delay > 0 else ()))
    due = what.instant + rule.settle
    held = turn.state.past_gaps(due) - due if what.is_deadline else 0
    if held > rule.grace:
        return refuse(Reason.EXPIRED, f"grace {rule.grace} µs", f"{held} µs")
    if (paused := paused_reason(rule, turn.state)) is not None:
        return (braked_verdict(rule, turn.state) if paused is Reason.RULE_PAUSED else None) or refuse(paused)
    zone = turn.plan.policy.zone
    if rule.starts is not None and what.instant < rule.starts:
        return refuse(Reason.OUTSIDE_DATES, f"starts {to_local(rule.starts, zone):%Y-%m-%d %H:%M}")
    if rule.ends is not None and what.instant > rule.ends:
        return refuse(Reason.OUTSIDE_DATES, f"ends {to_local(rule.ends, zone):%Y-%m-%d %H:%M}")
    return None


def _reentry_reason(turn: Turn, rule: Rule, what: Happening) -> Reason | None:
    """E1. On an inactive rule `once` and `after` count other silences, not other thresholds of the same one."""
    how = rule.reentry
    if how.kind in (ReentryKind.PER, ReentryKind.EACH):
        # One entry a customer, unless the key is of a silence, a milestone, a request or `per`.
        if not what.is_keyed and any(e.rule == rule.id for e in turn.profile.entries):
            return Reason.ALREADY_ENTERED
        return None
    reach = turn.profile.reach.get(rule.id)
    is_silence = isinstance(rule.trigger, InactiveTrigger)
    if is_silence and reach is not None and reach.silence == what.silence:
        count, last = reach.other_count, reach.last_other
    else:
        count, last = (reach.count, reach.last) if reach else (0, INSTANT_MIN)
    if how.kind is ReentryKind.ONCE:
        return Reason.ALREADY_ENTERED if count else None
    if not what.is_keyed and any(e.rule == rule.id for e in turn.profile.entries):
        return Reason.ALREADY_ENTERED
    gap = how.after if how.kind is ReentryKind.AFTER and count else None
    if gap is not None and what.instant < gap.after(last, turn.zone):
        return Reason.REENTRY_GAP
    return None


def _note_reach(turn: Turn, rule: Rule, what: Happening) -> None:
    reach = turn.profile.reach.get(rule.id)
    if reach is None:
        reach = turn.profile.reach[rule.id] = Reach(count=0, last=INSTANT_MIN)
    if what.silence != reach.silence:
        reach.silence, reach.last_other, reach.other_count = what.silence, reach.last, reach.count
    reach.count += 1
    reach.last = max(reach.last, what.instant)


def _group_of(turn: Turn, entry: Entry) -> str | None:
    rule = turn.plan.rules.get(entry.rule)
    return rule.group if rule else None
