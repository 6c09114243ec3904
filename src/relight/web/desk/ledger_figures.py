"""Counts of the ledger as pages show them: by rule, by reason, by day. Pure over the store's row counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from relight.messages.reasons import RowState

if TYPE_CHECKING:
    from relight.stores.listing import RowCount, Tally

#: Days that "lately" means on the pages.
WEEK_DAYS = 7
MONTH_DAYS = 30


@dataclass(slots=True, kw_only=True)
class RuleCounts:
    """One rule in numbers."""

    #: Entries made.
    entered: int = 0
    #: Messages that passed the gate: ever, in 7 days, in 30 days.
    sent: int = 0
    sent_week: int = 0
    sent_month: int = 0
    held_out: int = 0
    #: Reason -> how often, rows and counted occurrences.
    reasons: Counter[str] = field(default_factory=Counter)
    #: Ordinal of the day -> messages.
    days: Counter[int] = field(default_factory=Counter)

    @property
    def not_sent(self) -> int:
        """How often there was a reason not to send; held out is one."""
        return sum(self.reasons.values())

    @property
    def occurred(self) -> int:
        """How often the rule's trigger was met: entries, and what was kept out before one."""
        kept_out = sum(count for reason, count in self.reasons.items() if reason in BEFORE_ENTRY)
        return self.entered + kept_out

    @property
    def last_day(self) -> int | None:
        """The last day with a message."""
        return max(self.days, default=None)


#: Reasons that keep somebody out before there is an entry (R6).
BEFORE_ENTRY = frozenset({"already_entered", "reentry_gap"})


def count_rules(rows: Iterable[RowCount], tallies: Iterable[Tally], today: int) -> dict[str, RuleCounts]:
    """Return the numbers of each rule that has any; today: ordinal of the day that the store has come to."""
    found: dict[str, RuleCounts] = {}
    for one in rows:
        rule = found.setdefault(one.rule, RuleCounts())
        if one.state == RowState.ENTERED:
            rule.entered += one.count
        elif one.state == RowState.PENDING:
            rule.sent += one.count
            rule.days[one.day] += one.count
            rule.sent_week += one.count if today - one.day < WEEK_DAYS else 0
            rule.sent_month += one.count if today - one.day < MONTH_DAYS else 0
        elif one.state == RowState.HELD_OUT:
            rule.held_out += one.count
            rule.reasons["holdout"] += one.count
        elif one.reason:
            rule.reasons[one.reason] += one.count
    for tally in tallies:
        found.setdefault(tally.rule, RuleCounts()).reasons[tally.reason] += tally.count
    return found


def messages_by_day(rules: Mapping[str, RuleCounts], days: range) -> dict[str, dict[int, int]]:
    """Return rule -> day -> messages within some days; rules without any are left out."""
    found = {name: {day: count for day, count in rule.days.items() if day in days} for name, rule in rules.items()}
    return {name: counts for name, counts in found.items() if counts}


def by_size(rules: Mapping[str, RuleCounts]) -> Sequence[str]:
    """Return the rules, most messages first, then by name."""
    return sorted(rules, key=lambda name: (-rules[name].sent, name))
