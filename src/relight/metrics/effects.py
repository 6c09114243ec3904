"""What each rule did (C13): the people it wrote to beside those it held out, both drawn by the same sticky hash.

A person belongs to the arm of their first message or ghost. Both arms passed the same gate, so everybody who was to be
written to counts, also where the mail bounced afterwards. Machine opens and clicks count for nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from relight.base.instants import DAY
from relight.config.measure_plan import Source
from relight.engine.explain_lines import Count, Share
from relight.messages.life import MessageState
from relight.metrics.definitions import effect_definition
from relight.metrics.entry_goals import (
    NEVER,
    compared_rules,
    compared_sources,
    compares_with_code,
    compares_with_entry,
    is_compared,
    reached_times,
)
from relight.metrics.exposures import Exposed, Exposures
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
from relight.metrics.remarks import remark
from relight.metrics.tables import MILLION, NO_AMOUNT, Codes, Flags, Ints

if TYPE_CHECKING:
    from relight.metrics.extract import MeasureLog
    from relight.metrics.remarks import Remark
    from relight.metrics.special import Floats
    from relight.rules.plan import Goal, Plan, Rule
    from relight.stores.interface import Store

#: How long after a message revenue and a goal without `attribution` count.
ATTRIBUTION_DEFAULT = 14 * DAY
#: The difference whose size of sample a warning names.
POINT = 0.01
#: People an arm needs before a mean of theirs is near enough to normal for an interval.
REVENUE_PEOPLE_MIN = 30
#: Share of goals that the warning assumes where nobody reached one.
_RATE_ASSUMED = 0.01
#: Where a message is that the provider took.
ACCEPTED_STATES = (MessageState.ACCEPTED, MessageState.DELIVERED, MessageState.BOUNCED, MessageState.COMPLAINED)
#: Where a message is that the mailbox has, and did not send back.
DELIVERED_STATES = (MessageState.DELIVERED, MessageState.COMPLAINED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One side of the comparison."""

    people: int = 0
    #: Messages, or ghosts of them.
    messages: int = 0
    #: Messages that the provider took, that arrived and stayed, that came back.
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
    #: p of the split being the declared one; None where nothing is held out, or whole accounts are.
    ratio_p: float | None
    #: What to know before the figures are believed.
    warnings: tuple[Remark, ...]
    definition: str


def goal_sources(plan: Plan) -> list[Source]:
    """Return the goals whose events a MeasureLog must keep for `effects_of`."""
    found: list[Source] = []
    for rule in plan.rules.values():
        if is_compared(plan, rule):
            found += compared_sources(rule)
        elif rule.goal is not None and not compares_with_entry(rule):
            found.append(goal_source(rule.goal))
    return found


