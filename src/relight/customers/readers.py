"""How each function of the condition language reads what a profile keeps, as of an instant.

A reader is a closure Reading -> value; windows are (at − window, at] in event time (R4). A reader also notes the next
instant at which time alone changes its value, so that segments can be watched without polling.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from relight.base.kinds import UNKNOWN
from relight.customers.facts import Fact, Function
from relight.customers.global_events import read_news, read_standing
from relight.customers.rhythm import read_active_days, read_open, read_streak, read_usual_interval
from relight.customers.series import Series, entries_between
from relight.customers.windows import bounds_of, note_or_midnight

if TYPE_CHECKING:
    from relight.customers.facts import Filter
    from relight.customers.reading import Reading
    from relight.customers.series import Entry

#: Readers of the values that a keyed filter compares with.
ReaderKeys = Sequence[Callable[["Reading"], object]]
ReadFact = Callable[["Reading"], object]
_Fold = Callable[[Fact, int, Sequence["Entry"], Series | None, "Reading"], object]

_EMPTY = Series()


def reader_of(  # noqa: PLR0913 - the parts of one question
    fact: Fact,
    key: str,
    keys: ReaderKeys = (),
    *,
    props: tuple[str, ...] = (),
    keyed: tuple[int, ...] = (),
    global_filter: Filter | None = None,
) -> ReadFact:
    """Return the closure that answers `fact` from the state kept under `key`; an empty key reads global events."""
    match fact.function:
        case Function.ACTIVE_DAYS:
            return read_active_days(fact, key)
        case Function.STREAK:
            return read_streak(key)
        case Function.OPEN if key:
            return read_open(key)
        case Function.OPEN | Function.UPCOMING:
            return read_standing(fact, global_filter)
        case Function.USUAL_INTERVAL:
            return read_usual_interval(key)
        case Function.SILENT | Function.SINCE if key:
            fold: _Fold = _since
        case Function.RELEASES | Function.INCIDENTS:
            return read_news(fact)
        case _:
            fold = _FOLDS[fact.function]
    selected = _select(fact, key, keys, keyed) if key else _select_global(fact, global_filter)
    index = 2 + props.index(fact.prop) if key and fact.prop else 2
    return lambda reading: fold(fact, index, *selected(reading), reading)


# ---------------------------------------------------------------- choosing entries
#: The entries kept one by one, and the folded older ones when the whole life is asked for.
Selected = tuple["Sequence[Entry]", Series | None]


def _select(fact: Fact, key: str, keys: ReaderKeys, keyed: tuple[int, ...]) -> Callable[[Reading], Selected]:
    whole = fact.window is None

    def select(reading: Reading) -> Selected:
        series = reading.profile.series.get(key)
        if series is None:
            return (), None
        after, until = bounds_of(fact, reading)
        found = entries_between(series, after, until)
        if not whole and found:
            _note_expiry(fact, found[0], reading)
        if fact.ago is not None:
            _note_arrival(fact, [e[0] for e in series.recent], until, reading)
        return found, (series if whole else None)

    if not keyed:
        return select

    def select_keyed(reading: Reading) -> Selected:
        found, folded = select(reading)
        wanted = tuple(read(reading) for read in keys)
        found = [e for e in found if tuple(e[2 + i] for i in keyed) == wanted]
        if folded is None or wanted not in folded.keyed:
            return found, None
        count, last = folded.keyed[wanted]
        return found, Series(count=count, first=last, last=last)

    return select_keyed


def _note_expiry(fact: Fact, oldest: Entry, reading: Reading) -> None:
    """Note when the oldest entry leaves the window: at event time + window (+ ago)."""
    leaves: int = oldest[0]
    if fact.window is not None:
        leaves = fact.window.after(leaves, reading.zone)
    if fact.ago is not None:
        leaves = fact.ago.after(leaves, reading.zone)
    note_or_midnight(leaves, reading)


def _note_arrival(fact: Fact, instants: Sequence[int], until: int, reading: Reading) -> None:
    """Note when a younger entry enters a window that lies back."""
    at = bisect_right(instants, until)
    if at < len(instants) and fact.ago is not None:
        note_or_midnight(fact.ago.after(instants[at], reading.zone), reading)


def _select_global(fact: Fact, predicate: Filter | None) -> Callable[[Reading], Selected]:
    name = fact.selector.event if fact.selector else ""
    prop = fact.prop

    def select(reading: Reading) -> Selected:
        after, until = bounds_of(fact, reading)
        found = [
            (e.event_time, f"{e.stream}\x1f{e.id}", e.properties.get(prop) if prop else None)
            for e in reading.globals
            if e.name == name
            and after < e.event_time <= until
            and (predicate is None or predicate(e.properties) is True)
        ]
        found.sort(key=lambda e: e[:2])
        if found and fact.window is not None:
            _note_expiry(fact, found[0], reading)
        if fact.ago is not None:
            _note_arrival(fact, sorted(e.event_time for e in reading.globals if e.name == name), until, reading)
        return found, None

    return select


# ---------------------------------------------------------------- folding the chosen entries
def _count(_fact: Fact, _index: int, found: Sequence[Entry], folded: Series | None, _reading: Reading) -> object:
    return len(found) + (folded.count if folded else 0)


def _ever(_fact: Fact, _index: int, found: Sequence[Entry], folded: Series | None, _reading: Reading) -> object:
    return bool(found) or (folded is not None and folded.count > 0)


def _never(_fact: Fact, _index: int, found: Sequence[Entry], folded: Series | None, _reading: Reading) -> object:
    return not found and (folded is None or folded.count == 0)


def _since(_fact: Fact, _index: int, found: Sequence[Entry], folded: Series | None, reading: Reading) -> object:
    last = found[-1][0] if found else (folded.last if folded else None)
    return UNKNOWN if last is None else reading.at - last


def _present(found: Sequence[Entry], index: int) -> list[Any]:
    return [e[index] for e in found if e[index] is not None]


def _sum(_fact: Fact, index: int, found: Sequence[Entry], folded: Series | None, _reading: Reading) -> object:
    start = folded.sums.get(index - 2, Decimal(0)) if folded else Decimal(0)
    return sum(_present(found, index), start)


def _average(_fact: Fact, index: int, found: Sequence[Entry], folded: Series | None, _reading: Reading) -> object:
    values = _present(found, index)
    start = folded.sums.get(index - 2, Decimal(0)) if folded else Decimal(0)
    number = len(values) + (folded.numbers.get(index - 2, 0) if folded else 0)
    return UNKNOWN if number == 0 else Decimal(sum(values, start)) / number


def _low(_fact: Fact, index: int, found: Sequence[Entry], folded: Series | None, _reading: Reading) -> object:
    values = _present(found, index)
    if folded and index - 2 in folded.lows:
        values.append(folded.lows[index - 2])
    return min(values) if values else UNKNOWN


def _high(_fact: Fact, index: int, found: Sequence[Entry], folded: Series | None, _reading: Reading) -> object:
    values = _present(found, index)
    if folded and index - 2 in folded.highs:
        values.append(folded.highs[index - 2])
    return max(values) if values else UNKNOWN


def _tally(found: Sequence[Entry], index: int, folded: Series | None) -> dict[object, int]:
    seen = dict(folded.values.get(index - 2, {})) if folded else {}
    for value in _present(found, index):
        seen[value] = seen.get(value, 0) + 1
    return seen


def _distinct(_fact: Fact, index: int, found: Sequence[Entry], folded: Series | None, _reading: Reading) -> object:
    return len(_tally(found, index, folded))


def _top(fact: Fact, index: int, found: Sequence[Entry], folded: Series | None, _reading: Reading) -> object:
    seen = _tally(found, index, folded)
    best = sorted(seen, key=lambda v: (-seen[v], str(v)))
    return tuple(best[: fact.size or 1])


def _missing(fact: Fact, index: int, found: Sequence[Entry], folded: Series | None, _reading: Reading) -> object:
    seen = _tally(found, index, folded)
    return tuple(v for v in fact.of if v not in seen)


def _last(_fact: Fact, index: int, found: Sequence[Entry], folded: Series | None, _reading: Reading) -> object:
    for entry in reversed(found):
        if entry[index] is not None:
            return entry[index]
    edge = folded.lasts.get(index - 2) if folded else None
    return edge[2] if edge else UNKNOWN


def _first(_fact: Fact, index: int, found: Sequence[Entry], folded: Series | None, _reading: Reading) -> object:
    edge = folded.firsts.get(index - 2) if folded else None
    for entry in found:
        if entry[index] is not None:
            return edge[2] if edge and edge[:2] < entry[:2] else entry[index]
    return edge[2] if edge else UNKNOWN


_FOLDS: dict[Function, Callable[[Fact, int, Sequence[Entry], Series | None, Reading], object]] = {
    Function.COUNT: _count,
    Function.EVER: _ever,
    Function.NEVER: _never,
    Function.SINCE: _since,
    Function.SILENT: _since,
    Function.SUM: _sum,
    Function.AVERAGE: _average,
    Function.MIN: _low,
    Function.MAX: _high,
    Function.DISTINCT: _distinct,
    Function.TOP: _top,
    Function.MISSING: _missing,
    Function.LAST: _last,
    Function.FIRST: _first,
}
