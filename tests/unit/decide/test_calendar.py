"""Dates and schedules: local days, summer time, what is learned too late, and one occurrence a date."""

from __future__ import annotations

import datetime as dt

import pytest

from relight.base.durations import add_months
from relight.base.instants import HOUR, INSTANT_MAX, INSTANT_MIN, day_start, from_local, to_instant, to_local
from relight.decide.waits import next_local_time
from relight.rules.plan import Until
from tests.support.story import Story, make_plan, story


def entered(told: Story) -> list[str]:
    return [line.partition(" entered")[0] for line in told.said() if " entered " in line]


def rule(trigger: str, **options: str) -> dict[str, str]:
    more = "".join(f", {k}: {v}" for k, v in options.items())
    return {"date": "{trigger: {" + trigger + "}, send: hello" + more + "}"}


@pytest.mark.parametrize(
    ("trigger", "fires"),
    [
        ("date: trial_ends_at", "02-10 15:30"),
        ("date: trial_ends_at, before: 3 days", "02-07 15:30"),
        ("date: trial_ends_at, after: 1 day", "02-11 15:30"),
        ("date: trial_ends_at, before: 1 month", "01-10 15:30"),
        ("date: trial_ends_at, before: 3 days, at: '09:00'", "02-07 09:00"),
    ],
)
def test_a_date_fires_before_after_or_at_a_local_time(trigger: str, fires: str) -> None:
    """R7: a date rule fires relative to a trait, at its own time or at a local time of that day, once."""
    told = story(rule(trigger), zone="Europe/Istanbul")
    told.known("2026-01-02", trial_ends_at=told.instant("2026-02-10 15:30")).until("2026-12-01")
    assert entered(told) == [fires]


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/Los_Angeles"])
@pytest.mark.parametrize("trigger", ["", ", after: 3 months", ", before: 3 months", ", yearly: true, at: '09:00'"])
@pytest.mark.parametrize("never", ["0001-01-01T00:00+00:00", "9999-12-31T23:59:59+00:00"])
def test_a_date_at_the_end_of_the_calendar_never_comes(never: str, trigger: str, zone: str) -> None:
    """The dates by which databases say `never` fire nothing and stop nobody, in every zone."""
    value = to_instant(dt.datetime.fromisoformat(never))
    told = story(rule(f"date: trial_ends_at{trigger}"), zone=zone)
    told.known("2026-01-02", trial_ends_at=value).until("2028-01-01")
    assert entered(told) == []


def test_the_calendar_has_ends() -> None:
    """A wall clock beyond them stands at the first or last noon, and a day beside them begins."""
    for zone in ("Pacific/Kiritimati", "America/Los_Angeles"):
        for day in (dt.date.min, dt.date.max):
            assert abs(to_local(day_start(day, zone), zone).date() - day) <= dt.timedelta(days=1)
        assert to_local(INSTANT_MAX, zone).year == dt.MAXYEAR
        assert to_local(INSTANT_MIN, zone).year == dt.MINYEAR
        assert to_local(add_months(day_start(dt.date.max, zone), 1, zone), zone).year == dt.MAXYEAR - 1


def test_a_date_learned_after_its_deadline_makes_none() -> None:
    """H3: a date whose value arrives after its own deadline makes no deadline; exactly at it, it does."""
    for learned, expected in (("2026-02-09 15:30", ["02-09 15:30"]), ("2026-02-09 15:30:00.000001", [])):
        told = story(rule("date: trial_ends_at, before: 1 day"))
        told.known(learned, trial_ends_at=told.instant("2026-02-10 15:30")).until("2026-12-01")
        assert entered(told) == expected


def test_settle_lets_a_date_be_learned_later() -> None:
    """H3: with settle a date may be learned until d + settle."""
    told = story(rule("date: trial_ends_at, before: 1 day", settle="12 hours"))
    told.known("2026-02-10 03:00", trial_ends_at=told.instant("2026-02-10 15:30")).until("2026-12-01")
    assert entered(told) == ["02-09 15:30"]


def test_a_date_moves_with_its_trait() -> None:
    """H6: a trait's date that moves earlier arms at once; one that moves later is not judged early."""
    told = story(rule("date: trial_ends_at"))
    told.known("2026-01-02", trial_ends_at=told.instant("2026-02-10"))
    told.event("identify", "2026-01-03", traits={"trial_ends_at": told.instant("2026-01-20")}).until("2026-01-19")
    told.event("identify", "2026-01-19 01:00", traits={"trial_ends_at": told.instant("2026-01-25")}).until("2026-03-01")
    assert entered(told) == ["01-25 00:00"]


