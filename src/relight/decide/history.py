"""One customer's history in order (H2, H8): pending global records and deadlines first, then the next own record.

The same few lines carry live, replay, simulate, rule tests and the cluster.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from relight.base.instants import INSTANT_MAX
from relight.decide.deadlines import next_deadline
from relight.decide.decide import decide
from relight.decide.due import Stage
from relight.decide.turn import Turn
from relight.rules.plan import ReleasedTrigger
from relight.streams.envelope import Control, Event, Rank, rank_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from relight.customers.profile import Profile
    from relight.decide.due import Deadline
    from relight.decide.effects import Effects
    from relight.rules.world import World


def live_until(  # noqa: PLR0913 - one customer up to one instant
    world: World,
    profile: Profile,
    until: int,
    effects: Effects,
    *,
    rank: Rank = Rank.EVENT,
    history: Callable[[], Iterable[Event]] | None = None,
    pause: bool = False,
) -> int | None:
    """Apply the global records up to (until, rank) and judge every deadline with j < until, in order, in place.

    until: instant (µs) to which time has come; rank: class of the own record that follows at that instant, so that
    global records of the same instant and a lower class come first (H1); pause: stop before the first minute at which
    messages compete, and return it (µs). None: there is none before `until`.
    """
    effects.following = None
    if profile.wake >= until and profile.world == len(world.records):
        return None
    while True:
        pending = world.records[profile.world] if profile.world < len(world.records) else None
        if pending is not None and (pending.ingest_time, rank_of(pending)) > (until, rank):
            pending = None
        bound = until if pending is None else pending.ingest_time
        deadline = due_deadline(world, profile, bound, effects) if profile.wake < bound else None
        if deadline is not None:
            if pause and deadline.stage is Stage.MINUTE:
                return deadline.judged
            decide(world.states[profile.world].plan, world, profile, deadline, deadline.judged, effects=effects)
            continue
        if pending is None:
            return None
        if not _concerns(world, profile, pending):
            _pass_by(world, profile, pending)
            continue
        plan = world.states[profile.world].plan
        decide(plan, world, profile, pending, pending.ingest_time, effects=effects, history=history)


def _concerns(world: World, profile: Profile, record: Event | Control) -> bool:
    """Return whether a global record can do anything for this customer now; without it only the marks move (H8)."""
    if isinstance(record, Control):
        return not _is_unknown(profile)
    index = world.states[profile.world].index
    if index is None or record.name in index.watched_globals:
        return True
    return any(
        not isinstance(rule.trigger, ReleasedTrigger) or rule.id in profile.asks
        for rule in index.by_global.get(record.name, ())
    )


def _is_unknown(profile: Profile) -> bool:
    """Return whether nothing was said of a customer from which a deadline could come: their first record follows."""
    return (
        profile.first_any is None
        and profile.wake == INSTANT_MAX
        and not (profile.traits or profile.entries or profile.flags or profile.cursors)
        and profile.members is None
    )


def _pass_by(world: World, profile: Profile, record: Event | Control) -> None:
    """Let a profile have seen a global record that does nothing for it."""
    profile.now = max(profile.now, record.ingest_time)
    profile.world += 1
    plan = world.states[profile.world].plan
    if plan is not None:
        profile.plan_version = plan.version


def due_deadline(world: World, profile: Profile, bound: int, effects: Effects) -> Deadline | None:
    """Return the next deadline if its j < bound (µs); otherwise None, with the wake set exactly.

    The deadline is the one that the decision before found for this customer, if it looked; else it is searched.
    """
    state = world.states[profile.world]
    if state.plan is None:
        return None
    deadline = effects.following
    if deadline is None:
        deadline = next_deadline(Turn(world=world, state=state, profile=profile, effects=effects))
    effects.following = None
    if deadline is None or deadline.judged >= bound:
        profile.wake = deadline.judged if deadline is not None else INSTANT_MAX
        return None
    return deadline


def take_record(
    world: World,
    profile: Profile,
    record: Event | Control,
    effects: Effects,
    *,
    history: Callable[[], Iterable[Event]] | None = None,
) -> None:
    """Bring one customer to their next own record and decide on it.

    A smaller ingest time is raised to the last one (H1).
    """
    now = record.ingest_time
    if now < profile.now:
        now = record.ingest_time = profile.now
    if profile.wake < now or profile.world != len(world.records):
        live_until(world, profile, now, effects, rank=rank_of(record), history=history)
    decide(world.states[profile.world].plan, world, profile, record, now, effects=effects, history=history)
