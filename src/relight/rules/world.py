"""The world: what concerns everybody, in log order (H1, H8), and what stood at each point of it.

A World is append-only; a profile notes how many of its records it has seen, so a view of a prefix never changes.
Suppressions are looked up by address hash and ingest time instead, since there are many (H1).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from relight.base.instants import DAY, INSTANT_MIN
from relight.rules.guard_alerts import tells_of_guard
from relight.rules.index import PlanIndex, index_plan
from relight.rules.plan import InactiveTrigger, Plan, Threshold
from relight.streams.envelope import Control, Event

if TYPE_CHECKING:
    from relight.rules.plan import Rule

#: Scope of a suppression record that lifts, and the only cause that it lifts (`messages.addresses` has the same words).
_LIFTED, _UNSUBSCRIBED = "none", "unsubscribe"
#: Cause of a suppression after soft bounces, and how long it holds (µs): then the address is tried again.
SOFT_BOUNCES, SOFT_SUPPRESSED_SPAN = "soft_bounces", 30 * DAY
#: Cause of a pause of everything that the volume guard made.
VOLUME_GUARD = "volume_guard"
#: Cause of a pause of a class that its complaints or bounces made.
SENDING_BRAKE = "sending_brake"
#: Pauses everything.
ALL_RULES = "*"


def class_subject(message_class: str) -> str:
    """Return the subject of a pause of every rule of a class; no rule has a name like it."""
    return f"class:{message_class}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceWait:
    """One threshold of an inactive rule as it stands: everything its deadlines are found from but the customer."""

    rule: Rule
    threshold: Threshold
    #: Key of the activity whose starts count.
    activity: str
    #: Its id in occurrence keys (R2).
    id: str
    #: How the names of its judged silences begin.
    mark: str
    #: Plan record since which it stands unchanged (E4).
    begun: int
    #: Fixed length (µs); None for a calendar or personal one.
    elapsed: int | None
    #: Somebody who was never active falls silent too.
    never: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldState:
    """What stands after a number of global records."""

    plan: Plan | None = None
    index: PlanIndex | None = None
    #: Ingest time of the plan record in force.
    plan_at: int = INSTANT_MIN
    #: (rule, position of the threshold) -> its id in occurrence keys (R2).
    threshold_ids: Mapping[tuple[str, int], str] | None = None
    #: (rule, threshold id) -> plan record since which it stands unchanged (E4).
    threshold_since: Mapping[tuple[str, str], int] | None = None
    #: rule -> plan record since which its trigger stands unchanged (E5).
    rule_since: Mapping[str, int] | None = None
    #: Every threshold of every inactive rule, in rule-id order.
    silences: tuple[SilenceWait, ...] = ()
    #: Those that wait for activity to begin, by its key; and those for which somebody never active falls silent too.
    silences_of: Mapping[str, tuple[SilenceWait, ...]] = field(default_factory=dict)
    silences_of_all: tuple[SilenceWait, ...] = ()
    #: activity key -> the least length of its thresholds (µs); INSTANT_MIN where one is no fixed length.
    soonest_of: Mapping[str, int] = field(default_factory=dict)
    paused: frozenset[str] = frozenset()
    #: Subject of a pause -> what decided and its number, where the sending brake made it.
    brakes: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    #: The volume guard paused everything (S5); its release takes back this pause, and none that an operator gave.
    is_guarded: bool = False
    #: (from, until) of gaps (H9).
    gaps: tuple[tuple[int, int], ...] = ()
    #: Number of global events among the records.
    events: int = 0

    def past_gaps(self, instant: int) -> int:
        """Return the instant, moved to the end of the gap it falls into (H9)."""
        if not self.gaps:
            return instant
        moved = True
        while moved:
            moved = False
            for begin, until in self.gaps:
                if begin <= instant < until:
                    instant, moved = until, True
        return instant

    def is_paused(self, rule: str) -> bool:
        """Return whether an operator paused a rule, or everything."""
        return rule in self.paused or ALL_RULES in self.paused

    def is_held(self, rule: str) -> bool:
        """Return whether the volume guard holds a rule back; it leaves those that tell of it (S5)."""
        found = None if self.plan is None else self.plan.rules.get(rule)
        return self.is_guarded and not tells_of_guard(found)


class World:
    """The global records so far. `states[n]` stands after the first n of them."""

    def __init__(self, *, keyed: Callable[[str], str] | None = None) -> None:
        """Start with nothing: no plan, no events; keyed: address hash -> how the list names it once erased (V5)."""
        self.keyed = keyed
        self.records: list[Event | Control] = []
        self.states: list[WorldState] = [WorldState()]
        self.events: list[Event] = []
        #: address hash -> (ingest time, scope, cause).
        self.suppressions: dict[str, list[tuple[int, str, str]]] = {}
        self._views: dict[int, tuple[Event, ...]] = {0: ()}
        self._plans: dict[str, Plan] = {}

    def __len__(self) -> int:
        """Return the number of global records."""
        return len(self.records)

    def register(self, plan: Plan) -> None:
        """Make a plan known by its version, so that a plan record can name it."""
        self._plans[plan.version] = plan

    def plans(self) -> list[Plan]:
        """Return the plans known, each version once."""
        return list(self._plans.values())

    def view(self, state: WorldState) -> tuple[Event, ...]:
        """Return the global events that a state has seen, in log order."""
        found = self._views.get(state.events)
        if found is None:
            found = self._views[state.events] = tuple(self.events[: state.events])
        return found

    def suppressed_by(self, address_hash: str, now: int) -> str | None:
        """Return the scope (`all`, `marketing`) of what suppresses it at `now` (µs); None where nothing does."""
        found = self.suppression_of(address_hash, now)
        return None if found is None else found[1]

    def suppression_of(self, address_hash: str, now: int) -> tuple[int, str, str] | None:
        """Return (since, scope, cause) of the suppression in force at `now` (µs): the widest, and of those the first.

        None when there is none.
        """
        found = self.suppressions.get(address_hash)
        if self.keyed is not None:
            found = [*(found or ()), *self.suppressions.get(self.keyed(address_hash), ())]
        if not found:
            return None
        standing: list[tuple[int, str, str]] = []
        for at, scope, cause in found:
            if at <= now and scope == _LIFTED:
                standing = [one for one in standing if one[2] != _UNSUBSCRIBED]
            elif at <= now and not (cause == SOFT_BOUNCES and now >= at + SOFT_SUPPRESSED_SPAN):
                standing.append((at, scope, cause))
        return min(standing, key=lambda one: (one[1] != "all", one[0]), default=None)

    def append(self, record: Event | Control) -> None:
        """Add one global record. Raises KeyError for a plan record whose version was not registered."""
        if isinstance(record, Control) and record.kind == "suppression":
            scope, cause = str(record.detail.get("scope", "all")), str(record.detail.get("cause", ""))
            self.suppressions.setdefault(record.subject, []).append((record.ingest_time, scope, cause))
            return
        self.records.append(record)
        self.states.append(self._next_state(self.states[-1], record))

    def _next_state(self, state: WorldState, record: Event | Control) -> WorldState:
        if isinstance(record, Event):
            self.events.append(record)
            return replace(state, events=state.events + 1)
        match record.kind:
            case "plan":
                return _apply_plan(state, self._plans[record.subject], record.ingest_time)
            case "pause" | "resume" if record.detail.get("cause") == VOLUME_GUARD:
                return replace(state, is_guarded=record.kind == "pause")
            case "pause":
                brakes = state.brakes
                if record.detail.get("cause") == SENDING_BRAKE:
                    decided = str(record.detail.get("leaf", "")), str(record.detail.get("number", ""))
                    brakes = {**brakes, record.subject: decided}
                paused = state.paused | {record.subject}
                return replace(state, paused=paused, brakes=brakes)
            case "resume":
                left = frozenset() if record.subject == ALL_RULES else state.paused - {record.subject}
                brakes = {subject: one for subject, one in state.brakes.items() if subject in left}
                guarded = state.is_guarded and record.subject != ALL_RULES
                return replace(state, paused=left, brakes=brakes, is_guarded=guarded)
            case "gap":
                return replace(state, gaps=(*state.gaps, (record.ingest_time, int(str(record.detail["until"])))))
            case _:
                return state


def _apply_plan(state: WorldState, plan: Plan, now: int) -> WorldState:
    old = state.plan
    ids: dict[tuple[str, int], str] = {}
    since: dict[tuple[str, str], int] = {}
    rule_since: dict[str, int] = {}
    for rule in plan.rules.values():
        was = old.rules.get(rule.id) if old else None
        stands = was is not None and was.trigger_shape == rule.trigger_shape
        rule_since[rule.id] = (state.rule_since or {}).get(rule.id, now) if stands else now
        if isinstance(rule.trigger, InactiveTrigger):
            for position, id_ in enumerate(_threshold_ids(state, was, rule)):
                ids[rule.id, position] = id_
                since[rule.id, id_] = _since(state, was, rule, position, id_) or now
    index = index_plan(plan)
    silences = tuple(_silence_waits(index, ids, since))
    return replace(
        state,
        plan=plan,
        index=index,
        plan_at=now,
        threshold_ids=ids,
        threshold_since=since,
        rule_since=rule_since,
        silences=silences,
        silences_of=_by_activity(silences),
        soonest_of={
            activity: min(INSTANT_MIN if wait.elapsed is None else wait.elapsed for wait in waits)
            for activity, waits in _by_activity(silences).items()
        },
        silences_of_all=tuple(wait for wait in silences if wait.never),
    )


def _by_activity(silences: tuple[SilenceWait, ...]) -> dict[str, tuple[SilenceWait, ...]]:
    found: dict[str, list[SilenceWait]] = {}
    for wait in silences:
        if not wait.never:
            found.setdefault(wait.activity, []).append(wait)
    return {activity: tuple(waits) for activity, waits in found.items()}


def _silence_waits(
    index: PlanIndex, ids: Mapping[tuple[str, int], str], since: Mapping[tuple[str, str], int]
) -> Iterator[SilenceWait]:
    for rule in index.inactive:
        trigger = rule.trigger
        assert isinstance(trigger, InactiveTrigger)
        for threshold in trigger.thresholds:
            id_, span = ids[rule.id, threshold.position], threshold.span
            yield SilenceWait(
                rule=rule,
                threshold=threshold,
                activity=index.activity_keys[rule.id],
                id=id_,
                mark=f"{rule.id}\x1fsilence:",
                begun=since[rule.id, id_],
                elapsed=span.elapsed if span is not None and not span.is_calendar else None,
                never=trigger.include_never_active,
            )


def _threshold_ids(state: WorldState, was: Rule | None, rule: Rule) -> list[str]:
    """Return the ids of a rule's thresholds (R2).

    Its name, else its place while their number stands, else its value.
    """
    trigger = rule.trigger
    assert isinstance(trigger, InactiveTrigger)
    old = was.trigger.thresholds if was and isinstance(was.trigger, InactiveTrigger) else ()
    known = state.threshold_ids or {}
    by_value = {_value(t): known[rule.id, t.position] for t in old if (rule.id, t.position) in known}
    ids = []
    for position, threshold in enumerate(trigger.thresholds):
        if threshold.name is not None:
            ids.append(threshold.name)
        elif not old:
            ids.append(str(position))
        elif len(old) == len(trigger.thresholds):
            ids.append(known.get((rule.id, position), str(position)))
        else:
            ids.append(by_value.get(_value(threshold), _value(threshold)))
    return ids


def _value(threshold: object) -> str:
    span, personal = getattr(threshold, "span", None), getattr(threshold, "personal", None)
    return str(span) if span is not None else personal.text if personal is not None else ""


def _since(state: WorldState, was: Rule | None, rule: Rule, position: int, id_: str) -> int | None:
    """Return since when a threshold, its activity and settle stand, or None when this record changed them (E4)."""
    if was is None or not isinstance(was.trigger, InactiveTrigger) or not isinstance(rule.trigger, InactiveTrigger):
        return None
    if (was.trigger.activity, was.trigger.include_never_active, was.settle) != (
        rule.trigger.activity,
        rule.trigger.include_never_active,
        rule.settle,
    ):
        return None
    for old in was.trigger.thresholds:
        if (state.threshold_ids or {}).get((rule.id, old.position)) == id_:
            same = _value(old) == _value(rule.trigger.thresholds[position])
            return (state.threshold_since or {}).get((rule.id, id_)) if same else None
    return None