def test_one_day_is_one_occurrence() -> None:
    """R7: the key of a date is (rule, customer, the date): a second time on the same day is no second occurrence."""
    told = story(rule("date: trial_ends_at, before: 1 day"))
    told.known("2026-01-02", trial_ends_at=told.instant("2026-01-10 10:00"))
    told.event("identify", "2026-01-09 12:00", traits={"trial_ends_at": told.instant("2026-01-10 15:00")}).until(
        "2026-02-01"
    )
    assert entered(told) == ["01-09 10:00"]
    keys = [r.occurrence_key for r in told.rows()]
    assert len(keys) == len(set(keys))


def test_a_new_zone_does_not_bring_a_date_twice() -> None:
    """R7: nor is the same date in a zone farther west."""
    told = story(rule("date: birthday, yearly: true, at: '09:00'"), zone="Europe/Istanbul")
    told.known("2026-01-02", birthday=dt.date(1990, 3, 10)).until("2026-03-10 10:00")
    told.event("identify", "2026-03-10 11:00", traits={"timezone": "America/New_York"}).until("2026-12-01")
    assert entered(told) == ["03-10 09:00"]
    keys = [r.occurrence_key for r in told.rows()]
    assert len(keys) == len(set(keys))


def test_a_yearly_date_comes_every_year_and_the_29th_of_february_on_the_28th() -> None:
    """R7, V3: every year again; a day that the year lacks is the last one of the month."""
    told = story(
        rule("date: birthday, yearly: true, at: '09:00'", expires="3 days"), begins="2022-01-01", zone="Europe/Berlin"
    )
    told.known("2022-03-01", birthday=dt.date(1992, 2, 29)).until("2026-04-01")
    assert entered(told) == ["02-28 09:00", "02-29 09:00", "02-28 09:00", "02-28 09:00"]
    assert [r.occurrence for r in told.rows() if not r.step] == [
        "date:2023-02-28", "date:2024-02-29", "date:2025-02-28", "date:2026-02-28",
    ]  # fmt: skip


def test_a_new_date_rule_looks_at_no_date_before_its_plan_record() -> None:
    """E5: a new rule takes people from now on, settle or not."""
    told = story({"other": "{trigger: {event: cart}, send: hello}"}).known("2026-01-02")
    told.event("identify", "2026-01-02", traits={"trial_ends_at": told.instant("2026-01-20")}).until("2026-01-20 12:00")
    told.change("2026-01-20 13:00", make_plan(rule("date: trial_ends_at", settle="2 days"))).until("2026-03-01")
    assert entered(told) == []


def test_a_date_at_a_time_that_does_not_exist_comes_an_hour_later() -> None:
    """V3: a local time that does not exist (spring) moves forward by the gap.

    One that happens twice means the first.
    """
    spring = story(rule("date: birthday, at: '02:30'"), zone="America/New_York")
    spring.known("2026-01-02", birthday=dt.date(2026, 3, 8)).until("2026-12-01")
    assert entered(spring) == ["03-08 03:30"]
    autumn = story(rule("date: birthday, at: '01:30'"), zone="America/New_York")
    autumn.known("2026-01-02", birthday=dt.date(2026, 11, 1)).until("2026-12-01")
    assert to_local(autumn.rows()[0].instant, "America/New_York").utcoffset() == dt.timedelta(hours=-4)


# ---------------------------------------------------------------- schedules
def test_a_schedule_fires_in_the_customers_zone() -> None:
    """R7: by cron, in the customer's zone, from the customer's first record on."""
    told = story(rule("schedule: '0 9 * * MON'"), zone="UTC")
    told.known("2026-01-05 06:30", timezone="Europe/Istanbul").until("2026-01-20")
    assert entered(told) == ["01-12 06:00", "01-19 06:00"], "09:00 in Istanbul; 09:30 there was too late for the 5th"
    assert told.rows()[0].occurrence == f"schedule:{told.instant('2026-01-12 06:00')}"


@pytest.mark.parametrize(
    ("cron", "first", "last", "fires"),
    [
        ("30 2 * * *", "2026-03-07 12:00", "2026-03-09 12:00", ["03-08 03:00", "03-09 02:30"]),
        ("30 1 * * *", "2026-10-31 12:00", "2026-11-02 12:00", ["11-01 01:30", "11-02 01:30"]),
        ("0 9 * * *", "2026-03-07 12:00", "2026-03-09 12:00", ["03-08 09:00", "03-09 09:00"]),
    ],
)
def test_a_schedule_fires_once_on_days_with_a_change_of_the_clock(
    cron: str, first: str, last: str, fires: list[str]
) -> None:
    """R7, V3: a daily schedule fires once on each local day, the two days of the year with 23 and 25 hours included."""
    told = story(rule(f"schedule: '{cron}'"), zone="America/New_York").known(first).until(last)
    assert [line.split()[0] for line in entered(told)] == [line.split()[0] for line in fires]


