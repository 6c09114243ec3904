"""One kept series of a customer's events: the recent ones in event-time order, older ones folded into sums (H4, R4).

Every fold is defined over event-time order, ties by (stream, id), so the state does not depend on the order of
arrival. Knows nothing of rules; what is kept is laid down by a SeriesSpec.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

    from relight.base.kinds import Kind

#: One event of a series: (event_time, tie, value of each kept property or None …). `tie` is `stream␟id` or "".
Entry = tuple[Any, ...]
#: Most entries of one series and customer; beyond, the oldest are folded although a window still wants them (counted).
SERIES_ENTRIES_MAX = 20_000
#: Most distinct values or keys of one series and customer that are told apart.
SERIES_VALUES_MAX = 10_000
#: Keeps entries for the whole life (µs).
WHOLE_LIFE = 2**61


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesSpec:
    """What is kept of the events that one selector chooses."""

    #: Canonical text, the identity across plan versions.
    key: str
    events: frozenset[str]
    #: Filter over one event's properties; None takes all.
    predicate: Callable[[Mapping[str, object]], object] | None
    #: Properties kept with each entry.
    props: tuple[str, ...]
    kinds: tuple[Kind, ...]
    #: Entries younger than this are kept one by one (µs).
    keep: int
    #: At least so many of the newest older entries are kept one by one.
    newest: int
    #: What older entries are folded into: indexes into `props` by aggregate.
    counts: bool
    sums: tuple[int, ...] = ()
    extremes: tuple[int, ...] = ()
    values: tuple[int, ...] = ()
    edges: tuple[int, ...] = ()
    #: Indexes of the properties whose combinations are counted (keyed filters).
    keyed: tuple[int, ...] = ()
    #: Ties must be ordered by (stream, id): first and last read them.
    ordered: bool = False


class Series(msgspec.Struct, array_like=True, gc=False):
    """The state of one series."""

    #: Sorted entries.
    recent: list[Entry] = msgspec.field(default_factory=list)
    #: Number of folded entries and the event times of their first and last.
    count: int = 0
    first: int | None = None
    last: int | None = None
    sums: dict[int, Decimal] = msgspec.field(default_factory=dict)
    #: property index -> how many entries had a value, beside `sums`.
    numbers: dict[int, int] = msgspec.field(default_factory=dict)
    lows: dict[int, Any] = msgspec.field(default_factory=dict)
    highs: dict[int, Any] = msgspec.field(default_factory=dict)
    #: property index -> value -> how often.
    values: dict[int, dict[object, int]] = msgspec.field(default_factory=dict)
    #: property index -> (event_time, tie, value) of the first and the last that had one.
    firsts: dict[int, tuple[int, str, object]] = msgspec.field(default_factory=dict)
    lasts: dict[int, tuple[int, str, object]] = msgspec.field(default_factory=dict)
    #: combination of keyed values -> (how often, last event time).
    keyed: dict[tuple[object, ...], tuple[int, int]] = msgspec.field(default_factory=dict)


def insert_event(  # noqa: PLR0913, PLR0917 - the hot path: no wrapping object
    spec: SeriesSpec, series: Series, event_time: int, tie: str, properties: Mapping[str, object], now: int
) -> None:
    """Add one event to its series in place and fold what is older than the series keeps. Instants in µs.

    tie: `stream␟id` where the series is ordered by it, else "".
    """
    props = spec.props
    entry: Entry = (event_time, tie, *[properties.get(p) for p in props]) if props else (event_time, tie)
    recent = series.recent
    if not recent or recent[-1][0] < event_time:
        recent.append(entry)
    else:
        insort(recent, entry, key=lambda e: (e[0], e[1]))
    if len(recent) > spec.newest and (recent[0][0] < now - spec.keep or len(recent) > SERIES_ENTRIES_MAX):
        prune_series(spec, series, now)


def prune_series(spec: SeriesSpec, series: Series, now: int) -> None:
    """Fold the entries that are older than `keep`, but for the newest of these, into the sums, in place."""
    recent = series.recent
    # The newest of the old ones stay, not the newest of all: a reading may stand back by as much as `keep` (H3).
    cut = bisect_left(recent, (now - spec.keep,))
    if spec.newest:
        cut = _oldest_of_newest(recent, cut, spec.newest)
    cut = max(cut, len(recent) - SERIES_ENTRIES_MAX)
    if cut <= 0:
        return
    for entry in recent[:cut]:
        _fold_entry(spec, series, entry)
    del recent[:cut]


def _oldest_of_newest(recent: list[Entry], end: int, newest: int) -> int:
    """Return the index from which entries before `end` stay: those of the newest distinct instants, whole (H4)."""
    for _ in range(newest):
        if end <= 0:
            return 0
        end = bisect_left(recent, (recent[end - 1][0],), 0, end)
    return end


def _fold_entry(spec: SeriesSpec, series: Series, entry: Entry) -> None:
    event_time: int = entry[0]
    tie: str = entry[1]
    if spec.counts:
        series.count += 1
        series.first = event_time if series.first is None else min(series.first, event_time)
        series.last = event_time if series.last is None else max(series.last, event_time)
    if spec.keyed:
        key = tuple(entry[2 + i] for i in spec.keyed)
        if key in series.keyed or len(series.keyed) < SERIES_VALUES_MAX:
            count, last = series.keyed.get(key, (0, event_time))
            series.keyed[key] = (count + 1, max(last, event_time))
    for i in spec.sums:
        value = entry[2 + i]
        if value is not None:
            series.sums[i] = series.sums.get(i, Decimal(0)) + value
            series.numbers[i] = series.numbers.get(i, 0) + 1
    for i in spec.extremes:
        value = entry[2 + i]
        if value is not None:
            series.lows[i] = min(series.lows.get(i, value), value)
            series.highs[i] = max(series.highs.get(i, value), value)
    for i in spec.values:
        _fold_value(series.values.setdefault(i, {}), entry[2 + i])
    for i in spec.edges:
        if entry[2 + i] is not None:
            _fold_edges(series, i, (event_time, tie, entry[2 + i]))


def _fold_value(seen: dict[object, int], value: object) -> None:
    if value is not None and (value in seen or len(seen) < SERIES_VALUES_MAX):
        seen[value] = seen.get(value, 0) + 1


def _fold_edges(series: Series, index: int, item: tuple[int, str, object]) -> None:
    first, last = series.firsts.get(index), series.lasts.get(index)
    if first is None or item[:2] < first[:2]:
        series.firsts[index] = item
    if last is None or item[:2] > last[:2]:
        series.lasts[index] = item


def entries_between(series: Series, after: int, until: int) -> list[Entry]:
    """Return the kept entries with after < event time <= until."""
    recent = series.recent
    return recent[bisect_left(recent, (after + 1,)) : bisect_left(recent, (until + 1,))]
