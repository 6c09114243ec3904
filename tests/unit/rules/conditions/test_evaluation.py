"""What conditions say of one customer, against a binder that scans the whole history."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal

import pytest

from relight.base.instants import DAY, HOUR, day_start
from relight.base.kinds import UNKNOWN
from relight.streams.schema import PropertyType
from tests.unit.rules.conditions.shop import NOW, ORDER, SCOPE, Happened, View, days, holds, value

HISTORY = [
    Happened("order_placed", days(400), {"order_id": "o1", "total": Decimal(300), "items": 1}),
    Happened("order_placed", days(20), {"order_id": "o2", "total": Decimal("49.90"), "items": 2, "cart_id": "k1"}),
    Happened("order_placed", days(2), {"order_id": "o3", "total": Decimal(100), "items": 3}),
    Happened("ticket_opened", days(9), {"ticket_id": "t1", "topic": "login"}),
    Happened("ticket_opened", days(5), {"ticket_id": "t2", "topic": "bill"}),
    Happened("ticket_resolved", days(4), {"ticket_id": "t1"}),
    Happened("feature_used", days(3), {"feature": "boards"}),
    Happened("feature_used", days(1), {"feature": "boards"}),
    Happened("feature_used", days(1), {"feature": "forms"}),
]
VIEW = View(
    traits={
        "plan": "pro",
        "name": "Ada",
        "team_size": 4,
        "credit": Decimal("12.50"),
        "is_admin": True,
        "trial_ends_at": NOW + 3 * DAY,
        "birthday": dt.date(1990, 3, 1),
        "patience": 2 * HOUR,
        "tags": ("a", "b"),
    },
    history=HISTORY,
    event={"region": "eu", "feature": "forms"},
    entry={"cart_id": "k1", "total": Decimal(5)},
    threshold=7 * DAY,
    first_seen=NOW - 400 * DAY,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('plan == "pro"', True),
        ('"pro" == plan', True),
        ('plan in ("free", "team")', False),
        ('plan not in ("free", "team")', True),
        ('name starts with "A" and name contains "da"', True),
        ('tags contains "a"', True),
        ('"c" in tags', False),
        ("team_size >= 4", True),
        ("4 < team_size", False),
        ("team_size != 5 and team_size <= 4 and team_size > 3.5", True),
        ("credit == 12.5", True),
        ("is_admin", True),
        ("is_admin == false", False),
        ('region == "eu"', UNKNOWN),
        ('not region == "eu"', UNKNOWN),
        ('region == "eu" or is_admin', True),
        ('region == "eu" and not is_admin', False),
        ("region is known", False),
        ("region is unknown", True),
        ('event.region == "eu"', True),
        ('entry.cart_id == "k1"', True),
        ("entry.order_id is known", False),
        ("threshold == 7 days", True),
        ("trial_ends_at - 3 days == now", True),
        ("trial_ends_at > 2026-03-01", True),
        ("2026-03-05 < trial_ends_at", False),
        ("trial_ends_at - now < 1 week", True),
        ("today == 2026-03-01", True),
        ("now - 1 month < now", True),
        ("local_time >= 09:00", True),
        ('local_time == "12:00"', True),
        ("local_time < 12:00", False),
        ("first_seen < 2026-01-01", True),
        ("count(order_placed) == 3", True),
        ("count(order_placed, 30 days) >= 2", True),
        ("count(order_placed, 2 days) == 0", True),
        ("count(order_placed, 1 month, ago: 1 year) == 1", False),
        ("count(order_placed, 2 months, ago: 1 year) == 1", True),
        ("count(order_placed where total > 90, 1 year) == 1", True),
        ("count(order_placed where cart_id == entry.cart_id) == 1", True),
        ("ever(feature_used where feature == event.feature)", True),
        ("never(feature_used where feature == event.feature, 12 hours)", True),
        ("never(subscribed)", True),
        ("since(order_placed) == 2 days", True),
        ("since(subscribed) > 2 days", UNKNOWN),
        ("silent == 1 day", True),
        ("silent(order_placed) >= patience", True),
        ("open_tickets == 1", True),
        ('open(ticket_opened where topic == "login", ticket_resolved, by: ticket_id) > 0', False),
        ("distinct(feature_used.feature) == 2", True),
        ('top(feature_used.feature, 1) contains "boards"', True),
        ('"api" in missing(features, feature_used.feature)', True),
        ('missing(features, feature_used.feature) contains "boards"', False),
        ("active_days(7 days) == 5", True),
        ("streak(order_placed) >= 3 days", True),
        ("usual_interval(order_placed) > 100 days", True),
        ("average(order_placed.total, 30 days) == 74.95", True),
        ("min(order_placed.total) < 50 and max(order_placed.items) == 3", True),
        ('first(order_placed.order_id) == "o1" and last(order_placed.order_id) == "o3"', True),
        ("last(csat_answered.score) <= 2", UNKNOWN),
        ("spent > 449.8 and not vip", True),
        ("team_size in (entry.total, 4)", True),
        ("team_size in (entry.items, 3)", UNKNOWN),
        ("ever(feature_used where feature in features)", True),
    ],
)
def test_a_condition_says_what_the_history_says(text: str, expected: object) -> None:
    """Each form of the language gives its truth, UNKNOWN where something it needs is missing (R4, R5)."""
    assert holds(text, VIEW) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("spent * 10%", Decimal("44.99")),
        ("team_size + 1", 5),
        ("team_size / 8", Decimal("0.5")),
        ("team_size / (team_size - 4)", UNKNOWN),
        ("credit - team_size", Decimal("8.50")),
        ("-team_size", -4),
        ("region is known", False),
        ("patience * 1.5", 3 * HOUR),
        ("1.5 * patience", 3 * HOUR),
        ("patience / 4", HOUR // 2),
        ("patience / 1 hour", Decimal(2)),
        ("patience + 1 hour", 3 * HOUR),
        ("-patience", -2 * HOUR),
        ("trial_ends_at - now", 3 * DAY),
        ("trial_ends_at + patience", NOW + 3 * DAY + 2 * HOUR),
        ("3 days + now", NOW + 3 * DAY),
        ("today - birthday", 13149 * DAY),
        ("birthday + 1 month", dt.date(1990, 4, 1)),
        ("birthday - 1 year", dt.date(1989, 3, 1)),
        ("2024-01-31 + 1 month", dt.date(2024, 2, 29)),
        ("birthday + 2 days", dt.date(1990, 3, 3)),
        ("now - today", 12 * HOUR),
        ("2026-03-02 - now", 12 * HOUR),
        ("usual_interval(order_placed) * 1.5", 298 * DAY + DAY // 2),
        ('("a", "b")', ("a", "b")),
        ("features", ("boards", "forms", "api")),
        ("9999-12-31 + 90 years", UNKNOWN),
    ],
)
def test_an_expression_calculates_exactly(text: str, expected: object) -> None:
    """Numbers are int or Decimal, lengths µs, days dates; what has no result is unknown."""
    found = value(text, VIEW)
    assert found == expected
    assert type(found) is type(expected)


def test_months_are_of_the_customers_wall_clock() -> None:
    """A month is added in the customer's zone, across the change of its clocks (V3)."""
    before = day_start(dt.date(2026, 3, 15), "Europe/Berlin")
    view = replace(VIEW, zone="Europe/Berlin", traits={"trial_ends_at": before})
    assert value("trial_ends_at + 1 month", view) == day_start(dt.date(2026, 4, 15), "Europe/Berlin")
    assert value("trial_ends_at + 31 days", view) == before + 31 * DAY


