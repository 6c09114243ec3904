"""What pages ask of a store (part of the seam): counts, and the newest rows and messages, a page at a time.

Each costs about the same whatever the store holds; only `row_counts` and `tallies` grow, with days and rules.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Protocol

from relight.base.instants import DAY
from relight.messages.ledger import LedgerRow
from relight.messages.life import MessageState

#: Ordinal of 1970-01-01.
EPOCH_ORDINAL = 719_163


def utc_ordinal(instant: int) -> int:
    """Return the ordinal of the UTC day of an instant (µs), towards 1970 as SQL's integer division has it."""
    return EPOCH_ORDINAL + (instant // DAY if instant >= 0 else -(-instant // DAY))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Occurrences that are counted and get no row (R6)."""

    rule: str
    reason: str
    #: Local calendar day as a proleptic ordinal.
    day: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RowWish:
    """Which ledger rows are asked for; None narrows nothing."""

    rule: str | None = None
    customer: str | None = None
    state: str | None = None
    reason: str | None = None
    #: Empty for the rows of an entry.
    step: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RowCount:
    """How many ledger rows of a rule were judged on a day, or ever, with one state and reason."""

    rule: str
    #: Empty for rows of an entry.
    step: str
    state: str
    #: Empty for none.
    reason: str
    #: Ordinal of the day, UTC; of a total the last one.
    day: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageCount:
    """How many messages of a rule are in a state."""

    rule: str
    state: MessageState
    count: int


class Listing(Protocol):
    """See `interface.Store`, of which this is a part."""

    def newest_rows(self, wish: RowWish, *, before: int | None = None, limit: int) -> list[tuple[int, LedgerRow]]:
        """Return (number, row) of the newest rows that fit, newest first; `before`: older than that number."""

    def row_counts(self, *, since: int | None = None, state: str | None = None) -> list[RowCount]:
        """Return how many rows there are, by (rule, step, state, reason, day).

        since: from that ordinal on; state: only those.
        """

    def row_totals(self) -> list[RowCount]:
        """Return the same of all days together."""

    def tallies(self) -> list[Tally]:
        """Return the counts of what gets no row, sorted by (rule, reason, day)."""

    def tally_totals(self) -> dict[tuple[str, str], int]:
        """Return the same of all days together, by (rule, reason)."""

    def message_states(self, keys: Collection[str]) -> dict[str, MessageState]:
        """Return where messages are, by occurrence key; a key that has none is left out."""

    def newest_messages(
        self, rule: str | None, states: Collection[MessageState], *, before: int | None = None, limit: int
    ) -> list[tuple[int, str]]:
        """Return (number, occurrence key) of the newest messages in one of these states, newest first.

        rule: None for all; before: older than that number.
        """

    def message_counts(self) -> dict[MessageState, int]:
        """Return the number of messages by state."""

    def rule_message_counts(self) -> list[MessageCount]:
        """Return the number of messages by (rule, state)."""


def by_state(counts: Iterable[MessageCount]) -> dict[MessageState, int]:
    """Return the counts of all rules together, sorted by state."""
    found: dict[MessageState, int] = {}
    for one in counts:
        found[one.state] = found.get(one.state, 0) + one.count
    return dict(sorted(found.items()))


def row_count(rule: str, step: str, state: str, reason: str, day: int, count: int) -> RowCount:  # noqa: PLR0913, PLR0917 - a row
    """Return the count of one row of a table of counts."""
    return RowCount(rule=rule, step=step, state=state, reason=reason, day=day, count=int(count))
