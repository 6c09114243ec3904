"""The people an edit touches: everybody's profile as it stands, and what the plan record itself does to it (E4, E5).

Nothing is estimated: the engine takes the plan record in memory, and its effects are counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from relight.base.instants import INSTANT_MAX
from relight.customers.layout import Layout
from relight.decide import Effects
from relight.decide.backfill import backfill_deadlines, judge_backfill
from relight.decide.decide import needs_history
from relight.decide.silences import due_of, passed_silences
from relight.decide.turn import Turn
from relight.engine.engine import Engine
from relight.messages.reasons import Reason, RowState
from relight.rules.plan import InactiveTrigger
from relight.simulate.forecast.onlooker import onlooker
from relight.simulate.forecast.touched_list import PeopleList, Touch, TouchedPerson
from relight.streams.envelope import Control
from relight.streams.own_events import OWN_CUSTOMERS

if TYPE_CHECKING:
    from relight.customers.profile import Profile
    from relight.rules.plan import Plan, Rule, Step
    from relight.stores.interface import Store

#: (rule, occurrence) -> (step, waits for its minute, when it entered the step).
_Inside = dict[tuple[str, str], tuple[str | None, bool, int]]


@dataclass(slots=True, kw_only=True)
class Touched:
    """How many customers an edit of one rule touches."""

    #: Inside the rule before it.
    inside: int = 0
    #: Leave with `rule_removed`.
    leave: int = 0
    #: Go on at another step.
    moved: int = 0
    #: Wait at a step without an `id:` whose place another one has taken: they follow what stands there now (E4).
    shifted: int = 0
    #: Are mailed at once, or at the first minute that quiet hours allow, because a wait was removed or shortened.
    at_once: int = 0
    #: Are past a new threshold, and match, and are left out because the rule takes nobody from the past.
    passed: int = 0
    #: Had the message at the old threshold and get no second at the new, longer one.
    spent: int = 0
    #: Are taken by a backfill, over its ramp.
    taken: int = 0


@dataclass(slots=True, kw_only=True)
class TouchedPeople:
    """What an edit does to everybody."""

    customers: int = 0
    #: Everybody's events are folded again: the rules read something that was not kept before (E5).
    refolds: bool = False
    rules: dict[str, Touched] = field(default_factory=dict)
    #: rule -> (old id, old length, new id, new length) of thresholds, as R2 matches them.
    thresholds: dict[str, list[tuple[str, str, str, str]]] = field(default_factory=dict)
    #: rule -> ids of thresholds that no new one takes over.
    lost: dict[str, list[str]] = field(default_factory=dict)
    #: Who they are, as far as it was asked for.
    people: PeopleList = field(default_factory=lambda: PeopleList(most=0))


def engine_beside(store: Store, plans: Iterable[Plan]) -> Engine:
    """Return an engine in memory that stands where a store stands, made from its checkpoints.

    The store must not change meanwhile. plans: every version that its log names.
    """
    engine = Engine(onlooker(store), cached_profiles=2**31)
    engine.recover(plans)
    return engine


def touched_people(engine: Engine, new: Plan, rules: Iterable[str], *, reached: int, listed: int = 0) -> TouchedPeople:
    """Return whom a plan touches that comes into force where an engine's time stands.

    engine: in memory; it is used up. rules: ids of the rules that are edited; reached: how far time has come (µs);
    listed: most people that are named for each rule and touch.
    """
    wanted = frozenset(rules)
    before = {customer: _inside(profile, wanted) for customer, profile in _profiles(engine)}
    old_waits = _waits(engine, wanted)
    found = TouchedPeople(
        customers=len(before.keys() - OWN_CUSTOMERS), rules={rule: Touched() for rule in wanted},
        people=PeopleList(most=listed),
    )  # fmt: skip
    found.refolds = engine.plan is not None and needs_history(engine.plan, new)
    shifted = {} if engine.plan is None else {name: shifted_steps(engine.plan, new, name) for name in wanted}
    effects = _apply(engine, new, reached)
    _match_thresholds(found, old_waits, _waits(engine, wanted))
    left = {(row.customer, row.rule, row.occurrence) for row in effects.rows if row.reason == Reason.RULE_REMOVED}
    sent = {(row.customer, row.rule, row.occurrence) for row in effects.rows if row.state is RowState.PENDING}
    for customer, profile in _profiles(engine):
        gone = _Gone(customer=customer, left=left, sent=sent, shifted=shifted)
        _count_entries(found, before.get(customer, {}), _inside(profile, wanted), gone)
        turn = Turn(world=engine.world, state=engine.world.states[-1], profile=profile, effects=Effects())
        for rule in (new.rules[name] for name in wanted if name in new.rules):
            _count_silences(found, turn, rule)
            _count_taken(found, turn, rule)
    return found


def shifted_steps(old: Plan, new: Plan, rule: str) -> frozenset[str]:
    """Return the ids made from kind and position that stand for another step now, while their own has got another."""
    if rule not in old.rules or rule not in new.rules:
        return frozenset()
    was, stands = old.rules[rule].program.steps, new.rules[rule].program.steps
    made = {id_: step.shape for id_, step in stands.items() if is_made(step)}
    return frozenset(
        id_
        for id_, step in was.items()
        if is_made(step) and id_ in made and made[id_] != step.shape and step.shape in made.values()
    )


def is_made(step: Step) -> bool:
    """Return whether a step has no `id:` of its own: its id is made from its kind and place."""
    return step.id.startswith(f"{step.kind.value}:")


def _apply(engine: Engine, new: Plan, now: int) -> Effects:
    """Put the plan in force and judge what falls due at that very instant."""
    engine.world.register(new)
    effects = engine.take([Control(kind="plan", ingest_time=now, subject=new.version)])
    at_once = engine.advance(now + 1)
    effects.rows += at_once.rows
    return effects


def _profiles(engine: Engine) -> list[tuple[str, Profile]]:
    def layout_at(seen: int) -> Layout:
        plan = engine.world.states[seen].plan
        return Layout() if plan is None else plan.layout

    return [(name, engine.profiles.get(layout_at, name)) for name in engine.timers.names()]


def _inside(profile: Profile, rules: frozenset[str]) -> _Inside:
    return {
        (entry.rule, entry.occurrence): (entry.step, entry.candidate is not None, entry.entered)
        for entry in profile.entries
        if entry.rule in rules
    }


# ---------------------------------------------------------------- entries
@dataclass(frozen=True, slots=True, kw_only=True)
class _Gone:
    """What the rows say of one customer's entries, and which steps stand for others."""

    customer: str
    left: set[tuple[str, str, str]]
    sent: set[tuple[str, str, str]]
    #: rule -> ids of steps whose place another has taken.
    shifted: Mapping[str, frozenset[str]]


