"""Silences: when they fall due, what cancels them, what arrives too late, gaps and edits."""

from __future__ import annotations

import pytest

from relight.base.instants import DAY
from tests.support.story import Story, make_plan, story

QUIET = {"quiet": "{trigger: {inactive: 7 days}, send: hello}"}


def quiet(**options: str) -> dict[str, str]:
    more = "".join(f", {k}: {v}" for k, v in options.items())
    return {"quiet": "{trigger: {inactive: 7 days}, send: hello" + more + "}"}


def entered(told: Story) -> list[str]:
    return [line.partition(" entered")[0] for line in told.said() if " entered " in line]


# ---------------------------------------------------------------- R1
def test_silence_starts_at_the_last_activity_and_its_deadline_is_exact() -> None:
    """R1: silence starts at the last event that counts as activity; its deadline is exactly start + threshold."""
    told = story(QUIET).known("2026-01-02 10:00").event("order", "2026-01-05 12:00:00.000007").until("2026-02-01")
    assert told.said() == ["01-12 12:00:00.000007 entered quiet", "01-12 12:01 pending quiet/send:0"]


@pytest.mark.parametrize(("second", "fires"), [("2026-01-12 12:00", False), ("2026-01-12 12:00:00.000001", True)])
def test_an_activity_exactly_at_the_deadline_cancels(second: str, fires: bool) -> None:
    """R1: An activity with event time ≤ d cancels, so one exactly at the deadline cancels, and one a µs later does not."""
    told = story(QUIET).known("2026-01-02").event("order", "2026-01-05 12:00").event("order", second)
    told.until("2026-01-13")
    assert ("01-12 12:00" in entered(told)) is fires


def test_only_activity_counts() -> None:
    """R1: which events count is the rule's: opening a mail is no activity unless it says so."""
    told = (
        story(QUIET)
        .known("2026-01-02")
        .event("order", "2026-01-05 12:00")
        .event("opened", "2026-01-09")
        .until("2026-02-01")
    )
    assert entered(told) == ["01-12 12:00"]
    named = story({"quiet": "{trigger: {inactive: 7 days, activity: [opened]}, send: hello}"})
    named.known("2026-01-02").event("order", "2026-01-05 12:00").event("opened", "2026-01-09").until("2026-02-01")
    assert entered(named) == ["01-16 00:00"]


def test_somebody_never_active_is_left_out_unless_included() -> None:
    """R1: somebody never active is left out, unless include_never_active: then silent since first seen."""
    assert entered(story(QUIET).known("2026-01-02").until("2026-02-01")) == []
    told = story({"quiet": "{trigger: {inactive: 7 days, include_never_active: true}, send: hello}"})
    told.known("2026-01-02 10:00").until("2026-02-01")
    assert entered(told) == ["01-09 10:00"]
    assert told.rows()[0].occurrence == "silence:never:0"


def test_first_seen_is_the_earliest_on_time_event() -> None:
    """R1: first seen is the earliest on-time event; a late one counts only if there is no other."""
    rules = {"quiet": "{trigger: {inactive: 7 days, include_never_active: true}, send: hello}"}
    told = (
        story(rules)
        .known("2026-01-12 10:00")
        .event("opened", "2026-01-02", arrives="2026-01-12 11:00")
        .until("2026-02-01")
    )
    assert entered(told) == ["01-19 10:00"]
    late = story(rules).event("opened", "2026-01-12", arrives="2026-01-17").until("2026-02-01")
    assert late.said() == ["01-19 00:00 suppressed quiet late_event"]


def test_a_calendar_threshold_is_added_on_the_customers_wall_clock() -> None:
    """V3: `1 month` is calendar arithmetic in the customer's zone, the last day of a shorter month.

    `30 days` is 720 hours.
    """
    month = story({"quiet": "{trigger: {inactive: 1 month}, send: hello}"}, zone="Europe/Berlin")
    month.known("2026-01-02").event("order", "2026-01-31 18:00").until("2026-04-15")
    assert entered(month) == ["02-28 18:00"]
    days = story({"quiet": "{trigger: {inactive: 30 days}, send: hello}"}, zone="Europe/Berlin")
    days.known("2026-01-02").event("order", "2026-03-10 18:00").until("2026-05-15")
    assert entered(days) == ["04-09 19:00"], "the clock went forward in between"
    spring = story({"quiet": "{trigger: {inactive: 1 month}, send: hello}"}, zone="Europe/Berlin")
    spring.known("2026-01-02").event("order", "2026-03-10 18:00").until("2026-05-15")
    assert entered(spring) == ["04-10 18:00"]


