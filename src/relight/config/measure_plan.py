"""config/measures.yaml, compiled: what measures read, what they should reach, what boards show. Frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from relight.base.kinds import Kind
from relight.base.problems import Place
from relight.config.measure_kinds import CUSTOMER_MEASURES, MEASURES, PeriodName
from relight.rules.definitions import Definitions
from relight.rules.plan import EventMatch
from relight.streams.schema import LATENESS_DEFAULT, Schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One event that measures read, with a filter and a property of it where one is named."""

    #: As written.
    text: str
    match: EventMatch
    prop: str | None = None
    kind: Kind | None = None
    #: Concerns nobody in particular.
    is_global: bool = False
    #: Every property of it is kept, for who compares one event with another.
    is_whole: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """The answers of a survey."""

    low: int
    high: int
    #: The lowest answer that counts as satisfied.
    satisfied: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """A way from one event to another."""

    name: str
    begins: Source
    ends: Source
    #: The property that both share; None: the customer alone.
    by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FunnelStep:
    """A step of a funnel; `source.prop` is added up where there is one."""

    source: Source
    #: µs after the first step; None for ever.
    within: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Funnel:
    """Steps that people take in order."""

    name: str
    steps: tuple[FunnelStep, ...]
    #: The event of the first step that the later ones follow and are measured from; `any`: in no order.
    anchor: Literal["first", "last", "any"] = "first"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a measure should reach, or a thing that should be done."""

    name: str
    below: float | None = None
    at_least: float | None = None
    done: bool | None = None
    #: Where the way began, for the bar.
    begin: float | None = None
    per: PeriodName
    owner: str | None = None
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardItem:
    """One thing on a board."""

    kind: Literal["measure", "cohorts", "chart", "target", "funnel", "rule"]
    #: A measure, target, funnel or rule; for cohorts `day`, `week` or `month`.
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasurePlan:
    """Everything measures are computed from. Without a file it says only which events count as activity."""

    #: By the key of `sources`: those that are events or properties of events.
    sources: Mapping[str, Source] = field(default_factory=dict)
    activity: frozenset[str] = frozenset()
    by_day: bool = False
    #: µs; None: nobody lapses.
    lapsed_after: int | None = None
    #: Share of revenue that is profit; None: on revenue.
    margin: Decimal | None = None
    period: PeriodName = "month"
    lifetime: Literal["observed", "churn"] = "churn"
    scales: Mapping[str, Scale] = field(default_factory=dict)
    efforts: Mapping[str, Effort] = field(default_factory=dict)
    funnels: Mapping[str, Funnel] = field(default_factory=dict)
    targets: Mapping[str, Target] = field(default_factory=dict)
    boards: Mapping[str, tuple[BoardItem, ...]] = field(default_factory=dict)
    #: (`effort`, `funnel`, `target` or `board`, name) -> language -> title, "" for the others; as far as it is written.
    titles: Mapping[tuple[str, str], Mapping[str, str]] = field(default_factory=dict)
    #: Language of the project, for mails to its team.
    locale: str = "en"
    zone: str = "UTC"
    currency: str = "EUR"
    #: What segments are compiled from, for `--by segment`.
    definitions: Definitions = field(default_factory=Definitions)
    schema: Schema = field(default_factory=Schema)
    #: The largest allowed lateness of the streams (µs).
    lateness: int = LATENESS_DEFAULT.elapsed

    def title_of(self, kind: str, name: str, language: str = "") -> str:
        """Return what pages call an effort, funnel, target or board: its title, else its name as words."""
        titles = self.titles.get((kind, name), {})
        return titles.get(language) or titles.get("") or name.replace("_", " ").capitalize()

    def missing(self, name: str) -> str | None:
        """Return what the file must say before a measure can be computed, None where it can."""
        kind = MEASURES.get(name)
        if kind is None:
            return None
        return self._missing(kind.needs, kind.needs_one_of)

    def lacking(self, name: str) -> tuple[list[str], tuple[str, ...]]:
        """Return the sources that a measure needs and the file does not say, and those of which it must say one."""
        kind = MEASURES.get(name)
        return ([], ()) if kind is None else self._lacking(kind.needs, kind.needs_one_of)

    def missing_for_customers(self, name: str) -> str | None:
        """Return the same for a measure of each customer."""
        needs = CUSTOMER_MEASURES[name].needs
        one_of = ("left", "lapsed_after") if "loss" in needs else ()
        return self._missing(tuple(one for one in needs if one != "loss"), one_of)

    def _missing(self, needs: tuple[str, ...], one_of: tuple[str, ...]) -> str | None:
        lacking, choice = self._lacking(needs, one_of)
        words = [f"`{one}`" for one in lacking] + ([" or ".join(f"`{one}`" for one in choice)] if choice else [])
        return f"`sources` in config/measures.yaml does not say {', '.join(words)}" if words else None

    def _lacking(self, needs: tuple[str, ...], one_of: tuple[str, ...]) -> tuple[list[str], tuple[str, ...]]:
        keeps = "left" in self.sources or self.lapsed_after is not None
        return [one for one in needs if one not in self.sources], () if keeps else one_of
