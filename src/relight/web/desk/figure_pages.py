"""Measures, boards, and what the last simulation said: whether customers stay, each figure with its definition."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from relight.base.instants import to_instant
from relight.config.measure_kinds import MEASURES
from relight.metrics.definitions import SENTENCES, cohort_definition, definition_of, missing_text
from relight.metrics.remarks import remark_text
from relight.web.desk.facts import Page, Table
from relight.web.desk.lines import line_chart
from relight.web.desk.times import zoned

if TYPE_CHECKING:
    from relight.metrics import BoardPart, CohortTable, Measure, RuleEffect, TargetStatus
    from relight.metrics.remarks import Remark
    from relight.web.desk.desk import Desk

#: Where `relight simulate` leaves its figures below the project folder.
SIMULATION = Path("out") / "simulation-figures.json"
#: Bytes of that file that are read.
SIMULATION_BYTES_MAX = 4 * 2**20


def metrics(desk: Desk) -> Page:
    """Return every measure with its value, interval, definition and series."""
    computed = desk.figures.latest()
    listed = [_measure_facts(one) for one in computed.measures]
    facts = {
        "measures": listed,
        "targets": [_target_facts(one) for one in computed.targets],
        "cohorts": None if computed.cohorts is None else _cohort_facts(computed.cohorts),
        "missing": computed.trouble,
    }
    rows = [
        (one["name"], one["title"], one["value"], one["unit"], one["n"], one["low"], one["high"], one["definition"])
        for one in listed
    ]
    columns = ("measure", "title", "value", "unit", "n", "low", "high", "definition")
    charts = {one.name: measure_chart(one) for one in computed.measures if one.value is not None}
    table = Table(columns=columns, rows=rows)  # type: ignore[arg-type]  # of these values
    return Page(name="metrics", facts=facts, table=table, drawn={"charts": charts, "told": told_of(desk)})


def told_of(desk: Desk) -> dict[str, dict[str, dict[str, str]]]:
    """Return language -> measure -> its definition, and what the project must say before it can be computed."""
    plan = desk.loaded.measures
    if plan is None:
        return {language: {} for language in SENTENCES}
    return {
        language: {
            name: {
                "definition": definition_of(name, plan, language),
                "missing": missing_text(name, plan, language) or SENTENCES[language]["no_events"],
            }
            for name in (*MEASURES, *plan.efforts)
        }
        | {"": {"cohorts": cohort_definition(language)}}
        for language in SENTENCES
    }


def _remarks(parts: Sequence[BoardPart]) -> dict[str, Sequence[Remark]]:
    return {part.name: part.effect.warnings for part in parts if part.effect is not None}


def boards(desk: Desk) -> Page:
    """Return the names of the boards."""
    plan = desk.loaded.measures
    names = [] if plan is None else sorted(plan.boards)
    parts_of = {
        name: [
            {"kind": item.kind, "name": item.name, "title": plan.title_of(item.kind, item.name)}
            for item in plan.boards[name]
        ]
        for name in names
        if plan is not None
    }
    table = Table(columns=("board",), rows=[(name,) for name in names])
    return Page(
        name="boards",
        facts={"boards": names},
        table=table,
        drawn={
            "parts_of": parts_of,
            "titles": {name: plan.title_of("board", name) for name in names if plan is not None},
        },
    )


def board(desk: Desk, name: str) -> Page | None:
    """Return one board; None for a name that is none."""
    parts, plan = desk.figures.latest().boards.get(name), desk.loaded.measures
    if parts is None or plan is None:
        return None
    listed = [_part_facts(part, plan.title_of(part.kind, part.name)) for part in parts]
    charts = {
        part.name: measure_chart(part.measure) for part in parts if part.measure is not None and part.kind == "chart"
    }
    rows = [(one["kind"], one["name"], _value_of(one)) for one in listed]
    return Page(
        name="board",
        facts={"board": name, "parts": listed},
        table=Table(columns=("kind", "name", "value"), rows=rows),  # type: ignore[arg-type]  # of these values
        drawn={
            "charts": charts,
            "items": listed,
            "told": told_of(desk),
            "remarks": _remarks(parts),
            "titled": f"board:{name}",
        },
        subject=plan.title_of("board", name),
    )


def simulation(desk: Desk) -> Page:
    """Return what the last `relight simulate` said, before and after where it compared."""
    path = desk.folder / SIMULATION
    told: dict[str, object] | None = None
    if path.is_file() and path.stat().st_size <= SIMULATION_BYTES_MAX:
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            found = None
        told = found if isinstance(found, dict) else None
    rules = told.get("rules") if told is not None else None
    listed = [one for one in rules if isinstance(one, dict)] if isinstance(rules, list) else []
    listed = [one | {"now_messages": _now(one), "is_removed": "occurred" not in one} for one in listed]
    compared = any(one.get("now") for one in listed)
    if compared:  # what changes most comes first
        listed.sort(key=lambda one: -abs(int(one.get("messages", 0)) - (one["now_messages"] or 0)))
    rows = [(one.get("rule"), _now(one), one.get("messages"), one.get("people")) for one in listed]
    return Page(
        name="simulation",
        facts={"simulation": None if told is None else told | _span(desk, told), "rules": listed},
        table=Table(columns=("rule", "now", "new", "people"), rows=rows),
        drawn={
            "compared": compared,
            "totals": {
                "now": sum(one["now_messages"] or 0 for one in listed),
                "new": sum(int(one.get("messages", 0)) for one in listed),
            },
            "most": max((max(int(one.get("messages", 0)), one["now_messages"] or 0) for one in listed), default=0),
        },
    )


def _span(desk: Desk, told: Mapping[str, object]) -> dict[str, object]:
    """Return when the simulated time began and ended, on the wall clock of the project's zone."""
    found = {}
    for name in ("began", "ended"):
        try:
            instant = to_instant(dt.datetime.fromisoformat(str(told.get(name))))
        except ValueError:
            continue
        found[name] = zoned(instant, desk.zone)
    return {"began": None, "ended": None, **found}