def test_a_date_is_its_local_midnight() -> None:
    """A time compared with a date is compared with the start of that day where the customer lives."""
    midnight = day_start(dt.date(2026, 3, 1), "America/New_York")
    view = replace(VIEW, zone="America/New_York", traits={"trial_ends_at": midnight})
    assert holds("trial_ends_at >= 2026-03-01", view) is True
    assert holds("trial_ends_at < 2026-03-01", view) is False
    assert holds("trial_ends_at >= 2026-03-01", replace(view, zone="America/Los_Angeles")) is False


def test_bare_names_may_be_the_events_own_properties() -> None:
    """Where a scope has a row, a bare name reads the event at hand."""
    scope = replace(SCOPE, row={"plan": PropertyType(kind=ORDER["order_id"].kind)}, event=None)
    assert holds('plan == "gold"', replace(VIEW, event={"plan": "gold"}), scope) is True
    assert holds('plan == "gold"', replace(VIEW, event=None), scope) is UNKNOWN


def test_what_a_place_adds_is_unknown_where_it_is_missing() -> None:
    """Without an entry, an event or a threshold what they carry is unknown."""
    view = View()
    for text in ('entry.cart_id == "k1"', 'event.region == "eu"', "threshold == 7 days", "first_seen < now"):
        assert holds(text, view) is UNKNOWN
