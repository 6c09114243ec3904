"""The one function that decides, and the order of one customer's history. Pure: no I/O, no clock, no randomness."""

from relight.decide.decide import decide
from relight.decide.effects import Effects, Mail
from relight.decide.history import live_until, take_record
from relight.decide.merging import merge_detail, merged_events, own_events

__all__ = [
    "Effects",
    "Mail",
    "decide",
    "live_until",
    "merge_detail",
    "merged_events",
    "own_events",
    "take_record",
]
