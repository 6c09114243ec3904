"""Each form of trigger compiles to what decide reads, with the defaults of the language."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from relight.base.durations import Span
from relight.base.instants import DAY, HOUR
from relight.decide.watches import declined_series
from relight.rules.plan import (
    DateTrigger,
    DeclinedTrigger,
    EventTrigger,
    GlobalTrigger,
    InactiveTrigger,
    MilestoneKind,
    MilestoneTrigger,
    ReleasedTrigger,
    ScheduleTrigger,
    SegmentTrigger,
)
from tests.unit.rules.project import compile_one, sound, told

RELEASED = {"asked": "feature_requested", "shipped": "feature_released", "by": "feature"}


def trigger_of(**trigger: Any) -> Any:
    return sound({"trigger": trigger}).trigger


def test_event() -> None:
    """An event trigger has its event and its filter."""
    plain = trigger_of(event="signed_up")
    assert isinstance(plain, EventTrigger)
    assert (plain.match.event, plain.match.where) == ("signed_up", None)
    filtered = trigger_of(event="order_placed where total > 100")
    assert filtered.match.compares == ("total",)


def test_inactive_thresholds() -> None:
    """Thresholds come alone, in a list or by name; one without a name is known by its position."""
    alone = trigger_of(inactive="30 days")
    assert isinstance(alone, InactiveTrigger)
    assert [(t.id, t.name, t.span) for t in alone.thresholds] == [("0", None, Span(elapsed=30 * DAY))]
    listed = trigger_of(inactive=["7 days", "2 months"])
    assert [(t.id, t.position, t.span) for t in listed.thresholds] == [
        ("0", 0, Span(elapsed=7 * DAY)),
        ("1", 1, Span(months=2)),
    ]
    named = trigger_of(inactive={"help": "30 days", "bye": "90 days"})
    assert [(t.id, t.position, t.name) for t in named.thresholds] == [("help", 0, "help"), ("bye", 1, "bye")]


def test_personal_threshold() -> None:
    """A text that is no length of time is an expression of one."""
    personal = trigger_of(inactive="usual_interval(order_placed) * 1.2", activity=["order_placed"])
    assert personal.thresholds[0].span is None
    assert personal.thresholds[0].personal.text == "usual_interval(order_placed) * 1.2"
    assert told({"trigger": {"inactive": "count(order_placed)"}}) == [("trigger/inactive/0", "type-mismatch")]


def test_activity() -> None:
    """Where a rule names no activity, all declared activity counts and global events do not."""
    every = {"signed_up", "order_placed", "session_started", "feature_used"}
    assert trigger_of(inactive="30 days").activity == every
    assert trigger_of(inactive="30 days", activity="order_placed").activity == {"order_placed"}


def test_silences_are_kept() -> None:
    """Profiles keep the starts of silences of the activity, with the rule's settle."""
    _, _, layout = compile_one({"trigger": {"inactive": "30 days", "activity": ["order_placed"]}, "settle": "2 hours"})
    assert layout.activities["order_placed"].settle == 2 * HOUR
    assert layout.slack == 26 * HOUR


@pytest.mark.parametrize(
    ("milestone", "kind", "prop", "at", "labels"),
    [
        ({"count": "order_placed", "at": [1, 10]}, MilestoneKind.COUNT, None, (1, 10), ("1", "10")),
        (
            {"sum": "order_placed.total", "at": [Decimal("99.50"), 100]},
            MilestoneKind.SUM,
            "total",
            (Decimal("99.50"), 100),
            ("99.5", "100"),
        ),
        ({"distinct": "feature_used.feature", "at": 3}, MilestoneKind.DISTINCT, "feature", (3,), ("3",)),
        ({"streak": "session_started", "at": ["7 days", "2 weeks"]}, MilestoneKind.STREAK, None, (7, 14), ("7", "14")),
        ({"value": "spent", "at": [500]}, MilestoneKind.VALUE, None, (500,), ("500",)),
    ],
)
def test_milestone(milestone: dict[str, Any], kind: MilestoneKind, prop: str | None, at: Any, labels: Any) -> None:
    """A milestone knows what it counts, its values, and the texts that stand in occurrence keys."""
    found = trigger_of(milestone=milestone)
    assert isinstance(found, MilestoneTrigger)
    assert (found.kind, found.prop, found.at, found.labels) == (kind, prop, at, labels)
    assert (found.value is not None) is (kind is MilestoneKind.VALUE)


