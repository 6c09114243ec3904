"""What each rule did (C13): the people it wrote to beside those it held out, both drawn by the same sticky hash.

A person belongs to the arm of their first message or ghost. Both arms passed the same gate, so everybody who was to be
written to counts, also where the mail bounced afterwards. Machine opens and clicks count for nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from relight.base.durations import Span
from relight.base.instants import DAY
from relight.config.measure_plan import Source
from relight.messages.life import MessageState
from relight.messages.reasons import RowState
from relight.metrics.intervals import (
    RATIO_P_MIN,
    difference_p_value,
    mean_difference,
    needed_an_arm,
    newcombe,
    sample_ratio_p,
)
from relight.metrics.measure import Interval
from relight.metrics.orders import orders_of
from relight.metrics.tables import MILLION, NO_AMOUNT, Codes, Flags, Ints

if TYPE_CHECKING:
    from relight.metrics.extract import MeasureLog
    from relight.metrics.special import Floats
    from relight.rules.plan import Plan, Rule
    from relight.stores.interface import Store

#: How long after a message revenue and a goal without `attribution` count.
ATTRIBUTION_DEFAULT = 14 * DAY
#: The difference whose size of sample a warning names.
POINT = 0.01
#: People an arm needs before a mean of theirs is near enough to normal for an interval.
REVENUE_PEOPLE_MIN = 30
#: Share of goals that the warning assumes where nobody reached one.
_RATE_ASSUMED = 0.01
_ACCEPTED = frozenset({
    MessageState.ACCEPTED, MessageState.DELIVERED, MessageState.BOUNCED, MessageState.COMPLAINED,
})  # fmt: skip

EFFECT_DEFINITION = (
    "People by their first message of the rule, or the ghost of one: sent against held out, whatever became of the"
    " mail. Goal: the rule's goal within its attribution ({attribution}) after that message or ghost. Uplift: share of"
    " the first − share of the second, in points, with Newcombe's 95 % interval; p: z test with pooled variance."
    " Clicks are those of people; what a machine opened or followed counts for nothing."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One side of the comparison."""

    people: int = 0
    #: Messages, or ghosts of them.
    messages: int = 0
    #: Messages that the provider took, that arrived, that came back.
    accepted: int = 0
    delivered: int = 0
    bounced: int = 0
    #: People who followed a link; None where no stream declares clicks.
    clicked: int | None = None
    #: People who reached the goal; None where the rule has none that can be counted.
    reached: int | None = None
    #: Mean revenue a person within the attribution, whole units; None where no revenue is declared.
    revenue: float | None = None
    #: Standard deviation of it.
    spread: float = 0.0

    @property
    def share(self) -> float | None:
        """Share of people who reached the goal."""
        return self.reached / self.people if self.people and self.reached is not None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two arms, compared."""

    #: Points of a hundred; None where an arm is empty.
    uplift: float | None = None
    interval: Interval | None = None
    p_value: float | None = None
    #: Mean revenue a person, first − second.
    revenue_uplift: float | None = None
    #: None where an arm has too few people for one.
    revenue_interval: Interval | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleEffect:
    """C13 of one rule."""

    rule: str
    title: str
    owner: str | None
    #: Share that is to be held out, 0 to 1.
    holdout: float
    sent: Arm
    held_out: Arm
    comparison: Comparison
    #: p of the split being the declared one; None where nothing is held out.
    ratio_p: float | None
    #: What to know before the figures are believed.
    warnings: tuple[str, ...]
    definition: str


def goal_sources(plan: Plan) -> list[Source]:
    """Return the goals whose events a MeasureLog must keep for `effects_of`."""
    return [
        Source(text=rule.goal.match.event, match=rule.goal.match)
        for rule in plan.rules.values()
        if rule.goal is not None and not _compares_with_entry(rule)
    ]


def compare_arms(first: Arm, second: Arm) -> Comparison:
    """Return the uplift of the first arm over the second, with its intervals."""
    uplift = interval = p_value = None
    if first.people and second.people and first.reached is not None and second.reached is not None:
        one, two = (first.reached, first.people), (second.reached, second.people)
        found = newcombe(one, two)
        uplift = (one[0] / one[1] - two[0] / two[1]) * 100
        interval = None if found is None else Interval(low=found.low * 100, high=found.high * 100)
        p_value = difference_p_value(one, two)
    if first.revenue is None or second.revenue is None or not first.people or not second.people:
        return Comparison(uplift=uplift, interval=interval, p_value=p_value)
    if min(first.people, second.people) < REVENUE_PEOPLE_MIN:
        return Comparison(
            uplift=uplift, interval=interval, p_value=p_value, revenue_uplift=first.revenue - second.revenue
        )
    return Comparison(
        uplift=uplift,
        interval=interval,
        p_value=p_value,
        revenue_uplift=first.revenue - second.revenue,
        revenue_interval=mean_difference(
            (first.revenue, first.spread, first.people), (second.revenue, second.spread, second.people)
        ),
    )


# ---------------------------------------------------------------- from a store
def effects_of(log: MeasureLog, store: Store, plan: Plan, *, since: int | None = None) -> list[RuleEffect]:
    """Return what each rule of a plan did, by rule id.

    log: read with `goal_sources(plan)`; since: messages and ghosts from here on (µs).
    """
    exposures: dict[str, _Exposures] = {name: _Exposures() for name in plan.rules}
    for row in store.ledger(since=since):
        found = exposures.get(row.rule)
        if found is not None and row.state in (RowState.PENDING, RowState.HELD_OUT):
            found.add(log.people.code(row.customer), row.scheduled or row.instant, held=row.state is RowState.HELD_OUT)
    sent = _journal(store)
    return [_effect(log, rule, exposures[name], sent.get(name, _Sent())) for name, rule in sorted(plan.rules.items())]


class _Exposures:
    """The messages and ghosts of one rule."""

    def __init__(self) -> None:
        #: customer code -> (instant, held out) of the first.
        self.first: dict[int, tuple[int, bool]] = {}
        self.messages = [0, 0]

    def add(self, code: int, instant: int, *, held: bool) -> None:
        self.messages[held] += 1
        known = self.first.get(code)
        if known is None or instant < known[0]:
            self.first[code] = (instant, held)


@dataclass(slots=True)
class _Sent:
    """What the delivery journal says of one rule."""

    accepted: int = 0
    delivered: int = 0
    bounced: int = 0


def _journal(store: Store) -> dict[str, _Sent]:
    states: dict[str, set[MessageState]] = {}
    owners: dict[str, str] = {}
    for line in store.attempts():
        states.setdefault(line.occurrence_key, set()).add(line.state)
        owners[line.occurrence_key] = line.rule
    found: dict[str, _Sent] = {}
    for key, seen in states.items():
        sent = found.setdefault(owners[key], _Sent())
        sent.accepted += bool(seen & _ACCEPTED)
        sent.delivered += MessageState.DELIVERED in seen
        sent.bounced += MessageState.BOUNCED in seen
    return found


def _effect(log: MeasureLog, rule: Rule, exposures: _Exposures, sent: _Sent) -> RuleEffect:
    codes = np.fromiter(exposures.first, np.int32, len(exposures.first))
    instants = np.fromiter((one[0] for one in exposures.first.values()), np.int64, codes.size)
    held = np.fromiter((one[1] for one in exposures.first.values()), np.bool_, codes.size)
    attribution = ATTRIBUTION_DEFAULT if rule.goal is None or rule.goal.attribution is None else rule.goal.attribution
    reached = _reached(log, rule, codes, instants, attribution)
    revenue = _revenue(log, codes, instants, attribution)
    arms = [_arm(chosen, exposures.messages[number], reached, revenue) for number, chosen in enumerate((~held, held))]
    clickers = log.clickers(rule.id)
    clicked = None if clickers is None else int(np.isin(codes[~held], clickers).sum())
    first = replace(arms[0], accepted=sent.accepted, delivered=sent.delivered, bounced=sent.bounced, clicked=clicked)
    ratio = sample_ratio_p((first.people, arms[1].people), rule.holdout) if rule.holdout else None
    return RuleEffect(
        rule=rule.id,
        title=rule.name or rule.id,
        owner=rule.owner,
        holdout=rule.holdout,
        sent=first,
        held_out=arms[1],
        comparison=compare_arms(first, arms[1]),
        ratio_p=ratio,
        warnings=tuple(_warnings(rule, first, arms[1], ratio)),
        definition=EFFECT_DEFINITION.format(attribution=Span(elapsed=attribution)),
    )


def _arm(chosen: Flags, messages: int, reached: Flags | None, revenue: Floats | None) -> Arm:
    people = int(np.count_nonzero(chosen))
    own = None if revenue is None else revenue[chosen]
    return Arm(
        people=people,
        messages=messages,
        reached=None if reached is None else int(np.count_nonzero(reached & chosen)),
        revenue=None if own is None or not people else float(own.mean()),
        spread=float(own.std(ddof=1)) if own is not None and people > 1 else 0.0,
    )


def _reached(log: MeasureLog, rule: Rule, codes: Codes, instants: Ints, attribution: int) -> Flags | None:
    if rule.goal is None or _compares_with_entry(rule):
        return None
    table = log.table(Source(text=rule.goal.match.event, match=rule.goal.match))
    low, high = _between(table.who, table.when, codes, (instants, instants + attribution))[1:]
    return np.asarray(high > low, np.bool_)


def _revenue(log: MeasureLog, codes: Codes, instants: Ints, attribution: int) -> Floats | None:
    orders = orders_of(log)
    if orders.amount is None:
        return None
    order, low, high = _between(orders.who, orders.when, codes, (instants, instants + attribution))
    known = np.where(orders.amount == NO_AMOUNT, 0, orders.amount)[order]
    sums = np.append(0, np.cumsum(known))
    return np.asarray((sums[high] - sums[low]) / MILLION, np.float64)


def _between(who: Codes, when: Ints, codes: Codes, span: tuple[Ints, Ints]) -> tuple[Ints, Ints, Ints]:
    """Return an order of events by person and time, and for each code the places of its events in (from, to]."""
    moments = np.unique(np.concatenate([when, *span]))
    wide = moments.size + 1
    keys = who.astype(np.int64) * wide + np.searchsorted(moments, when)
    order = np.argsort(keys, kind="stable")
    base = codes.astype(np.int64) * wide
    low = np.searchsorted(keys[order], base + np.searchsorted(moments, span[0]), side="right")
    high = np.searchsorted(keys[order], base + np.searchsorted(moments, span[1]), side="right")
    return order, low, high


def _compares_with_entry(rule: Rule) -> bool:
    where = None if rule.goal is None else rule.goal.match.where
    return where is not None and "entry." in where.text


def _warnings(rule: Rule, first: Arm, second: Arm, ratio: float | None) -> Sequence[str]:
    found = []
    if rule.goal is None:
        found.append("the rule has no goal, so nothing says whether it works")
    elif first.reached is None:
        found.append("the goal compares with the entry, which the log does not keep: it is not counted here")
    if not rule.holdout:
        found.append("nobody is held out, so there is nothing to compare with")
    elif ratio is not None and ratio < RATIO_P_MIN:
        people = first.people + second.people
        found.append(
            f"{second.people:,} of {people:,} people were held out where {rule.holdout:.1%} was meant"
            f" (p = {ratio:.1g}): the share was changed, or something else splits them; do not trust the uplift"
        )
    smaller = min(first.people, second.people)
    if rule.holdout and first.revenue is not None and second.revenue is not None and smaller < REVENUE_PEOPLE_MIN:
        found.append(f"revenue a person is not compared: an arm has {smaller} people, of {REVENUE_PEOPLE_MIN} needed")
    if rule.holdout and rule.goal is not None and first.reached is not None:
        note = power_note(first, second)
        if note is not None:
            found.append(note)
    return found


def power_note(first: Arm, second: Arm) -> str | None:
    """Return that the arms are too small to see one point of difference, None where they are not."""
    share = second.share or first.share or _RATE_ASSUMED
    needed = needed_an_arm(share, POINT)
    smaller = min(first.people, second.people)
    if smaller >= needed:
        return None
    return f"needs about {_rounded(needed):,} people an arm to see 1 point; the smaller arm has {smaller:,}"


def _rounded(number: int) -> int:
    """Return a number to two digits."""
    size = int(10 ** max(0, len(str(number)) - 2))
    return round(number / size) * size


def totals(effects: Sequence[RuleEffect]) -> Mapping[str, int]:
    """Return what all rules did together."""
    return {
        "messages": sum(one.sent.messages for one in effects),
        "accepted": sum(one.sent.accepted for one in effects),
        "delivered": sum(one.sent.delivered for one in effects),
        "clicked": sum(one.sent.clicked or 0 for one in effects),
        "held_out": sum(one.held_out.people for one in effects),
    }
