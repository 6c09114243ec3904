"""Overview and the list of rules: what happened lately, and how each rule does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relight.base.problems import Place
from relight.messages.reasons import RowState
from relight.simulate.pages.charts import day_chart
from relight.web.desk.facts import Page, Table
from relight.web.desk.ledger_figures import MONTH_DAYS, RuleCounts, by_size, count_rules, messages_by_day

if TYPE_CHECKING:
    from collections.abc import Mapping

    from relight.metrics import RuleEffect
    from relight.rules.plan import Rule
    from relight.stores.interface import Store
    from relight.web.desk.desk import Desk

#: Days that the charts show; at least MONTH_DAYS.
CHART_DAYS = 60
#: Measures that the overview shows.
OVERVIEW_MEASURES_MAX = 6


def counts_of(store: Store, today: int) -> dict[str, RuleCounts]:
    """Return the numbers of every rule that has any."""
    days = max(CHART_DAYS, MONTH_DAYS)
    daily = store.row_counts(since=today - days + 1, state=RowState.PENDING.value)
    return count_rules(store.row_totals(), daily, store.tally_totals(), today)


def overview(desk: Desk) -> Page:
    """Return what happened lately, and the figures that matter."""

    def read(store: Store) -> tuple[dict[str, RuleCounts], int, dict[str, int]]:
        today = desk.today(store)
        states = {state.value: count for state, count in store.message_counts().items()}
        return counts_of(store, today), today, states

    rules, today, states = desk.ask(read)
    days = range(today - CHART_DAYS + 1, today + 1)
    computed = desk.figures.latest()
    measures = [
        {
            "name": one.name,
            "title": one.title,
            "value": one.value,
            "unit": one.unit.value,
            "currency": one.currency,
            "n": one.n,
            "low": None if one.interval is None else one.interval.low,
            "high": None if one.interval is None else one.interval.high,
            "period": "" if one.period is None else one.period.label,
        }
        for one in computed.measures
        if one.value is not None
    ][:OVERVIEW_MEASURES_MAX]
    facts = {
        "messages_7_days": sum(rule.sent_week for rule in rules.values()),
        "messages_30_days": sum(rule.sent_month for rule in rules.values()),
        "messages": sum(rule.sent for rule in rules.values()),
        "held_out": sum(rule.held_out for rule in rules.values()),
        "not_sent": sum(rule.not_sent for rule in rules.values()),
        "outbox": states,
        "measures": measures,
        "arms": _arms(computed.effects),
        "figures_missing": computed.trouble,
    }
    daily = messages_by_day(rules, days)
    chart = day_chart("daily", daily, days=days, order=[name for name in by_size(rules) if name in daily])
    rows = [(key, value) for key, value in facts.items() if isinstance(value, int)]
    rows += [(f"outbox_{state}", count) for state, count in sorted(states.items())]
    return Page(name="overview", facts=facts, table=Table(columns=("fact", "value"), rows=rows), drawn={"chart": chart})


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


def rules(desk: Desk) -> Page:
    """Return every rule with its state and its numbers."""

    def read(store: Store) -> tuple[dict[str, RuleCounts], frozenset[str]]:
        return counts_of(store, desk.today(store)), desk.everybody.paused()

    counts, paused = desk.ask(read)
    effects = desk.figures.latest().effects
    listed = [
        rule_facts(rule, counts.get(name, RuleCounts()), effects.get(name), is_paused=is_paused(name, paused))
        for name, rule in sorted(desk.plan.rules.items())
    ]
    problems = [
        {"severity": one.severity, "place": str(one.place), "text": one.message, "rule": _rule_of(desk, one.place)}
        for one in desk.loaded.problems
    ]
    columns = (
        "rule", "name", "class", "state", "sent_7_days", "sent_30_days", "held_out", "not_sent", "uplift", "low",
        "high", "place",
    )  # fmt: skip
    return Page(
        name="rules",
        facts={"rules": listed, "problems": problems},
        table=Table(columns=columns, rows=[tuple(one[key] for key in columns) for one in listed]),  # type: ignore[misc]  # of these values
    )


def _rule_of(desk: Desk, place: Place) -> str | None:
    return next((name for name, rule in desk.plan.rules.items() if rule.place.file == place.file), None)


def rule_facts(rule: Rule, counts: RuleCounts, effect: RuleEffect | None, *, is_paused: bool) -> dict[str, object]:
    """Return one rule's state and numbers."""
    interval = None if effect is None else effect.comparison.interval
    return {
        "rule": rule.id,
        "name": rule.name or rule.id,
        "class": rule.message_class.value,
        "state": "paused" if is_paused or rule.paused else "active",
        "sent": counts.sent,
        "sent_7_days": counts.sent_week,
        "sent_30_days": counts.sent_month,
        "held_out": counts.held_out,
        "not_sent": counts.not_sent,
        "last_day": counts.last_day,
        "uplift": None if effect is None else effect.comparison.uplift,
        "low": None if interval is None else interval.low,
        "high": None if interval is None else interval.high,
        "place": str(rule.place),
    }


def is_paused(name: str, paused: frozenset[str]) -> bool:
    """Return whether a rule is paused by itself or with all."""
    return name in paused or "*" in paused
