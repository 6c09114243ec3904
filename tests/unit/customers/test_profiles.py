"""Profiles: independent of arrival order, bounded, and the same after their bytes."""

from __future__ import annotations

import datetime as dt
import gc
import random
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relight.base.errors import StoreError
from relight.base.instants import DAY, HOUR
from relight.customers import fold as folding
from relight.customers import series as keeping
from relight.customers.codec import PROFILE_VERSION, decode_profile, encode_profile
from relight.customers.fold import fold_event
from relight.customers.layout import Layout
from relight.customers.profile import Ask, Candidate, Entry, Flag, Place, Profile, Reach, Room, Told
from relight.customers.series import Series, insert_event, prune_series
from relight.streams.envelope import Event
from tests.support.story import make_plan, story

T0 = 1_767_225_600_000_000
RULES = {
    "quiet": "{trigger: {inactive: [2 days, 9 days]}, settle: 1 day, send: hello}",
    "sums": "{trigger: {event: cart}, audience: 'sum(order.total) > 3 and distinct(order.order_id) > 1 and max(order.total, 5 days) > 2', "
    "exit: 'order where order_id == entry.cart_id', send: hello}",
    "last": "{trigger: {event: cart}, audience: 'last(order.day) is known and first(order.total) > 1 and streak(session) > 2 and plan is known and credit > 1 and birthday is known', send: hello}",
    "asks": "{trigger: {released: {asked: asked, shipped: shipped, by: feature}}, send: hello}",
    "keyed": "{trigger: {event: cart}, audience: 'open(order, cart, by: order_id) == 0', send: hello}",
}
SHIPPING = {**RULES}
SHIPPING.pop("keyed")
LAYOUT = make_plan(SHIPPING).layout


def event(number: int, name: str, hour: int, arrives: int, **more: Any) -> Event:
    return Event(
        stream="s",
        id=str(number),
        customer="ann",
        name=name,
        event_time=T0 + hour * HOUR,
        ingest_time=T0 + arrives * HOUR,
        **more,
    )


def canonical(layout: Layout, profile: Profile, now: int) -> dict[str, object]:
    """Return what folds make of events, without when they were learned, after pruning at one instant."""
    for key, series in profile.series.items():
        prune_series(layout.series[key], series, now)
    plain: dict[str, object] = {
        "traits": {k: [(w.order, w.value) for w in v][-1:] for k, v in profile.traits.items()},
        "consent": profile.consent,
        "series": profile.series,
        "first": (profile.first_any, profile.first_on_time, profile.first_activity),
        "last start": {k: v[-1].event_time for k, v in profile.starts.items()},
        "slots": profile.slots,
        "things": profile.things,
        "trail": [(t.order, t.name, t.properties) for t in profile.trail],
    }
    return plain


EVENTS = st.lists(
    st.tuples(
        st.integers(0, 70),
        st.sampled_from(["order", "session", "cart", "identify"]),
        st.integers(0, 3),
    ),
    min_size=2,
    max_size=20,
)


@settings(max_examples=80)
@given(EVENTS, st.integers(0, 10**6))
def test_a_profile_does_not_depend_on_arrival_order(events: list[tuple[int, str, int]], seed: int) -> None:
    """H4, I8: Within allowed lateness every fold is over event-time order, ties by (stream, id), so arrival order leaves profiles equal."""
    found = []
    for order in range(2):
        numbered = list(enumerate(events))
        if order:
            random.Random(seed).shuffle(numbered)
        profile = Profile(customer="ann")
        for number, (hour, name, value) in numbered:
            more: dict[str, Any] = {}
            if name == "identify":
                more = {
                    "traits": {"plan": f"p{value}", "email": f"{value}@mail.example"},
                    "consent": {"news": value > 1},
                }
            elif name == "order":
                more = {
                    "properties": {"total": Decimal(value), "order_id": f"o{value}", "day": dt.date(2026, 1, 1 + value)}
                }
            fold_event(LAYOUT, profile, event(number, name, hour, 71, **more), lambda at: at)
        found.append(canonical(LAYOUT, profile, T0 + 200 * DAY))
    assert found[0] == found[1]


