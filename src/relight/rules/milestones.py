"""Compiles milestones: what is counted, at which values, and why a window is none (R3)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from relight.base.durations import parse_span
from relight.base.instants import DAY
from relight.base.kinds import NUMBER_KINDS, Kind
from relight.customers.layout import slots_key
from relight.rules import trigger_models as m
from relight.rules.conditions import Checked, compile_condition
from relight.rules.conditions.checked import FactRead, bare, walk_parts
from relight.rules.models import RuleModel
from relight.rules.plan import Condition, EventMatch, MilestoneKind, MilestoneTrigger, Trigger
from relight.rules.texts import Path, Texts

_HERE: Path = ("trigger",)


def compile_milestone(model: m.MilestoneTriggerModel, texts: Texts, rule: RuleModel) -> Trigger | None:
    """Return the compiled trigger, or None where the texts report an error."""
    stone = model.milestone
    kind = next(k for k in MilestoneKind if getattr(stone, k.value) is not None)
    path = (*_HERE, "milestone")
    at, labels = _stages(stone, kind, texts)
    text = str(getattr(stone, kind.value))
    if kind is MilestoneKind.VALUE:
        value = _value(text, (*path, "value"), texts)
        return None if value is None else MilestoneTrigger(kind=kind, match=None, value=value, at=at, labels=labels)
    if kind in (MilestoneKind.COUNT, MilestoneKind.STREAK):
        match = texts.pattern(text, (*path, kind.value))
        if match is not None and kind is MilestoneKind.STREAK:
            return _streak(match, text, texts, at, labels)
        return None if match is None else MilestoneTrigger(kind=kind, match=match, at=at, labels=labels)
    found = texts.property_pattern(text, (*path, kind.value))
    if found is None:
        return None
    match, prop = found
    declared = texts.scope.schema.events[match.event].properties[prop]
    if kind is MilestoneKind.SUM and declared.kind not in NUMBER_KINDS:
        texts.report("type-mismatch", f"'{text}' is {declared.kind}, and only numbers add up", (*path, "sum"))
        return None
    return MilestoneTrigger(kind=kind, match=match, prop=prop, at=at, labels=labels)


def _streak(match: EventMatch, text: str, texts: Texts, at: tuple[Any, ...], labels: tuple[str, ...]) -> Trigger | None:
    """Return a streak: its days are kept as `streak(E where …)` keeps them, so that both count the same."""
    place = texts.place_of((*_HERE, "milestone", "streak"))
    checked = texts.check(f"streak({text})", place.shifted(-len("streak("), 0) if place.column else place, want=None)
    if not isinstance(checked, FactRead) or checked.fact.selector is None:
        return None
    compile_condition(checked, texts.binder)
    days = slots_key(checked.fact.selector)
    return MilestoneTrigger(kind=MilestoneKind.STREAK, match=match, days=days, at=at, labels=labels)


def _stages(stone: m.MilestoneModel, kind: MilestoneKind, texts: Texts) -> tuple[tuple[Any, ...], tuple[str, ...]]:
    path = (*_HERE, "milestone", "at")
    found: list[int | Decimal] = []
    for n, written in enumerate(stone.at):
        size = _stage_size(written, kind)
        here = (*path, n)
        if size is None:
            expected = "days, such as '7 days'" if kind is MilestoneKind.STREAK else "a number"
            texts.report("wrong-value", f"'{written}' is no value of this milestone: {expected} was expected", here)
        elif size <= 0:
            texts.report("bad-milestone", f"'{written}' is reached before anything happens", here)
        elif kind is MilestoneKind.COUNT and size != int(size):
            texts.report("bad-milestone", f"'{written}' is never counted: a count is whole", here)
        elif found and size <= found[-1]:
            texts.report(
                "bad-milestone",
                f"'{written}' is not above the value before it",
                here,
                "order them from small to large, each once",
            )
        else:
            found.append(size)
    return tuple(found), tuple(_label(size) for size in found)


def _label(size: int | Decimal) -> str:
    """Return the text of a value as it stands in occurrence keys: `500` for 500 and 500.00 alike."""
    return str(int(size)) if size == int(size) else format(Decimal(size).normalize(), "f")


def _stage_size(written: int | Decimal | str, kind: MilestoneKind) -> int | Decimal | None:
    if not isinstance(written, str):
        return written
    span = parse_span(written) if kind is MilestoneKind.STREAK else None
    if span is None or span.is_calendar or span.elapsed % DAY:
        return None
    return span.elapsed // DAY


def _value(text: str, path: Path, texts: Texts) -> Condition | None:
    checked = texts.check(text, texts.place_of(path), want=Kind.NUMBER)
    if checked is None:
        return None
    windowed = _windowed(checked)
    if windowed is not None:
        texts.report(
            "windowed-milestone",
            f"'{windowed}' looks at a window, which falls again: it is no milestone",
            path,
            "count over the whole life, or use a segment and `enters`",
        )
        return None
    return compile_condition(checked, texts.binder)


def _windowed(checked: Checked) -> str | None:
    for part in walk_parts(checked):
        if isinstance(part, FactRead) and (part.fact.window is not None or part.fact.ago is not None):
            return bare(part).text
    return None
