"""Who the people are that an edit touches: a bounded list, one for each rule and what becomes of them.

It only keeps what `touched.py` finds; the counts beside it stay exact.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Most people that may be listed for one rule and touch.
PEOPLE_LISTED_MAX = 100_000


class Touch(StrEnum):
    """What an edit does to one person; the words of `Touched`, in the order in which they are told."""

    LEAVE = "leave"
    MOVED = "moved"
    SHIFTED = "shifted"
    AT_ONCE = "at_once"
    #: In the rule, and goes on where they are.
    INSIDE = "inside"
    PASSED = "passed"
    TAKEN = "taken"
    SPENT = "spent"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class TouchedPerson:
    """One customer whom an edit touches."""

    customer: str
    #: µs. When they entered the step; of `passed` their deadline, of `taken` when the backfill takes them, of `spent`
    #: the deadline for which they had it.
    instant: int
    #: Id of the step they wait in before the edit; empty where they are in none.
    step: str = ""


@dataclass(slots=True, kw_only=True)
class PeopleList:
    """The first people of each rule and touch, by customer id, and how many there are."""

    #: Most people kept for one rule and touch.
    most: int
    totals: dict[tuple[str, Touch], int] = field(default_factory=dict)
    _kept: dict[tuple[str, Touch], list[TouchedPerson]] = field(default_factory=dict)

    def add(self, rule: str, touch: Touch, person: TouchedPerson) -> None:
        """Count a person, and keep them while they may be among the first."""
        key = (rule, touch)
        self.totals[key] = self.totals.get(key, 0) + 1
        if not self.most:
            return
        kept = self._kept.setdefault(key, [])
        kept.append(person)
        if len(kept) >= 2 * self.most:
            kept[:] = heapq.nsmallest(self.most, kept)

    def found(self, rule: str) -> Iterator[tuple[Touch, list[TouchedPerson], int]]:
        """Yield what becomes of a rule's people, the first of them, and how many there are in all."""
        for touch in Touch:
            if (rule, touch) in self.totals:
                yield touch, heapq.nsmallest(self.most, self._kept.get((rule, touch), ())), self.totals[rule, touch]
