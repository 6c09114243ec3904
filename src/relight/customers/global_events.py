"""How questions about the product read the global events that a profile has seen: news, and what is announced."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from relight.customers.facts import Fact, Function
from relight.customers.windows import bounds_of, note_or_midnight

if TYPE_CHECKING:
    from relight.customers.facts import Filter
    from relight.customers.reading import Reading
    from relight.streams.envelope import Event


def read_news(fact: Fact) -> Callable[[Reading], object]:
    """Read releases(W) or incidents(W): the properties of those global events, newest first, each with `at`.

    A global event is a release or an incident by its name: one that contains the word.
    """
    word = fact.function.value.removesuffix("s")

    def read(reading: Reading) -> object:
        after, until = bounds_of(fact, reading)
        found = [e for e in reading.globals if word in e.name and after < e.event_time <= until]
        found.sort(key=lambda e: e.order, reverse=True)
        if found and fact.window is not None:
            note_or_midnight(fact.window.after(found[-1].event_time, reading.zone), reading)
        return tuple({**e.properties, "at": e.event_time} for e in found)

    return read


def read_standing(fact: Fact, predicate: Filter | None) -> Callable[[Reading], object]:
    """Read `open` of two global events, a number, or `upcoming`: their properties, newest first, each with `at`.

    A thing stands while the last that was said of it, in event time, is the first event (H4); two announcements of
    one thing are one, told in the words of the last.
    """
    assert fact.selector is not None
    assert fact.closed_by is not None
    assert fact.by is not None
    opens, closes, by = fact.selector.event, fact.closed_by.event, fact.by

    def read(reading: Reading) -> object:
        last: dict[object, Event] = {}
        told = [e for e in reading.globals if e.name in (opens, closes) and e.event_time <= reading.at]
        for event in sorted(told, key=lambda e: e.order):
            thing = event.properties.get(by)
            is_meant = event.name == closes or predicate is None or predicate(event.properties) is True
            if thing is not None and is_meant:
                last[thing] = event
        standing = [event for event in last.values() if event.name == opens]
        if fact.function is Function.OPEN:
            return len(standing)
        standing.sort(key=lambda e: e.order, reverse=True)
        return tuple({**e.properties, "at": e.event_time} for e in standing)

    return read
