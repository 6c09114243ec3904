"""One customer's log folded again up to an instant (R6).

The profile as it stood, the rows, and what got no row and why.

Decides nothing of its own: the same take_record and live_until as the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from relight.base.errors import UsageError
from relight.base.instants import format_instant
from relight.customers.profile import Profile
from relight.customers.revive import revive_record
from relight.decide import Effects, live_until, merged_events, take_record
from relight.decide.turn import Turn
from relight.messages.gate import blame, reentry_word
from relight.messages.reasons import Reason
from relight.rules.plan import EventTrigger
from relight.rules.world import World
from relight.streams.envelope import Control, Event

if TYPE_CHECKING:
    from relight.messages.ledger import LedgerRow
    from relight.rules.plan import Plan, Rule
    from relight.streams.envelope import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """An occurrence that is counted and gets no row (R6), or an event too late to be one (H5)."""

    rule: str
    reason: str
    event: Event
    #: µs.
    at: int
    leaf: str | None = None
    number: str | None = None
    place: str | None = None


@dataclass(slots=True, kw_only=True)
class Retold:
    """What folding again found."""

    customer: str
    #: µs.
    at: int
    #: Stands at `at`; changing its profile harms nobody.
    turn: Turn
    rows: list[LedgerRow] = field(default_factory=list)
    missed: list[Missed] = field(default_factory=list)
    #: The customer's own events, in log order.
    events: list[Event] = field(default_factory=list)
    records: int = 0
    #: occurrence key -> the reason that sending ended with, as the log knows it.
    outcomes: dict[str, str] = field(default_factory=dict)


def retell(  # noqa: PLR0913 - one history, by keyword
    *,
    plan: Plan,
    plans: Iterable[Plan] = (),
    customer: str,
    own: Iterable[Record],
    everybody: Iterable[Record],
    at: int,
    first: int | None = None,
    keyed: Callable[[str], str] | None = None,
) -> Retold:
    """Return a customer's history up to `at` (µs, inclusive), under the plans that were in force.

    Args:
        plan: the rules of now.
        plans: the versions that the log names, as far as they are kept; one that is missing is passed over.
        customer: whose history.
        own: the customer's own records in log order, values in memory form or as the log keeps them.
        everybody: global records in log order.
        at: records and deadlines after it are left out.
        first: where the log names no plan (recorded files), the instant at which the plan came into force.
        keyed: address hash -> how the list names it once somebody with it was erased (V5); None where nobody was.

    Raises:
        UsageError: nothing had happened by `at`.
    """
    world = world_of(
        {one.version: one for one in (*plans, plan)},
        everybody,
        at,
        first=None if first is None else (first, plan.version),
        keyed=keyed,
    )
    profile = Profile(customer=customer)
    told = Retold(
        customer=customer,
        at=at,
        turn=Turn(world=world, state=world.states[-1], profile=profile, effects=Effects()),
    )
    for logged in own:
        _note_outcome(told, logged)
        if logged.ingest_time > at:
            continue  # like the delivery journal, the outcomes of sending are told as they are known now
        record = revive_record((told.turn.state.plan or plan).layout, logged)
        _take(told, world, record)
    effects = Effects()
    # Counts that a rule newer than the last record reads are folded now, as they are for the next record (E5).
    live_until(world, profile, at + 1, effects, history=lambda: tuple(told.events))
    told.rows += effects.rows
    profile.now = max(profile.now, at)
    told.turn = Turn(world=world, state=world.states[profile.world], profile=profile, effects=Effects())
    return told


def world_of(
    plans: Mapping[str, Plan],
    everybody: Iterable[Record],
    at: int,
    *,
    first: tuple[int, str] | None = None,
    keyed: Callable[[str], str] | None = None,
) -> World:
    """Return what everybody's records up to `at` (µs) lead to, under the plans by version.

    first: where they name no plan, (instant, version) of the one in force; keyed: as in `retell`. Raises UsageError
    where none is by then.
    """
    world = World(keyed=keyed)
    for plan in plans.values():
        world.register(plan)
    if first is not None and first[0] <= at:
        world.append(Control(kind="plan", ingest_time=first[0], subject=first[1]))
    for record in everybody:
        if record.ingest_time > at:
            break
        if isinstance(record, Control):
            if record.kind != "plan" or record.subject in plans:
                world.append(record)
        else:
            layout = (world.states[-1].plan or next(iter(plans.values()))).layout
            world.append(revive_record(layout, record))
    if world.states[-1].plan is None:
        message = f"nothing was decided by {format_instant(at, 'UTC')}"
        raise UsageError(message, help_text="leave --at out, or name a later time")
    return world


def _note_outcome(told: Retold, record: Record) -> None:
    if isinstance(record, Control) and record.kind == "outcome":
        told.outcomes[record.subject] = str(record.detail.get("reason", ""))


def _take(told: Retold, world: World, record: Record) -> None:
    effects = Effects()
    profile = told.turn.profile
    before: Sequence[Event] = tuple(told.events)
    take_record(world, profile, record, effects, history=lambda: before)
    told.records += 1
    told.rows += effects.rows
    if not isinstance(record, Event):
        plan = told.turn.state.plan
        if record.kind == "merge" and plan is not None:
            told.events += merged_events(record, plan.layout)
        return
    told.events.append(record)
    turn = Turn(world=world, state=world.states[profile.world], profile=profile, effects=Effects())
    for rule in turn.index.by_event.get(record.name, ()) if turn.state.plan is not None else ():
        if isinstance(rule.trigger, EventTrigger):
            told.missed += _missed(turn, rule, record, effects)


def _missed(turn: Turn, rule: Rule, event: Event, effects: Effects) -> list[Missed]:
    """Return why an event that a rule waits for made no row."""
    trigger = rule.trigger
    assert isinstance(trigger, EventTrigger)
    reading = turn.reading(event=event.properties, own=event.properties)
    if trigger.match.where is not None and trigger.match.where.evaluate(reading) is not True:
        return []
    if event.late:
        late = f"{event.ingest_time - event.event_time} µs"
        return [Missed(
            rule=rule.id, reason=Reason.LATE_EVENT.value, event=event, at=turn.now, leaf="arrived late", number=late,
            place=str(rule.place),
        )]  # fmt: skip
    found = []
    for of, reason, _day in effects.counted:
        if of != rule.id:
            continue
        leaf, number, place = None, None, str(rule.place)
        if reason == Reason.AUDIENCE_FALSE and rule.audience is not None:
            verdict = blame(rule.audience, turn.reading(own=event.properties), Reason.AUDIENCE_FALSE)
            leaf, number, place = verdict.leaf, verdict.number, verdict.place or place
        elif reason == Reason.MISSING_DATA:
            leaf, number = f"{event.name}.{rule.reentry.per}", "unknown"
        elif reason in {Reason.REENTRY_GAP, Reason.ALREADY_ENTERED}:
            leaf = reentry_word(Reason(reason), rule.reentry)
        found.append(
            Missed(rule=rule.id, reason=reason, event=event, at=turn.now, leaf=leaf, number=number, place=place)
        )
    return found
