"""Event triggers, milestones, requests and releases, global events: what is an occurrence, and what its key is."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relight.base.instants import HOUR, local_day
from tests.support.story import Story, make_plan, story


def entered(told: Story, customer: str = "ann") -> list[str]:
    return [line.partition(" entered")[0] for line in told.said(customer=customer) if " entered " in line]


def occurrences(told: Story, customer: str = "ann") -> list[str]:
    return [r.occurrence for r in told.rows(customer=customer) if not r.step]


# ---------------------------------------------------------------- events: R5, R6, R7, E1
def test_an_event_trigger_is_keyed_by_its_event() -> None:
    """R7: the key of an event trigger is (rule, customer, event id); `where` is part of the trigger."""
    told = story({"r": "{trigger: {event: 'order where total > 10'}, reentry: every, send: hello}"}).known("2026-01-02")
    told.event("order", "2026-01-03", id="a", total=Decimal(10)).event(
        "order", "2026-01-04", id="b", total=Decimal("10.01")
    )
    assert occurrences(told.until("2026-02-01")) == ["event:shop/b"]


def test_a_false_audience_of_an_event_is_counted_and_not_written() -> None:
    """R6: For event triggers a false audience, already_entered and reentry_gap are counted per rule and day, not written."""
    rules = {
        "aud": "{trigger: {event: order}, reentry: every, audience: 'plan == \"pro\"', send: hello}",
        "once": "{trigger: {event: order}, send: hello}",
        "gap": "{trigger: {event: order}, reentry: {after: 2 days}, send: hello}",
    }
    told = (
        story(rules)
        .known("2026-01-02")
        .event("order", "2026-01-03")
        .event("order", "2026-01-04")
        .event("order", "2026-01-06")
    )
    told.until("2026-02-01")
    assert told.counted() == {("aud", "audience_false"): 3, ("once", "already_entered"): 2, ("gap", "reentry_gap"): 1}
    assert {r.rule for r in told.rows()} == {"once", "gap"}


def test_an_unknown_trait_does_not_match() -> None:
    """R5: a missing trait is unknown, not false: neither the condition nor its negation matches."""
    for condition in ('plan == "pro"', 'not plan == "pro"', 'plan != "pro"'):
        told = story({"r": "{trigger: {event: order}, audience: '" + condition + "', send: hello}"})
        assert entered(told.known("2026-01-02").event("order", "2026-01-03").until("2026-02-01")) == []
    known = story({"r": "{trigger: {event: order}, audience: 'plan is unknown', send: hello}"})
    assert entered(known.known("2026-01-02").event("order", "2026-01-03").until("2026-02-01")) == ["01-03 00:00"]


def test_the_audience_is_judged_after_the_triggering_record_is_folded() -> None:
    """R5: the audience is judged after the triggering record is folded."""
    told = story({"r": "{trigger: {event: order}, audience: 'count(order) == 1', reentry: every, send: hello}"})
    told.known("2026-01-02").event("order", "2026-01-03").event("order", "2026-01-04").until("2026-02-01")
    assert entered(told) == ["01-03 00:00"]


def test_a_late_event_triggers_nothing_and_counts_for_state() -> None:
    """H5: a late event counts for state and triggers nothing; a milestone it would create is spent with late_event."""
    rules = {
        "e": "{trigger: {event: order}, reentry: every, send: hello}",
        "m": "{trigger: {milestone: {count: order, at: [1, 2]}}, send: hello}",
    }
    told = (
        story(rules).known("2026-01-02").event("order", "2026-01-03", arrives="2026-01-10").event("order", "2026-01-11")
    )
    told.until("2026-02-01")
    assert [line for line in told.said() if "/" not in line] == [
        "01-10 00:00 suppressed m late_event", "01-11 00:00 entered e", "01-11 00:00 entered m",
    ]  # fmt: skip


def test_once_is_the_default_of_event_triggers() -> None:
    """E1: re-entry of event triggers is `once` by default; `every` and `{after: T}` from the last entry are written."""

    def with_reentry(text: str) -> list[str]:
        told = story({"r": "{trigger: {event: order}, send: hello" + text + "}"}).known("2026-01-02")
        for day in (3, 4, 5, 6):
            told.event("order", f"2026-01-0{day} 10:00")
        return entered(told.until("2026-02-01"))

    assert with_reentry("") == ["01-03 10:00"]
    assert with_reentry(", reentry: every") == ["01-03 10:00", "01-04 10:00", "01-05 10:00", "01-06 10:00"]
    assert with_reentry(", reentry: {after: 2 days}") == ["01-03 10:00", "01-05 10:00"]


def test_a_rule_holds_one_entry_a_customer() -> None:
    """E1: a rule holds one entry a customer, whatever re-entry allows, while the first is inside."""
    told = story({"r": "{trigger: {event: order}, reentry: every, steps: [{wait: 3 days}, {send: hello}]}"}).known(
        "2026-01-02"
    )
    told.event("order", "2026-01-03").event("order", "2026-01-04").event("order", "2026-01-08").until("2026-02-01")
    assert entered(told) == ["01-03 00:00", "01-08 00:00"]
    assert told.counted() == {("r", "already_entered"): 1}


def test_keys_of_silences_milestones_and_requests_hold_several_entries() -> None:
    """E1: unless its key is of a silence, a milestone, a request or `per`: these run side by side."""
    steps = ", steps: [{wait: 5 days}, {send: hello}]}"
    milestone = story({"r": "{trigger: {milestone: {count: order, at: [1, 2]}}, reentry: every" + steps}).known(
        "2026-01-02"
    )
    milestone.event("order", "2026-01-03").event("order", "2026-01-04").until("2026-02-01")
    assert entered(milestone) == ["01-03 00:00", "01-04 00:00"]
    per = story({"r": "{trigger: {event: order}, reentry: {per: order_id}" + steps}).known("2026-01-02")
    per.event("order", "2026-01-03", order_id="x").event("order", "2026-01-04", order_id="y").until("2026-02-01")
    assert occurrences(per) == ["per:x", "per:y"]


def test_a_per_value_is_one_occurrence_once() -> None:
    """R7: With `per` a second event of a value is no new occurrence, and an event without the value makes none (counted)."""
    told = story({"r": "{trigger: {event: order}, reentry: {per: order_id}, send: hello}"}).known("2026-01-02")
    told.event("order", "2026-01-03", order_id="x").event("order", "2026-01-04", order_id="x").event(
        "order", "2026-01-05"
    )
    assert occurrences(told.until("2026-02-01")) == ["per:x"]
    assert told.counted() == {("r", "missing_data"): 1}


# ---------------------------------------------------------------- milestones: R3
def test_a_milestone_fires_when_its_event_has_arrived_once_for_ever() -> None:
    """R3: milestone k fires when the k-th distinct matching event has arrived.

    Key (rule, customer, k), never an event id.
    """
    told = story({"m": "{trigger: {milestone: {count: 'order where total > 1', at: [2]}}, send: hello}"}).known(
        "2026-01-02"
    )
    for day, total in ((3, 5), (4, 1), (5, 5), (6, 5)):
        told.event("order", f"2026-01-0{day}", total=Decimal(total))
    assert (occurrences(told.until("2026-02-01")), entered(told)) == (["milestone:2"], ["01-05 00:00"])


def test_a_sum_is_exact_and_a_refund_takes_nothing_back() -> None:
    """R3: a sum adds max(0, value), exactly (decimal)."""
    told = story({"m": "{trigger: {milestone: {sum: order.total, at: [3, 150]}}, send: hello}"}).known("2026-01-02")
    for number in range(30):
        told.event("order", f"2026-01-03 00:{number:02d}", total=Decimal("0.1"))
    assert entered(told) == ["01-03 00:29"], "30 × 0.1 is 3, not 2.9999999999999996"
    told.event("order", "2026-01-04", total=Decimal(146)).event("order", "2026-01-05", total=Decimal(-50))
    told.event("order", "2026-01-06", total=Decimal(1)).until("2026-02-01")
    assert entered(told)[1:] == ["01-06 00:00"]


def _given(**properties: object) -> dict[str, Any]:
    return {name: value for name, value in properties.items() if value is not None}


def test_distinct_values_count_once() -> None:
    """R3: distinct counts likewise: another value counts, the same again does not."""
    told = story({"m": "{trigger: {milestone: {distinct: session.feature, at: [2]}}, send: hello}"}).known("2026-01-02")
    for day, feature in ((3, "a"), (4, "a"), (5, None), (6, "b")):
        told.event("session", f"2026-01-0{day}", **_given(feature=feature))
    assert entered(told.until("2026-02-01")) == ["01-06 00:00"]


@pytest.mark.parametrize("order", [(3, 4, 5, 6), (6, 5, 4, 3), (4, 6, 3, 5)])
def test_arrival_order_changes_when_and_never_who(order: tuple[int, ...]) -> None:
    """R3, I8: arrival order changes when, never who: within lateness the set of milestones is the same."""
    rules = {
        "c": "{trigger: {milestone: {count: order, at: [1, 3]}}, send: hello}",
        "s": "{trigger: {milestone: {sum: order.total, at: [10, 18]}}, send: hello}",
    }
    told = story(rules).known("2026-01-02")
    for place, day in enumerate(order):
        told.event("order", f"2026-01-0{day}", arrives=f"2026-01-06 0{place}:00", id=f"o{day}", total=Decimal(day))
    assert {(r.rule, r.occurrence) for r in told.rows() if not r.step} == {
        ("c", "milestone:1"), ("c", "milestone:3"), ("s", "milestone:10"), ("s", "milestone:18"),
    }  # fmt: skip


def test_a_streak_is_of_local_days_in_a_row() -> None:
    """R3: a streak of days in a row, in the customer's zone, fires once for ever."""
    told = story({"m": "{trigger: {milestone: {streak: session, at: [3 days]}}, send: hello}"}).known(
        "2026-01-02", timezone="Asia/Tokyo"
    )
    for when in ("2026-01-03 20:00", "2026-01-04 10:00", "2026-01-05 14:00", "2026-01-05 16:00", "2026-01-06 16:00"):
        told.event("session", when)
    # In Tokyo these are the 4th, the 4th, the 5th, the 6th and the 7th.
    assert entered(told.until("2026-02-01")) == ["01-05 16:00"]


