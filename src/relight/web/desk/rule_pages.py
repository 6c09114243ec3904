"""Overview, the list of rules, and one rule: how far its people come, and what keeps the others back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relight.messages.reasons import RowState
from relight.simulate.pages.charts import day_chart
from relight.web.desk.facts import Page, Table
from relight.web.desk.ledger_figures import BEFORE_ENTRY, RuleCounts, by_size, count_rules, messages_by_day

if TYPE_CHECKING:
    from collections.abc import Mapping

    from relight.metrics import RuleEffect
    from relight.rules.plan import Rule
    from relight.stores.interface import Store
    from relight.web.desk.desk import Desk

#: Days that the charts show.
CHART_DAYS = 60
#: Lines of a rule's file that its page shows.
SOURCE_LINES_MAX = 400
#: Measures that the overview shows.
OVERVIEW_MEASURES_MAX = 6


def overview(desk: Desk) -> Page:
    """Return what happened lately, and the figures that matter."""

    def read(store: Store) -> tuple[dict[str, RuleCounts], int, dict[str, int]]:
        today = desk.today(store)
        states = {state.value: count for state, count in store.message_counts().items()}
        return count_rules(store.row_counts(), store.tallies(), today), today, states

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
        return count_rules(store.row_counts(), store.tallies(), desk.today(store)), paused_rules(store)

    counts, paused = desk.ask(read)
    effects = desk.figures.latest().effects
    listed = [
        _rule_facts(rule, counts.get(name, RuleCounts()), effects.get(name), is_paused=_is_paused(name, paused))
        for name, rule in sorted(desk.plan.rules.items())
    ]
    columns = (
        "rule",
        "name",
        "class",
        "state",
        "sent_7_days",
        "sent_30_days",
        "held_out",
        "not_sent",
        "uplift",
        "place",
    )
    return Page(
        name="rules",
        facts={"rules": listed},
        table=Table(columns=columns, rows=[tuple(one[key] for key in columns) for one in listed]),  # type: ignore[misc]  # of these values
    )


def _rule_facts(rule: Rule, counts: RuleCounts, effect: RuleEffect | None, *, is_paused: bool) -> dict[str, object]:
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
        "place": str(rule.place),
    }


def rule(desk: Desk, name: str) -> Page | None:
    """Return one rule: its funnel, its reasons, its effect, its file; None for one that the plan does not have."""
    found = desk.plan.rules.get(name)
    if found is None:
        return None

    def read(store: Store) -> tuple[RuleCounts, int, frozenset[str], dict[str, dict[str, int]]]:
        today = desk.today(store)
        rows = [one for one in store.row_counts() if one.rule == name]
        steps: dict[str, dict[str, int]] = {}
        for one in rows:
            if one.step:
                states = steps.setdefault(one.step, {})
                states[one.state] = states.get(one.state, 0) + one.count
        tallies = [one for one in store.tallies() if one.rule == name]
        return count_rules(rows, tallies, today).get(name, RuleCounts()), today, paused_rules(store), steps

    counts, today, paused, steps = desk.ask(read)
    effect = desk.figures.latest().effects.get(name)
    is_paused = _is_paused(name, paused)
    facts = {
        **_rule_facts(found, counts, effect, is_paused=is_paused),
        "funnel": _funnel(counts, effect),
        "reasons": [{"reason": reason, "count": count} for reason, count in counts.reasons.most_common()],
        "steps": [{"step": step, **states} for step, states in sorted(steps.items())],
        "warnings": [] if effect is None else list(effect.warnings),
        "definition": "" if effect is None else effect.definition,
    }
    days = range(today - CHART_DAYS + 1, today + 1)
    daily = {name: {day: count for day, count in counts.days.items() if day in days}}
    chart = day_chart("daily", daily, days=days, order=[name])
    rows = [(str(one["step"]), one["people_or_messages"]) for one in _funnel(counts, effect)]
    rows += [(f"reason: {reason}", count) for reason, count in counts.reasons.most_common()]
    return Page(
        name="rule",
        facts=facts,
        table=Table(columns=("step", "count"), rows=rows),  # type: ignore[arg-type]  # texts and numbers
        drawn={
            "chart": chart,
            "source": _source(desk, found),
            "can_pause": not found.paused,
            "is_paused": is_paused,
            "templates": _templates(found),
        },
        subject=found.name or name,
    )


def _funnel(counts: RuleCounts, effect: RuleEffect | None) -> list[dict[str, object]]:
    """Return the steps from the trigger to the goal; each has what was kept back since the one before."""
    before = [(reason, count) for reason, count in counts.reasons.items() if reason in BEFORE_ENTRY]
    gate = [(reason, count) for reason, count in counts.reasons.items() if reason not in BEFORE_ENTRY]
    steps: list[tuple[str, int | None, list[tuple[str, int]]]] = [
        ("matched", counts.occurred, []),
        ("entered", counts.entered, before),
        ("sent", counts.sent, gate),
    ]
    if effect is not None:
        steps += [
            ("accepted", effect.sent.accepted, []),
            ("delivered", effect.sent.delivered, [("bounced", effect.sent.bounced)] if effect.sent.bounced else []),
            ("clicked", effect.sent.clicked, []),
            ("goal", effect.sent.reached, []),
        ]
    return [
        {"step": step, "people_or_messages": count, "kept_back": dict(sorted(back, key=lambda one: -one[1]))}
        for step, count, back in steps
        if count is not None
    ]


def _templates(found: Rule) -> list[str]:
    named = (step.template for step in found.program.steps.values() if step.webhook is None)
    return sorted({template for template in named if template is not None})


def _source(desk: Desk, found: Rule) -> list[tuple[int, str]]:
    text = desk.loaded.sources.get(found.place.file, "")
    return list(enumerate(text.splitlines()[:SOURCE_LINES_MAX], 1))


def paused_rules(store: Store) -> frozenset[str]:
    """Return the rules that control records have paused; `*` for all."""
    paused: set[str] = set()
    for _, record in store.global_log():
        kind = getattr(record, "kind", "")
        subject = getattr(record, "subject", "")
        if kind == "pause":
            paused.add(subject)
        elif kind == "resume":
            paused = set() if subject == "*" else paused - {subject}
    return frozenset(paused)


def _is_paused(name: str, paused: frozenset[str]) -> bool:
    return name in paused or "*" in paused


#: Rows that are messages or what kept one back.
SHOWN_STATES = (RowState.PENDING, RowState.HELD_OUT, RowState.SUPPRESSED, RowState.ENDED, RowState.ENTERED)