def test_milestone_with_filter() -> None:
    """The property of a sum may have a filter behind it, and a mistake in it keeps its place."""
    found = trigger_of(milestone={"sum": "order_placed.total where items > 2", "at": [10]})
    assert found.prop == "total"
    assert found.match.where.text == "items > 2"
    assert told({"trigger": {"milestone": {"sum": "order_placed.total where itms > 2", "at": [10]}}}) == [
        ("trigger/milestone/sum", "unknown-property")
    ]


@pytest.mark.parametrize("value", ["recent", "sum(order_placed.total, 30 days)", "spent + active_days(7 days)"])
def test_a_window_is_no_milestone(value: str) -> None:
    """What looks at a window falls again, also behind a shared name, so it is refused as a milestone."""
    found = told({"trigger": {"milestone": {"value": value, "at": [10]}}})
    assert found == [("trigger/milestone/value", "windowed-milestone")]


def test_released() -> None:
    """A released trigger joins both events by a property and keeps the requests' traces."""
    rule, problems, layout = compile_one({"trigger": {"released": RELEASED}})
    assert problems == []
    assert rule is not None
    assert isinstance(rule.trigger, ReleasedTrigger)
    assert (rule.trigger.asked.event, rule.trigger.shipped, rule.trigger.by) == (
        "feature_requested",
        "feature_released",
        "feature",
    )
    assert layout.folds["feature_requested"].trail == ("feature",)


@pytest.mark.parametrize(
    "text", ["feature_used where feature == event.feature", "ever(feature_used where feature == event.feature)"]
)
def test_unless_of_released(text: str) -> None:
    """`unless` is a condition; an event stands for having happened ever."""
    found = trigger_of(released={**RELEASED, "unless": text})
    assert found.unless.text == "ever(feature_used where feature == event.feature)"


def test_global() -> None:
    """A global trigger compares the customer with the event."""
    found = trigger_of(**{"global": 'feature_released where feature == "api"', "affects": "region == event.region"})
    assert isinstance(found, GlobalTrigger)
    assert (found.event, found.where is not None, found.affects is not None) == ("feature_released", True, True)


def test_declined() -> None:
    """A declined trigger's windows are µs, its share exact, and profiles keep the events of both windows."""
    declined = {"of": "order_placed where total > 3", "window": "7 days", "against": "8 weeks", "by": "50%"}
    rule, problems, layout = compile_one({"trigger": {"declined": declined}})
    assert problems == []
    assert rule is not None
    found = rule.trigger
    assert isinstance(found, DeclinedTrigger)
    assert (found.window, found.against, found.by) == (7 * DAY, 56 * DAY, Decimal("0.5"))
    assert layout.series[declined_series(found)].keep >= 63 * DAY


def test_date_schedule_and_segments() -> None:
    """Dates, cron and segments reach decide as they are written."""
    assert trigger_of(date="trial_ends_at", before="3 days", at="09:00") == DateTrigger(
        trait="trial_ends_at", before=Span(elapsed=3 * DAY), at_minute=9 * 60
    )
    assert trigger_of(date="birthday", yearly=True).yearly
    assert trigger_of(schedule="0 9 * * MON") == ScheduleTrigger(cron="0 9 * * MON")
    enters, leaves = trigger_of(enters="vip"), trigger_of(leaves="vip")
    assert isinstance(enters, SegmentTrigger)
    assert (enters.segment, enters.enters, leaves.enters) == ("vip", True, False)


def test_shape_is_about_meaning() -> None:
    """The trigger's shape changes with what restarts thresholds, and with nothing else."""
    base = {"trigger": {"inactive": ["7 days"], "activity": ["order_placed", "session_started"]}}
    same = {"trigger": {"inactive": "7 days", "activity": ["session_started", "order_placed"]}, "priority": 9}
    assert sound(base).trigger_shape == sound(same).trigger_shape
    for change in (
        {"trigger": {"inactive": "8 days", "activity": ["order_placed", "session_started"]}},
        {"trigger": {"inactive": "7 days", "activity": ["order_placed"]}},
        {**base, "settle": "1 hour"},
    ):
        assert sound(base).trigger_shape != sound(change).trigger_shape
