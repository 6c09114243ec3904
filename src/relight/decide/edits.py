"""A new plan for a customer (E4, E5): people who wait follow the new version.

An edit never looks back and never repeats.

What the new plan keeps and the old did not is folded again from the customer's own events, which the caller hands in.
"""

from __future__ import annotations

from bisect import insort
from typing import TYPE_CHECKING

from relight.customers.fold import fold_event
from relight.customers.profile import Ask, Profile
from relight.customers.rhythm import longest_run
from relight.decide.backfill import begin_backfills
from relight.decide.calendar import begin_schedules
from relight.decide.entries import walk
from relight.decide.members import keep_what_is_counted
from relight.decide.minutes import move_candidates
from relight.decide.silences import spend_past_silences
from relight.decide.standing import drop_entry
from relight.decide.triggers import grown
from relight.decide.watches import look
from relight.messages.reasons import Reason, RowState
from relight.rules.plan import MilestoneKind, MilestoneTrigger, ReleasedTrigger

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from relight.customers.profile import Entry
    from relight.decide.turn import Turn
    from relight.rules.plan import Plan, Rule, Step
    from relight.streams.envelope import Event


def change_plan(turn: Turn, old: Plan | None, history: Iterable[Event] | None) -> None:
    """Move one customer to the plan in force. history: their own events in log order; None when the layout stands."""
    keep_what_is_counted(turn)
    if history is not None:
        refold(turn, history, runs=runs_of(old))
        spend_past_silences(turn)
    if old is not None:
        for entry in sorted(turn.profile.entries, key=lambda e: (e.rule, e.occurrence)):
            _move_entry(turn, old, entry)
    if turn.profile.first_any is not None:
        _begin_new_rules(turn)
        begin_backfills(turn, old)
    move_candidates(turn)
    turn.profile.plan_version = turn.plan.version
    turn.rearm = True


def _begin_new_rules(turn: Turn) -> None:
    """Schedules count from this record; what is watched anew is looked at now, so that later changes are seen (E5)."""
    begin_schedules(turn)
    for rule in turn.index.watched:
        if (turn.state.rule_since or {}).get(rule.id) == turn.state.plan_at:
            turn.profile.flags.pop(rule.id, None)
            look(turn, rule)
    for watch in turn.index.counted.values():
        if watch.id not in turn.profile.flags:
            look(turn, watch)


# ---------------------------------------------------------------- people inside (E4)
def _move_entry(turn: Turn, old: Plan, entry: Entry) -> None:
    was = old.rules[entry.rule].program
    rule = turn.plan.rules.get(entry.rule)
    before = was.steps[entry.step] if entry.step is not None else None
    step: Step | None = before
    while step is not None and (rule is None or step.id not in rule.program.steps):
        step = was.steps[step.next] if step.next is not None and rule is not None else None
    if step is None or rule is None or before is None:
        gone = ("no later step", entry.step or "") if rule is not None else (None, None)
        turn.write_row(
            entry.rule, entry.occurrence, entry.step or "", RowState.ENDED,
            reason=Reason.RULE_REMOVED, instant=turn.now, leaf=gone[0], number=gone[1],
        )  # fmt: skip
        drop_entry(turn, entry)
        return
    entry.step = step.id
    new = rule.program.steps[step.id]
    if step.id != before.id or new.kind is not before.kind:
        entry.entered = entry.since = turn.now
        entry.floor = entry.candidate = None
        walk(turn, entry, turn.now)
    elif new.shape != before.shape and entry.candidate is None:
        entry.floor = turn.now


# ---------------------------------------------------------------- what we know (E5)
def refold(turn: Turn, history: Iterable[Event], *, runs: Mapping[str, str]) -> None:
    """Fold the customer's events again under the new layout; what is not a fold of events stays.

    runs: of the plan that the totals of streaks stand under, as `runs_of` gives them.
    """
    layout, profile = turn.plan.layout, turn.profile
    # The entries go along: their wait_for says how far back traces are kept.
    fresh = Profile(customer=profile.customer, entries=profile.entries)
    totals: dict[str, object] = {}
    milestones = [r for r in turn.plan.rules.values() if isinstance(r.trigger, MilestoneTrigger)]
    releases = [r for r in turn.plan.rules.values() if isinstance(r.trigger, ReleasedTrigger)]
    for event in history:
        fold_event(layout, fresh, event, turn.state.past_gaps)
        _recount(turn, milestones, totals, event)
        for rule in releases:
            _ask_again(turn, rule, fresh, event)
    for name, writes in profile.traits.items():
        for write in writes:
            if not write.order[1]:
                # Set by a control record, which is not among the events.
                insort(fresh.traits.setdefault(name, []), write, key=lambda w: w.order)
    for name in ("traits", "series", "starts", "first_activity", "things", "slots", "trail", "asks"):
        setattr(profile, name, getattr(fresh, name))
    for rule in milestones:
        trigger = rule.trigger
        if isinstance(trigger, MilestoneTrigger) and trigger.kind is MilestoneKind.STREAK:
            # A run longer ago than days are kept counts on, unless it is now other days that are counted.
            stood = int(profile.totals.get(rule.id) or 0) if runs.get(rule.id) == trigger.days else 0  # type: ignore[call-overload]
            totals[rule.id] = max(stood, longest_run(fresh.slots.get(trigger.days, {}), turn.now, turn.zone))
    profile.totals = totals


def runs_of(plan: Plan | None) -> dict[str, str]:
    """Return rule -> key of the days that its streak counts."""
    rules = plan.rules.values() if plan is not None else ()
    return {r.id: r.trigger.days for r in rules if isinstance(r.trigger, MilestoneTrigger) and r.trigger.days}


def _recount(turn: Turn, rules: list[Rule], totals: dict[str, object], event: Event) -> None:
    for rule in rules:
        trigger = rule.trigger
        if not isinstance(trigger, MilestoneTrigger) or trigger.match is None or trigger.match.event != event.name:
            continue
        if trigger.kind is MilestoneKind.STREAK:
            continue
        where = trigger.match.where
        if where is None or where.evaluate(turn.reading(event=event.properties, own=event.properties)) is True:
            totals[rule.id] = grown(trigger, totals.get(rule.id), event.properties)[2]


def _ask_again(turn: Turn, rule: Rule, fresh: Profile, event: Event) -> None:
    trigger = rule.trigger
    if not isinstance(trigger, ReleasedTrigger) or trigger.asked.event != event.name:
        return
    where = trigger.asked.where
    value = event.properties.get(trigger.by)
    if value is None:
        return
    if where is not None and where.evaluate(turn.reading(event=event.properties, own=event.properties)) is not True:
        return
    asks = fresh.asks.setdefault(rule.id, {})
    old = asks.get(str(value))
    if old is None or event.order < tuple(old.order):
        asks[str(value)] = Ask(event.order, dict(event.properties), late=event.late, event=event.name)
