"""Compiles config/measures.yaml against the streams: every event, property, target and board, with its place."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING

from relight.base.durations import parse_span
from relight.base.instants import DAY
from relight.base.kinds import NUMBER_KINDS, TEXT_KINDS
from relight.base.suggest import suggest_words
from relight.config.measure_kinds import CUSTOMER_MEASURES, MEASURES, Unit
from relight.config.measure_plan import (
    BoardItem,
    Effort,
    Funnel,
    FunnelStep,
    MeasurePlan,
    Scale,
    Source,
    Target,
)
from relight.config.titles import titles_of
from relight.rules.conditions.types import Type
from relight.rules.plan import EventMatch
from relight.rules.texts import Path, Texts, report_unknown

if TYPE_CHECKING:
    from relight.config.measure_models import MeasuresModel, TargetModel
    from relight.config.models import ConfigModel
    from relight.streams.schema import Schema

#: Answers and the lowest satisfied one, where config's `surveys` does not say.
_SCALES: Mapping[str, Scale] = {
    "nps": Scale(low=0, high=10, satisfied=9),
    "csat": Scale(low=1, high=5, satisfied=4),
    "ces": Scale(low=1, high=5, satisfied=1),
}
#: The lowest satisfied answer of the usual CSAT scales, by their highest.
_SATISFIED = {5: 4, 10: 7}
_NUMBER = re.compile(r"(-?[\d,]*\d(?:\.\d+)?)\s*(%|[A-Z]{3})?")
_WIDTHS = {"daily": "day", "weekly": "week", "monthly": "month"}
_TEXT_SOURCES = frozenset({"product", "billed"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What measures are checked against."""

    schema: Schema
    #: None where the config is damaged: what depends on it is not judged.
    config: ConfigModel | None
    #: Names of the rules, for boards.
    rules: frozenset[str]


def default_measures(around: Around) -> MeasurePlan:
    """Return what holds where there is no file."""
    project = around.config.project if around.config else None
    return MeasurePlan(
        activity=_default_activity(around.schema),
        scales=_SCALES,
        zone=project.zone if project else "UTC",
        currency=project.currency if project else "EUR",
        schema=around.schema,
    )


def customer_types(plan: MeasurePlan) -> dict[str, Type | None]:
    """Return the types of the measures of a customer for conditions, None for those that lack a source."""
    return {
        name: None if plan.missing_for_customers(name) else Type(kind=one.kind, item=one.item)
        for name, one in CUSTOMER_MEASURES.items()
    }


def compile_measures(model: MeasuresModel, texts: Texts, around: Around) -> MeasurePlan:
    """Return the compiled measures; every problem goes to the texts."""
    return _Compiler(model, texts, around).compile()


def _default_activity(schema: Schema) -> frozenset[str]:
    return frozenset(name for name, event in schema.events.items() if event.activity and not event.is_global)


