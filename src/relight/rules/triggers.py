"""Compiles triggers: what makes an occurrence (R1–R7), typed against the streams, with every problem at its place."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from relight.base.durations import Span, parse_span
from relight.base.kinds import Kind
from relight.rules import trigger_models as m
from relight.rules.file_model import written_form
from relight.rules.milestones import compile_milestone
from relight.rules.models import RuleModel
from relight.rules.plan import (
    Condition,
    DateTrigger,
    DeclinedTrigger,
    EventTrigger,
    GlobalTrigger,
    InactiveTrigger,
    ReleasedTrigger,
    ScheduleTrigger,
    SegmentTrigger,
    Threshold,
    Trigger,
)
from relight.rules.texts import Path, Texts, report_unknown
from relight.streams.schema import PropertyType

_DATED = frozenset({Kind.DATE, Kind.TIME})
_HERE: Path = ("trigger",)


def compile_trigger(model: RuleModel, texts: Texts) -> Trigger | None:
    """Return the compiled trigger of a rule, or None where the texts report an error."""
    before = sum(problem.severity == "error" for problem in texts.problems)
    found = _COMPILERS[type(model.trigger)](model.trigger, texts, model)
    after = sum(problem.severity == "error" for problem in texts.problems)
    return found if before == after else None


def entry_properties(model: RuleModel, texts: Texts) -> Mapping[str, PropertyType]:
    """Return the properties of the event that makes an entry: what `entry.<property>` may name; none for a silence."""
    trigger = model.trigger
    match trigger:
        case m.EventTriggerModel(event=text) | m.GlobalTriggerModel(global_=text):
            pass
        case m.ReleasedTriggerModel(released=released):
            text = released.asked
        case m.MilestoneTriggerModel(milestone=stone):
            text = stone.count or stone.sum or stone.distinct or stone.streak or ""
        case _:
            return {}
    name = text.split()[0].split(".")[0] if text.split() else ""
    found = texts.scope.schema.events.get(name)
    return found.properties if found else {}


def extra_names(model: RuleModel) -> frozenset[str]:
    """Return those of `threshold` and `milestone` that exist in the conditions of a rule."""
    match model.trigger:
        case m.InactiveTriggerModel():
            return frozenset({"threshold"})
        case m.MilestoneTriggerModel():
            return frozenset({"milestone"})
        case _:
            return frozenset()


def lengths_of(trigger: Trigger | None) -> tuple[int, ...]:
    """Return what `threshold` can be in a rule (µs); empty where one is of the calendar, or each customer's own."""
    if not isinstance(trigger, InactiveTrigger):
        return ()
    spans = [threshold.span for threshold in trigger.thresholds]
    if any(span is None or span.is_calendar for span in spans):
        return ()
    return tuple(span.elapsed for span in spans if span is not None)


def trigger_shape(model: RuleModel, trigger: Trigger) -> str:
    """Return the canonical text of trigger, activity and settle: an edit of it restarts the rule's thresholds (E4)."""
    written = written_form(model.trigger)
    shown: dict[str, Any] = {"trigger": written, "settle": written_form(model.settle)}
    if isinstance(trigger, InactiveTrigger):
        written["activity"] = sorted(trigger.activity)
    if isinstance(trigger, SegmentTrigger):
        # The leaves too: the rule names a segment, and what that means stands in another file.
        condition = trigger.condition
        shown["segment"] = [condition.text, *(leaf.text for leaf in condition.leaves), *condition.members]
    return json.dumps(shown, sort_keys=True, ensure_ascii=False)


# ---------------------------------------------------------------- one function for each form
def _event(model: m.EventTriggerModel, texts: Texts, rule: RuleModel) -> Trigger | None:
    match = texts.pattern(model.event, (*_HERE, "event"))
    return None if match is None else EventTrigger(match=match)


