"""Watched conditions: segments entered and left, declining engagement, milestones of values; also by time alone."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from relight.base.instants import DAY, MINUTE
from relight.base.kinds import UNKNOWN
from relight.customers.reading import Reading
from tests.support.story import Story, make_plan, story


def entered(told: Story, rule: str | None = None) -> list[str]:
    return [line.partition(" entered")[0] for line in told.said(rule=rule) if " entered " in line]


def segment(condition: str) -> Story:
    rules = {"in": "{trigger: {enters: band}, send: hello}", "out": "{trigger: {leaves: band}, send: again}"}
    return story(rules, definitions="{segments: {band: '" + condition + "'}}")


def test_a_segment_is_entered_at_the_record_that_makes_it_true() -> None:
    """R7: enters and leaves fire at the instant of the change; somebody new was in no segment."""
    told = (
        segment("count(order) >= 1")
        .known("2026-01-02")
        .event("order", "2026-01-05")
        .event("order", "2026-01-06")
        .until("2026-02-01")
    )
    assert (entered(told, "in"), entered(told, "out")) == (["01-05 00:00"], [])
    new = segment("count(order) == 0").known("2026-01-02").event("order", "2026-01-05").until("2026-02-01")
    assert (entered(new, "in"), entered(new, "out")) == (["01-02 00:00"], ["01-05 00:00"])
    assert new.rows()[0].occurrence == f"enters:{new.instant('2026-01-02')}"


def test_a_segment_is_left_at_the_microsecond_its_window_closes() -> None:
    """R4, R7: windows are (t − window, t]: exactly a window later the event is out, by time alone."""
    told = segment("count(order, 7 days) >= 2").known("2026-01-02")
    told.event("order", "2026-01-05 12:00:00.000001").event("order", "2026-01-06").until("2026-02-01")
    assert (entered(told, "in"), entered(told, "out")) == (["01-06 00:00"], ["01-12 12:00:00.000001"])


@pytest.mark.parametrize(
    ("condition", "inside"),
    [
        ("since(order) >= 5 days and since(order) < 10 days", ("01-10 00:00", "01-15 00:00")),
        ("trial_ends_at - now <= 3 days and trial_ends_at > now", ("01-17 00:00", "01-20 00:00")),
        ("count(order, 3 days, ago: 2 days) == 1", ("01-07 00:00", "01-10 00:00")),
        ("not (since(order) < 4 days) and count(order, 9 days) == 1", ("01-09 00:00", "01-14 00:00")),
    ],
)
def test_a_segment_that_time_alone_opens_and_closes_is_seen_both_times(condition: str, inside: tuple[str, str]) -> None:
    """R7: a change that only the passing of time makes is found at its instant, also where it passes again."""
    told = segment(condition)
    told.known("2026-01-02", trial_ends_at=told.instant("2026-01-20")).event("order", "2026-01-05").until("2026-03-01")
    assert (entered(told, "in"), entered(told, "out")) == ([inside[0]], [inside[1]])


def test_unknown_is_neither_inside_nor_outside() -> None:
    """R5, R7: A missing trait is unknown, not false: becoming unknown is no leaving, and the last known truth stands."""
    told = (
        segment('plan == "pro"').known("2026-01-02", plan="pro").event("identify", "2026-01-03", traits={"plan": None})
    )
    told.event("identify", "2026-01-04", traits={"plan": "pro"}).event(
        "identify", "2026-01-05", traits={"plan": "free"}
    )
    told.until("2026-02-01")
    assert (entered(told, "in"), entered(told, "out")) == (["01-02 00:00"], ["01-05 00:00"])


def test_a_trait_set_by_a_control_record_is_looked_at_too() -> None:
    """R7: a watch is looked at after each of the customer's own records, control records included."""
    told = (
        segment('plan == "pro"').known("2026-01-02").own("trait", "2026-01-03", "plan", value="pro").until("2026-02-01")
    )
    assert entered(told, "in") == ["01-03 00:00"]


def test_a_new_segment_rule_takes_note_and_sees_what_changes_afterwards() -> None:
    """E5: a new rule takes people from now on: who is inside already is no news, who comes in is."""

    def changed(orders: int) -> Story:
        told = story({"other": "{trigger: {event: cart}, send: hello}"}).known("2026-01-02")
        for number in range(orders):
            told.event("order", told.instant("2026-01-03") + number * DAY)
        plan = make_plan(
            {"in": "{trigger: {enters: band}, send: hello}"}, definitions="{segments: {band: 'count(order) >= 2'}}"
        )
        return told.change("2026-01-10", plan).event("order", "2026-01-12").until("2026-02-01")

    assert entered(changed(1)) == ["01-12 00:00"]
    assert entered(changed(2)) == []


