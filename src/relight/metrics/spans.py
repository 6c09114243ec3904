"""Who was a customer when: spans of time from marks of beginning and leaving (C1, C2, C5).

A mark of beginning covers the time up to the next mark of the same person, at most `lapsed_after`; touching covers make
one span. A span holds its start and not its end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from relight.metrics.tables import Codes, Flags, Ints

if TYPE_CHECKING:
    from relight.metrics.extract import MeasureLog

#: End of a span that has none.
NO_END = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True, kw_only=True)
class Spans:
    """Spans of all customers, those of one person in order and apart."""

    who: Codes
    start: Ints
    #: NO_END while it lasts.
    end: Ints

    def at(self, instant: int, people: int) -> Flags:
        """Return for each of so many customer codes whether they are customers at an instant."""
        found = np.zeros(people, np.bool_)
        found[self.who[(self.start <= instant) & (self.end > instant)]] = True
        return found

    def firsts(self) -> tuple[Codes, Ints]:
        """Return everybody and when they became a customer for the first time."""
        who, at = np.unique(self.who, return_index=True)
        return who.astype(np.int32), self.start[at]


def spans_of(log: MeasureLog, *, before: int | None = None) -> Spans:
    """Return the spans of everybody in a log; before: known earlier than this (µs)."""
    plan = log.plan
    begins = [log.table(plan.sources[key], before=before) for key in ("signup", "subscription") if key in plan.sources]
    if "signup" not in plan.sources or plan.lapsed_after is not None:
        begins += [log.table(name, before=before) for name in sorted(plan.activity)]
    left = plan.sources.get("left")
    ends = [log.table(left, before=before)] if left is not None else []
    who = np.concatenate([one.who for one in (*begins, *ends)] or [np.empty(0, np.int32)])
    when = np.concatenate([one.when for one in (*begins, *ends)] or [np.empty(0, np.int64)])
    leaves = np.concatenate([
        np.full(len(one), number >= len(begins), np.bool_) for number, one in enumerate((*begins, *ends))
    ] or [np.empty(0, np.bool_)])  # fmt: skip
    known = who >= 0
    return join_marks(who[known], when[known], leaves[known], lapsed_after=plan.lapsed_after)


def join_marks(who: Codes, when: Ints, leaves: Flags, *, lapsed_after: int | None) -> Spans:
    """Return the spans of marks in any order; of marks of one instant, leaving comes last."""
    order = np.lexsort((leaves, when, who))
    who, when, leaves = who[order], when[order], leaves[order]
    if not who.size:
        return Spans(who=who, start=when, end=when)
    same_next = np.append(who[1:] == who[:-1], False)
    upto = np.full(who.size, NO_END, np.int64)
    upto[:-1][same_next[:-1]] = when[1:][same_next[:-1]]
    if lapsed_after is not None:
        upto = np.minimum(upto, when + lapsed_after)
    upto[leaves] = when[leaves]
    carries = np.zeros(who.size, np.bool_)
    carries[1:] = same_next[:-1] & ~leaves[:-1] & (upto[:-1] == when[1:])
    starts = ~leaves & ~carries
    number = np.cumsum(starts) - 1
    covers = ~leaves
    end = np.zeros(int(starts.sum()), np.int64)
    np.maximum.at(end, number[covers], upto[covers])
    begun = when[starts]
    lasts = end > begun  # a farewell that counts as activity as well makes no customer
    return Spans(who=who[starts][lasts], start=begun[lasts], end=end[lasts])