def _inactive(model: m.InactiveTriggerModel, texts: Texts, rule: RuleModel) -> Trigger | None:
    thresholds = _thresholds(model, texts)
    names = model.activity
    if names is None:
        activity = texts.binder.default_activity()
        if not activity:
            texts.report(
                "no-activity", "no declared event counts as activity", _HERE, "name some in `activity`", key=True
            )
            return None
    else:
        path = (*_HERE, "activity")
        found = [texts.event(name, (*path, n)) for n, name in enumerate(names)]
        activity = frozenset(event.name for event in found if event is not None)
    settle = rule.settle.elapsed if rule.settle else 0
    texts.binder.activity(activity, thresholds=[t.span for t in thresholds], settle=settle)
    return InactiveTrigger(thresholds=thresholds, activity=activity, include_never_active=model.include_never_active)


def _thresholds(model: m.InactiveTriggerModel, texts: Texts) -> tuple[Threshold, ...]:
    found: list[Threshold] = []
    last: Span | None = None
    for position, (name, text) in enumerate(model.inactive):
        path = _threshold_path(texts, position, name)
        span = parse_span(text)
        personal = None
        if span is None:
            personal = _personal(text, path, texts)
            if personal is None:
                continue
        elif span.longest <= 0:
            texts.report("bad-threshold", "a silence lasts longer than nothing", path)
        elif last is not None and span.longest <= last.longest:
            word = "equal to" if span.longest == last.longest else "shorter than"
            texts.report(
                "bad-threshold",
                f"'{text}' is {word} the threshold before it",
                path,
                "order them from short to long, each once",
            )
        last = span or last
        found.append(Threshold(id=name or str(position), position=position, name=name, span=span, personal=personal))
    return tuple(found)


def _threshold_path(texts: Texts, position: int, name: str | None) -> Path:
    """Return where a threshold stands: alone, in a list, or under its name."""
    path = (*_HERE, "inactive")
    if name is not None:
        return (*path, name)
    return (*path, position)


def _personal(text: str, path: Path, texts: Texts) -> Condition | None:
    if text.replace(" ", "").isalnum() and text[:1].isdigit():
        texts.report("wrong-value", f"'{text}' is no length of time", path, "write it as 30 days, or as an expression")
        return None
    return texts.condition(text, path, want=Kind.DURATION)


def _released(model: m.ReleasedTriggerModel, texts: Texts, rule: RuleModel) -> Trigger | None:
    released, path = model.released, (*_HERE, "released")
    asked = texts.pattern(released.asked, (*path, "asked"))
    requested = texts.scope.schema.events.get(asked.event) if asked else None
    inside = texts.within(entry=requested.properties if requested else {})
    shipped = inside.pattern(released.shipped, (*path, "shipped"), is_global=True)
    if asked is None or shipped is None or requested is None:
        return None
    events = texts.scope.schema.events
    for event in (asked.event, shipped.event):
        if released.by not in events[event].properties:
            common = sorted(set(events[asked.event].properties) & set(events[shipped.event].properties))
            message = f"'{released.by}' is not a property of '{event}'"
            report_unknown(texts, "unknown-property", message, (*path, "by"), (released.by, common))
    texts.binder.trail(asked.event, tuple(sorted({released.by, *asked.compares})))
    return ReleasedTrigger(
        asked=asked,
        shipped=shipped.event,
        shipped_where=shipped.where,
        by=released.by,
        unless=_unless(released.unless, (*path, "unless"), inside.within(event=events[shipped.event].properties)),
    )


def _unless(text: str | None, path: Path, texts: Texts) -> Condition | None:
    """Return the condition of `unless`; an event stands for having happened ever."""
    if text is None:
        return None
    if not texts.is_pattern(text):
        return texts.condition(text, path)
    place = texts.place_of(path)
    moved = place.shifted(-len("ever("), 0) if place.column else place
    return texts.expression_of(f"ever({text})", moved, want=Kind.BOOLEAN)


