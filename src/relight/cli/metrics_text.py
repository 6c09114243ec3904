"""Measures, cohorts, effects and targets for people, as JSON and as CSV. Numbers come as they are; only text rounds."""

from __future__ import annotations

import csv
import io
import textwrap
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import click

from relight.base.instants import iso_utc
from relight.cli.output import marked, table
from relight.config.measure_kinds import Unit
from relight.metrics.figures import figure_text, goal_text
from relight.metrics.remarks import remark_text

if TYPE_CHECKING:
    from relight.metrics import CohortTable, FunnelCounts, Interval, Measure, Period, RuleEffect, TargetStatus

_TICKS = "▁▂▃▄▅▆▇█"
#: Points of a line of ticks, the newest.
TICKS_MAX = 24
#: Periods after the first that the cohort table shows.
COHORT_PERIODS_SHOWN = 12
_BAR = 20
_WIDTH = 100


def ticks(values: Sequence[float | None]) -> str:
    """Return a series as a line of small bars; a gap where there is no value."""
    known = [one for one in values if one is not None]
    if not known:
        return ""
    low, high = min(known), max(known)
    span = (high - low) or 1.0
    return "".join(
        " " if one is None else _TICKS[min(len(_TICKS) - 1, int((one - low) / span * len(_TICKS)))]
        for one in values[-TICKS_MAX:]
    )


def measures_text(measures: Sequence[Measure]) -> str:
    """Return every measure in a line, with its definition below."""
    lines = []
    rows = []
    for one in measures:
        title = one.title if one.slice is None else f"{one.slice}: {one.title}"
        if one.missing is not None:
            rows.append([title, "–", "", "", ""])
            continue
        period = one.period.label + ("" if one.period.complete else " so far") if one.period else ""
        rows.append([
            title, figure_text(one.value, one.unit, one.currency), _of(one), period,
            ticks([point.value for point in one.series]),
        ])  # fmt: skip
    shown = table([["measure", "value", "of", "period", "over time"], *rows], right=frozenset({1, 2})) if rows else []
    lines += shown[:1]
    last = None
    for one, line in zip(measures, shown[1:], strict=True):
        lines.append(line)
        if one.slice is None or one.name != last:
            text = one.definition if one.missing is None else f"Not computed: {one.missing}. {one.definition}"
            if one.slice is None:
                lines += _dim(text)
        last = one.name
    return "\n".join(lines)


def one_measure_text(measure: Measure) -> str:
    """Return one measure with its definition, parts and periods."""
    if measure.missing is not None:
        return "\n".join([f"{measure.title}: not computed, {measure.missing}", *_dim(measure.definition)])
    period = measure.period.label if measure.period else ""
    head = f"{measure.title}: {figure_text(measure.value, measure.unit, measure.currency)} in {period}"
    head += _interval(measure.interval, measure.unit, measure.currency)
    if measure.year_before is not None:
        head += f"; a year before {figure_text(measure.year_before, measure.unit, measure.currency)}"
    rows = [["period", "value", "of", *measure.series[-1].parts]]
    for one in measure.series[-TICKS_MAX:]:
        name = one.period.label + ("" if one.period.complete else " so far")
        parts = [f"{one.parts[key]:,.2f}".removesuffix(".00") if key in one.parts else "–" for key in rows[0][3:]]
        rows.append([name, figure_text(one.value, measure.unit, measure.currency), f"{one.n:,}", *parts])
    return "\n".join([head, *_dim(measure.definition), "", *table(rows, right=frozenset(range(1, len(rows[0]))))])


def _of(measure: Measure) -> str:
    return f"{measure.n:,}"


def _interval(interval: Interval | None, unit: Unit, currency: str) -> str:
    if interval is None:
        return ""
    return f" (95 %: {figure_text(interval.low, unit, currency)} to {figure_text(interval.high, unit, currency)})"


def _dim(text: str) -> list[str]:
    return [click.style(f"    {line}", dim=True) for line in textwrap.wrap(text, _WIDTH)]


def measure_json(measure: Measure) -> dict[str, object]:
    """Return a measure with all its periods."""
    return {
        "name": measure.name,
        "capability": measure.capability,
        "title": measure.title,
        "slice": measure.slice,
        "unit": measure.unit.value,
        "currency": measure.currency if measure.unit is Unit.MONEY else None,
        "value": measure.value,
        "n": measure.n,
        "interval": interval_json(measure.interval),
        "period": None if measure.period is None else _period(measure.period),
        "parts": dict(measure.parts),
        "year_before": measure.year_before,
        "change": measure.change,
        "definition": measure.definition,
        "missing": measure.missing,
        "series": [
            {**_period(one.period), "value": one.value, "n": one.n, "parts": dict(one.parts)} for one in measure.series
        ],
    }


def interval_json(interval: Interval | None) -> list[float] | None:
    """Return the two ends."""
    return None if interval is None else [interval.low, interval.high]


