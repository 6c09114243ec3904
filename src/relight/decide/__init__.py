"""The one function that decides, and the order of one customer's history. Pure: no I/O, no clock, no randomness."""

from relight.decide.accounts import live_together
from relight.decide.decide import decide
from relight.decide.effects import Effects, Mail
from relight.decide.history import live_until, take_record
from relight.decide.members import told_detail
from relight.decide.merging import merge_detail, merged_events, own_events
from relight.decide.rooms import note_room
from relight.decide.triggers import event_occurrence
from relight.decide.turn import Turn

__all__ = [
    "Effects",
    "Mail",
    "Turn",
    "decide",
    "event_occurrence",
    "live_together",
    "live_until",
    "merge_detail",
    "merged_events",
    "note_room",
    "own_events",
    "take_record",
    "told_detail",
]