def _global(model: m.GlobalTriggerModel, texts: Texts, rule: RuleModel) -> Trigger | None:
    match = texts.pattern(model.global_, (*_HERE, "global"), is_global=True)
    if match is None:
        return None
    inside = texts.within(event=texts.scope.schema.events[match.event].properties)
    affects = inside.condition(model.affects, (*_HERE, "affects"))
    return GlobalTrigger(event=match.event, where=match.where, affects=affects)


def _declined(model: m.DeclinedTriggerModel, texts: Texts, rule: RuleModel) -> Trigger | None:
    declined, path = model.declined, (*_HERE, "declined")
    window, against = declined.window.elapsed, declined.against.elapsed
    match = texts.pattern(declined.of, (*path, "of"))
    if window <= 0:
        texts.report("bad-window", "the window is empty", (*path, "window"))
    if against < window:
        texts.report(
            "bad-window",
            "the time to compare with is shorter than the window",
            (*path, "against"),
            "several windows make a mean: window: 7 days, against: 8 weeks",
        )
    if declined.by == 0:
        texts.report("bad-window", "a loss of 0% is none", (*path, "by"), "write it as 50%")
    if match is None or window <= 0:
        return None
    whole = Span(elapsed=window + against)
    texts.expression_of(f"count({declined.of}, {whole.elapsed // 1_000_000} seconds)", texts.place_of((*path, "of")))
    return DeclinedTrigger(of=match, window=window, against=against, by=declined.by)


def _date(model: m.DateTriggerModel, texts: Texts, rule: RuleModel) -> Trigger | None:
    traits = texts.scope.schema.traits
    declared = traits.get(model.date)
    path = (*_HERE, "date")
    if declared is None:
        dated = [name for name, one in traits.items() if one.kind in _DATED]
        message = f"no stream declares the trait '{model.date}'"
        report_unknown(texts, "unknown-trait", message, path, (model.date, dated))
        return None
    if declared.kind not in _DATED:
        texts.report("type-mismatch", f"'{model.date}' is {declared.kind}, and a date or a time is needed here", path)
    if model.before is not None and model.after is not None:
        texts.report(
            "two-forms", "a date trigger fires `before` or `after`, not both", _HERE, "keep one of them", key=True
        )
    texts.binder.trait(model.date)
    return DateTrigger(
        trait=model.date, before=model.before, after=model.after, yearly=model.yearly, at_minute=model.at
    )


def _schedule(model: m.ScheduleTriggerModel, texts: Texts, rule: RuleModel) -> Trigger | None:
    return ScheduleTrigger(cron=model.schedule)


def _enters(model: m.EntersTriggerModel, texts: Texts, rule: RuleModel) -> Trigger | None:
    return _segment(model.enters, "enters", texts)


def _leaves(model: m.LeavesTriggerModel, texts: Texts, rule: RuleModel) -> Trigger | None:
    return _segment(model.leaves, "leaves", texts)


def _segment(name: str, key: str, texts: Texts) -> Trigger | None:
    segments = texts.scope.segments
    path = (*_HERE, key)
    if name not in segments:
        message = f"definitions.yaml has no segment '{name}'"
        if name in texts.scope.values:
            texts.report("unknown-segment", f"'{name}' is a value, not a segment", path, "a segment is true or false")
        else:
            report_unknown(texts, "unknown-segment", message, path, (name, list(segments)))
        return None
    condition = texts.condition(name, path)
    if condition is None:
        return None
    return SegmentTrigger(segment=name, condition=condition, enters=key == "enters")


_COMPILERS: Mapping[type, Callable[[Any, Texts, RuleModel], Trigger | None]] = {
    m.EventTriggerModel: _event,
    m.InactiveTriggerModel: _inactive,
    m.MilestoneTriggerModel: compile_milestone,
    m.ReleasedTriggerModel: _released,
    m.GlobalTriggerModel: _global,
    m.DeclinedTriggerModel: _declined,
    m.DateTriggerModel: _date,
    m.ScheduleTriggerModel: _schedule,
    m.EntersTriggerModel: _enters,
    m.LeavesTriggerModel: _leaves,
}
