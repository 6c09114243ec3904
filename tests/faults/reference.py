"""What should have happened to the canary project, worked out slowly from its input file alone; no engine code.

Two rules: `receipt`, once for each order, and `quiet`, after so many days without `used`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.faults.evidence import Line

DAY = 86_400_000_000
#: Days of silence after which `quiet` fires.
QUIET_DAYS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What the two rules make of a file."""

    #: (rule, customer, occurrence) of each entry.
    occurrences: frozenset[tuple[str, str, str]]
    #: (customer, start) of each silence that an activity ended in time -> the id of that activity.
    cancelled: dict[tuple[str, int], str]
    #: Copies that say something else than their first.
    differing: int


def first_copies(lines: Iterable[Line]) -> tuple[list[Line], int]:
    """Return each event once, as it first came, and how many copies say something else."""
    firsts: dict[tuple[str, str], Line] = {}
    differing = 0
    for one in lines:
        first = firsts.setdefault((one.customer, one.id), one)
        differing += first.body != one.body
    return list(firsts.values()), differing


def expect(lines: Sequence[Line], *, until: int) -> Expected:
    """Return what must be found when time has come to `until` (µs, inclusive); lines in the order of their arrival.

    A silence is judged from what had arrived by its deadline (H3); activity at the very deadline ends it (R1).
    """
    events, differing = first_copies(lines)
    occurrences = {("receipt", one.customer, f"event:app/{one.id}") for one in events if one.event == "ordered"}
    used: defaultdict[str, list[Line]] = defaultdict(list)
    for one in events:
        if one.event == "used":
            used[one.customer].append(one)
    cancelled: dict[tuple[str, int], str] = {}
    for customer, found in used.items():
        for start in {one.at for one in found}:
            deadline = start + QUIET_DAYS * DAY
            arrived = min(one.arrives for one in found if one.at == start)
            if deadline > until or arrived > deadline:
                continue
            after = [one for one in found if start < one.at <= deadline and one.arrives <= deadline]
            if after:
                cancelled[customer, start] = after[0].id
            else:
                occurrences.add(("quiet", customer, f"silence:{start}:0"))
    return Expected(occurrences=frozenset(occurrences), cancelled=cancelled, differing=differing)