def test_an_edited_segment_is_news_to_nobody() -> None:
    """E3: an edit never looks back: who is inside only because the condition was edited did not come in."""

    def plan(least: int) -> str:
        return "{segments: {band: 'count(order) >= " + str(least) + "'}}"

    rules = {"in": "{trigger: {enters: band}, send: hello}"}
    told = story(rules, definitions=plan(5)).known("2026-01-02").event("order", "2026-01-03")
    told.change("2026-01-10", make_plan(rules, definitions=plan(1))).event("order", "2026-01-12").until("2026-02-01")
    assert entered(told) == []


# ---------------------------------------------------------------- declined
DECLINED = {"less": "{trigger: {declined: {of: order, window: 7 days, against: 28 days, by: 50%}}, send: hello}"}


def weekly(told: Story, counts: list[int], first: str = "2026-01-05") -> Story:
    for week, count in enumerate(counts):
        for number in range(count):
            told.event("order", told.instant(first) + (7 * week + number) * DAY)
    return told


def test_declining_fires_once_until_it_recovers() -> None:
    """R7: Declined fires when the window falls below the share of the person's own mean, once until it recovers, then again."""
    told = weekly(story(DECLINED).known("2026-01-02"), [4, 4, 4, 4, 1, 4, 4, 4, 4, 0, 0]).until("2026-04-10")
    found = entered(told)
    assert len(found) == 2
    assert found[0].startswith("02-0")
    assert found[1].startswith("03-1")


def test_declining_is_exact() -> None:
    """R7: it falls at the very instant that an event leaves the window."""
    told = weekly(story(DECLINED).known("2026-01-02"), [4, 4, 4, 4, 1]).until("2026-03-01")
    # On 5 February the order of 29 January leaves the window of (t - 7 days, t]: 1 is left, against a mean of 4.
    assert entered(told)[0] == "02-05 00:00"


def test_somebody_without_a_habit_does_not_decline() -> None:
    """R7: below one event a window there is no habit to fall from: young customers are left alone."""
    assert entered(weekly(story(DECLINED).known("2026-01-02"), [3]).until("2026-06-01")) == []
    assert entered(story(DECLINED).known("2026-01-02").until("2026-06-01")) == []


def test_a_filter_of_declined_counts_only_what_it_takes() -> None:
    """R7: `of` may have a filter; what it refuses keeps nobody from declining."""
    rules = {
        "less": "{trigger: {declined: {of: 'order where total>10', window: 7 days, against: 14 days, by: 50%}}, send: hello}"
    }
    told = story(rules).known("2026-01-02")
    for day in range(3, 20):
        told.event("order", f"2026-01-{day:02d}", total=Decimal(20))
    for day in range(20, 32):
        told.event("order", f"2026-01-{day:02d}", total=Decimal(5))
    assert len(entered(told.until("2026-02-01"))) == 1


# ---------------------------------------------------------------- values
def test_a_value_milestone_fires_when_first_seen_there_and_once_for_ever() -> None:
    """R3: value milestones are not monotone: judged as known then, each once for ever."""
    told = story({"v": "{trigger: {milestone: {value: 'points', at: [10, 100]}}, send: hello}"})
    told.known("2026-01-02", points=3)
    for day, points in ((3, 12), (4, 5), (5, 11), (6, 250)):
        told.event("identify", f"2026-01-0{day}", traits={"points": points})
    told.until("2026-02-01")
    assert [r.occurrence for r in told.rows() if not r.step] == ["milestone:10", "milestone:100"]
    assert entered(told) == ["01-03 00:00", "01-06 00:00"]


def test_a_new_value_milestone_spends_what_was_reached() -> None:
    """E5: what was reached before the rule was there is no news; nor is a mark that an edit puts below the value."""

    def plan(marks: str) -> dict[str, str]:
        return {"v": "{trigger: {milestone: {value: 'count(order)', at: " + marks + "}}, send: hello}"}

    told = story({"other": "{trigger: {event: cart}, send: hello}"}).known("2026-01-02")
    told.event("order", "2026-01-03").event("order", "2026-01-04").change("2026-01-05", make_plan(plan("[2, 4]")))
    told.event("order", "2026-01-06").change("2026-01-07", make_plan(plan("[3, 4]"))).event("order", "2026-01-08")
    assert [r.occurrence for r in told.until("2026-02-01").rows() if not r.step] == ["milestone:4"]