def test_pruning_keeps_every_reading_of_the_whole_life() -> None:
    """R4: what is folded away still counts: sums, extremes, firsts and lasts of the whole life stay exact."""
    told = story({"v": "{trigger: {milestone: {value: 'sum(order.total)', at: [1000]}}, audience: 'max(order.total) == 30 and min(order.total) == 1 and "
                       "average(order.total) > 15 and count(order) == 55 and first(order.order_id) == \"o0\"', send: hello}"})  # fmt: skip
    told.known("2026-01-02")
    for number in range(56):
        told.event(
            "order",
            told.instant("2026-01-03") + number * 5 * DAY,
            total=Decimal(30 if number > 30 else 10 if number else 1),
            order_id=f"o{number}",
        )
    told.until("2027-01-01")
    assert [r.state for r in told.rows()] == ["entered", "pending"]
    assert len(told.profiles["ann"].series["order"].recent) < 5


# ---------------------------------------------------------------- limits
def test_a_series_has_a_most(monkeypatch: pytest.MonkeyPatch) -> None:
    """I17: a series keeps at most SERIES_ENTRIES_MAX entries one by one; beyond, the oldest are folded."""
    assert (keeping.SERIES_ENTRIES_MAX, keeping.SERIES_VALUES_MAX) == (20_000, 10_000)
    monkeypatch.setattr(keeping, "SERIES_ENTRIES_MAX", 10)
    monkeypatch.setattr(keeping, "SERIES_VALUES_MAX", 4)
    plan = make_plan(
        {
            "r": "{trigger: {event: cart}, audience: 'count(order, 900 days) > 3 and distinct(order.order_id) > 2', send: hello}"
        }
    )
    spec, series = plan.layout.series["order"], Series()
    for number in range(50):
        insert_event(spec, series, T0 + number, "", {"order_id": f"o{number}"}, T0 + number)
    assert (len(series.recent), series.count) == (10, 40)
    assert [len(seen) for seen in series.values.values()] == [4]


def test_things_and_traces_have_a_most(monkeypatch: pytest.MonkeyPatch) -> None:
    """I17: things by id and traces of one customer are bounded: the longest closed and the oldest are forgotten."""
    assert (folding.THINGS_MAX, folding.TRAIL_MAX) == (1_000, 5_000)
    monkeypatch.setattr(folding, "THINGS_MAX", 3)
    monkeypatch.setattr(folding, "TRAIL_MAX", 5)
    layout = make_plan({"r": "{trigger: {event: session}, exit: order, send: hello}"}).layout
    profile = Profile(customer="ann")
    for number in range(20):
        fold_event(layout, profile, event(number, "order", 0, 1), lambda at: at)
    assert len(profile.trail) == 5


