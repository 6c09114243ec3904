"""The one function that decides. Pure: a profile and one record or deadline in, the profile and what follows out.

    decide(plan, world, profile, record | deadline, now) -> (profile, effects)

The profile handed in is consumed: it comes back changed, and the caller keeps only what comes back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from relight.base.instants import INSTANT_MAX
from relight.customers.fold import fold_event, write_consent, write_trait
from relight.decide.backfill import judge_backfill
from relight.decide.calendar import begin_schedules, judge_date, judge_schedule
from relight.decide.codes import note_code
from relight.decide.competition import compete
from relight.decide.deadlines import first_of_entries, next_deadline
from relight.decide.due import Deadline
from relight.decide.edits import change_plan
from relight.decide.effects import Effects
from relight.decide.entries import exit_by_condition, exit_by_event, finish_wait, meet_event
from relight.decide.members import is_ahead, leave_account, note_members
from relight.decide.merging import merge_profile
from relight.decide.minutes import follow_zone, give_back_place, move_candidates
from relight.decide.rooms import note_room
from relight.decide.silences import judge_silence
from relight.decide.standing import is_inside
from relight.decide.triggers import pull_global, pull_triggers
from relight.decide.turn import Turn
from relight.decide.watches import check_watches, look
from relight.streams.envelope import Control, Event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from relight.customers.layout import Layout
    from relight.customers.profile import Profile
    from relight.rules.plan import Plan
    from relight.rules.world import World, WorldState

#: Outcomes that give a place in the caps back (G2).
GIVES_BACK = frozenset({"rejected", "bounced", "suppressed"})


def decide(  # noqa: PLR0913 - the arguments of the theorem, and where to find history
    plan: Plan | None,
    world: World,
    profile: Profile,
    occasion: Event | Control | Deadline,
    now: int,
    *,
    effects: Effects | None = None,
    history: Callable[[], Iterable[Event]] | None = None,
) -> tuple[Profile, Effects]:
    """Return the profile after one occasion and what follows from it.

    Args:
        plan: the plan before the occasion; None before the first plan record.
        world: global facts; the profile's own mark says how many of them it has seen.
        profile: consumed.
        occasion: the next record of the customer's log, or the next deadline.
        now: the record's ingest time, or the deadline's judgement instant (µs).
        effects: collected into this, so that a batch makes one; a new one when None.
        history: the customer's own events so far, read only when a new plan keeps what the old did not.

    Raises:
        ValueError: when a record comes before the first plan record.
    """
    effects = Effects() if effects is None else effects
    if now > profile.now:  # noqa: PLR1730 - for each record: a call costs twice as much
        profile.now = now
    state = world.states[profile.world]
    if type(occasion) is Event and fold_quietly(state, profile, occasion):
        effects.following = None
        return profile, effects
    is_global = not isinstance(occasion, Deadline) and occasion.customer is None
    if is_global:
        profile.world += 1
    turn = Turn(world=world, state=world.states[profile.world], profile=profile, effects=effects)
    match occasion:
        case Deadline():
            _judge(turn, occasion)
        case Event() if is_global:
            pull_global(turn, occasion)
        case Event():
            _fold(turn, occasion)
        case Control():
            _control(turn, plan, occasion, history)
    effects.following = rearm(turn, occasion)
    return profile, effects


# ---------------------------------------------------------------- records
def fold_quietly(state: WorldState, profile: Profile, event: Event) -> bool:
    """Fold a customer's own event about which no rule has anything to say; return False, unfolded, where one may have.

    Nothing is triggered, watched, ended or moved on by it; what falls due later may be moved by it, lazily (H6).
    """
    index, name = state.index, event.name
    if (
        index is None
        or event.customer is None
        or profile.first_any is None
        or event.traits
        or index.scheduled
        or (event.account is not None and profile.members is not None and event.account != profile.account)
        or (index.has_never and (profile.first_on_time is None or event.event_time < profile.first_any))
    ):
        return False
    if profile.entries:
        moved = index.moved_by.get(name, index.moved_by_any)
        if moved and any(entry.rule in moved for entry in profile.entries):
            return False
    if name in index.loud:
        is_quiet = index.quiet[name]
        if is_quiet is None or not is_quiet(profile.totals, event.properties):
            return False
    fold_event(index.layout, profile, event, state.past_gaps)
    _look_sooner(index.layout, profile, event)
    return True


def _fold(turn: Turn, event: Event) -> None:
    """The customer's own event: fold, exits and goals, triggers, watches (E3 before triggers, as in one history)."""
    profile = turn.profile
    is_new = profile.first_any is None
    never_before = (profile.first_on_time, profile.first_any)
    fold_event(turn.plan.layout, profile, event, turn.state.past_gaps)
    if turn.profile.members is not None:
        leave_account(turn)
    if event.traits or is_new:
        turn.moved = True
        if turn.index.rearmed_by_traits:
            turn.rearm = True
        follow_zone(turn)
    is_earlier = never_before != (profile.first_on_time, profile.first_any)
    if turn.index.has_never and is_earlier:
        turn.rearm = True
    if event.name in turn.index.personal_events:
        turn.rearm = True
    if turn.index.scheduled:
        begin_schedules(turn)
    if profile.entries:
        index = turn.index
        moved = index.moved_by.get(event.name, index.moved_by_any)
        reached = [e for e in profile.entries if e.rule in moved] if moved else []
        for entry in sorted(reached, key=lambda e: (e.rule, e.occurrence)):
            if is_inside(entry) and not exit_by_event(turn, entry, event) and not exit_by_condition(turn, entry):
                meet_event(turn, entry, event)
    pull_triggers(turn, event)
    if turn.index.watched:
        check_watches(turn, None if event.traits or is_earlier else event.name, is_new=is_new)