def test_a_new_schedule_reaches_people_who_are_silent() -> None:
    """E5: a new rule takes people from now on, those included who have no event afterwards."""
    told = story({"other": "{trigger: {event: cart}, send: hello}"}).known("2026-01-02")
    told.change("2026-01-10", make_plan(rule("schedule: '0 9 * * MON'"))).until("2026-01-20")
    assert entered(told) == ["01-12 09:00", "01-19 09:00"]


# ---------------------------------------------------------------- waiting until a local time
@pytest.mark.parametrize(
    ("zone", "now", "weekday", "minute", "expected"),
    [
        ("UTC", "2026-01-05 08:00", 0, 540, "2026-01-05 09:00"),
        ("UTC", "2026-01-05 09:00", 0, 540, "2026-01-12 09:00"),
        ("UTC", "2026-01-05 09:00", None, 540, "2026-01-06 09:00"),
        ("America/New_York", "2026-03-07 12:00", None, 150, "2026-03-08 03:30"),
        ("America/New_York", "2026-10-31 12:00", None, 90, "2026-11-01 01:30"),
        ("Pacific/Apia", "2011-12-29 12:00", 4, 540, "2011-12-31 09:00"),
    ],
)
def test_next_monday_is_the_first_such_time_strictly_after(
    zone: str, now: str, weekday: int | None, minute: int, expected: str
) -> None:
    """V3: `next monday 09:00` is the first such local time strictly after the step was entered."""
    after = from_local(dt.datetime.fromisoformat(now), zone)
    found = next_local_time(after, Until(weekday=weekday, minute=minute), zone)
    assert to_local(found, zone).replace(tzinfo=None) == dt.datetime.fromisoformat(expected)


def test_a_wait_until_a_send_window_goes_on_at_once_inside_it() -> None:
    """V3: a wait until a window is over at its first instant inside it, in the customer's zone; inside it, at once."""
    rules = {
        "r": "{trigger: {event: cart}, class: transactional, steps: [{wait: {until: weekdays 09:00-18:00}}, {send: hello}]}"
    }
    for now, gone in (
        ("2026-01-05 10:30:07", "01-05 10:30:07"),  # a Monday, inside
        ("2026-01-05 08:59:59", "01-05 09:00"),
        ("2026-01-05 18:00", "01-06 09:00"),
        ("2026-01-09 19:00", "01-12 09:00"),  # Friday evening
    ):
        told = story(rules, zone="Europe/Istanbul").known("2026-01-02").event("cart", now).until("2026-02-01")
        assert told.said()[-1] == f"{gone} pending r/send:1", now


def test_a_wait_until_a_traits_date_is_over_at_once_when_the_date_is_unknown() -> None:
    """V3: a wait runs until an instant that traits give; unknown, it waits for nothing."""
    rules = {"r": "{trigger: {event: cart}, steps: [{wait: {until: 'trial_ends_at - 3 days'}}, {send: hello}]}"}
    told = story(rules)
    told.known("2026-01-02", trial_ends_at=told.instant("2026-01-20")).event("cart", "2026-01-03").until("2026-02-01")
    assert told.said() == ["01-03 00:00 entered r", "01-17 00:00 pending r/send:1"]
    unknown = story(rules).known("2026-01-02").event("cart", "2026-01-03").until("2026-02-01")
    assert unknown.said() == ["01-03 00:00 entered r", "01-03 00:00 pending r/send:1"]


def test_the_zone_is_the_customers_then_the_accounts_then_the_projects() -> None:
    """V3: calendar arithmetic happens in the customer's zone: trait timezone, else account, else project."""
    rules = {"r": "{trigger: {schedule: '0 9 * * *'}, class: transactional, send: hello}"}
    traits = {"own": {"timezone": "Asia/Tokyo", "account_timezone": "America/New_York"},
              "team": {"account_timezone": "America/New_York"}, "plain": {}}  # fmt: skip
    told = story(rules, zone="Europe/Istanbul")
    for who, known in traits.items():
        told.known("2026-01-02 00:00", customer=who, **known)
    told.until("2026-01-02 23:00")
    utc = {who: [row.deadline for row in told.rows(customer=who) if not row.step] for who in traits}
    hours = {who: [(deadline or 0) // HOUR % 24 for deadline in found] for who, found in utc.items()}
    assert hours == {"own": [0], "team": [14], "plain": [6]}
