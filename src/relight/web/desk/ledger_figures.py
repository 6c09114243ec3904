"""Counts of the ledger as pages show them: by rule, by reason, by day. Pure over the store's row counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from relight.messages.reasons import RowState

if TYPE_CHECKING:
    from relight.stores.listing import RowCount

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
    #: Reason -> how often it kept an occurrence from becoming an entry; those that have no row are in `rowless`.
    before: Counter[str] = field(default_factory=Counter)
    rowless: Counter[str] = field(default_factory=Counter)
    #: Reason -> how often the gate kept a message back for it; a ghost is none of them.
    gate: Counter[str] = field(default_factory=Counter)
    #: Reason -> how often an entry ended with it (E2): nothing was kept back, they left.
    ended: Counter[str] = field(default_factory=Counter)
    #: Ordinal of a day, of those that were asked for -> messages.
    days: Counter[int] = field(default_factory=Counter)
    #: The last day with a message, None for none ever.
    last_day: int | None = None

    @property
    def reasons(self) -> Counter[str]:
        """Every reason with how often something was kept back for it."""
        return self.before + self.gate

    @property
    def kept_back(self) -> int:
        """How often something was suppressed: an occurrence before its entry, or a message at the gate."""
        return self.reasons.total()

    @property
    def occurred(self) -> int:
        """How often the rule's trigger was met: entries, and what was kept out before one."""
        return self.entered + self.before.total()


def count_rules(
    totals: Iterable[RowCount],
    daily: Iterable[RowCount],
    tallies: Mapping[tuple[str, str], int],
    today: int,
) -> dict[str, RuleCounts]:
    """Return the numbers of each rule that has any.

    Args:
        totals: rows of all days together.
        daily: messages by day, of as many days as charts show, and MONTH_DAYS at least.
        tallies: (rule, reason) -> how many occurrences got no row.
        today: ordinal of the day that the store has come to.
    """
    found: dict[str, RuleCounts] = {}
    for one in totals:
        _count(found.setdefault(one.rule, RuleCounts()), one)
    for one in daily:
        rule = found.setdefault(one.rule, RuleCounts())
        rule.days[one.day] += one.count
        rule.sent_week += one.count if today - one.day < WEEK_DAYS else 0
        rule.sent_month += one.count if today - one.day < MONTH_DAYS else 0
    for (name, reason), count in tallies.items():
        rule = found.setdefault(name, RuleCounts())
        rule.before[reason] += count
        rule.rowless[reason] += count
    return found


def _count(rule: RuleCounts, one: RowCount) -> None:
    match one.state:
        case RowState.ENTERED:
            rule.entered += one.count
        case RowState.PENDING:
            rule.sent += one.count
            rule.last_day = max(one.day, rule.last_day or one.day)
        case RowState.HELD_OUT:
            rule.held_out += one.count
        case RowState.SUPPRESSED if not one.step:
            rule.before[one.reason] += one.count
        case RowState.SUPPRESSED:
            rule.gate[one.reason] += one.count
        case _ if one.reason:
            rule.ended[one.reason] += one.count
        case _:
            pass


def messages_by_day(rules: Mapping[str, RuleCounts], days: range) -> dict[str, dict[int, int]]:
    """Return rule -> day -> messages within some days; rules without any are left out."""
    found = {name: {day: count for day, count in rule.days.items() if day in days} for name, rule in rules.items()}
    return {name: counts for name, counts in found.items() if counts}


def by_size(rules: Mapping[str, RuleCounts]) -> Sequence[str]:
    """Return the rules, most messages first, then by name."""
    return sorted(rules, key=lambda name: (-rules[name].sent, name))
