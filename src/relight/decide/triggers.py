"""What one record sets off: event triggers, milestones, and requests whose release is known already (R3, R6, R7)."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from relight.customers.profile import Ask
from relight.customers.rhythm import longest_run
from relight.decide.occurrences import Happening, occur
from relight.decide.watches import look
from relight.messages.gate import Verdict
from relight.messages.reasons import Reason, RowState
from relight.rules.plan import (
    GlobalTrigger,
    MilestoneKind,
    MilestoneTrigger,
    ReentryKind,
    ReleasedTrigger,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from relight.customers.reading import Reading
    from relight.decide.turn import Turn
    from relight.rules.plan import Rule
    from relight.streams.envelope import Event

#: Distinct values that one milestone tells apart; beyond, it counts no further.
MILESTONE_VALUES_MAX = 10_000
_COUNT = MilestoneKind.COUNT


def pull_triggers(turn: Turn, event: Event) -> None:
    """Look at the customer's own event for every rule that reads its name, in rule-id order."""
    reading: Reading | None = None
    answers: dict[str, bool] = {}
    rows = turn.effects.rows
    for rule, trigger, where in turn.index.pulled_by.get(event.name, ()):
        if where is not None:
            # One view, and one answer, serves every rule that only looks; what a rule sets is a trait, and read anew.
            if reading is None:
                reading = turn.reading(event=event.properties, own=event.properties)
                answers.clear()
            holds = answers.get(where.text)
            if holds is None:
                holds = answers[where.text] = where.evaluate(reading) is True
            if not holds:
                continue
        written = len(rows)
        if type(trigger) is MilestoneTrigger:
            _pull_milestone(turn, rule, trigger, event)
        elif type(trigger) is ReleasedTrigger:
            _pull_request(turn, rule, trigger, event)
        elif not event.late:
            _pull_event(turn, rule, event)
        if len(rows) > written:
            reading = None


def event_occurrence(rule: Rule, event: Event) -> str | None:
    """Return what happened to a rule by an event that triggers it (R7), None where `per` finds no value in it."""
    per = rule.reentry.per
    if rule.reentry.kind is not ReentryKind.PER or per is None:
        return f"event:{event.stream}/{event.id}"
    value = event.properties.get(per)
    return None if value is None else f"per:{value}"


def _pull_event(turn: Turn, rule: Rule, event: Event) -> None:
    occurrence = event_occurrence(rule, event)
    if occurrence is None:
        turn.count(rule, Reason.MISSING_DATA)
        return
    keyed = rule.reentry.kind is ReentryKind.PER
    if keyed and occurrence in turn.profile.done.get(rule.id, ()):
        return
    rows = len(turn.effects.rows)
    occur(turn, rule, _happening(event, turn.now, occurrence=occurrence, is_event=True, is_keyed=keyed))
    if keyed and len(turn.effects.rows) > rows:
        turn.profile.done.setdefault(rule.id, set()).add(occurrence)


def _happening(  # noqa: PLR0913 - the parts of one happening
    event: Event,
    now: int,
    *,
    occurrence: str,
    is_event: bool = False,
    is_keyed: bool = True,
    late: bool = False,
    milestone: str | None = None,
    threshold: int | None = None,
) -> Happening:
    # The triggering event is no later than itself, but another one at its instant is: hence the µs before it.
    return Happening(
        occurrence=occurrence,
        instant=now,
        anchor=event.event_time - 1,
        trigger=(event.stream, event.id, event.name),
        properties=event.properties,
        is_event=is_event,
        is_keyed=is_keyed,
        late=late,
        milestone=milestone,
        threshold=threshold,
    )


# ---------------------------------------------------------------- totals that cross a mark (R3)
def _pull_milestone(turn: Turn, rule: Rule, trigger: MilestoneTrigger, event: Event) -> None:
    if trigger.kind is _COUNT:
        totals = turn.profile.totals
        before = int(totals.get(rule.id) or 0)  # type: ignore[call-overload]  # a kept count is an int
        after = totals[rule.id] = before + 1
        if after not in trigger.at:
            return
    else:
        before, after = _grow(turn, rule, trigger, event.properties)
    for mark, label in zip(trigger.at, trigger.labels, strict=True):
        if before < mark <= after:
            occurrence = f"milestone:{label}"
            done = turn.profile.done.setdefault(rule.id, set())
            if occurrence not in done:
                done.add(occurrence)
                occur(turn, rule, _happening(event, turn.now, occurrence=occurrence, late=event.late, milestone=label))


def _grow(turn: Turn, rule: Rule, trigger: MilestoneTrigger, properties: Mapping[str, object]) -> tuple[object, object]:
    """Return the total before and after this event, and keep it. A sum adds max(0, value), exactly."""
    if trigger.kind is MilestoneKind.STREAK:
        return _grow_streak(turn, rule, trigger)
    before, after, kept = grown(trigger, turn.profile.totals.get(rule.id), properties)
    turn.profile.totals[rule.id] = kept
    return before, after