@settings(max_examples=50)
@given(
    happened=st.lists(st.tuples(st.integers(0, 20 * 24), st.integers(0, 60), st.sampled_from("ab")), max_size=25),
    zone=st.sampled_from(["UTC", "Asia/Tokyo", "America/New_York"]),
)
def test_a_streak_with_a_filter_counts_its_own_days_alone(happened: list[tuple[int, int, str]], zone: str) -> None:
    """R3: a streak is of local days with a matching event, the others break none and make none, in whatever order they
    arrive: each mark fires with the record whose arrival completes the first run that long.
    """
    rules = {
        "a": "{trigger: {milestone: {streak: session where feature == 'a', at: [2 days, 4 days]}}, send: hello}",
        "all": "{trigger: {milestone: {streak: session, at: [2 days, 4 days]}}, send: hello}",
    }
    told = story(rules).known("2026-01-01 12:00", timezone=zone)
    begin = told.instant("2026-01-02")
    arrivals = sorted(((begin + (at + delay) * HOUR, begin + at * HOUR, what) for at, delay, what in happened))
    expected: dict[tuple[str, str], int] = {}
    seen: dict[str, set[int]] = {"a": set(), "all": set()}
    for number, (arrives, at, feature) in enumerate(arrivals):
        told.event("session", at, arrives=arrives, id=f"s{number:02}", feature=feature)
        for rule, days in seen.items():
            if rule == "all" or feature == "a":
                days.add(local_day(at, zone))
            for mark in (2, 4):
                if any({day + n for n in range(mark)} <= days for day in days):
                    expected.setdefault((rule, f"milestone:{mark}"), arrives)
    assert {(r.rule, r.occurrence): r.instant for r in told.rows() if not r.step} == expected


