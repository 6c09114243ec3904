"""How single values are written: what is taken, and what is refused with advice."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from relight.base.durations import Span
from relight.base.instants import DAY
from relight.rules import field_kinds as k
from relight.rules.local_times import (
    DateText,
    parse_clock,
    parse_date_text,
    parse_send_window,
    parse_until,
    until_mistake,
)
from relight.rules.plan import Cap, SendWindow, Until


@pytest.mark.parametrize(
    ("kind", "written", "meant"),
    [
        (k.SpanField, "2 months", Span(months=2)),
        (k.SpanField, "P3D", Span(elapsed=3 * DAY)),
        (k.SpanField, 0, Span()),
        (k.ElapsedField, "1d 12h", Span(elapsed=DAY * 3 // 2)),
        (k.ClockField, "09:00", 540),
        (k.ClockField, "0:05", 5),
        (k.ShareField, "5%", Decimal("0.05")),
        (k.ShareField, "12.5 %", Decimal("0.125")),
        (k.ShareField, "100%", Decimal(1)),
        (k.ShareField, Decimal("0.3"), Decimal("0.3")),
        (k.ShareField, 0, Decimal(0)),
        (k.CapField, "1 per day", Cap(most=1, window=None, calendar="day")),
        (k.CapField, "3 per 7 days", Cap(most=3, window=7 * DAY)),
        (k.CapField, "2 per 24 hours", Cap(most=2, window=DAY)),
        (k.CapField, "9 per month", Cap(most=9, window=None, calendar="month")),
        (k.BudgetField, "4 in 30 days", Cap(most=4, window=30 * DAY)),
        (k.ConditionField, "vip", "vip"),
        (k.ConditionField, True, "true"),
        (k.CronField, "0 9 * * MON", "0 9 * * MON"),
        (k.LooseText, 2026, "2026"),
        (k.TemplateField, "winback/first", "winback/first"),
        (k.LocaleField, "pt-BR", "pt-BR"),
    ],
)
def test_taken(kind: Any, written: object, meant: object) -> None:
    """A value is read as it is meant."""
    assert TypeAdapter(kind).validate_python(written) == meant


@pytest.mark.parametrize(
    ("kind", "written"),
    [
        (k.SpanField, "30"),
        (k.SpanField, 30),
        (k.SpanField, "many days"),
        (k.SpanField, True),
        (k.SpanField, "200 years"),
        (k.ElapsedField, "1 month"),
        (k.ClockField, "24:00"),
        (k.ClockField, "9"),
        (k.ClockField, 900),
        (k.ShareField, 5),
        (k.ShareField, 1),
        (k.ShareField, "101%"),
        (k.ShareField, "-1%"),
        (k.ShareField, True),
        (k.CapField, "0 per day"),
        (k.CapField, "1 a day"),
        (k.CapField, "1 per 2 months"),
        (k.CapField, "1 per 0 days"),
        (k.CapField, 3),
        (k.BudgetField, "4 per 30 days"),
        (k.ConditionField, ""),
        (k.ConditionField, []),
        (k.CronField, "0 9 31 2 *"),
        (k.CronField, "nine"),
        (k.ZoneField, "Istanbul"),
        (k.LocaleField, "english please"),
        (k.EmailField, "shop"),
        (k.EmailField, "a b@shop.example"),
        (k.UrlField, "ftp://x.example"),
        (k.CurrencyField, "eur"),
        (k.TemplateField, "../secret"),
        (k.TemplateField, "/etc"),
        (k.TemplateField, "a//b"),
        (k.NameField, "a-b"),
        (k.DateField, "2026-02-30"),
        (k.WindowField, "weekdays 18:00-09:00"),
        (k.WindowField, "someday 09:00-10:00"),
    ],
)
def test_refused(kind: Any, written: object) -> None:
    """A value that means nothing, or two things, is refused, saying what was expected and how to write it."""
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(kind).validate_python(written)
    context = caught.value.errors()[0].get("ctx", {})
    assert context["expected"]
    assert context["help"]


def test_clock() -> None:
    """A time of day has minutes and ends before 24:00."""
    assert [parse_clock(text) for text in ("00:00", "23:59", "24:00", "9:5", "x")] == [0, 1439, None, None, None]


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("weekdays 09:00-18:00", SendWindow(weekdays=frozenset(range(5)), start=540, end=1080)),
        ("daily 00:00-24:00", SendWindow(weekdays=frozenset(range(7)), start=0, end=1440)),
        ("mon, wed 10:00 - 12:00", SendWindow(weekdays=frozenset({0, 2}), start=600, end=720)),
        ("fri-mon 10:00-12:00", SendWindow(weekdays=frozenset({4, 5, 6, 0}), start=600, end=720)),
        ("Saturday and Sunday 10:00–12:00", SendWindow(weekdays=frozenset({5, 6}), start=600, end=720)),
        ("mon-wed-fri 10:00-12:00", None),
        ("mon 12:00-12:00", None),
        ("10:00-12:00", None),
    ],
)
def test_send_window(text: str, window: SendWindow | None) -> None:
    """A window names days, from where to where they go, and two times in order."""
    assert parse_send_window(text) == window


@pytest.mark.parametrize(
    ("text", "until", "mistake"),
    [
        ("next tuesday 10:00", Until(weekday=1, minute=600), False),
        ("Tuesday 10:00", Until(weekday=1, minute=600), False),
        ("10:00", Until(weekday=None, minute=600), False),
        ("next 10:00", None, True),
        ("next tuesday", None, True),
        ("next tusday 10:00", None, True),
        ("trial_ends_at - 3 days", None, False),
        ("t 10:00", None, True),
    ],
)
def test_until(text: str, until: Until | None, *, mistake: bool) -> None:
    """`next` means a weekday and a time; what begins with it and is none is a mistake, not an expression."""
    assert parse_until(text) == until
    assert (until is None and until_mistake(text) is not None) is mistake


def test_dates() -> None:
    """A date may have a time, and a zone that exists."""
    assert parse_date_text("2026-03-01") == DateText(day=dt.date(2026, 3, 1))
    assert parse_date_text("2026-03-01 09:00") == DateText(day=dt.date(2026, 3, 1), minute=540)
    assert parse_date_text("2026-03-01 09:00 Europe/Berlin") == DateText(
        day=dt.date(2026, 3, 1), minute=540, zone="Europe/Berlin"
    )
    assert parse_date_text("2026-03-01 25:00") is None
    assert parse_date_text("2026-03-01 09:00 Nowhere/City") is None
    assert parse_date_text("1.3.2026") is None
