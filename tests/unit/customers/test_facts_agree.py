"""What a profile answers equals what a slow look through the whole history answers, in any order of arrival and at any instant."""

from __future__ import annotations

import itertools
import statistics
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relight.base.durations import Span
from relight.base.instants import DAY, HOUR, local_day
from relight.base.kinds import UNKNOWN, Kind
from relight.customers.codec import decode_profile, encode_profile
from relight.customers.facts import Fact, Function, Selector
from relight.customers.fold import fold_event
from relight.customers.layout import Layout, LayoutBuilder
from relight.customers.profile import Profile
from relight.customers.reading import Reading
from relight.streams.envelope import Event
from tests.support.story import SCHEMA

T0 = 1_767_225_600_000_000
LATENESS, SLACK = 72 * HOUR, 48 * HOUR
ZONE = "Europe/Istanbul"


@dataclass(frozen=True, slots=True)
class Happened:
    """One event: when, when it arrived, and what it said."""

    at: int
    arrives: int
    number: int
    total: Decimal | None
    order_id: str | None


HISTORY = st.lists(
    st.builds(
        Happened,
        at=st.integers(0, 40 * 24).map(lambda h: T0 + h * HOUR),
        arrives=st.sampled_from([0, 0, HOUR, 20 * HOUR, LATENESS]),
        number=st.integers(0, 10**6),
        total=st.none() | st.integers(-300, 3000).map(lambda n: Decimal(n) / 100),
        order_id=st.none() | st.sampled_from(["a", "b", "c"]),
    ),
    max_size=25,
    unique_by=lambda e: e.number,
)


def folded(layout: Layout, history: list[Happened]) -> Profile:
    profile = Profile(customer="ann")
    for one in sorted(history, key=lambda e: (e.at + e.arrives, e.number)):
        properties: dict[str, object] = {
            k: v for k, v in (("total", one.total), ("order_id", one.order_id)) if v is not None
        }
        event = Event(
            stream="shop", id=str(one.number), customer="ann", name="order", event_time=one.at, ingest_time=one.at + one.arrives,
            properties=properties,
        )  # fmt: skip
        fold_event(layout, profile, event, lambda at: at)
    return profile


def view(profile: Profile, at: int, entry: dict[str, object] | None = None) -> Reading:
    return Reading(profile=profile, at=at, now=at, default_zone=ZONE, entry=entry)


Slow = Callable[[list[Happened], int], Any]


def values(found: list[Happened]) -> list[Decimal]:
    return [e.total for e in found if e.total is not None]


def ids(found: list[Happened]) -> list[str]:
    return [e.order_id for e in found if e.order_id is not None]


#: Function -> (property, what it is of the events in the window, in event-time order).
SLOW: dict[Function, tuple[str | None, Slow]] = {
    Function.COUNT: (None, lambda found, _: len(found)),
    Function.EVER: (None, lambda found, _: bool(found)),
    Function.NEVER: (None, lambda found, _: not found),
    Function.SINCE: (None, lambda found, at: at - found[-1].at if found else UNKNOWN),
    Function.SUM: ("total", lambda found, _: sum(values(found), Decimal(0))),
    Function.AVERAGE: (
        "total",
        lambda found, _: sum(values(found), Decimal(0)) / len(values(found)) if values(found) else UNKNOWN,
    ),
    Function.MIN: ("total", lambda found, _: min(values(found), default=UNKNOWN)),
    Function.MAX: ("total", lambda found, _: max(values(found), default=UNKNOWN)),
    Function.DISTINCT: ("order_id", lambda found, _: len(set(ids(found)))),
    Function.TOP: (
        "order_id",
        lambda found, _: tuple(v for v, _ in sorted(Counter(ids(found)).items(), key=lambda p: (-p[1], p[0]))[:2]),
    ),
    Function.FIRST: ("order_id", lambda found, _: ids(found)[0] if ids(found) else UNKNOWN),
    Function.LAST: ("order_id", lambda found, _: ids(found)[-1] if ids(found) else UNKNOWN),
    Function.MISSING: ("order_id", lambda found, _: tuple(v for v in ("a", "z", "c") if v not in ids(found))),
}
KINDS = {"total": Kind.MONEY, "order_id": Kind.TEXT}


