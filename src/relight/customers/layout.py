"""What profiles keep: collected while rules and templates are compiled, then frozen. Nothing else of an event is kept.

LayoutBuilder is the binder of the condition compiler: each question becomes a state to keep and a closure that reads
it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from relight.base.instants import DAY, HOUR
from relight.base.kinds import CHANGED_KINDS, Kind
from relight.customers.facts import Fact, Function, Selector
from relight.customers.readers import ReaderKeys, reader_of
from relight.customers.series import WHOLE_LIFE, SeriesSpec

if TYPE_CHECKING:
    from relight.base.durations import Span
    from relight.customers.facts import Filter
    from relight.customers.reading import Reading
    from relight.streams.schema import Schema

#: How far a streak counts back (days).
STREAK_DAYS_MAX = 400
#: Gaps that the usual interval is the median of.
USUAL_INTERVAL_GAPS_MAX = 10
#: Traits that the engine itself reads.
ALWAYS_KEPT_TRAITS = frozenset({"email", "timezone", "account_timezone", "locale", "first_name"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivitySpec:
    """One set of activity names that inactive rules wait on, with the lengths of their thresholds (µs)."""

    key: str
    names: frozenset[str]
    #: (least, greatest) length of each threshold; calendar ones vary. A personal threshold is not in it.
    lengths: tuple[tuple[int, int], ...]
    #: The largest settle of the rules.
    settle: int

    @property
    def shortest(self) -> int:
        """The least length after which anything can fall due; 0 with a personal threshold only."""
        return min((low for low, _ in self.lengths), default=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ThingSpec:
    """Things opened and closed by id: `open(ticket_opened, ticket_resolved, by: ticket_id)`."""

    key: str
    opened: str
    closed: str
    by: str
    opened_filter: Filter | None = None
    closed_filter: Filter | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotSpec:
    """Quarter hours in which something happened, for active days and streaks in any zone."""

    key: str
    events: frozenset[str]
    predicate: Filter | None
    #: µs.
    keep: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFold:
    """What one event name touches."""

    series: tuple[SeriesSpec, ...] = ()
    activities: tuple[ActivitySpec, ...] = ()
    things: tuple[ThingSpec, ...] = ()
    slots: tuple[SlotSpec, ...] = ()
    #: Properties that the trail keeps; None keeps no trace.
    trail: tuple[str, ...] | None = None
    #: Each of the activities with its `shortest`, and the least of these; None without activities.
    timed_activities: tuple[tuple[ActivitySpec, int], ...] = ()
    soonest: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Everything a profile keeps, by the event that changes it."""

    folds: Mapping[str, EventFold] = field(default_factory=dict)
    series: Mapping[str, SeriesSpec] = field(default_factory=dict)
    activities: Mapping[str, ActivitySpec] = field(default_factory=dict)
    traits: frozenset[str] = ALWAYS_KEPT_TRAITS
    trait_kinds: Mapping[str, Kind] = field(default_factory=dict)
    #: Measures of the customer that are read, served by control records; no history brings them back.
    measures: Mapping[str, Kind] = field(default_factory=dict)
    #: event -> property -> kind, to read values back.
    kinds: Mapping[str, Mapping[str, Kind]] = field(default_factory=dict)
    #: How far back a reading may stand: settle + grace (µs).
    slack: int = 24 * HOUR
    #: How long traces are kept: lateness + settle + grace (µs).
    trail_keep: int = 96 * HOUR
    #: Rules with a wait_for: while somebody is inside, traces are kept back to where their entry looks from.
    looking_back: frozenset[str] = frozenset()
    #: Identity of all of the above.
    version: str = ""
    #: event -> its properties whose values a store keeps as something else than they are in memory.
    changed: Mapping[str, frozenset[str]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        changed = {
            event: frozenset(name for name, kind in kinds.items() if kind in CHANGED_KINDS)
            for event, kinds in self.kinds.items()
        }
        object.__setattr__(self, "changed", {event: names for event, names in changed.items() if names})


class LayoutBuilder:
    """Collects what is read; `build` freezes it."""

    def __init__(self, schema: Schema, *, lateness: int = 72 * HOUR, slack: int = 24 * HOUR) -> None:
        """Start empty. lateness: the largest of the streams; slack: the largest settle + grace of the rules (µs)."""
        self.schema = schema
        self.lateness = lateness
        self.slack = slack
        self._series: dict[str, SeriesSpec] = {}
        self._activities: dict[str, ActivitySpec] = {}
        self._things: dict[str, ThingSpec] = {}
        self._slots: dict[str, SlotSpec] = {}
        self._trail: dict[str, set[str]] = {}
        self._looking_back: set[str] = set()
        self._traits: set[str] = set(ALWAYS_KEPT_TRAITS)
        self._measures: dict[str, Kind] = {}
        #: Key -> the compiled condition by which people of an account are counted, of a floor above.
        self.counted_members: dict[str, Any] = {}

    # ------------------------------------------------------------ the binder
    def trait(self, name: str) -> None:
        """Keep a trait."""
        self._traits.add(name)

    def measure(self, name: str, kind: Kind) -> None:
        """Have a measure of the customer served."""
        self._measures[name] = kind

    def members(self, key: str, condition: object) -> None:
        """Have the people of an account counted for whom a condition holds."""
        self.counted_members[key] = condition

    def reader(self, fact: Fact, predicate: Filter | None, keys: ReaderKeys = ()) -> Callable[[Reading], object]:
        """Keep what a fact needs and return the closure that reads it.

        predicate: the selector's filter; keys: readers of the values its keyed properties are compared with.
        """
        if fact.function is Function.UPCOMING or (fact.function is Function.OPEN and self._is_global(fact.selector)):
            return reader_of(fact, "", keys, global_filter=predicate)
        if fact.function is Function.OPEN:
            return reader_of(fact, self._keep_things(fact, predicate), keys)
        if fact.function in (Function.ACTIVE_DAYS, Function.STREAK):
            return reader_of(fact, self._keep_slots(fact, predicate), keys)
        if fact.function is Function.SILENT:
            names = frozenset({fact.selector.event}) if fact.selector else self.default_activity()
            spec = self._keep(Selector(event="|".join(sorted(names))), names, predicate, Fact(function=Function.SINCE))
            return reader_of(fact, spec.key, keys)
        if fact.selector is None:
            return reader_of(fact, "", keys)
        if self._is_global(fact.selector):
            return reader_of(fact, "", keys, global_filter=predicate)
        spec = self._keep(fact.selector, frozenset({fact.selector.event}), predicate, fact)
        return reader_of(fact, spec.key, keys, props=spec.props, keyed=spec.keyed)

    def _is_global(self, selector: Selector | None) -> bool:
        declared = None if selector is None else self.schema.events.get(selector.event)
        return declared is not None and declared.is_global

    def default_activity(self) -> frozenset[str]:
        """Return the events that count as activity where a rule names none (R1)."""
        return frozenset(n for n, e in self.schema.events.items() if e.activity and not e.is_global)

    def activity(self, names: frozenset[str], *, thresholds: Sequence[Span | None], settle: int) -> str:
        """Keep the starts of silences of these events and return their key.

        thresholds: their lengths, None for a personal one; settle: of the rule (µs).
        """
        key = "|".join(sorted(names))
        lengths = {(0, 0) if span is None else _bounds_of(span) for span in thresholds}
        old = self._activities.get(key)
        if old is not None:
            lengths |= set(old.lengths)
            settle = max(old.settle, settle)
        self._activities[key] = ActivitySpec(key=key, names=names, lengths=tuple(sorted(lengths)), settle=settle)
        return key

    def trail(self, event: str, properties: tuple[str, ...]) -> None:
        """Keep recent traces of an event with these properties (E3)."""
        self._trail.setdefault(event, set()).update(properties)

    def look_back(self, rule: str) -> None:
        """Keep traces for the entries of a rule as far back as its first wait_for looks (E3)."""
        self._looking_back.add(rule)

    # ------------------------------------------------------------ keeping
    def _keep(self, selector: Selector, names: frozenset[str], predicate: Filter | None, fact: Fact) -> SeriesSpec:
        key = str(selector)
        old = self._series.get(key)
        props = list(old.props) if old else []
        declared = self.schema.events.get(selector.event)
        types = declared.properties if declared else {}
        wanted = [*selector.keyed_by, *([fact.prop] if fact.prop else [])]
        for prop in wanted:
            if prop not in props:
                props.append(prop)
        kinds = tuple(types[p].kind if p in types else Kind.TEXT for p in props)
        spec = old or SeriesSpec(
            key=key, events=names, predicate=predicate, props=(), kinds=(), keep=self.slack, newest=0, counts=True
        )
        keyed = tuple(props.index(p) for p in selector.keyed_by)
        spec = replace(spec, props=tuple(props), kinds=kinds, keyed=keyed)
        self._series[key] = _widen(spec, fact, self.slack)
        return self._series[key]

    def _keep_things(self, fact: Fact, predicate: Filter | None) -> str:
        if fact.selector is None or fact.closed_by is None or fact.by is None:
            message = "open(…) needs what opens, what closes, and the property that names the thing"
            raise ValueError(message)
        key = f"{fact.selector} / {fact.closed_by} by {fact.by}"
        self._things[key] = ThingSpec(
            key=key, opened=fact.selector.event, closed=fact.closed_by.event, by=fact.by, opened_filter=predicate
        )
        return key

    def _keep_slots(self, fact: Fact, predicate: Filter | None) -> str:
        names = frozenset({fact.selector.event}) if fact.selector else self.default_activity()
        key = slots_key(fact.selector or "|".join(sorted(names)))
        keep = (fact.window.longest if fact.window else STREAK_DAYS_MAX * DAY) + self.slack + DAY
        if fact.ago:
            keep += fact.ago.longest
        old = self._slots.get(key)
        keep = max(keep, old.keep) if old else keep
        self._slots[key] = SlotSpec(key=key, events=names, predicate=predicate, keep=keep)
        return key

    def build(self) -> Layout:
        """Return the frozen layout."""
        names = {n for spec in self._series.values() for n in spec.events}
        names |= {n for a in self._activities.values() for n in a.names} | set(self._trail)
        names |= {n for t in self._things.values() for n in (t.opened, t.closed)}
        names |= {n for s in self._slots.values() for n in s.events}
        folds = {name: self._fold_of(name) for name in names}
        kept: list[object] = [*self._series.values(), *self._activities.values()]
        kept += [*self._things.values(), *self._slots.values()]
        version = "\n".join(sorted(_outline(spec) for spec in kept) + sorted(self._traits))
        return Layout(
            folds=folds,
            series=dict(self._series),
            activities=dict(self._activities),
            traits=frozenset(self._traits),
            trait_kinds={n: t.kind for n, t in self.schema.traits.items()},
            measures=dict(sorted(self._measures.items())),
            kinds={n: {p: t.kind for p, t in e.properties.items()} for n, e in self.schema.events.items()},
            slack=self.slack,
            trail_keep=self.lateness + self.slack,
            looking_back=frozenset(self._looking_back),
            version=version,
        )

    def _fold_of(self, name: str) -> EventFold:
        activities = tuple(a for a in self._activities.values() if name in a.names)
        return EventFold(
            series=tuple(s for s in self._series.values() if name in s.events),
            activities=activities,
            timed_activities=tuple((a, a.shortest) for a in activities),
            soonest=min((a.shortest for a in activities), default=None),
            things=tuple(t for t in self._things.values() if name in (t.opened, t.closed)),
            slots=tuple(s for s in self._slots.values() if name in s.events),
            trail=tuple(sorted(self._trail[name])) if name in self._trail else None,
        )


def slots_key(events: Selector | str) -> str:
    """Return the key under which profiles keep the quarter hours of some events."""
    return f"slots {events}"


def _widen(spec: SeriesSpec, fact: Fact, slack: int) -> SeriesSpec:
    """Return the spec that also serves one more fact."""
    index = (spec.props.index(fact.prop),) if fact.prop else ()
    back = fact.ago.longest if fact.ago else 0
    whole = fact.window is None
    keep, newest = spec.keep, spec.newest
    match fact.function:
        case Function.USUAL_INTERVAL:
            newest = max(newest, USUAL_INTERVAL_GAPS_MAX + 1)
        case Function.LAST | Function.FIRST:
            spec = replace(spec, ordered=True, edges=_union(spec.edges, index))
        case Function.SUM | Function.AVERAGE if whole:
            spec = replace(spec, sums=_union(spec.sums, index))
        case Function.MIN | Function.MAX if whole:
            spec = replace(spec, extremes=_union(spec.extremes, index))
        case Function.DISTINCT | Function.TOP | Function.MISSING if whole:
            spec = replace(spec, values=_union(spec.values, index))
        case _:
            pass
    if spec.keyed and fact.function not in (Function.COUNT, Function.EVER, Function.NEVER, Function.SINCE):
        keep = WHOLE_LIFE
    if whole and back:
        keep = WHOLE_LIFE
    elif not whole and fact.window is not None:
        if fact.enough is not None and fact.function is Function.COUNT and not back:
            newest = max(newest, fact.enough)
        else:
            keep = max(keep, fact.window.longest + back + slack)
    return replace(spec, keep=keep, newest=newest)


def _bounds_of(span: Span) -> tuple[int, int]:
    """Return the least and greatest length (µs).

    A calendar month has 28 to 31 days, give or take an hour of the zone.
    """
    if not span.is_calendar:
        return (span.elapsed, span.elapsed)
    return (span.months * 28 * DAY - 2 * HOUR + span.elapsed, span.longest)


def _union(old: tuple[int, ...], new: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted({*old, *new}))


def _outline(spec: object) -> str:
    """Return what a spec keeps, without the closures, for comparing two layouts."""
    shown = {n: getattr(spec, n) for n in spec.__slots__ if not callable(getattr(spec, n))}  # type: ignore[attr-defined]
    return repr({n: sorted(v) if isinstance(v, frozenset) else v for n, v in shown.items()})
