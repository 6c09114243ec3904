"""What the log said of a customer's account when a message of theirs stood before the gate (G2).

A customer's decision reads nothing of other people: what they had comes as a control record in the customer's own log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from relight.customers.profile import Room

if TYPE_CHECKING:
    from relight.customers.profile import Entry, Profile
    from relight.decide.turn import Turn
    from relight.rules.plan import Rule, Step
    from relight.streams.envelope import Control


def needs_room(turn: Turn, rule: Rule) -> bool:
    """Return whether messages of a rule are capped together with those to the account's other people."""
    return rule.account_cap is not None or bool(turn.plan.policy.account_caps.get(rule.message_class))


def note_room(profile: Profile, control: Control) -> None:
    """Keep what a control record says until its message is judged; what was said of earlier minutes is over."""
    minute = control.ingest_time
    profile.rooms = {key: room for key, room in profile.rooms.items() if room.minute >= minute}
    taken, same_rule = (control.detail.get(name) for name in ("taken", "same_rule"))
    profile.rooms[control.subject] = Room(
        minute, list(taken) if isinstance(taken, list) else [], list(same_rule) if isinstance(same_rule, list) else []
    )


def room_of(turn: Turn, entry: Entry, step: Step, minute: int) -> Room | None:
    """Return what the log said of the account for a message at this minute; None where it said nothing."""
    rooms = turn.profile.rooms
    room = rooms.get(turn.key_of(entry.rule, entry.occurrence, step.id)) if rooms else None
    return room if room is not None and room.minute == minute else None


def use_room(turn: Turn, entry: Entry, step: Step) -> None:
    """Forget what was said for a message: it was judged."""
    if turn.profile.rooms:
        turn.profile.rooms.pop(turn.key_of(entry.rule, entry.occurrence, step.id), None)