def _period(period: Period) -> dict[str, object]:
    return {
        "label": period.label,
        "start": iso_utc(period.start),
        "end": iso_utc(period.end),
        "complete": period.complete,
    }


def measure_csv(measures: Iterable[Measure]) -> str:
    """Return a row for each measure and period."""
    rows = [
        [one.name, one.slice or "", point.period.label, "yes" if point.period.complete else "no", _plain(point.value),
         str(point.n), one.unit.value]
        for one in measures
        for point in one.series
    ]  # fmt: skip
    return _csv(["measure", "slice", "period", "complete", "value", "n", "unit"], rows)


def _plain(value: float | None) -> str:
    return "" if value is None else repr(value)


def _csv(head: list[str], rows: Iterable[Sequence[str]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(head)
    writer.writerows([_harmless(cell) for cell in row] for row in rows)
    return out.getvalue().rstrip("\n")


def _harmless(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula: names of products and segments come from outside."""
    is_number = cell.lstrip("-").replace(".", "", 1).replace("e-", "", 1).isdigit()
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") and not is_number else cell


# ---------------------------------------------------------------- cohorts and funnels
def cohort_text(cohorts: CohortTable) -> str:
    """Return the shares of the first periods, in percent."""
    if not cohorts.rows:
        return "no cohorts yet"
    wide = min(COHORT_PERIODS_SHOWN, max(len(row.active) for row in cohorts.rows))
    rows = [[cohorts.width, "people", *(str(n) for n in range(wide))]]
    for row in cohorts.rows:
        shares = [f"{row.share(n):.0f}" for n in range(min(wide, len(row.active)))]
        rows.append([row.period.label, f"{row.size:,}", *shares, *[""] * (wide - len(shares))])
    lines = table(rows, right=frozenset(range(1, wide + 2)))
    return "\n".join([*lines, *_dim(f"Percent. {cohorts.definition}")])


def cohort_json(cohorts: CohortTable) -> dict[str, object]:
    """Return the counts."""
    return {
        "width": cohorts.width,
        "definition": cohorts.definition,
        "rows": [{**_period(row.period), "people": row.size, "active": list(row.active)} for row in cohorts.rows],
    }


def cohort_csv(cohorts: CohortTable) -> str:
    """Return a row for each cohort and period after."""
    rows = [
        [row.period.label, str(row.size), str(n), str(active)]
        for row in cohorts.rows
        for n, active in enumerate(row.active)
    ]
    return _csv(["cohort", "people", f"{cohorts.width}s_after", "active"], rows)


def funnel_text(funnel: FunnelCounts) -> str:
    """Return the steps with the share of the first and of the step before."""
    rows = [["step", "people", "of the first", "of the step before", "events"]]
    first = funnel.steps[0].people
    before = first
    for step in funnel.steps:
        rows.append([
            step.text, f"{step.people:,}", _share(step.people, first), _share(step.people, before), f"{step.events:,}",
        ])  # fmt: skip
        before = step.people
    return "\n".join(table(rows, right=frozenset({1, 2, 3, 4})))


def _share(part: int, whole: int) -> str:
    return f"{part * 100 / whole:.1f} %" if whole else "–"


def funnel_json(funnel: FunnelCounts) -> dict[str, object]:
    """Return the counts."""
    return {
        "name": funnel.name,
        "steps": [
            {
                "step": one.text,
                "people": one.people,
                "events": one.events,
                "all_events": one.all_events,
                "sum": one.total,
            }
            for one in funnel.steps
        ],
    }


def funnel_csv(funnel: FunnelCounts) -> str:
    """Return a row for each step."""
    rows = [
        [one.text, str(one.people), str(one.events), str(one.all_events), _plain(one.total)] for one in funnel.steps
    ]  # fmt: skip
    return _csv(["step", "people", "events", "all_events", "sum"], rows)


# ---------------------------------------------------------------- effects
def effects_text(effects: Sequence[RuleEffect], currency: str) -> str:
    """Return what each rule did, with what to know before it is believed."""
    rows = [
        ["rule", "people", "messages", "accepted", "arrived", "clicked", "goal", "held out", "goal", "uplift", "95 %"]
    ]
    for one in effects:
        found = one.comparison
        rows.append([
            one.rule, f"{one.sent.people:,}", f"{one.sent.messages:,}", f"{one.sent.accepted:,}",
            f"{one.sent.delivered:,}", _count(one.sent.clicked), _rate(one.sent.share),
            f"{one.held_out.people:,}", _rate(one.held_out.share),
            "–" if found.uplift is None else f"{found.uplift:+.2f}",
            "–" if found.interval is None else f"{found.interval.low:.2f} to {found.interval.high:.2f}",
        ])  # fmt: skip
    lines = table(rows, right=frozenset(range(1, 11)))
    for one in effects:
        found = one.comparison
        if found.revenue_uplift is not None and found.revenue_interval is not None:
            lines.append(
                f"{one.rule}: {found.revenue_uplift:+,.2f} {currency} a person"
                f" ({found.revenue_interval.low:,.2f} to {found.revenue_interval.high:,.2f})"
            )
    lines += _remarks(effects)
    return "\n".join([*lines, *(_dim(effects[0].definition) if effects else [])])


def _remarks(effects: Sequence[RuleEffect]) -> list[str]:
    """Return what to know before believing, each once, with the rules that it is said of."""
    rules_of: dict[str, list[str]] = {}
    for one in effects:
        for warning in one.warnings:
            rules_of.setdefault(remark_text(warning), []).append(one.rule)
    told = (
        f"{rules[0]}: {text}" if len(rules) == 1 else f"{text}: {', '.join(rules)}" for text, rules in rules_of.items()
    )
    return [line for text in told for line in textwrap.wrap(text, _WIDTH, subsequent_indent="    ")]


def _count(number: int | None) -> str:
    return "–" if number is None else f"{number:,}"


def _rate(share: float | None) -> str:
    return "–" if share is None else f"{share * 100:.2f} %"


def effect_json(effect: RuleEffect) -> dict[str, object]:
    """Return an effect with both arms."""
    found = effect.comparison
    arms = {
        name: {
            "people": arm.people,
            "messages": arm.messages,
            "accepted": arm.accepted,
            "delivered": arm.delivered,
            "bounced": arm.bounced,
            "clicked": arm.clicked,
            "reached": arm.reached,
            "share": arm.share,
            "revenue": arm.revenue,
        }
        for name, arm in (("sent", effect.sent), ("held_out", effect.held_out))
    }
    return {
        "rule": effect.rule,
        "title": effect.title,
        "owner": effect.owner,
        "holdout": effect.holdout,
        **arms,
        "uplift": found.uplift,
        "interval": interval_json(found.interval),
        "p_value": found.p_value,
        "revenue_uplift": found.revenue_uplift,
        "revenue_interval": interval_json(found.revenue_interval),
        "ratio_p": effect.ratio_p,
        "warnings": [remark_text(warning) for warning in effect.warnings],
        "definition": effect.definition,
    }


def effect_csv(effects: Sequence[RuleEffect]) -> str:
    """Return a row for each rule and arm."""
    head = ["rule", "arm", "people", "messages", "accepted", "delivered", "bounced", "clicked", "reached", "revenue"]
    rows = [
        [one.rule, name, *(str(n) for n in (arm.people, arm.messages, arm.accepted, arm.delivered, arm.bounced)),
         *("" if n is None else str(n) for n in (arm.clicked, arm.reached)), _plain(arm.revenue)]
        for one in effects
        for name, arm in (("sent", one.sent), ("held out", one.held_out))
    ]  # fmt: skip
    return _csv(head, rows)


# ---------------------------------------------------------------- targets
def targets_text(targets: Sequence[TargetStatus]) -> str:
    """Return every target with its bar and owner."""
    if not targets:
        return "config/measures.yaml sets no targets"
    rows = [["", "target", "goal", "now", "", "owner"]]
    rows += [
        [_mark(one), one.title, target_words(one), _now(one), bar(one.progress), one.target.owner or ""]
        for one in targets
    ]
    lines = table(rows)
    return "\n".join([lines[0], *(marked(line[:4].strip()) + line[4:] for line in lines[1:])])


def _mark(status: TargetStatus) -> str:
    return "??" if status.reached is None else "yes" if status.reached else "NO"


def target_words(status: TargetStatus) -> str:
    """Return what a target asks: `below 3.0 % a quarter`."""
    return goal_text(status.target, status.unit, status.measure.currency if status.measure else "")


def _now(status: TargetStatus) -> str:
    if status.target.done is not None:
        return "done" if status.reached else "open"
    if status.measure is None or status.value is None:
        return "no full period yet"
    return figure_text(status.value, status.unit, status.measure.currency)


def bar(progress: float | None) -> str:
    """Return progress as a bar with its percentage."""
    if progress is None:
        return ""
    full = round(progress * _BAR)
    return f"{'█' * full}{'░' * (_BAR - full)} {progress * 100:3.0f} %"


def target_json(status: TargetStatus) -> dict[str, object]:
    """Return a target with how far it is."""
    target = status.target
    return {
        "name": target.name,
        "title": status.title,
        "owner": target.owner,
        "below": target.below,
        "at_least": target.at_least,
        "per": target.per,
        "value": status.value,
        "unit": status.unit.value,
        "reached": status.reached,
        "progress": status.progress,
    }


def target_csv(targets: Sequence[TargetStatus]) -> str:
    """Return a row for each target."""
    rows = [
        [one.target.name, one.target.owner or "", target_words(one), _plain(one.value),
         "" if one.reached is None else "yes" if one.reached else "no", _plain(one.progress)]
        for one in targets
    ]  # fmt: skip
    return _csv(["target", "owner", "goal", "value", "reached", "progress"], rows)