def test_a_threshold_may_be_an_expression() -> None:
    """R1: a personal threshold is read as of the silence's start; while it is unknown there is no deadline."""
    told = story({"quiet": "{trigger: {inactive: 'usual_interval(order) * 2', activity: [order]}, send: hello}"})
    told.known("2026-01-02").event("order", "2026-01-03").until("2026-01-04")
    assert entered(told) == []
    told.event("order", "2026-01-05").event("order", "2026-01-07 06:00").until("2026-03-01")
    assert entered(told) == ["01-11 06:00"], "the median of 48 h and 54 h, the lower, twice"


def test_somebody_never_active_has_no_personal_threshold() -> None:
    """R1: An expression over what somebody never did is unknown: no deadline, also where the never active are included."""
    rules = {"quiet": "{trigger: {inactive: 'usual_interval(order) * 2', include_never_active: true}, send: hello}"}
    assert story(rules).known("2026-01-02").until("2026-03-01").said() == []


# ---------------------------------------------------------------- R2
def test_one_occurrence_a_silence_and_threshold() -> None:
    """R2: one occurrence a silence and threshold; key (rule, customer, start in µs, threshold's id)."""
    told = story({"quiet": "{trigger: {inactive: {nudge: 7 days, help: 14 days}}, send: hello}"})
    told.known("2026-01-02").event("order", "2026-01-05").event("order", "2026-01-30").until("2026-03-01")
    start, again = told.instant("2026-01-05"), told.instant("2026-01-30")
    assert [r.occurrence for r in told.rows() if not r.step] == [
        f"silence:{start}:nudge", f"silence:{start}:help", f"silence:{again}:nudge", f"silence:{again}:help",
    ]  # fmt: skip


def thresholds(text: str) -> dict[str, str]:
    return {"quiet": "{trigger: {inactive: " + text + "}, send: hello}"}


@pytest.mark.parametrize(
    ("before", "after", "ids"),
    [
        ("[21 days, 90 days]", "[30 days, 90 days]", ["0"]),
        ("[7 days, 40 days]", "[7 days, 30 days, 40 days]", ["0", "30 days", "1"]),
        ("{a: 7 days, b: 40 days}", "{b: 40 days, c: 50 days}", ["a", "b", "c"]),
        ("[7 days, 14 days, 40 days]", "[7 days, 40 days]", ["0", "1", "2"]),
    ],
)
def test_the_id_of_a_threshold_is_its_name_else_its_place_else_its_value(
    before: str, after: str, ids: list[str]
) -> None:
    """R2: the id is the name a rule gives it, else its position while the number stays the same, else its value."""
    told = story(thresholds(before)).known("2026-01-02").event("order", "2026-01-05")
    told.until("2026-01-26").change("2026-01-27", make_plan(thresholds(after))).until("2026-03-01")
    assert [r.occurrence.rsplit(":", 1)[1] for r in told.rows() if not r.step] == ids


def test_editing_21_to_30_days_mails_the_same_silence_once() -> None:
    """R2, I11: so editing 21 to 30 days mails the same silence once."""
    told = story(thresholds("21 days")).known("2026-01-02").event("order", "2026-01-05").until("2026-01-28")
    told.change("2026-01-28", make_plan(thresholds("30 days"))).until("2026-03-01")
    assert entered(told) == ["01-26 00:00"]


# ---------------------------------------------------------------- H
def test_records_of_an_instant_come_before_its_deadlines() -> None:
    """H2: at one instant records come before deadlines; before a record of t all with j < t are judged."""
    told = story({**QUIET, "cart": "{trigger: {event: cart}, class: transactional, send: again}"})
    told.known("2026-01-02").event("order", "2026-01-05").event("cart", "2026-01-12").until("2026-01-13")
    assert told.said() == ["01-12 00:00 entered cart", "01-12 00:00 pending cart/send:0"]


def test_time_advances_to_an_instant_judging_what_lies_before_it() -> None:
    """H2: time that has come to T judges all j < T: the deadline at T itself waits."""
    told = story(QUIET).known("2026-01-02").event("order", "2026-01-05")
    told.until(told.instant("2026-01-12") - 1)
    assert told.said() == []
    told.until("2026-01-12")
    assert entered(told) == ["01-12 00:00"]