def test_an_edited_filter_counts_other_days() -> None:
    """E4, E5: with another filter a streak is counted anew from the log, whatever the old one had reached."""
    rule = "{trigger: {milestone: {streak: session where feature == '%s', at: [%s days]}}, send: hello}"
    told = story({"m": rule % ("a", 9)}).known("2026-01-02")
    for day in (3, 4, 5, 6):
        told.event("session", f"2026-01-0{day}", feature="a")
    told.event("session", "2026-01-06", feature="b").change("2026-01-06 12:00", make_plan({"m": rule % ("b", 2)}))
    told.event("session", "2026-01-07", feature="a").event("session", "2026-01-07 09:00", feature="b")
    assert [(r.occurrence, told.local(r.instant)) for r in told.rows() if not r.step] == [
        ("milestone:2", "01-07 09:00")
    ]


def test_a_new_streak_rule_fires_for_no_streak_of_the_past() -> None:
    """E5: a new rule takes people from now on: a run of the past is no milestone when the rule comes."""
    told = story({"other": "{trigger: {event: cart}, send: hello}"}).known("2026-01-02")
    for day in (3, 4, 5):
        told.event("session", f"2026-01-0{day}")
    told.change(
        "2026-01-08", make_plan({"m": "{trigger: {milestone: {streak: session, at: [2 days, 4 days]}}, send: hello}"})
    )
    for day in range(10, 15):
        told.event("session", f"2026-01-{day}")
    assert occurrences(told.until("2026-02-01")) == ["milestone:4"]