def grown(trigger: MilestoneTrigger, total: object, properties: Mapping[str, object]) -> tuple[object, object, object]:
    """Return (size before, size after, the new total) of a count, sum or distinct milestone."""
    if trigger.kind is MilestoneKind.COUNT:
        count = int(total or 0)  # type: ignore[call-overload]  # a kept count is an int
        return count, count + 1, count + 1
    value = properties.get(trigger.prop or "")
    if trigger.kind is MilestoneKind.SUM:
        old = total if isinstance(total, Decimal | int) else Decimal(0)
        new = old + max(Decimal(0), Decimal(value)) if isinstance(value, int | Decimal) else old
        return old, new, new
    # In place: the profile is consumed, and a copy for each event would cost as much as all values before it.
    seen: set[str] = total if isinstance(total, set) else set(total) if isinstance(total, list | tuple) else set()
    size = len(seen)
    if value is not None and size < MILESTONE_VALUES_MAX:
        seen.add(str(value))
    return size, len(seen), seen


def _grow_streak(turn: Turn, rule: Rule, trigger: MilestoneTrigger) -> tuple[int, int]:
    before = int(turn.profile.totals.get(rule.id) or 0)  # type: ignore[call-overload]  # a kept run is an int
    after = max(before, longest_run(turn.profile.slots.get(trigger.days, {}), turn.now, turn.zone))
    turn.profile.totals[rule.id] = after
    return before, after


# ---------------------------------------------------------------- released and global events (R7, H8)
def _pull_request(turn: Turn, rule: Rule, trigger: ReleasedTrigger, event: Event) -> None:
    value = event.properties.get(trigger.by)
    if value is None:
        return
    asks = turn.profile.asks.setdefault(rule.id, {})
    old = asks.get(str(value))
    if old is None or event.order < tuple(old.order):
        asks[str(value)] = Ask(event.order, dict(event.properties), late=event.late, event=event.name)
    for release in turn.world.view(turn.state):
        if release.name == trigger.shipped and not release.late and event.event_time < release.event_time:
            ship(
                turn,
                rule,
                trigger,
                release,
                Ask(event.order, dict(event.properties), late=event.late, event=event.name),
                late=event.late,
            )


def pull_global(turn: Turn, event: Event) -> None:
    """Look at a global event for this customer, for every rule that reads its name (H8).

    A late one triggers nothing, but what it is counted by changes: that is looked at.
    """
    if turn.profile.first_any is not None:
        for rule in turn.index.watched_globals.get(event.name, ()):
            look(turn, rule)
    if event.late:
        return
    for rule in turn.index.by_global.get(event.name, ()):
        if isinstance(rule.trigger, ReleasedTrigger):
            _pull_release(turn, rule, rule.trigger, event)
        elif isinstance(rule.trigger, GlobalTrigger):
            _pull_incident(turn, rule, rule.trigger, event)


def _pull_release(turn: Turn, rule: Rule, trigger: ReleasedTrigger, release: Event) -> None:
    value = release.properties.get(trigger.by)
    ask = turn.profile.asks.get(rule.id, {}).get(str(value)) if value is not None else None
    if ask is not None and ask.order[0] < release.event_time:
        ship(turn, rule, trigger, release, ask, late=False)


def ship(  # noqa: PLR0913 - a request meets its release
    turn: Turn, rule: Rule, trigger: ReleasedTrigger, release: Event, ask: Ask, *, late: bool
) -> None:
    """A request and its release are both known: one occurrence for each (value, release) (R7)."""
    value = release.properties.get(trigger.by)
    if value is None or str(value) != str(ask.properties.get(trigger.by)):
        return
    if trigger.shipped_where is not None:
        reading = turn.reading(event=release.properties, own=ask.properties)
        if trigger.shipped_where.evaluate(reading) is not True:
            return
    occurrence = f"released:{value}:{release.stream}/{release.id}"
    done = turn.profile.done.setdefault(rule.id, set())
    if occurrence in done:
        return
    done.add(occurrence)
    refusal = None
    if trigger.unless is not None:
        reading = turn.reading(event=release.properties, own=ask.properties)
        if trigger.unless.evaluate(reading) is True:
            refusal = Verdict(
                state=RowState.SUPPRESSED,
                reason=Reason.UNLESS,
                leaf=trigger.unless.text,
                place=str(trigger.unless.place),
            )
    occur(
        turn,
        rule,
        Happening(
            occurrence=occurrence,
            instant=turn.now,
            anchor=turn.now,
            trigger=("", "", ask_event_name(trigger)),
            properties=ask.properties,
            late=late,
            release=release.properties,
            release_event=release.name,
            refusal=refusal,
        ),
    )


def ask_event_name(trigger: ReleasedTrigger) -> str:
    """Return the name of the requesting event, by which its properties are typed."""
    return trigger.asked.event


def _pull_incident(turn: Turn, rule: Rule, trigger: GlobalTrigger, event: Event) -> None:
    reading = turn.reading(event=event.properties)
    if trigger.where is not None and trigger.where.evaluate(reading) is not True:
        return
    if trigger.affects is not None and trigger.affects.evaluate(reading) is not True:
        turn.count(rule, Reason.AUDIENCE_FALSE)
        return
    occur(
        turn,
        rule,
        Happening(
            occurrence=f"global:{event.stream}/{event.id}",
            instant=turn.now,
            anchor=turn.now,
            trigger=("", "", event.name),
            properties=event.properties,
            is_keyed=False,
            release=event.properties,
            release_event=event.name,
        ),
    )
