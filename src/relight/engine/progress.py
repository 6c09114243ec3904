"""How far an engine has come, in numbers that only grow."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from relight.base.instants import INSTANT_MIN


@dataclass(slots=True, kw_only=True)
class Progress:
    """What the engine has done so far; grows."""

    events: int = 0
    duplicates: int = 0
    #: Copies whose body differs from the first (V1).
    differing: int = 0
    dead: int = 0
    rows: int = 0
    #: (state, reason or nothing) -> rows.
    rows_by: Counter[tuple[str, str]] = field(default_factory=Counter)
    mails: int = 0
    batches: int = 0
    #: Instant that time has come to (µs).
    reached: int = INSTANT_MIN
