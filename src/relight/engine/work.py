"""One batch while it is made: what the store will be given in one transaction."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from relight.decide import Effects

if TYPE_CHECKING:
    from relight.streams.envelope import DeadLetter, Record


@dataclass(slots=True, kw_only=True)
class Work:
    """One batch while it is made."""

    log: list[tuple[Record, None]] = field(default_factory=list)
    dead: list[DeadLetter] = field(default_factory=list)
    effects: Effects = field(default_factory=Effects)
    differing: int = 0
    duplicates: int = 0
