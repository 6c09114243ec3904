"""What is announced to everybody and has not come yet: `upcoming`, and `open` of two global events."""

from __future__ import annotations

import itertools

import pytest

from relight.base.instants import DAY
from relight.customers.facts import Fact, Function, Selector
from relight.customers.layout import LayoutBuilder
from relight.customers.profile import Profile
from relight.customers.reading import Reading
from relight.streams.envelope import Event
from tests.unit.rules.conditions.shop import SCHEMA

T0 = 1_767_225_600_000_000


def told(name: str, day: int, feature: str | None, title: str = "") -> Event:
    return Event(
        stream="app",
        id=f"{name}{day}",
        customer=None,
        name=name,
        event_time=T0 + day * DAY,
        ingest_time=T0 + day * DAY,
        properties={"title": title or str(feature), **({} if feature is None else {"feature": feature})},
    )


def announced(day: int, feature: str | None, title: str = "") -> Event:
    return told("feature_announced", day, feature, title)


def released(day: int, feature: str) -> Event:
    return told("feature_released", day, feature)


def ask(function: Function, events: list[Event], day: int, where: str = "") -> object:
    selector = Selector(event="feature_announced", where=where)
    closes = Selector(event="feature_released")
    fact = Fact(function=function, selector=selector, closed_by=closes, by="feature")
    predicate = (lambda properties: properties["title"] != "hidden") if where else None
    read = LayoutBuilder(SCHEMA).reader(fact, predicate)
    at = T0 + day * DAY
    return read(Reading(profile=Profile(customer="ann"), global_events=events, at=at, now=at))


STORY = [
    announced(1, "maps"),
    announced(2, "voice"),
    released(5, "maps"),
    announced(6, "voice", "Voice, at last"),
    announced(8, "teams"),
]


@pytest.mark.parametrize(
    ("day", "titles"),
    [
        (0, []),
        (1, ["maps"]),
        (3, ["voice", "maps"]),
        (5, ["voice"]),
        (7, ["Voice, at last"]),
        (9, ["teams", "Voice, at last"]),
    ],
)
def test_what_is_announced_stands_until_it_is_released(day: int, titles: list[str]) -> None:
    """Newest first; a release takes its feature off the list, a second announcement is told in its own words."""
    found = ask(Function.UPCOMING, STORY, day)
    assert isinstance(found, tuple)
    assert [one["title"] for one in found] == titles
    assert all(one["at"] <= T0 + day * DAY for one in found)
    assert ask(Function.OPEN, STORY, day) == len(titles)


def test_the_order_of_arrival_changes_nothing() -> None:
    """H4: a release that was told before its announcement still takes it off the list."""
    answers = {str(ask(Function.UPCOMING, list(order), 9)) for order in itertools.permutations(STORY)}
    assert len(answers) == 1


def test_a_feature_may_be_announced_again_after_its_release() -> None:
    """The last word counts: what comes back is announced again."""
    assert ask(Function.OPEN, [*STORY, announced(7, "maps")], 9) == 3


def test_an_announcement_of_nothing_is_none() -> None:
    """One without the property that names the thing is left out, as is what a filter does not want."""
    events = [announced(1, None, "something"), announced(2, "maps", "hidden"), announced(3, "voice")]
    assert ask(Function.OPEN, events, 9) == 2
    assert ask(Function.OPEN, events, 9, where='title != "hidden"') == 1
