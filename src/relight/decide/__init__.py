"""The one function that decides, and the order of one customer's history. Pure: no I/O, no clock, no randomness."""

from relight.decide.decide import decide
from relight.decide.effects import Effects, Mail
from relight.decide.history import live_until, take_record

__all__ = ["Effects", "Mail", "decide", "live_until", "take_record"]
