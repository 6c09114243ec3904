"""The people of one account, brought to one instant together (G2): what one gets leaves less room for the others.

Everybody's own deadlines come in their own order; only the minutes at which messages compete are shared. Before a
message there is judged, `tell` puts what the others had into the customer's log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from relight.base.instants import INSTANT_MAX
from relight.decide.competition import field_of, judge_candidate, rank_of
from relight.decide.deadlines import next_deadline
from relight.decide.history import live_until
from relight.decide.rooms import needs_room
from relight.decide.standing import is_inside, step_of
from relight.decide.turn import Turn
from relight.streams.envelope import Rank

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from relight.customers.profile import Entry, Profile
    from relight.decide.effects import Effects
    from relight.rules.world import World
    from relight.streams.envelope import Event


def live_together(  # noqa: PLR0913 - several customers up to one instant
    world: World,
    profiles: Sequence[Profile],
    until: int,
    effects: Effects,
    *,
    rank: Rank = Rank.EVENT,
    history_of: Callable[[str], Callable[[], Iterable[Event]]],
    tell: Callable[[Turn, Entry, str], None],
) -> None:
    """Do as `live_until` for each of the people of one account, all candidates of a minute in one order.

    history_of: customer -> what gives their own events so far; tell: puts a control record about a message before the
    gate, by its occurrence key, into the log of the customer whose turn it is.
    """

    def go_on(profile: Profile) -> int | None:
        history = history_of(profile.customer)
        return live_until(world, profile, until, effects, rank=rank, history=history, pause=True)

    minutes = {number: go_on(profile) for number, profile in enumerate(profiles)}
    while waiting := {number: minute for number, minute in minutes.items() if minute is not None}:
        minute = min(waiting.values())
        there = [number for number, at in waiting.items() if at == minute]
        _compete(world, [profiles[number] for number in there], minute, effects, tell)
        minutes |= {number: go_on(profiles[number]) for number in there}


def _compete(
    world: World,
    profiles: Sequence[Profile],
    minute: int,
    effects: Effects,
    tell: Callable[[Turn, Entry, str], None],
) -> None:
    """Run the gate over all candidates of one minute in (priority, rule id, customer, key) order."""
    turns = []
    for profile in profiles:
        profile.now = max(profile.now, minute)
        turn = Turn(world=world, state=world.states[profile.world], profile=profile, effects=effects)
        turn.closing = 1
        turns.append(turn)
    field = [(*_rank(turn, entry), turn, entry) for turn in turns for entry in field_of(turn, minute)]
    for *_, turn, entry in sorted(field, key=lambda one: one[:4]):
        step = step_of(turn, entry)
        if not is_inside(entry) or entry.candidate is None or step is None:
            continue
        key = turn.key_of(entry.rule, entry.occurrence, step.id)
        told = turn.profile.rooms.get(key)
        if needs_room(turn, turn.plan.rules[entry.rule]) and (told is None or told.minute != minute):
            tell(turn, entry, key)
        judge_candidate(turn, entry, minute)
    for turn in turns:
        turn.closing = 0
        found = next_deadline(turn)
        turn.profile.wake = INSTANT_MAX if found is None else found.judged
    effects.following = None


def _rank(turn: Turn, entry: Entry) -> tuple[int, str, str, str]:
    priority, rule, key = rank_of(turn, entry)
    return priority, rule, turn.profile.customer, key
