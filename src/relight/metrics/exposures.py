"""Who was written to or held out by which rule, and when first (C13): read from the ledger, and read on as it grows."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from relight.messages.reasons import RowState
from relight.metrics.tables import Codes, Flags, Ints
from relight.stores.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Iterable

    from relight.messages.ledger import LedgerRow
    from relight.metrics.tables import Dictionary
    from relight.stores.interface import Store

_STATES = (RowState.PENDING, RowState.HELD_OUT)


@dataclass(slots=True)
class _Growing:
    """The messages and ghosts of one rule, in the order of the ledger."""

    who: array[int] = field(default_factory=lambda: array("i"))
    when: array[int] = field(default_factory=lambda: array("q"))
    held: array[int] = field(default_factory=lambda: array("b"))
    #: Of rules whose entries are asked for: what each message is about, and its key.
    occurrences: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExposedEntry:
    """The entry of somebody's first message."""

    occurrence: str
    #: Keys of its messages, in the order of the ledger.
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposed:
    """The people of one rule, by their first message or ghost."""

    #: Codes of customers, each once.
    who: Codes
    #: When it was to leave (µs).
    when: Ints
    #: Whether it was a ghost.
    held: Flags
    #: Messages and ghosts in all.
    messages: int
    ghosts: int
    #: The entry of each person's first message; None for a rule whose entries were not asked for.
    entries: tuple[ExposedEntry, ...] | None = None


class Exposures:
    """The messages and ghosts of every rule, as far as the ledger was read."""

    def __init__(self, people: Dictionary, *, entries_of: frozenset[str] = frozenset()) -> None:
        """Start before the first row.

        people: gives customers their codes; entries_of: rules of which is kept what the entries are.
        """
        self._people, self._entries_of = people, entries_of
        self._rules: dict[str, _Growing] = {}
        #: Number of the last row that was read.
        self._position = 0

    def read_store(self, store: Store, *, since: int | None = None) -> None:
        """Read what the ledger holds; of an SQLite file what is new. since: only what was judged from here on (µs)."""
        if isinstance(store, SqliteStore) and since is None:
            for last, rows in store.rows_after(self._position, _STATES):
                self._take(rows)
                self._position = last
            return
        self._rules = {}
        self._take(row for row in store.ledger(since=since) if row.state in _STATES)

    def _take(self, rows: Iterable[LedgerRow]) -> None:
        code = self._people.code
        for row in rows:
            grown = self._rules.get(row.rule)
            if grown is None:
                grown = self._rules[row.rule] = _Growing()
            grown.who.append(code(row.customer))
            grown.when.append(row.scheduled or row.instant)
            grown.held.append(row.state is RowState.HELD_OUT)
            if row.rule in self._entries_of:
                grown.occurrences.append(row.occurrence)
                grown.keys.append(row.occurrence_key)

    def of(self, rule: str) -> Exposed:
        """Return the people of a rule."""
        grown = self._rules.get(rule, _Growing())
        who, when = np.array(grown.who, np.int32), np.array(grown.when, np.int64)
        held = np.array(grown.held, np.bool_)
        ghosts = int(np.count_nonzero(held))
        # Sorted by time, the first place of each code is that of their first message; ties as the ledger has them.
        order = np.argsort(when, kind="stable")
        codes, places = np.unique(who[order], return_index=True)
        first = order[places]
        entries = _entries(grown, who, first) if rule in self._entries_of else None
        return Exposed(
            who=codes, when=when[first], held=held[first], messages=held.size - ghosts, ghosts=ghosts, entries=entries
        )


def _entries(grown: _Growing, who: Codes, first: Ints) -> tuple[ExposedEntry, ...]:
    keys: dict[tuple[int, str], list[str]] = {}
    for code, occurrence, key in zip(who.tolist(), grown.occurrences, grown.keys, strict=True):
        keys.setdefault((code, occurrence), []).append(key)
    return tuple(
        ExposedEntry(occurrence=grown.occurrences[one], keys=tuple(keys[int(who[one]), grown.occurrences[one]]))
        for one in first.tolist()
    )
