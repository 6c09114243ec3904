"""What the engine's ledger is compared with: one plain row a firing, and a message that shows the first differences.

Knows nothing of pandas, files or rules. `firing_of` is the only place that knows how a ledger row is shaped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

#: How many rows of each kind of difference a message shows.
SHOWN_ROWS_MAX = 5


class Firing(NamedTuple):
    """One occurrence of a rule that somebody entered."""

    #: The rule file's stem.
    rule: str
    customer: str
    #: `silence:<start µs>:<position of the threshold>`, `milestone:<k>`, `released:<by value>:<stream>/<event id>`.
    occurrence: str
    #: d, µs since 1970 UTC: the deadline of a silence, the ingest time of the event that fired the others.
    instant: int


def silence_key(start: int, position: int) -> str:
    """Return the occurrence of a silence: its start in µs and which threshold."""
    return f"silence:{start}:{position}"


def milestone_key(mark: object) -> str:
    """Return the occurrence of a milestone."""
    return f"milestone:{mark}"


def released_key(value: str, stream: str, release: str) -> str:
    """Return the occurrence of a shipped request: what was asked for, and the global event that shipped it."""
    return f"released:{value}:{stream}/{release}"


def firing_of(row: Any) -> Firing:
    """Return the firing that one row of the engine's ledger stands for."""
    return Firing(rule=row.rule, customer=row.customer, occurrence=row.occurrence, instant=row.instant)


def entered(rows: Iterable[Any]) -> list[Firing]:
    """Return the firings of a ledger: the rows by which somebody entered a rule."""
    return [firing_of(row) for row in rows if row.state == "entered"]


def spent_late(rows: Iterable[Any]) -> list[Firing]:
    """Return the occurrences that a late event spent without a message (H5)."""
    return [firing_of(row) for row in rows if row.reason == "late_event"]


def differences(expected: Iterable[Firing], found: Iterable[Firing]) -> str:
    """Return '' where both hold the same rows the same number of times, else what differs, by rule and with samples."""
    want, got = Counter(expected), Counter(found)
    missing, extra = want - got, got - want
    if not missing and not extra:
        return ""
    lines = [f"expected {want.total()} firings, found {got.total()}"]
    for title, rows in (("missing", missing), ("not expected", extra)):
        by_rule = Counter[str]()
        for row, times in rows.items():
            by_rule[row.rule] += times
        lines.append(f"{title}: {rows.total()} {dict(sorted(by_rule.items()))}")
        lines.extend(f"  {row}" for row in sorted(rows)[:SHOWN_ROWS_MAX])
    return "\n".join(lines)