class _Compiler:
    """One file on its way."""

    def __init__(self, model: MeasuresModel, texts: Texts, around: Around) -> None:
        self.model, self.texts, self.around = model, texts, around
        self.zone, self.currency, self.locale = ("UTC", "EUR", "en")
        if around.config is not None:
            project = around.config.project
            self.zone, self.currency, self.locale = project.zone, project.currency, project.locale

    def compile(self) -> MeasurePlan:
        model, found = self.model, self.model.sources
        sources = self._sources()
        activity = frozenset(found.activity or ())
        for position, name in enumerate(found.activity or ()):
            self.texts.event(name, ("sources", "activity", position))
        lifetime = model.lifetime or ("observed" if "subscription" in sources else "churn")
        plan = MeasurePlan(
            sources=sources,
            activity=activity or _default_activity(self.around.schema),
            by_day=found.occasion == "day",
            lapsed_after=found.lapsed_after.elapsed if found.lapsed_after else None,
            margin=found.margin,
            period=model.period,
            lifetime=lifetime,
            scales=self._scales(),
            efforts=self._efforts(),
            funnels=self._funnels(),
            titles=self._titles(),
            locale=self.locale,
            zone=self.zone,
            currency=self.currency,
            schema=self.around.schema,
        )
        targets = {name: self._target(name, one, plan) for name, one in model.targets.items()}
        return replace(plan, targets=targets, boards=self._boards(plan, targets))

    def _titles(self) -> dict[tuple[str, str], dict[str, str]]:
        model = self.model
        written: dict[str, Mapping[str, object]] = {
            "effort": model.efforts, "funnel": model.funnels, "target": model.targets, "board": model.boards,
        }  # fmt: skip
        return {
            (kind, name): titles
            for kind, named in written.items()
            for name, one in named.items()
            if (titles := titles_of(getattr(one, "title", None)))
        }

    # ------------------------------------------------------------ sources
    def _sources(self) -> dict[str, Source]:
        found: dict[str, Source] = {}
        model = self.model.sources
        for key in ("order", "signup", "left", "cancelled"):
            text = getattr(model, key)
            if text is not None and (source := self._event(text, ("sources", key))) is not None:
                found[key] = source
        for key in ("revenue", "product", "subscription", "billed", "cost", "nps", "csat", "ces"):
            text = getattr(model, key)
            if text is not None and (source := self._property(key, text, ("sources", key))) is not None:
                found[key] = source
        order = found.get("order")
        for key, of in (("revenue", order), ("product", order), ("billed", found.get("subscription"))):
            one = found.get(key)
            if one is not None and (of is None or one.match.event != of.match.event):
                base = "subscription" if key == "billed" else "order"
                there = f"'{of.match.event}'" if of else "nothing"
                message = f"'{key}' is of '{one.match.event}', and '{base}' is {there}: both must be of one event"
                self.texts.report("sources-disagree", message, ("sources", key))
                del found[key]
        return found

    def _event(self, text: str, path: Path) -> Source | None:
        match = self.texts.pattern(text, path)
        return None if match is None else Source(text=text, match=match)

    def _property(self, key: str, text: str, path: Path) -> Source | None:
        event = self.around.schema.events.get(re.split(r"\W", text.strip(), maxsplit=1)[0])
        is_global = key == "cost" and event is not None and event.is_global
        found = self._global_property(text, path) if is_global else self.texts.property_pattern(text, path)
        if found is None:
            return None
        match, prop = found
        kind = self.around.schema.events[match.event].properties[prop].kind
        wanted = TEXT_KINDS if key in _TEXT_SOURCES else NUMBER_KINDS
        if kind not in wanted:
            expected = "text" if key in _TEXT_SOURCES else "a number or money"
            message = f"'{match.event}.{prop}' is {kind}, and '{key}' needs {expected}"
            self.texts.report("type-mismatch", message, path)
            return None
        return Source(text=text, match=match, prop=prop, kind=kind, is_global=is_global)

    def _global_property(self, text: str, path: Path) -> tuple[EventMatch, str] | None:
        head, _, rest = text.strip().partition(".")
        word = re.match(r"\s*(\w+)(.*)", rest, re.DOTALL)
        prop, more = (word[1], word[2]) if word else ("", "")
        match = self.texts.pattern(f"{head}{more}", path, is_global=True)
        known = self.around.schema.events[head].properties
        if match is not None and prop not in known:
            words: tuple[str, Mapping[str, object]] = (prop, known)
            report_unknown(self.texts, "unknown-property", f"'{prop}' is not a property of '{head}'", path, words)
            return None
        return None if match is None else (match, prop)

    def _scales(self) -> dict[str, Scale]:
        scales = dict(_SCALES)
        for name, survey in (self.around.config.surveys if self.around.config else {}).items():
            if name in scales:
                low, _, high = survey.scale.partition("-")
                satisfied = survey.satisfied or _SATISFIED.get(int(high), int(high))
                scales[name] = Scale(low=int(low), high=int(high), satisfied=satisfied)
        return scales

    # ------------------------------------------------------------ efforts and funnels
    def _efforts(self) -> dict[str, Effort]:
        found = {}
        for name, one in self.model.efforts.items():
            path: Path = ("efforts", name)
            if name in MEASURES:
                self.texts.report("reserved-name", f"'{name}' is a measure already", path, key=True)
                continue
            begins = self._event(one.from_, (*path, "from"))
            ends = self._event(one.to, (*path, "to"))
            if begins is None or ends is None:
                continue
            for source in (begins, ends):
                known = self.around.schema.events[source.match.event].properties
                if one.by is not None and one.by not in known:
                    message = f"'{one.by}' is not a property of '{source.match.event}'"
                    report_unknown(self.texts, "unknown-property", message, (*path, "by"), (one.by, known))
                    break
            else:
                found[name] = Effort(name=name, begins=begins, ends=ends, by=one.by)
        return found

    def _funnels(self) -> dict[str, Funnel]:
        found = {}
        for name, one in self.model.funnels.items():
            steps = []
            for position, written in enumerate(one.steps):
                path: Path = ("funnels", name, "steps", position)
                is_mapping = not isinstance(written, str)
                text = written if isinstance(written, str) else written.event
                source = self._event(text, (*path, "event") if is_mapping else path)
                if source is None:
                    continue
                within = None
                if not isinstance(written, str):
                    within = written.within.elapsed if written.within else None
                    source = self._summed(source, written.sum, path)
                steps.append(FunnelStep(source=source, within=within))
            found[name] = Funnel(name=name, steps=tuple(steps), anchor=one.anchor)
        return found

    def _summed(self, source: Source, prop: str | None, path: Path) -> Source:
        if prop is None:
            return source
        known = self.around.schema.events[source.match.event].properties
        if prop not in known or known[prop].kind not in NUMBER_KINDS:
            message = f"'{prop}' is no number of '{source.match.event}'"
            numbers: dict[str, object] = {n: t for n, t in known.items() if t.kind in NUMBER_KINDS}
            report_unknown(self.texts, "unknown-property", message, (*path, "sum"), (prop, numbers))
            return source
        return Source(text=source.text, match=source.match, prop=prop, kind=known[prop].kind)

    # ------------------------------------------------------------ targets and boards
    def _target(self, name: str, one: TargetModel, plan: MeasurePlan) -> Target:
        path: Path = ("targets", name)
        if one.done is None:
            self._known_measure(name, plan, path, key=True)
        elif name in MEASURES or name in plan.efforts:
            message = f"'{name}' is measured, so it has a value and is not done or undone"
            self.texts.report("wrong-value", message, (*path, "done"), "write `below: …` or `at_least: …`")
        if one.done is None and name not in MEASURES and name not in plan.efforts:
            one = type(one)(done=False)  # told already, and its value cannot be read
        unit = MEASURES[name].unit if name in MEASURES else Unit.DAYS if name in plan.efforts else Unit.NUMBER
        return Target(
            name=name,
            below=self._value(one.below, unit, (*path, "below")),
            at_least=self._value(one.at_least, unit, (*path, "at_least")),
            done=one.done,
            begin=self._value(one.from_, unit, (*path, "from")),
            per=one.per or plan.period,
            owner=one.owner,
            place=self.texts.place_of(path, key=True),
        )

    def _value(self, text: str | None, unit: Unit, path: Path) -> float | None:
        if text is None:
            return None
        if unit is Unit.DAYS and (span := parse_span(text)) is not None and not span.is_calendar:
            return span.elapsed / DAY
        found = _NUMBER.fullmatch(text.strip())
        fits = {Unit.PERCENT: (None, "%"), Unit.MONEY: (None, self.currency)}.get(unit, (None,))
        if found is None or unit is Unit.DAYS or found[2] not in fits:
            examples = {Unit.PERCENT: "3%", Unit.MONEY: f"10000 {self.currency}", Unit.DAYS: "2 days"}
            message = f"'{text}' is no value that this measure has"
            self.texts.report("wrong-value", message, path, f"write it as {examples.get(unit, '40')}")
            return None
        return float(Decimal(found[1].replace(",", "")))

    def _boards(self, plan: MeasurePlan, targets: Mapping[str, Target]) -> dict[str, tuple[BoardItem, ...]]:
        boards: dict[str, tuple[BoardItem, ...]] = {}
        for board, written in self.model.boards.items():
            found: list[BoardItem] = []
            above: Path = ("boards", board) if isinstance(written, list) else ("boards", board, "shows")
            for position, one in enumerate(written if isinstance(written, list) else written.shows):
                path: Path = (*above, position)
                if isinstance(one, str):
                    self._known_measure(one, plan, path)
                    found.append(BoardItem(kind="measure", name=one))
                elif one.cohorts is not None:
                    found.append(BoardItem(kind="cohorts", name=_WIDTHS[one.cohorts]))
                elif one.chart is not None:
                    self._known_measure(one.chart, plan, (*path, "chart"))
                    found.append(BoardItem(kind="chart", name=one.chart))
                elif one.target is not None:
                    self._known_word("target", one.target, targets, (*path, "target"))
                    found.append(BoardItem(kind="target", name=one.target))
                elif one.funnel is not None:
                    self._known_word("funnel", one.funnel, plan.funnels, (*path, "funnel"))
                    found.append(BoardItem(kind="funnel", name=one.funnel))
                elif one.rule is not None:
                    if self.around.rules:
                        self._known_word("rule", one.rule, dict.fromkeys(self.around.rules), (*path, "rule"))
                    found.append(BoardItem(kind="rule", name=one.rule))
            boards[board] = tuple(found)
        return boards

    def _known_measure(self, name: str, plan: MeasurePlan, path: Path, *, key: bool = False) -> None:
        if name not in MEASURES and name not in plan.efforts:
            known = [*MEASURES, *plan.efforts]
            advice = suggest_words(name, known)
            near = advice is not None and advice.startswith("did")
            message = f"there is no measure '{name}'" + (f"; {advice}" if near else "")
            help_text = None if near else "`relight metrics` lists them; for what is no measure write `done: false`"
            self.texts.report("unknown-measure", message, path, help_text, key=key)
            return
        lacking = plan.missing(name)
        if lacking is not None:
            self.texts.report("missing-source", f"'{name}' cannot be computed: {lacking}", path, key=key)

    def _known_word(self, noun: str, word: str, known: Mapping[str, object], path: Path) -> None:
        if word not in known:
            report_unknown(self.texts, f"unknown-{noun}", f"there is no {noun} '{word}'", path, (word, known))