# ---------------------------------------------------------------- nothing is missed
#: Conditions that turn by events, by time alone, by the wall clock, by what concerns everybody, and back again.
TURNING = [
    "today == 2026-03-29",
    "today >= 2026-03-27 and today < 2026-03-30",
    "local_time >= 09:00 and local_time < 17:30",
    "local_time == 02:30",
    "local_time >= 02:30 and local_time < 03:00 and today == 2026-10-25",
    "count(shipped, 3 days) >= 2",
    'ever(shipped where feature == "a") and count(order, 2 days) == 0',
    "count(order, 1 month) >= 2",
    "count(order, 2 days, ago: 1 month) >= 1",
    "active_days(3 days) >= 2",
    "streak(order) >= 2",
    "silent >= 2 days and silent < 4 days",
    "since(order) > 1 day or count(shipped, 1 day) > 0",
    "first_seen < now - 3 days and local_time > 22:15",
    "count(order, 1 day) == 1 or count(shipped, 2 days) >= 2",
    "not (count(order, 2 days) == 1) and count(order, 3 days) >= 1",
    "count(order, 2 days, ago: 1 day) == 1 and ever(session, 4 days)",
    "sum(order.total, 2 days) == 0 and ever(order, 4 days)",
    "distinct(shipped.feature, 3 days) == 1 and never(session, 12 hours)",
]


def truth_by_scan(condition: str, build: Callable[[Story], None], begin: str, end: str) -> list[tuple[int, bool]]:
    """Return (instant, truth) of each change, found by looking at every quarter of an hour and beside it."""
    told = watched(condition)
    build(told)
    made = told.plan.segments["band"]
    found: list[tuple[int, bool]] = []
    known = False
    for quarter in range(told.instant(begin), told.instant(end), 15 * MINUTE):
        for at in (quarter, quarter + 1, quarter + MINUTE, quarter + MINUTE + 1):
            reading = Reading(
                profile=told.profiles["ann"], global_events=[e for e in told.world.events if e.ingest_time <= at],
                at=at, now=at, default_zone=told.plan.policy.zone,
            )  # fmt: skip
            truth = made.evaluate(reading)
            if truth is not UNKNOWN and (truth is True) is not known:
                known = truth is True
                found.append((at, known))
    return found


def watched(condition: str, zone: str = "Europe/Berlin") -> Story:
    rules = {"in": "{trigger: {enters: band}, reentry: every, class: internal, steps: [stop]}",
             "out": "{trigger: {leaves: band}, reentry: every, class: internal, steps: [stop]}"}  # fmt: skip
    # Readings may stand back far, so that one profile answers for every instant.
    rules["slack"] = "{trigger: {inactive: 900 days}, settle: 400 days, class: internal, steps: [stop]}"
    return story(rules, definitions="{segments: {band: '" + condition + "'}}", zone=zone, begins="2025-12-01")


@pytest.mark.parametrize("condition", TURNING)
@pytest.mark.parametrize("season", ["2026-03-2", "2026-10-2"])
def test_no_turn_of_a_segment_is_missed(condition: str, season: str) -> None:
    """R7: enters and leaves fire at every instant at which the truth changes, by whatever it does, and at no other."""

    def build(told: Story) -> None:
        told.known(f"{season}3 10:00").event("order", f"{season}4 08:15").everybody(
            "shipped", f"{season}4 12:00", feature="b"
        )
        told.event("order", f"{season}5 21:45").everybody("shipped", f"{season}6 23:30", feature="a")
        told.event("session", f"{season}7 01:15")

    begin, end = f"{season}3 10:00", f"{season[:5]}{int(season[5:7]) + 1:02}-28"
    told = watched(condition)
    build(told)
    told.until(told.instant(end) - 1)
    ours = sorted(
        (row.instant, row.rule == "in") for row in told.rows() if row.rule in {"in", "out"} and row.state == "entered"
    )
    assert ours == truth_by_scan(condition, build, begin, end)


def test_a_value_reaches_its_mark_by_time_alone() -> None:
    """R3, R7: a value that grows with time is seen at the instant it reaches its mark."""
    rule = "{trigger: {milestone: {value: since(order) / 1 day, at: [2, 30]}}, send: hello}"
    told = story({"v": rule}).known("2026-01-02").event("order", "2026-01-05").event("order", "2026-01-09")
    assert entered(told.until("2026-03-01")) == ["01-07 00:00", "02-08 00:00"]


def test_a_release_turns_the_segment_of_somebody_who_does_nothing() -> None:
    """H8, R7: a global event is looked at by every watch that reads it, also for who does nothing."""
    told = segment("count(shipped, 2 days) > 0").known("2026-01-02").everybody("shipped", "2026-01-05", feature="a")
    told.until("2026-02-01")
    assert (entered(told, "in"), entered(told, "out")) == (["01-05 00:00"], ["01-07 00:00"])