def test_a_deadline_is_judged_from_what_had_happened_by_then_and_was_known() -> None:
    """H3: judged from events with event time ≤ d ingested by j.

    The row carries d and j; what comes later unsays nothing.
    """
    rules = quiet(settle="1 day", audience="count(order) >= 2")
    told = story(rules).known("2026-01-02").event("order", "2026-01-04").event("order", "2026-01-05")
    told.event("order", "2026-01-12 10:00").until("2026-01-13 12:00")
    row = told.rows()[0]
    assert (row.state, told.local(row.deadline), told.local(row.judged)) == ("entered", "01-12 00:00", "01-13 00:00")
    missed = story(rules).known("2026-01-02").event("order", "2026-01-05").event("order", "2026-01-12 10:00")
    missed.until("2026-01-13 12:00").event("order", "2026-01-11", arrives="2026-01-13 13:00").until("2026-01-14")
    assert missed.said() == ["01-12 00:00 suppressed quiet audience_false"]


def test_a_reading_that_stands_back_counts_what_there_was_however_much_came_since() -> None:
    """H3, R4: what is kept for `count(E, W) >= 3` also answers as of a deadline that lies before newer events."""
    rules = {
        "q": "{trigger: {inactive: 5 days, activity: [session]}, settle: 72 hours, audience: 'count(order, 30 days) >= 3', send: hello}"
    }
    told = story(rules).known("2026-01-02")
    for day in (3, 4, 5):
        told.event("order", f"2026-01-0{day} 12:00")
    told.event("session", "2026-01-05 13:00")
    for minute in range(1, 6):
        told.event("order", f"2026-01-12 12:0{minute}")
    assert entered(told.until("2026-02-01")) == ["01-10 13:00"]


def test_a_silence_whose_start_arrives_after_its_own_deadline_makes_none() -> None:
    """H3: a silence whose start arrives after its own d + settle makes no deadline and no row."""
    one = {"quiet": "{trigger: {inactive: 2 days}, send: hello}"}
    told = (
        story(one)
        .known("2026-01-02")
        .event("order", "2026-01-05", arrives="2026-01-07 00:00:00.000001")
        .until("2026-02-01")
    )
    assert told.said() == []
    told = story(one).known("2026-01-02").event("order", "2026-01-05", arrives="2026-01-07").until("2026-02-01")
    assert entered(told) == ["01-07 00:00"]


def test_with_settle_activity_after_the_deadline_does_not_cancel() -> None:
    """H3: with settle > 0 the profile keeps every start until d + settle has passed.

    Activity after d does not cancel.
    """
    told = (
        story(quiet(settle="2 days"))
        .known("2026-01-02")
        .event("order", "2026-01-05")
        .event("order", "2026-01-12 01:00")
    )
    told.until("2026-01-15")
    assert told.said() == ["01-12 00:00 entered quiet", "01-14 00:00 suppressed quiet/send:0 exit"]


def test_a_late_event_spends_the_deadline_it_would_make() -> None:
    """H5: late means ingest time − event time > 72 h; a deadline it would create is spent with late_event."""
    told = story(QUIET).known("2026-01-02").event("order", "2026-01-05", arrives="2026-01-08").until("2026-02-01")
    assert entered(told) == ["01-12 00:00"]
    late = (
        story(QUIET)
        .known("2026-01-02")
        .event("order", "2026-01-05", arrives="2026-01-08 00:00:00.000001")
        .until("2026-02-01")
    )
    assert late.said() == ["01-12 00:00 suppressed quiet late_event"]


def test_an_earlier_threshold_arms_at_once() -> None:
    """H6: whatever moves a deadline earlier, as a lowered threshold, arms at once."""
    told = story(thresholds("30 days")).known("2026-01-02").event("order", "2026-01-05").until("2026-01-06")
    told.change("2026-01-07", make_plan(thresholds("7 days"))).until("2026-01-20")
    assert entered(told) == ["01-12 00:00"]


# ---------------------------------------------------------------- H9
def test_a_deadline_inside_a_gap_is_judged_after_what_was_delivered_by_its_end() -> None:
    """H9: Somebody who was active while we were down is never mailed as inactive because we looked at the timer first."""
    told = story(QUIET).known("2026-01-02").event("order", "2026-01-05").gap("2026-01-11 20:00", "2026-01-12 08:05")
    told.event("order", "2026-01-11 23:00", arrives="2026-01-12 08:01").until("2026-01-13")
    assert told.said() == []
    silent = story(QUIET).known("2026-01-02").event("order", "2026-01-05").gap("2026-01-11 20:00", "2026-01-12 08:05")
    row = silent.until("2026-01-13").rows()[0]
    assert (silent.local(row.deadline), silent.local(row.judged)) == ("01-12 00:00", "01-12 08:05")


