"""One rule: how far its people come and what keeps the others back, what it sends, how it is written and tested."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from relight.messages.reasons import RowState
from relight.metrics.definitions import SENTENCES, effect_definition
from relight.metrics.effects import attribution_of
from relight.metrics.remarks import remark_text
from relight.rules.plan import MESSAGE_KINDS
from relight.simulate.pages.charts import day_chart
from relight.web.desk.facts import Page, Table
from relight.web.desk.funnel import funnel, people_link
from relight.web.desk.ledger_figures import RuleCounts
from relight.web.desk.preview import sample_subject
from relight.web.desk.rule_pages import CHART_DAYS, counts_of, is_paused, rule_facts
from relight.web.desk.rule_source import rule_source
from relight.web.desk.times import zoned

if TYPE_CHECKING:
    from relight.messages.life import MessageState
    from relight.metrics import RuleEffect
    from relight.rules.plan import Rule, Step
    from relight.stores.interface import Store
    from relight.web.desk.desk import Desk

#: State of a step's row -> where it is counted.
_COLUMNS = {
    RowState.PENDING.value: "sent",
    RowState.HELD_OUT.value: "held_out",
    RowState.SUPPRESSED.value: "kept_back",
}
#: People of a step on one page.
PEOPLE_A_PAGE = 50


def rule(desk: Desk, name: str) -> Page | None:
    """Return one rule: its funnel, reasons, effect, file and tests; None for one that the plan does not have."""
    found = desk.plan.rules.get(name)
    if found is None:
        return None

    def read(store: Store) -> tuple[RuleCounts, int, frozenset[str], list[dict[str, object]], dict[MessageState, int]]:
        today = desk.today(store)
        counts = counts_of(store, today).get(name, RuleCounts())
        messages = {one.state: one.count for one in store.rule_message_counts() if one.rule == name}
        return counts, today, desk.everybody.paused(), _steps(store, found), messages

    counts, today, paused, steps, messages = desk.ask(read)
    effect = desk.figures.latest().effects.get(name)
    source = rule_source(desk, found)
    steps_of_funnel = funnel(name, counts, messages, effect)
    facts = {
        **rule_facts(found, counts, effect, is_paused=is_paused(found, paused)),
        "funnel": steps_of_funnel,
        "kept_back_before": counts.before.total(),
        "reasons": [{"reason": reason, "count": count} for reason, count in counts.reasons.most_common()],
        "steps": steps,
        "effect": None if effect is None else _effect_facts(effect),
        "warnings": [] if effect is None else [remark_text(warning) for warning in effect.warnings],
        "definition": "" if effect is None else effect.definition,
        "tests": _tests(desk, name),
        "not_in_force": desk.not_in_force(),
        "differs_from_force": bool(source.difference),
    }
    days = range(today - CHART_DAYS + 1, today + 1)
    daily = {name: {day: count for day, count in counts.days.items() if day in days}}
    rows = [(str(one["step"]), one["count"]) for one in steps_of_funnel]
    rows += [(f"reason: {reason}", count) for reason, count in counts.reasons.most_common()]
    return Page(
        name="rule",
        facts=facts,
        table=Table(columns=("step", "count"), rows=rows),  # type: ignore[arg-type]  # texts and numbers
        drawn={
            "chart": day_chart("daily", daily, days=days, order=[name]),
            "source": source,
            "can_pause": not found.paused,
            "is_paused": is_paused(found, paused),
            "templates": _templates(found),
            "subject_of": partial(sample_subject, desk, name),
            "sends_once": sum(step.kind in MESSAGE_KINDS for step in found.program.steps.values()) == 1,
            "message_class": found.message_class.value,
            "remarks": () if effect is None else effect.warnings,
            "definitions": {language: effect_definition(attribution_of(found), language) for language in SENTENCES},
            "most": max((int(str(one["count"])) for one in steps_of_funnel), default=0),
        },
        subject=found.name or name,
    )


def _steps(store: Store, found: Rule) -> list[dict[str, object]]:
    """Return each step's messages, ghosts and what was kept back, in the order in which they are written."""
    steps: dict[str, dict[str, int]] = {}
    for one in store.row_totals():
        if one.rule == found.id and one.step:
            kept = steps.setdefault(one.step, {"sent": 0, "held_out": 0, "kept_back": 0})
            if one.state in _COLUMNS:
                kept[_COLUMNS[one.state]] += one.count
    order = {step.id: number for number, step in enumerate(_as_written(found))}
    listed = sorted(steps.items(), key=lambda one: (order.get(one[0], len(order)), one[0]))
    return [{"step": step, **_written(found, step), **counts} for step, counts in listed]


def _as_written(found: Rule) -> list[Step]:
    """Return the steps as they stand in the file."""
    return sorted(found.program.steps.values(), key=lambda step: (step.place.line, step.place.column))


def _written(found: Rule, name: str) -> dict[str, object]:
    """Return what a step sends and its line in the rule's file; nothing of a step that the plan no longer has."""
    step = found.program.steps.get(name)
    if step is None:
        return {"template": None, "line": None}
    return {"template": step.template, "line": step.place.line if step.place.file == found.place.file else None}


def _effect_facts(effect: RuleEffect) -> dict[str, object]:
    return {
        "sent_people": effect.sent.people,
        "sent_reached": effect.sent.reached,
        "held_out_people": effect.held_out.people,
        "held_out_reached": effect.held_out.reached,
        "p_value": effect.comparison.p_value,
    }


def _tests(desk: Desk, name: str) -> dict[str, object]:
    """Return which tests name the rule, and which of its outcomes they exercised."""
    tested = desk.rule_tests.latest()
    if tested is None:
        return {"state": "running", "tests": [], "seen": [], "missing": [], "trouble": None, "place": ""}
    found = tested.rules.get(name)
    return {
        "state": "done",
        "tests": [
            {"name": test, "place": place, "passed": passed}
            for test, place, passed in (() if found is None else found.tests)
        ],
        "seen": [] if found is None else list(found.seen),
        "missing": [] if found is None else list(found.missing),
        "trouble": tested.trouble,
        "place": tested.place,
    }


def _templates(found: Rule) -> list[str]:
    named = (step.template for step in _as_written(found) if step.webhook is None)
    return list(dict.fromkeys(template for template in named if template is not None))


def people(desk: Desk, name: str, step: str, start: int) -> Page | None:
    """Return the people who came to a step of a rule, the last first, from a place in their list on."""
    computed = desk.figures.latest()
    found = computed.people.get((name, step))
    if found is None:
        return None
    shown = range(start, min(start + PEOPLE_A_PAGE, len(found.who)))
    listed = [
        {"customer": computed.names[int(found.who[at])], "at": zoned(int(found.when[at]), desk.zone)} for at in shown
    ]
    facts = {
        "rule": name,
        "step": step,
        "count": len(found.who),
        "from": start,
        "people": listed,
        "next": f"{people_link(name, step)}?from={shown.stop}" if shown.stop < len(found.who) else None,
    }
    rows = [(one["customer"], one["at"]) for one in listed]
    return Page(name="people", facts=facts, table=Table(columns=("customer", "at"), rows=rows), subject=name)