def _count_entries(found: TouchedPeople, before: _Inside, after: _Inside, gone: _Gone) -> None:
    for (rule, occurrence), (step, waited, entered) in before.items():
        told = found.rules[rule]
        told.inside += 1
        is_shifted = step in gone.shifted.get(rule, ())
        told.shifted += is_shifted
        key = (gone.customer, rule, occurrence)
        now = after.get((rule, occurrence))
        touch = Touch.SHIFTED if is_shifted else Touch.INSIDE
        if key in gone.left:
            told.leave += 1
            touch = Touch.LEAVE
        elif key in gone.sent or (now is not None and now[1] and not waited):
            told.at_once += 1
            touch = Touch.AT_ONCE
        elif now is not None and now[0] != step:
            told.moved += 1
            touch = Touch.MOVED
        found.people.add(rule, touch, TouchedPerson(customer=gone.customer, instant=entered, step=step or ""))


# ---------------------------------------------------------------- silences
def _count_silences(found: TouchedPeople, turn: Turn, rule: Rule) -> None:
    if not isinstance(rule.trigger, InactiveTrigger):
        return
    customer = turn.profile.customer
    for silence in passed_silences(turn, rule):
        reading = turn.reading()
        reading.threshold = silence.length
        if rule.backfill is None and (rule.audience is None or rule.audience.evaluate(reading) is True):
            found.rules[rule.id].passed += 1
            found.people.add(rule.id, Touch.PASSED, TouchedPerson(customer=customer, instant=silence.deadline))
            break
    spent = _spent_at(turn, rule)
    if spent is not None:
        found.rules[rule.id].spent += 1
        found.people.add(rule.id, Touch.SPENT, TouchedPerson(customer=customer, instant=spent))


def _count_taken(found: TouchedPeople, turn: Turn, rule: Rule) -> None:
    """Count a customer whom a backfill takes if nothing changes until then; the profile is used up."""
    at = next((at for one, at in backfill_deadlines(turn) if one.id == rule.id), None)
    if at is None:
        return
    judge_backfill(turn, rule)
    if any(row.rule == rule.id and row.state is RowState.ENTERED for row in turn.effects.rows):
        found.rules[rule.id].taken += 1
        found.people.add(rule.id, Touch.TAKEN, TouchedPerson(customer=turn.profile.customer, instant=at))


def _spent_at(turn: Turn, rule: Rule) -> int | None:
    """Return when the open silence was judged that is not yet as long as the threshold is now (R2; µs), else None."""
    for wait in turn.state.silences:
        starts = turn.profile.starts.get(wait.activity)
        if wait.rule.id != rule.id or not starts:
            continue
        start = starts[-1].event_time
        judged = turn.profile.judged.get(f"{rule.id}\x1fsilence:{start}:{wait.id}")
        if judged is not None and (due_of(turn, wait.threshold, start) or INSTANT_MAX) > turn.now:
            return judged
    return None


def _waits(engine: Engine, rules: frozenset[str]) -> dict[str, list[tuple[str, str]]]:
    """Return (id, length) of each threshold of the rules in force."""
    found: dict[str, list[tuple[str, str]]] = {}
    for wait in engine.world.states[-1].silences:
        if wait.rule.id in rules:
            span, personal = wait.threshold.span, wait.threshold.personal
            length = str(span) if span is not None else personal.text if personal is not None else ""
            found.setdefault(wait.rule.id, []).append((wait.id, length))
    return found


def _match_thresholds(
    found: TouchedPeople, old: Mapping[str, list[tuple[str, str]]], new: Mapping[str, list[tuple[str, str]]]
) -> None:
    for rule, before in old.items():
        after = dict(new.get(rule, ()))
        pairs = [(id_, length, id_, after[id_]) for id_, length in before if id_ in after and after[id_] != length]
        lost = [f"{length}" for id_, length in before if id_ not in after] if after else []
        if pairs:
            found.thresholds[rule] = pairs
        if lost:
            found.lost[rule] = lost