def _control(turn: Turn, old: Plan | None, control: Control, history: Callable[[], Iterable[Event]] | None) -> None:
    if control.kind == "account":
        note_room(turn.profile, control)
        return  # it tells what others had, for one message: nothing happened to the customer
    if control.kind == "members":
        note_members(turn.profile, control)
        if is_ahead(control):
            return
    _carry_out(turn, old, control, history)
    leave_account(turn)
    if control.customer is None:
        return  # exits are checked at the customer's own records alone (E3)
    for entry in sorted(turn.profile.entries, key=lambda e: (e.rule, e.occurrence)):
        if is_inside(entry):
            exit_by_condition(turn, entry)
    if turn.index.watched and turn.profile.first_any is not None:
        check_watches(turn, None, is_new=False)


def _carry_out(turn: Turn, old: Plan | None, control: Control, history: Callable[[], Iterable[Event]] | None) -> None:
    profile = turn.profile
    match control.kind:
        case "plan":
            changed = old is None or needs_history(old, turn.plan)
            refolds = history is not None and changed and profile.first_any is not None
            change_plan(turn, old, history() if history is not None and refolds else None)
        case "gap" | "pause" | "resume":
            if control.kind == "gap":
                move_candidates(turn)
            turn.rearm = True
        case "consent":
            given = control.detail.get("given") is True
            write_consent(profile, control.subject, given=given, order=(control.ingest_time, "", ""))
        case "trait":
            order = (control.ingest_time, "", "")
            value = control.detail.get("value")
            keep = turn.plan.layout.slack
            write_trait(profile, control.subject, value, order=order, ingest_time=control.ingest_time, keep=keep)
            turn.rearm = True
            follow_zone(turn)
        case "outcome":
            if control.detail.get("state") in GIVES_BACK:
                give_back_place(turn, control.subject)
        case "code":
            note_code(turn, control)
        case "merge":
            merge_profile(turn, control, () if history is None else history())
            follow_zone(turn)
        case "measures":
            profile.measures.update(control.detail)
        case _:
            pass


def needs_history(old: Plan, new: Plan) -> bool:
    """Return whether the new plan keeps something that profiles under the old one do not hold."""
    if old.layout.version != new.layout.version:
        return True
    shapes = {rule.id: rule.trigger_shape for rule in old.rules.values()}
    return any(shapes.get(rule.id) != rule.trigger_shape for rule in new.rules.values())


# ---------------------------------------------------------------- deadlines
def _judge(turn: Turn, deadline: Deadline) -> None:
    rule = turn.plan.rules.get(deadline.rule)
    if deadline.kind == "minute":
        compete(turn, deadline.instant)
    elif deadline.kind == "wait" and deadline.entry is not None:
        finish_wait(turn, deadline.entry, deadline.instant)
    elif deadline.rule in turn.index.counted:
        look(turn, turn.index.counted[deadline.rule])
    elif rule is None:
        return
    elif deadline.kind == "silence" and deadline.silence is not None:
        judge_silence(turn, rule, deadline.silence)
    elif deadline.kind == "date":
        judge_date(turn, rule, deadline.instant)
    elif deadline.kind == "schedule":
        judge_schedule(turn, rule, deadline.instant)
    elif deadline.kind == "backfill":
        judge_backfill(turn, rule)
    elif deadline.kind == "watch":
        look(turn, rule)


# ---------------------------------------------------------------- the next time to look
def rearm(turn: Turn, occasion: Event | Control | Deadline) -> Deadline | None:
    """Set the profile's wake: exactly where any deadline may be earlier now, else lower it to what may be (H6).

    Returns what was found.
    """
    profile = turn.profile
    if turn.rearm or isinstance(occasion, Deadline):
        found = next_deadline(turn)
        profile.wake = INSTANT_MAX if found is None else found.judged
        return found
    if turn.moved and profile.entries:
        profile.wake = min(profile.wake, first_of_entries(turn))
    if isinstance(occasion, Event) and occasion.customer is not None:
        _look_sooner(turn.plan.layout, profile, occasion)
    return None


def _look_sooner(layout: Layout, profile: Profile, event: Event) -> None:
    """Lower the wake to where a silence that this activity begins could fall due first."""
    fold = layout.folds.get(event.name)
    if fold is not None and fold.soonest is not None:
        first = event.event_time + fold.soonest
        if first < profile.wake:
            profile.wake = min(profile.wake, max(first, profile.now))
