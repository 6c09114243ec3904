"""Backfill (E5): a new rule that also takes those who match already, each at an instant of their own within the ramp.

The instant is noted in the profile at the plan record; who still matches then, and was not taken since, enters as if it
happened now.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from relight.base.kinds import UNKNOWN
from relight.decide.occurrences import Happening, occur
from relight.decide.silences import passed_silences
from relight.rules.plan import DeclinedTrigger, InactiveTrigger, MilestoneTrigger, SegmentTrigger

if TYPE_CHECKING:
    from relight.decide.turn import Turn
    from relight.rules.plan import Plan, Rule


def _cursor(rule: str) -> str:
    return f"{rule}\x1fbackfill"


def begin_backfills(turn: Turn, old: Plan | None) -> None:
    """Note when each rule takes this customer: rules that are new at this plan record, or say `backfill` only now."""
    policy, state, profile = turn.plan.policy, turn.state, turn.profile
    for rule in turn.index.backfilled:
        assert rule.backfill is not None
        was = old.rules.get(rule.id) if old is not None else None
        is_new = (state.rule_since or {}).get(rule.id) == state.plan_at
        if is_new or was is None or was.backfill is None:
            share = policy.draw(policy.salt, _cursor(rule.id), profile.customer)
            profile.cursors[_cursor(rule.id)] = state.plan_at + int(share * rule.backfill)


def backfill_deadlines(turn: Turn) -> Iterator[tuple[Rule, int]]:
    """Yield each rule that is to take this customer, with its instant (µs)."""
    for rule in turn.index.backfilled:
        at = turn.profile.cursors.get(_cursor(rule.id))
        if at is not None:
            yield rule, at


def judge_backfill(turn: Turn, rule: Rule) -> None:
    """Take the customer into the rule if they match now and were not taken since the plan record."""
    del turn.profile.cursors[_cursor(rule.id)]
    turn.rearm = True
    match rule.trigger:
        case InactiveTrigger():
            _take_silent(turn, rule)
        case MilestoneTrigger() as trigger:
            _take_past_mark(turn, rule, trigger)
        case SegmentTrigger() | DeclinedTrigger():
            flag = turn.profile.flags.get(rule.id)
            if flag is not None and flag.state is True and rule.id not in turn.profile.reach:
                kind = "enters" if isinstance(rule.trigger, SegmentTrigger) else "declined"
                occur(turn, rule, Happening(
                    occurrence=f"{kind}:{turn.now}", instant=turn.now, anchor=turn.now, is_deadline=True, is_keyed=False
                ))  # fmt: skip
        case _:
            pass


def _take_silent(turn: Turn, rule: Rule) -> None:
    """The longest threshold that the open silence is past counts; the shorter ones are spent with it."""
    passed = sorted(passed_silences(turn, rule), key=lambda silence: silence.length)
    for silence in passed:
        turn.profile.judged[f"{rule.id}\x1f{silence.occurrence}"] = turn.now
    if not passed:
        return
    longest = passed[-1]
    occur(turn, rule, Happening(
        occurrence=longest.occurrence, instant=turn.now, anchor=turn.now, late=longest.late, is_deadline=True,
        threshold=longest.length, threshold_id=longest.threshold_id, silence=longest.start,
    ))  # fmt: skip


def _take_past_mark(turn: Turn, rule: Rule, trigger: MilestoneTrigger) -> None:
    """The highest mark that was reached counts, unless it was before; the lower ones are spent with it."""
    reading, profile = turn.reading(), turn.profile
    kept = profile.totals.get(rule.id, 0)
    total = (
        trigger.value.evaluate(reading) if trigger.value is not None else len(kept) if isinstance(kept, set) else kept
    )
    if total is UNKNOWN:
        return
    reached = [label for mark, label in zip(trigger.at, trigger.labels, strict=True) if total >= mark]
    done = profile.done.setdefault(rule.id, set())
    if not reached:
        return
    # A value's first look has spent what was reached, so there only an entry tells that somebody was taken.
    if rule.id in profile.reach if trigger.value is not None else f"milestone:{reached[-1]}" in done:
        return
    done.update(f"milestone:{label}" for label in reached)
    what = Happening(
        occurrence=f"milestone:{reached[-1]}",
        instant=turn.now,
        anchor=turn.now,
        is_deadline=True,
        milestone=reached[-1],
    )
    occur(turn, rule, what)