def goal_source(goal: Goal) -> Source:
    """Return what a goal counts, as a MeasureLog keeps it."""
    return Source(text=goal.match.event, match=goal.match)


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
def effects_of(
    log: MeasureLog, store: Store, plan: Plan, *, since: int | None = None, exposures: Exposures | None = None
) -> list[RuleEffect]:
    """Return what each rule of a plan did, by rule id.

    log: read with `goal_sources(plan)`; since: messages and ghosts from here on (µs); exposures: those of the store,
    read already.
    """
    if exposures is None:
        exposures = Exposures(log.people, entries_of=compared_rules(plan))
        exposures.read_store(store, since=since)
    sent: dict[str, dict[MessageState, int]] = {}
    for one in store.rule_message_counts():
        sent.setdefault(one.rule, {})[one.state] = one.count
    return [
        _effect(log, plan, rule, exposures.of(name), _Sent.of(sent.get(name, {})))
        for name, rule in sorted(plan.rules.items())
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sent:
    """What became of the messages of one rule, by where they are."""

    accepted: int
    delivered: int
    bounced: int

    @classmethod
    def of(cls, counts: Mapping[MessageState, int]) -> _Sent:
        return cls(
            accepted=sum(counts.get(state, 0) for state in ACCEPTED_STATES),
            delivered=sum(counts.get(state, 0) for state in DELIVERED_STATES),
            bounced=counts.get(MessageState.BOUNCED, 0),
        )


def _effect(log: MeasureLog, plan: Plan, rule: Rule, exposed: Exposed, sent: _Sent) -> RuleEffect:
    codes, held = exposed.who, exposed.held
    by_account = plan.policy.holdout_by_account
    attribution = attribution_of(rule)
    times = goal_times(log, rule, exposed)
    reached = None if times is None else times != NEVER
    revenue = _revenue(log, codes, exposed.when, attribution)
    messages = (exposed.messages, exposed.ghosts)
    arms = [_arm(chosen, messages[number], reached, revenue) for number, chosen in enumerate((~held, held))]
    clickers = log.clickers(rule.id)
    clicked = None if clickers is None else int(np.isin(codes[~held], clickers).sum())
    if compares_with_code(plan, rule):
        # A ghost draws no code, so that its side could never reach the goal: there is nothing to compare with.
        arms[1] = replace(arms[1], reached=None)
    first = replace(arms[0], accepted=sent.accepted, delivered=sent.delivered, bounced=sent.bounced, clicked=clicked)
    # By account the people of an arm come in lots, of which this log knows nothing: no test of single people fits.
    ratio = sample_ratio_p((first.people, arms[1].people), rule.holdout) if rule.holdout and not by_account else None
    return RuleEffect(
        rule=rule.id,
        title=rule.name or rule.id,
        owner=rule.owner,
        holdout=rule.holdout,
        sent=first,
        held_out=arms[1],
        comparison=compare_arms(first, arms[1]),
        ratio_p=ratio,
        warnings=tuple(_warnings(rule, first, arms[1], ratio, by_account=by_account)),
        definition=effect_definition(attribution),
    )


def attribution_of(rule: Rule) -> int:
    """Return how long after a message a rule's goal counts (µs)."""
    return ATTRIBUTION_DEFAULT if rule.goal is None or rule.goal.attribution is None else rule.goal.attribution


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


def goal_times(log: MeasureLog, rule: Rule, exposed: Exposed) -> Ints | None:
    """Return when each person first reached a goal (µs), NEVER for who did not; None where it is not counted."""
    if rule.goal is None:
        return None
    attribution = attribution_of(rule)
    if compares_with_entry(rule):
        found = reached_times(log, rule, exposed, attribution)
        return None if found is None else np.array(found, np.int64)
    table = log.table(goal_source(rule.goal))
    order, low, high = _between(table.who, table.when, exposed.who, (exposed.when, exposed.when + attribution))
    times = np.full(low.size, NEVER, np.int64)
    times[high > low] = table.when[order[low[high > low]]]
    return times


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


def _warnings(rule: Rule, first: Arm, second: Arm, ratio: float | None, *, by_account: bool) -> Iterator[Remark]:
    if rule.holdout and by_account:
        yield remark("by_account")
    if rule.goal is None:
        yield remark("no_goal")
    elif first.reached is None:
        yield remark("goal_of_entry")
    elif second.reached is None and rule.holdout:
        yield remark("goal_of_code")
    if not rule.holdout:
        yield remark("no_holdout")
    elif ratio is not None and ratio < RATIO_P_MIN:
        held_out, people = Count(second.people), Count(first.people + second.people)
        yield remark("wrong_split", held_out=held_out, people=people, share=Share(rule.holdout), p=f"{ratio:.1g}")
    smaller = min(first.people, second.people)
    if rule.holdout and first.revenue is not None and second.revenue is not None and smaller < REVENUE_PEOPLE_MIN:
        yield remark("few_for_revenue", people=smaller, needed=REVENUE_PEOPLE_MIN)
    if rule.holdout and rule.goal is not None and None not in (first.reached, second.reached):
        note = power_note(first, second)
        if note is not None:
            yield note


def power_note(first: Arm, second: Arm) -> Remark | None:
    """Return that the arms are too small to see one point of difference, None where they are not."""
    share = second.share or first.share or _RATE_ASSUMED
    needed = needed_an_arm(share, POINT)
    smaller = min(first.people, second.people)
    if smaller >= needed:
        return None
    return remark("few_for_a_point", needed=Count(_rounded(needed)), people=Count(smaller))


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
