"""How far an engine has come, in numbers that only grow."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from relight.base.instants import INSTANT_MIN
from relight.streams.envelope import Event

if TYPE_CHECKING:
    from relight.engine.work import Work


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

    def count(self, work: Work, until: int) -> None:
        """Add a batch that is durable, with which time came to `until` (µs)."""
        effects = work.effects
        self.batches += 1
        self.events += sum([type(record) is Event for record, _ in work.log])
        self.dead += len(work.dead)
        self.duplicates += work.duplicates
        self.differing += work.differing
        self.reached = max(self.reached, until)
        self.rows += len(effects.rows)
        self.rows_by.update((row.state.value, row.reason or "") for row in effects.rows)
        self.mails += len(effects.mails)