# ---------------------------------------------------------------- bytes
def full_profile() -> Profile:
    """Return a profile with something in every field."""
    profile = Profile(customer="ann")
    for number, name in enumerate(["identify", "order", "session", "cart", "asked", "order"]):
        more: dict[str, Any] = (
            {"traits": {"plan": "pro", "birthday": dt.date(1990, 2, 1), "credit": Decimal("1.50")}}
            if name == "identify"
            else {}
        )
        if name == "order":
            more = {"properties": {"total": Decimal("0.10"), "order_id": "o", "day": dt.date(2026, 1, 2)}}
        fold_event(
            LAYOUT,
            profile,
            event(number, name, number, number, account="acme", consent={"news": True}, **more),
            lambda at: at,
        )
    for spec in LAYOUT.series.values():
        if spec.key in profile.series:
            prune_series(spec, profile.series[spec.key], T0 + 900 * DAY)
            fold_event(
                LAYOUT,
                profile,
                event(50, "order", 20_000, 20_000, properties={"total": Decimal(2), "order_id": "p"}),
                lambda at: at,
            )
    order = (T0, "s", "1")
    profile.now, profile.position, profile.world, profile.wake = T0 + DAY, 7, 3, T0 + 2 * DAY
    profile.judged = {"quiet\x1fsilence:1:0": T0}
    profile.things = {"k": {"x": [(T0, "s\x1f1", True)]}}
    profile.totals = {"a": 3, "b": Decimal("2.50"), "c": {"x", "y"}}
    profile.asks = {"asks": {"boards": Ask(order, {"feature": "boards"}, late=False, event="asked")}}
    profile.done = {"m": {"milestone:1"}}
    profile.reach = {"quiet": Reach(count=1, last=T0, silence="1", last_other=T0, other_count=2)}
    profile.flags = {"seg": Flag(state=None, check_at=T0)}
    profile.cursors = {"sch": T0}
    properties = {"total": Decimal("9.99"), "day": dt.date(2026, 1, 3)}
    profile.entries = [
        Entry(
            rule="r", occurrence="event:s/1", start=T0, anchor=T0 - 1, trigger_stream="s", trigger_id="1", trigger_event="order",
            properties=dict(properties), plan_version="v", step="send:0", entered=T0, since=T0, floor=T0, candidate=Candidate(T0, T0, T0, T0),
            sent=["a"], deadline=T0, threshold=DAY, threshold_id="help", milestone="1", release={"feature": "boards"}, release_event="shipped",
        )
    ]  # fmt: skip
    profile.account_order, profile.rooms = order, {"key": Room(T0, [T0 - DAY], [])}
    profile.members = Told("acme", {"": 3, "ever(session)": 1}, ["ever(session)"], T0, T0 + DAY)
    profile.places = [Place(T0, "r", "event:s/1", "send:0", "marketing")]
    profile.zone, profile.plan_version, profile.measures = "Europe/Istanbul", "v", {"score": 3}
    return profile


def test_every_field_comes_back_from_its_bytes() -> None:
    """H3: a profile read back is the profile: exact sums, dates and instants, in every field."""
    profile = full_profile()
    default = Profile(customer="")
    empty = [name for name in Profile.__struct_fields__ if getattr(profile, name) == getattr(default, name)]
    assert empty == [], "a field that this test does not fill could be lost unseen"
    back = decode_profile(LAYOUT, encode_profile(profile))
    for name in Profile.__struct_fields__:
        assert getattr(back, name) == getattr(profile, name), name
    assert type(back.entries[0].properties["total"]) is Decimal
    assert encode_profile(back) == encode_profile(profile)


def test_a_profile_of_version_1_is_upgraded() -> None:
    """An older encoding upgrades step by step: version 1 had no measures, 2 no rooms of an account, 3 nobody in it."""
    version, fields = msgspec.msgpack.decode(encode_profile(full_profile()))
    assert version == PROFILE_VERSION == 4
    newer = ("measures", "account_order", "rooms", "members")
    old = decode_profile(LAYOUT, msgspec.msgpack.encode([1, fields[: -len(newer)]]))
    assert [getattr(old, name) for name in newer] == [{}, None, {}, None]
    assert old.entries == full_profile().entries
    known = decode_profile(LAYOUT, msgspec.msgpack.encode([2, fields[: 1 - len(newer)]]))
    assert known.measures == full_profile().measures


@pytest.mark.parametrize(
    "blob",
    [b"", b"\xff", msgspec.msgpack.encode([5, []]), msgspec.msgpack.encode([4, [1]]), msgspec.msgpack.encode("x")],
)
def test_bytes_that_are_no_profile_are_refused(blob: bytes) -> None:
    """I16: corruption is detected, never taken for a profile; nor is a newer version."""
    with pytest.raises(StoreError):
        decode_profile(LAYOUT, blob)


def test_a_profile_is_nothing_to_look_at_for_cycles() -> None:
    """It is data and can be in no cycle: a search for them walks over the profiles in memory again and again."""
    assert not gc.is_tracked(Profile(customer="ada", traits={"email": []}))
    assert not gc.is_tracked(keeping.Series())
