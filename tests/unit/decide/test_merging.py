"""An anonymous profile that becomes known is folded into the known one as state (V4)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from relight.decide import merge_detail
from relight.decide.merging import MERGED_EVENTS_MAX
from tests.support.story import Story, story


def merge(told: Story, when: str, *, done: dict[str, list[str]] | None = None) -> Story:
    """Fold what `anon` did into `ann`."""
    detail: dict[str, Any] = merge_detail(told.past.get("anon", []), done or {})
    return told.own("merge", when, "anon", **detail)


def test_what_an_anonymous_customer_did_counts_from_then_on() -> None:
    """V4: a merge is state: nothing fires at it, and the next order is the third."""
    told = story({"r": "{trigger: {milestone: {count: order, at: [1, 2, 3]}}, send: hello}"})
    told.event("order", "2026-01-02", customer="anon").event("order", "2026-01-03", customer="anon")
    told.known("2026-01-04")
    merge(told, "2026-01-05")
    assert told.said() == []
    told.event("order", "2026-01-06")
    assert [row.occurrence for row in told.rows() if not row.step] == ["milestone:3"]


def test_a_silence_begins_at_the_last_activity_of_both() -> None:
    """V4, H4: the fold is in event-time order over the events of both, so an older silence of the known one is over."""
    told = story({"r": "{trigger: {inactive: 7 days, activity: [session]}, send: hello}"})
    told.known("2026-01-02").event("session", "2026-01-02 12:00")
    told.event("session", "2026-01-08 10:00", customer="anon")
    merge(told, "2026-01-08 11:00").until("2026-02-01")
    assert [told.local(row.deadline) for row in told.rows() if not row.step] == ["01-15 10:00"]


def test_a_silence_that_was_over_before_the_merge_is_spent() -> None:
    """V4: a merge triggers nothing: what fell due for the anonymous one before it mails nobody."""
    told = story({"r": "{trigger: {inactive: 7 days, activity: [session]}, send: hello}"})
    told.event("session", "2026-01-02", customer="anon").known("2026-01-20")
    merge(told, "2026-01-21").until("2026-03-01")
    assert told.said() == []


def test_a_segment_entered_by_a_merge_is_no_change() -> None:
    """V4: who belongs to a segment by what was merged did not just enter it."""
    rules = {"r": "{trigger: {enters: buyers}, send: hello}"}
    told = story(rules, definitions="{segments: {buyers: 'count(order) >= 2'}}")
    told.event("order", "2026-01-02", customer="anon").event("order", "2026-01-03", customer="anon")
    told.known("2026-01-04")
    merge(told, "2026-01-05")
    told.event("order", "2026-01-06").until("2026-02-01")
    assert told.said() == []


def test_consent_and_what_is_done_are_kept() -> None:
    """V4: a merge keeps the done occurrences and what both said of topics."""
    rules = {"r": "{trigger: {event: order}, reentry: {per: order_id}, send: hello}"}
    told = story(rules, topics={"news": False}).known("2026-01-02")
    told.event("session", "2026-01-03", customer="anon", consent={"news": True})
    merge(told, "2026-01-04", done={"r": ["per:o1"]})
    told.event("order", "2026-01-05", order_id="o1", total=Decimal(1)).event("order", "2026-01-06", order_id="o2")
    told.until("2026-01-08")
    assert told.said() == ["01-06 00:00 entered r", "01-06 00:00 pending r/send:0"]


@pytest.mark.parametrize("number", [MERGED_EVENTS_MAX, MERGED_EVENTS_MAX + 1])
def test_a_merge_is_bounded(number: int) -> None:
    """A merge carries the newest MERGED_EVENTS_MAX events and no more."""
    (one,) = story({}).event("session", "2026-01-02", customer="anon").past["anon"]
    events = merge_detail([one] * number, {})["events"]
    assert isinstance(events, list)
    assert len(events) == MERGED_EVENTS_MAX