def fact_of(function: Function, window: int | None, ago: int | None) -> Fact:
    prop = SLOW[function][0]
    return Fact(
        function=function,
        selector=Selector(event="order"),
        prop=prop,
        prop_kind=KINDS[prop] if prop else None,
        window=None if window is None else Span(elapsed=window),
        ago=None if ago is None else Span(elapsed=ago),
        size=2 if function is Function.TOP else None,
        of=("a", "z", "c") if function is Function.MISSING else (),
    )


@pytest.mark.parametrize("function", SLOW)
@settings(max_examples=25)
@given(
    history=HISTORY,
    window=st.none() | st.sampled_from([HOUR, 3 * DAY, 10 * DAY]),
    ago=st.none() | st.sampled_from([HOUR, 2 * DAY]),
    back=st.integers(0, SLACK // HOUR),
)
def test_a_fact_equals_a_look_through_the_whole_history(
    function: Function, history: list[Happened], window: int | None, ago: int | None, back: int
) -> None:
    """H4, R4: Windows are (t − window, t] in event time, exact, also read as of an instant that lies back, through bytes too."""
    builder = LayoutBuilder(SCHEMA, lateness=LATENESS, slack=SLACK)
    read = builder.reader(fact_of(function, window, ago), None)
    layout = builder.build()
    profile = folded(layout, history)
    at = max((e.at + e.arrives for e in history), default=T0) - back * HOUR
    # Events of the same instant are ordered by (stream, id) (H4).
    until = at - (ago or 0)
    found = [e for e in sorted(history, key=lambda e: (e.at, str(e.number))) if e.at <= until]
    found = [e for e in found if window is None or e.at > until - window]
    expected = SLOW[function][1](found, at)
    assert read(view(profile, at)) == expected
    assert read(view(decode_profile(layout, encode_profile(profile)), at)) == expected


@settings(max_examples=40)
@given(history=HISTORY, back=st.integers(0, SLACK // HOUR), least=st.integers(1, 4))
def test_the_newest_few_answer_at_least_as_the_whole_history(history: list[Happened], back: int, least: int) -> None:
    """R4: for `count(E, W) >= 3` the newest three instants suffice, also as of a deadline that lies back (H3)."""
    builder = LayoutBuilder(SCHEMA, lateness=LATENESS, slack=SLACK)
    fact = Fact(function=Function.COUNT, selector=Selector(event="order"), window=Span(elapsed=20 * DAY), enough=least)
    read = builder.reader(fact, None)
    profile = folded(builder.build(), history)
    at = max((e.at + e.arrives for e in history), default=T0) - back * HOUR
    expected = sum(at - 20 * DAY < e.at <= at for e in history)
    assert (read(view(profile, at)) >= least) is (expected >= least)  # type: ignore[operator]


@settings(max_examples=40)
@given(history=HISTORY, wanted=st.sampled_from(["a", "b", "z"]), window=st.none() | st.just(5 * DAY))
def test_a_filter_may_name_a_value_known_only_when_read(
    history: list[Happened], wanted: str, window: int | None
) -> None:
    """R4: `count(order where order_id == entry.order_id)` counts the entries of that value alone."""
    builder = LayoutBuilder(SCHEMA, lateness=LATENESS, slack=SLACK)
    selector = Selector(event="order", keyed_by=("order_id",))
    span = None if window is None else Span(elapsed=window)
    read = builder.reader(
        Fact(function=Function.COUNT, selector=selector, window=span), None, (lambda r: (r.entry or {})["order_id"],)
    )
    layout = builder.build()
    at = max((e.at + e.arrives for e in history), default=T0)
    expected = sum(e.order_id == wanted and e.at > at - (window or 10**18) for e in history)
    profile = folded(layout, history)
    for one in (profile, decode_profile(layout, encode_profile(profile))):
        assert read(view(one, at, {"order_id": wanted})) == expected


@settings(max_examples=60)
@given(history=HISTORY, back=st.integers(0, SLACK // HOUR))
def test_active_days_streaks_and_usual_intervals_equal_a_slow_look(history: list[Happened], back: int) -> None:
    """R4: Local days in the customer's zone, days in a row that end today or yesterday, and the median of the last gaps."""
    builder = LayoutBuilder(SCHEMA, lateness=LATENESS, slack=SLACK)
    order = Selector(event="order")
    days = builder.reader(Fact(function=Function.ACTIVE_DAYS, selector=order, window=Span(elapsed=9 * DAY)), None)
    streak = builder.reader(Fact(function=Function.STREAK, selector=order), None)
    usual = builder.reader(Fact(function=Function.USUAL_INTERVAL, selector=order), None)
    profile = folded(builder.build(), history)
    at = max((e.at + e.arrives for e in history), default=T0) - back * HOUR
    known = [e.at for e in history if e.at <= at]
    assert days(view(profile, at)) == len({local_day(e, ZONE) for e in known if e > at - 9 * DAY})
    seen, today, length = {local_day(e, ZONE) for e in known}, local_day(at, ZONE), 0
    last = today if today in seen else today - 1
    while last - length in seen:
        length += 1
    assert streak(view(profile, at)) == length
    instants = sorted(set(known))[-11:]
    gaps = [b - a for a, b in itertools.pairwise(instants)]
    assert usual(view(profile, at)) == (statistics.median_low(gaps) if gaps else UNKNOWN)


@settings(max_examples=60)
@given(
    moves=st.lists(
        st.tuples(st.integers(0, 60), st.sampled_from(["order", "cart"]), st.sampled_from(["x", "y"])),
        max_size=12,
        unique_by=lambda m: m[0],
    ),
    dice=st.randoms(use_true_random=False),
)
def test_a_thing_closed_before_it_was_seen_opened_is_closed(moves: list[tuple[int, str, str]], dice: Any) -> None:
    """H4: a ticket that was closed before it was seen opened is closed: only event-time order counts."""
    builder = LayoutBuilder(SCHEMA, lateness=LATENESS, slack=SLACK)
    fact = Fact(
        function=Function.OPEN, selector=Selector(event="order"), closed_by=Selector(event="cart"), by="cart_id"
    )
    read = builder.reader(fact, None)
    layout, profile = builder.build(), Profile(customer="ann")
    shuffled = list(moves)
    dice.shuffle(shuffled)
    for hour, name, thing in shuffled:
        fold_event(
            layout, profile,
            Event(stream="shop", id=str(hour), customer="ann", name=name, event_time=T0 + hour * HOUR, ingest_time=T0 + 60 * HOUR,
                  properties={"cart_id": thing}),
            lambda at: at,
        )  # fmt: skip
    last = {thing: name for _, name, thing in sorted(moves)}
    assert read(view(profile, T0 + 60 * HOUR)) == sum(name == "order" for name in last.values())


def test_events_of_one_instant_do_not_use_up_the_places_of_the_usual_interval() -> None:
    """H4, R4: What is kept for the usual interval are the newest distinct instants, however many events share one."""
    builder = LayoutBuilder(SCHEMA, lateness=LATENESS, slack=SLACK)
    usual = builder.reader(Fact(function=Function.USUAL_INTERVAL, selector=Selector(event="order")), None)
    layout, profile = builder.build(), Profile(customer="ann")
    days = [0, 10, *[30] * 40, 400]
    for number, day in enumerate(days):
        at = T0 + day * 24 * HOUR
        event = Event(stream="shop", id=str(number), customer="ann", name="order", event_time=at, ingest_time=at)
        fold_event(layout, profile, event, lambda instant: instant)
    assert usual(view(profile, T0 + 400 * 24 * HOUR)) == 20 * 24 * HOUR
