"""Counts ledger rows in one pass into what a page shows. Pure; days and hours are those of the project's zone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from relight.base.instants import MINUTE, to_local
from relight.messages.ledger import LedgerRow
from relight.messages.reasons import RowState
from relight.simulate.pages.model import (
    About,
    Heaviest,
    MailShown,
    PageData,
    ReasonFigures,
    RuleFigures,
    StreamCounts,
)

#: Every offset since 1972 is a multiple of it (µs): messages are counted by it, and its local day is looked up once.
QUARTER = 15 * MINUTE

#: (rule, is the entry itself, state, reason)
_Outcome = tuple[str, bool, RowState, str | None]


@dataclass(slots=True, kw_only=True)
class _Pass:
    """What one pass over the rows counts."""

    outcomes: dict[_Outcome, int] = field(default_factory=dict)
    #: (rule, quarter of an hour) → messages.
    quarters: dict[tuple[str, int], int] = field(default_factory=dict)
    #: rule → customers with a message.
    people: dict[str, set[str]] = field(default_factory=dict)
    #: customer → messages.
    per_customer: dict[str, int] = field(default_factory=dict)
    #: (judged, customer) of the first of each outcome that was refused.
    examples: dict[_Outcome, tuple[int, str]] = field(default_factory=dict)


def gather(
    rows: Iterable[LedgerRow],
    counted: Mapping[tuple[str, str, int], int],
    *,
    about: About,
    streams: StreamCounts,
    mails: Sequence[MailShown] = (),
) -> PageData:
    """Return the figures of a ledger.

    Args:
        rows: Each once, in any order; they are read once and not kept.
        counted: (rule, reason, local day as an ordinal) → occurrences without a row (R6).
        about: The project; rules that only the rows know are shown by their id.
        streams: What was read.
        mails: The samples to show.
    """
    found = _count(rows, about.alerts)
    days, heaviest = _by_time(found.quarters, about.zone)
    without_row: dict[str, Counter[str]] = {}
    for (rule, reason, _day), count in counted.items():
        without_row.setdefault(rule, Counter())[reason] += count
    known = dict.fromkeys([*about.rules, *sorted({key[0] for key in found.outcomes} | set(without_row))])
    rules = [
        _rule_figures(rule, found, about=about, days=days.get(rule, {}), counted=without_row.get(rule, {}))
        for rule in known
    ]
    rules.sort(key=lambda rule: (-rule.messages, -rule.occurred, rule.id))
    return PageData(
        about=about,
        streams=streams,
        rules=tuple(rules),
        reasons=_by_reason(rules),
        per_customer=dict(sorted(Counter(found.per_customer.values()).items())),
        heaviest=heaviest,
        mails=tuple(mails),
    )


def _count(rows: Iterable[LedgerRow], alerts: Collection[tuple[str, str]]) -> _Pass:
    found = _Pass()
    outcomes, quarters, people = found.outcomes, found.quarters, found.people
    per_customer, examples = found.per_customer, found.examples
    for row in rows:
        state = row.state
        key = (row.rule, not row.step, state, row.reason)
        if key in outcomes:
            outcomes[key] += 1
            examples[key] = min(examples[key], (row.judged, row.customer))
        else:
            outcomes[key] = 1
            people.setdefault(row.rule, set())
            examples[key] = (row.judged, row.customer)
        if state is RowState.PENDING:
            slot = (row.rule, (row.judged if row.scheduled is None else row.scheduled) // QUARTER)
            quarters[slot] = quarters.get(slot, 0) + 1
            if (row.rule, row.step) not in alerts:
                people[row.rule].add(row.customer)
                per_customer[row.customer] = per_customer.get(row.customer, 0) + 1
    return found


def _by_time(quarters: Mapping[tuple[str, int], int], zone: str) -> tuple[dict[str, dict[int, int]], Heaviest | None]:
    """Return messages by rule and local day, and the heaviest local hour (the earliest of equals)."""
    places: dict[int, tuple[int, int]] = {}
    days: dict[str, dict[int, int]] = {}
    hours: Counter[int] = Counter()
    for (rule, quarter), count in quarters.items():
        if quarter not in places:
            local = to_local(quarter * QUARTER, zone)
            places[quarter] = (local.toordinal(), quarter * QUARTER - local.minute * MINUTE)
        day, hour = places[quarter]
        of_rule = days.setdefault(rule, {})
        of_rule[day] = of_rule.get(day, 0) + count
        hours[hour] += count
    if not hours:
        return days, None
    start = min(hours, key=lambda hour: (-hours[hour], hour))
    return days, Heaviest(start=start, count=hours[start])


def _rule_figures(
    rule: str, found: _Pass, *, about: About, days: Mapping[int, int], counted: Mapping[str, int]
) -> RuleFigures:
    totals: Counter[RowState] = Counter()
    kept_out: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    ended: Counter[str] = Counter()
    first: dict[str, tuple[int, str]] = {}
    for key, count in found.outcomes.items():
        of_rule, is_entry, state, reason = key
        if of_rule != rule:
            continue
        totals[state] += count
        if state is RowState.SUPPRESSED:
            (kept_out if is_entry else refused)[str(reason)] += count
            first[str(reason)] = min(first.get(str(reason), found.examples[key]), found.examples[key])
        elif state is RowState.ENDED:
            ended[str(reason)] += count
    return RuleFigures(
        id=rule,
        title=about.rules.get(rule) or rule,
        entered=totals[RowState.ENTERED],
        kept_out=dict(kept_out),
        counted=dict(counted),
        messages=totals[RowState.PENDING],
        held_out=totals[RowState.HELD_OUT],
        refused=dict(refused),
        ended=dict(ended),
        people=len(found.people.get(rule, ())),
        days=dict(sorted(days.items())),
        outcomes={state: count for (of, state), count in about.outcomes.items() if of == rule},
        examples={reason: customer for reason, (_, customer) in first.items()},
    )


def _by_reason(rules: Iterable[RuleFigures]) -> tuple[ReasonFigures, ...]:
    by: dict[str, dict[str, Counter[str]]] = {}
    for rule in rules:
        held = {"holdout": rule.held_out} if rule.held_out else {}
        parts = [("occurrences", rule.kept_out), ("messages", rule.refused), ("messages", held)]
        for part, counts in [*parts, ("counted", rule.counted), ("ended", rule.ended)]:
            for reason, count in counts.items():
                by.setdefault(reason, {}).setdefault(part, Counter())[rule.id] += count
    figures = [
        ReasonFigures(
            reason=reason,
            **{part: counts.total() for part, counts in parts.items()},
            rules=tuple(
                sorted(
                    (parts.get("occurrences", Counter()) + parts.get("messages", Counter())).items(),
                    key=lambda item: (-item[1], item[0]),
                )
            ),
        )
        for reason, parts in by.items()
    ]
    return tuple(sorted(figures, key=lambda one: (-one.not_sent, -one.counted, -one.ended, one.reason)))