def test_a_new_milestone_counts_the_past_and_fires_for_none_of_it() -> None:
    """E5: counts a new rule needs are re-folded from the log before it is active."""
    told = story({"other": "{trigger: {event: cart}, send: hello}"}).known("2026-01-02")
    told.event("order", "2026-01-03").event("order", "2026-01-04")
    told.change("2026-01-08", make_plan({"m": "{trigger: {milestone: {count: order, at: [1, 2, 3]}}, send: hello}"}))
    assert occurrences(told.event("order", "2026-01-09").until("2026-02-01")) == ["milestone:3"]


# ---------------------------------------------------------------- released and global: R7, H8
RELEASED = "{trigger: {released: {asked: asked, shipped: shipped, by: feature%s}}, send: hello}"


def test_a_release_reaches_everybody_who_asked_before_it() -> None:
    """R7: released (rule, customer, the `by` value, release).

    Only requests with an event time before the release count.
    """
    told = story({"r": RELEASED % ""}).known("2026-01-02").event("asked", "2026-01-03", feature="boards")
    told.event("asked", "2026-01-04", feature="forms").everybody("shipped", "2026-01-06", feature="boards")
    told.event("asked", "2026-01-06", feature="boards", id="same-instant").event(
        "asked", "2026-01-07", feature="boards"
    ).until("2026-02-01")
    assert occurrences(told) == ["released:boards:news/g4"]
    assert entered(told) == ["01-06 00:00"]


def test_two_requests_for_one_feature_are_one_mail_and_two_releases_two() -> None:
    """R7: two requests for one feature are one mail; each release is one of its own."""
    told = story({"r": RELEASED % ""}).known("2026-01-02").event("asked", "2026-01-03", feature="boards")
    told.event("asked", "2026-01-04", feature="boards").everybody("shipped", "2026-01-06", feature="boards")
    told.everybody("shipped", "2026-01-08", feature="boards").until("2026-02-01")
    assert entered(told) == ["01-06 00:00", "01-08 00:00"]


def test_a_request_that_arrives_after_its_release_fires_then() -> None:
    """H8: a request that arrives after its release, with an earlier event time and within lateness, fires then."""
    told = story({"r": RELEASED % ""}).known("2026-01-02").everybody("shipped", "2026-01-06", feature="boards")
    told.event("asked", "2026-01-05", arrives="2026-01-07", feature="boards").until("2026-02-01")
    assert entered(told) == ["01-07 00:00"]
    late = story({"r": RELEASED % ""}).known("2026-01-02").everybody("shipped", "2026-01-06", feature="boards")
    late.event("asked", "2026-01-05", arrives="2026-01-09", feature="boards").until("2026-02-01")
    assert late.said() == ["01-09 00:00 suppressed r late_event"]


def test_a_release_applies_before_the_customers_next_record() -> None:
    """H8: pending ones apply, with their own ingest time as now, before the customer's next record or deadline."""
    told = story({"r": RELEASED % ""}).known("2026-01-02").event("asked", "2026-01-03", feature="boards")
    told.everybody("shipped", "2026-01-06 08:00", feature="boards").event("session", "2026-01-20").until("2026-02-01")
    assert [told.local(r.judged) for r in told.rows()] == ["01-06 08:00", "01-06 08:00"]


def test_unless_suppresses_with_its_own_reason() -> None:
    """G6: `unless` of a release names the condition that made the mail needless."""
    told = story({"r": RELEASED % ", unless: 'session where feature == event.feature'"}).known("2026-01-02")
    told.event("asked", "2026-01-03", feature="boards").event("session", "2026-01-04", feature="boards")
    told.event("asked", "2026-01-04", feature="forms")
    told.everybody("shipped", "2026-01-06", feature="boards").everybody("shipped", "2026-01-07", feature="forms").until(
        "2026-02-01"
    )
    assert told.said() == ["01-06 00:00 suppressed r unless", "01-07 00:00 entered r", "01-07 00:00 pending r/send:0"]


def test_a_global_event_reaches_whom_it_affects() -> None:
    """R7, R6: global (rule, customer, global event id); whom it does not affect is counted."""
    told = story(
        {"r": "{trigger: {global: incident, affects: 'region == event.region'}, class: transactional, send: hello}"}
    )
    told.known("2026-01-02", region="eu").known("2026-01-02", customer="bo", region="us")
    told.everybody("incident", "2026-01-06", region="eu").until("2026-02-01")
    assert occurrences(told) == ["global:news/g3"]
    assert told.rows(customer="bo") == []
    assert told.counted("bo") == {("r", "audience_false"): 1}
