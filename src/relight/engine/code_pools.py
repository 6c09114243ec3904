"""Pools of codes (A30): from their files into the store at the start of a run, and who is told when one runs low.

New codes are added, none is given twice (S6). A pool that runs low, or is empty, is told once a filling: in the log
of the program, and as an event that a rule alerts the team with.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from relight.base.errors import ProjectError
from relight.config.codes import read_codes
from relight.engine.telemetry.log_lines import log
from relight.rules.plan import EventTrigger
from relight.streams.code_events import CODES_LOW, codes_low_event

if TYPE_CHECKING:
    from relight.rules.plan import Plan
    from relight.stores.interface import Store
    from relight.streams.envelope import Event

#: Codes in one transaction.
CODES_BATCH = 10_000
#: Name under which the store keeps what was told of a pool last, before the pool's name.
TOLD_NOTE = "codes told "


def load_codes(store: Store, folder: Path, files: Mapping[str, str]) -> None:
    """Add the codes of each pool's file; raises ProjectError where a file has a mistake."""
    for pool, file in files.items():
        found = read_codes(folder, file)
        if found.problems:
            raise ProjectError(found.problems)
        codes = found.codes
        added = sum(
            store.add_codes(pool, codes[begin : begin + CODES_BATCH]) for begin in range(0, len(codes), CODES_BATCH)
        )
        log("codes loaded", pool=pool, file=file, added=added)


@dataclass(slots=True, kw_only=True)
class PoolWatch:
    """What of the pools was told."""

    store: Store
    #: Pool -> file, for people.
    files: Mapping[str, str]
    #: From how many codes left on a pool runs low.
    low: int
    #: Pool -> how many codes it had left when it was told last; those that have more again are taken out.
    told: dict[str, int] = field(default_factory=dict)

    def look(self, pools: Collection[str], now: int) -> list[Event]:
        """Return an event, as of an instant (µs), for each of the pools that runs low or empty and was not told so.

        pools: those that a code was drawn from, or should have been. `settle` follows once the events are durable.
        """
        found: list[Event] = []
        for pool in sorted(pools):
            left = self.store.codes_left(pool, self.low + 1)
            before = self.told.pop(pool, None)
            if left > self.low:
                continue
            self.told[pool] = left
            if before is not None and (before > 0) == (left > 0):
                continue
            held = next((one.left + one.given for one in self.store.code_counts() if one.pool == pool), 0)
            event = codes_low_event(pool, left=left, file=self.files.get(pool, ""), held=held, at=now)
            if self.store.note(TOLD_NOTE + pool) != event.id:
                found.append(event)
                if left:
                    log("pool of codes runs low", level=logging.WARNING, pool=pool, left=left)
        return found

    def settle(self, events: Collection[Event]) -> None:
        """Note what was told, so that another start does not tell it again."""
        for event in events:
            self.store.set_note(f"{TOLD_NOTE}{event.properties['pool']}", event.id)


def wants_codes_low(plan: Plan | None) -> bool:
    """Return whether a rule of a plan waits for `codes_low`; without one the log's words are all."""
    triggers = () if plan is None else (rule.trigger for rule in plan.rules.values())
    return any(isinstance(one, EventTrigger) and one.match.event == CODES_LOW for one in triggers)