@pytest.mark.parametrize(("end", "outcome"), [("2026-01-13 00:00", "entered"), ("2026-01-13 00:01", "expired")])
def test_what_a_gap_held_back_longer_than_grace_is_expired(end: str, outcome: str) -> None:
    """H9: it is expired if the moved instant is more than grace (24 h) after d + settle."""
    told = story(QUIET).known("2026-01-02").event("order", "2026-01-05").gap("2026-01-11", end).until("2026-01-20")
    assert (told.rows()[0].reason or told.rows()[0].state) == outcome


# ---------------------------------------------------------------- E3 and the gate
def test_activity_before_the_first_send_keeps_it_back() -> None:
    """E3: Before the first send of an inactive rule, activity after d suppresses it with exit (per rule, default on)."""
    steps = ", steps: [{wait: 1 day}, {send: hello}]"
    rules = {"quiet": "{trigger: {inactive: 7 days}" + steps + "}"}
    told = (
        story(rules)
        .known("2026-01-02")
        .event("order", "2026-01-05")
        .event("order", "2026-01-12 12:00")
        .until("2026-01-14")
    )
    assert told.said() == ["01-12 00:00 entered quiet", "01-13 00:00 suppressed quiet/send:1 exit"]
    assert told.rows()[-1].leaf == "activity after the deadline"
    off = story({"quiet": "{trigger: {inactive: 7 days}, exit_on_activity: false" + steps + "}"})
    off.known("2026-01-02").event("order", "2026-01-05").event("order", "2026-01-12 12:00").until("2026-01-14")
    assert off.said()[-1] == "01-13 00:00 pending quiet/send:1"


# ---------------------------------------------------------------- E4
@pytest.mark.parametrize(("record", "fires"), [("2026-01-12 00:00", True), ("2026-01-12 00:01", False)])
def test_an_edited_threshold_fires_only_for_later_deadlines(record: str, fires: bool) -> None:
    """E4: A threshold fires only for d ≥ the plan record since which the rule, its threshold, activity and settle stood."""
    told = story(thresholds("30 days")).known("2026-01-02").event("order", "2026-01-05").until("2026-01-11")
    told.change(record, make_plan(thresholds("7 days"))).until("2026-01-20")
    assert bool(entered(told)) is fires


def test_a_plan_that_leaves_the_rule_alone_changes_nothing_for_it() -> None:
    """E4: unchanged means unchanged: an edit of another rule does not restart a threshold."""
    told = story(QUIET).known("2026-01-02").event("order", "2026-01-05").until("2026-01-11")
    told.change("2026-01-11 12:00", make_plan({**QUIET, "new": "{trigger: {event: cart}, send: again}"})).until(
        "2026-01-20"
    )
    assert entered(told) == ["01-12 00:00"]


def test_an_edit_never_repeats_the_past() -> None:
    """I11: edits never repeat the past, whatever is added and taken away around a judged silence."""
    told = story(thresholds("[7 days, 60 days]")).known("2026-01-02").event("order", "2026-01-05").until("2026-01-15")
    for day, text in enumerate(["[7 days, 20 days, 60 days]", "7 days", "[7 days, 60 days]", "{a: 7 days}"]):
        told.change(f"2026-01-{15 + day}", make_plan(thresholds(text)))
    told.until("2026-04-01")
    starts = [r.occurrence for r in told.rows() if not r.step]
    assert len(starts) == len(set(starts))
    assert entered(told).count("01-12 00:00") == 1


def test_a_new_rule_takes_people_from_now_on() -> None:
    """E5: a new rule takes people from now on."""
    told = story({"other": "{trigger: {event: cart}, send: hello}"}).known("2026-01-02").event("order", "2026-01-05")
    told.change("2026-01-20", make_plan(thresholds("[7 days, 20 days]"))).until("2026-02-20")
    assert entered(told) == ["01-25 00:00"]


def test_a_year_of_visits_keeps_the_profile_small() -> None:
    """H3: of starts only those are kept from which a deadline can still come."""
    told = story(QUIET).known("2026-01-02")
    for number in range(400):
        told.event("order", told.instant("2026-01-05") + number * DAY)
    assert len(told.profiles["ann"].starts["asked|cart|order|session"]) < 15