def _now(one: Mapping[str, object]) -> int | None:
    now = one.get("now")
    count = now.get("messages") if isinstance(now, dict) else None
    return count if isinstance(count, int) else None


def _value_of(part: Mapping[str, object]) -> object:
    inner = part.get(str(part["kind"]))
    return inner.get("value") if isinstance(inner, dict) else None


def value_facts(one: Measure) -> dict[str, object]:
    """Return what every page says of a measure: its value with unit, count, interval and period."""
    return {
        "name": one.name,
        "title": one.title,
        "value": one.value,
        "unit": one.unit.value,
        "currency": one.currency,
        "n": one.n,
        "low": None if one.interval is None else one.interval.low,
        "high": None if one.interval is None else one.interval.high,
        "period": None if one.period is None else one.period.label,
    }


def _measure_facts(one: Measure) -> dict[str, object]:
    return {
        **value_facts(one),
        "capability": one.capability,
        "definition": one.definition,
        "missing": one.missing,
        "series": [{"period": point.period.label, "value": point.value, "n": point.n} for point in one.series],
    }


def _target_facts(one: TargetStatus) -> dict[str, object]:
    return {
        "name": one.target.name,
        "title": one.title,
        "owner": one.target.owner,
        "below": one.target.below,
        "at_least": one.target.at_least,
        "per": one.target.per,
        "value": one.value,
        "unit": one.unit.value,
        "currency": "" if one.measure is None else one.measure.currency,
        "reached": one.reached,
        "progress": one.progress,
    }


def _cohort_facts(table: CohortTable) -> dict[str, object]:
    rows = [
        {
            "cohort": one.period.label,
            "size": one.size,
            "share": [round(one.share(number), 1) for number in range(len(one.active))],
        }
        for one in table.rows
    ]
    return {"width": table.width, "definition": table.definition, "rows": rows}


def _effect_facts(one: RuleEffect) -> dict[str, object]:
    interval = one.comparison.interval
    return {
        "rule": one.rule,
        "sent_people": one.sent.people,
        "held_out_people": one.held_out.people,
        "value": one.comparison.uplift,
        "low": None if interval is None else interval.low,
        "high": None if interval is None else interval.high,
        "warnings": [remark_text(warning) for warning in one.warnings],
    }


def _part_facts(part: BoardPart, title: str) -> dict[str, object]:
    facts: dict[str, object] = {"kind": part.kind, "name": part.name, "title": title}
    if part.measure is not None:
        facts[part.kind] = _measure_facts(part.measure)
    if part.cohorts is not None:
        facts["cohorts"] = _cohort_facts(part.cohorts)
    if part.target is not None:
        facts["target"] = _target_facts(part.target)
    if part.effect is not None:
        facts["rule"] = _effect_facts(part.effect)
    if part.funnel is not None:
        facts["funnel"] = [{"step": step.text, "people": step.people} for step in part.funnel.steps]
    return facts


def measure_chart(one: Measure) -> object:
    """Return the line of a measure up to the period that its value is of; None where fewer than two have a value.

    A period that has just begun holds a few days at most: its rate would say the opposite of the figure above it.
    """
    told = one.period
    shown = [point for point in one.series if told is None or point.period.start <= told.start]
    points: Sequence[tuple[str, float | None]] = [(point.period.label, point.value) for point in shown]
    is_open = bool(shown) and not shown[-1].period.complete
    unit = (one.unit.value, one.currency)
    return line_chart(one.name, one.title, points, unit=unit, is_open=is_open)
