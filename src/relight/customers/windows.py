"""Where a question's window begins and ends for a reading, and when time alone moves something out of it (R4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relight.base.instants import INSTANT_MIN

if TYPE_CHECKING:
    from relight.customers.facts import Fact
    from relight.customers.reading import Reading


def bounds_of(fact: Fact, reading: Reading) -> tuple[int, int]:
    """Return (after, until) in µs: the window is `(after, until]` in event time."""
    until = reading.at if fact.ago is None else fact.ago.before(reading.at, reading.zone)
    return (INSTANT_MIN if fact.window is None else fact.window.before(until, reading.zone)), until


def note_or_midnight(instant: int, reading: Reading) -> None:
    """Note an instant; where a month has no such day it has passed already, and the change comes at a midnight."""
    if instant > reading.at:
        reading.note_change(instant)
    else:
        reading.note_midnight()
