"""Overview: whether customers stay, what the messages did for it, and what lately went out or was kept back."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

from relight.simulate.pages.charts import day_chart
from relight.web.desk.facts import Page, Table
from relight.web.desk.figure_pages import measure_chart, value_facts
from relight.web.desk.ledger_figures import RuleCounts, by_size, messages_by_day
from relight.web.desk.rule_pages import CHART_DAYS, counts_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from relight.metrics import Measure, RuleEffect
    from relight.metrics.measure import Point
    from relight.stores.interface import Store
    from relight.web.desk.desk import Desk

#: Measures that the overview shows, those that say whether customers stay before the others.
OVERVIEW_MEASURES_MAX = 6
_FIRST = ("retention_rate", "churn", "customers", "repeat_purchase_rate", "mrr", "revenue", "clv", "nps")
#: Reasons not to send that it shows, the most frequent.
REASONS_SHOWN = 8


def overview(desk: Desk) -> Page:
    """Return what happened lately, and the figures that matter."""

    def read(store: Store) -> tuple[dict[str, RuleCounts], int, dict[str, int]]:
        today = desk.today(store)
        states = {state.value: count for state, count in store.message_counts().items()}
        return counts_of(store, today), today, states

    rules, today, states = desk.ask(read)
    days = range(today - CHART_DAYS + 1, today + 1)
    computed = desk.figures.latest()
    shown = overview_measures(computed.measures)
    reasons: Counter[str] = sum((rule.reasons for rule in rules.values()), Counter())
    facts = {
        "stay": stay_facts(computed.measures),
        "messages_7_days": sum(rule.sent_week for rule in rules.values()),
        "messages_30_days": sum(rule.sent_month for rule in rules.values()),
        "messages": sum(rule.sent for rule in rules.values()),
        "held_out": sum(rule.held_out for rule in rules.values()),
        "kept_back": sum(rule.kept_back for rule in rules.values()),
        "reasons": [{"reason": name, "count": count} for name, count in reasons.most_common()],
        "outbox": states,
        "measures": [_measure_facts(one) for one in shown],
        "arms": _arms(computed.effects),
        "figures_missing": computed.trouble,
        "not_in_force": desk.not_in_force(),
    }
    daily = messages_by_day(rules, days)
    order = [name for name in by_size(rules) if name in daily]
    rows: list[tuple[str, float | None]] = [(key, value) for key, value in facts.items() if isinstance(value, int)]
    rows += [(f"measure_{one.name}", one.value) for one in shown]
    rows += [(f"reason_{name}", count) for name, count in reasons.most_common()]
    rows += [(f"outbox_{state}", count) for state, count in sorted(states.items())]
    return Page(
        name="overview",
        facts=facts,
        table=Table(columns=("fact", "value"), rows=rows),
        drawn={
            "chart": day_chart("daily", daily, days=days, order=order),
            "lines": {one.name: measure_chart(one) for one in shown},
            "reasons_shown": REASONS_SHOWN,
        },
    )


def overview_measures(measures: Iterable[Measure]) -> list[Measure]:
    """Return the measures of the overview: with a value, those that say whether customers stay first."""
    order = {name: number for number, name in enumerate(_FIRST)}
    known = [one for one in measures if one.value is not None]
    return sorted(known, key=lambda one: order.get(one.name, len(order)))[:OVERVIEW_MEASURES_MAX]


def stay_facts(measures: Iterable[Measure]) -> dict[str, object] | None:
    """Return how many of a period's first customers were customers at its end; None where nothing can be said."""
    found = next((one for one in measures if one.name == "retention_rate" and one.value is not None), None)
    if found is None or found.period is None or not found.n:
        return None
    before = previous_point(found)
    return {
        "period": found.period.label,
        "start": found.n,
        "stayed": round(found.parts.get("E", 0) - found.parts.get("N", 0)),
        "rate": found.value,
        "before": None if before is None else before.value,
        "before_period": None if before is None else before.period.label,
    }


def previous_point(measure: Measure) -> Point | None:
    """Return the point of the period before the one that a measure's value is of; None without a value in it."""
    series: Sequence[Point] = measure.series
    for earlier, point in pairwise(series):
        if point.period == measure.period:
            return earlier if earlier.value is not None else None
    return None


def _measure_facts(one: Measure) -> dict[str, object]:
    before = previous_point(one)
    change = None if before is None or before.value is None or one.value is None else one.value - before.value
    better = None if not change or one.more_is_better is None else (change > 0) == one.more_is_better
    return {
        **value_facts(one),
        "change": change,
        "before": None if before is None else before.value,
        "before_period": None if before is None else before.period.label,
        "is_better": better,
    }


def _arms(effects: Mapping[str, RuleEffect]) -> list[dict[str, object]]:
    """Return the rules with two arms to compare: those messaged against those held out."""
    return [
        {
            "rule": one.rule,
            "sent_people": one.sent.people,
            "held_out_people": one.held_out.people,
            "uplift": one.comparison.uplift,
            "low": None if one.comparison.interval is None else one.comparison.interval.low,
            "high": None if one.comparison.interval is None else one.comparison.interval.high,
        }
        for one in effects.values()
        if one.comparison.uplift is not None
    ]
