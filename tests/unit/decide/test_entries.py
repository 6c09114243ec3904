"""Entries: exits, goals, groups, waits, edits; and the table of their life."""

from __future__ import annotations

import pytest

from relight.base.instants import HOUR
from relight.decide.entry_life import TRANSITIONS, EntryCause, EntryState, next_state
from tests.support.story import Story, make_plan, story

CART = "{trigger: {event: cart}, steps: [{wait: 2 days}, {send: hello}]%s}"


def told_cart(more: str) -> Story:
    return story({"r": CART % more}).known("2026-01-02").event("cart", "2026-01-05", id="c")


# ---------------------------------------------------------------- E2, E3
def test_an_exit_is_immediate_also_while_waiting() -> None:
    """E3: exit conditions are checked at the customer's own records; exit is immediate, also mid-wait."""
    told = told_cart(", exit: order").event("order", "2026-01-06").until("2026-02-01")
    assert told.said() == ["01-05 00:00 entered r", "01-06 00:00 ended r/wait:0 exit"]
    assert told.rows()[-1].leaf == "order"


def test_an_exit_condition_is_checked_at_own_records_and_before_every_send() -> None:
    """E3: a condition that time alone makes true ends the entry at the next own record, or before the send."""
    more = ", exit: 'since(session) > 1 day'"
    told = (
        story({"r": CART % more}).known("2026-01-02").event("session", "2026-01-05").event("cart", "2026-01-05", id="c")
    )
    told.control("pause", "2026-01-06 12:00", "another").until("2026-01-06 13:00")
    assert told.said() == ["01-05 00:00 entered r"], "a record that concerns everybody is none of the customer's own"
    told.until("2026-02-01")
    assert told.said()[-1] == "01-07 00:00 ended r/send:1 exit"


def test_an_order_that_happened_after_the_cart_but_arrived_first_stops_the_reminder() -> None:
    """E3: exits match events later in event time than the trigger, whether they arrived before or after it."""
    told = story({"r": CART % ", exit: order"}).known("2026-01-02").event("order", "2026-01-05 10:00")
    told.event("cart", "2026-01-05 09:00", arrives="2026-01-05 10:01").until("2026-02-01")
    assert told.said() == ["01-05 10:01 entered r", "01-05 10:01 ended r/wait:0 exit"]
    earlier = story({"r": CART % ", exit: order"}).known("2026-01-02").event("order", "2026-01-05 08:00")
    earlier.event("cart", "2026-01-05 09:00", arrives="2026-01-05 10:01").until("2026-02-01")
    assert earlier.said()[-1].endswith("pending r/send:1")


def test_the_triggering_event_never_matches_itself() -> None:
    """E3: the triggering event itself is excluded, another one at its instant is not."""
    rules = {"r": "{trigger: {event: cart}, exit: cart, steps: [{wait: 2 days}, {send: hello}]}"}
    told = story(rules).known("2026-01-02").event("cart", "2026-01-05", id="a").until("2026-01-08")
    assert told.said()[-1] == "01-07 00:00 pending r/send:1"
    twice = story(rules).known("2026-01-02").event("cart", "2026-01-05", id="a").event("cart", "2026-01-05", id="b")
    assert twice.until("2026-01-08").said()[-1] == "01-05 00:00 ended r/wait:0 exit"


def test_a_goal_counts_within_its_attribution() -> None:
    """E3, G6: reaching the goal ends the entry with goal_met; after its attribution it is none."""
    goal = ", goal: {event: order, attribution: 1 day}"
    assert (
        told_cart(goal).event("order", "2026-01-06").until("2026-02-01").said()[-1]
        == "01-06 00:00 ended r/wait:0 goal_met"
    )
    late = told_cart(goal).event("order", "2026-01-06 00:00:00.000001").until("2026-02-01")
    assert late.said()[-1] == "01-07 00:00 pending r/send:1"


def test_a_suppressed_message_ends_nothing() -> None:
    """E2: a suppressed message ends nothing; the step after a send is entered at the scheduled instant."""
    rules = {"r": "{trigger: {event: cart}, steps: [{send: plan_named}, {wait: 1 day}, {send: hello}]}"}
    told = (
        story(rules, quiet=(21 * 60, 9 * 60)).known("2026-01-02").event("cart", "2026-01-05 22:00").until("2026-02-01")
    )
    assert told.said() == [
        "01-05 22:00 entered r", "01-06 09:00 suppressed r/send:0 missing_data", "01-07 09:00 pending r/send:2",
    ]  # fmt: skip


def test_a_branch_takes_its_first_match() -> None:
    """E2: branch takes the first arm that matches; unknown matches nothing."""
    steps = "[{branch: [{when: 'plan == \"pro\"', steps: [{send: hello}]}, {when: 'plan == \"free\"', steps: [stop]}, {else: [{send: again}]}]}, {send: third}]"
    for plan, sent in (("pro", ["hello", "third"]), ("free", []), (None, ["again", "third"])):
        told = (
            story({"r": "{trigger: {event: cart}, steps: " + steps + "}"})
            .known("2026-01-02", plan=plan)
            .event("cart", "2026-01-05")
        )
        told.until("2026-02-01")
        assert [m.step.template for m in told.effects["ann"].mails] == sent


# ---------------------------------------------------------------- E1: groups
@pytest.mark.parametrize(
    ("high", "expected"),
    [
        (60, ["01-05 00:00 entered a", "01-06 00:00 ended a/wait:0 group", "01-06 00:00 entered b"]),
        (50, ["01-05 00:00 entered a", "01-06 00:00 suppressed b group"]),
        (40, ["01-05 00:00 entered a", "01-06 00:00 suppressed b group"]),
    ],
)
def test_a_group_holds_one_rule_of_a_customer(high: int, expected: list[str]) -> None:
    """E1: a higher priority ends the lower entry with group; at equal priority the incumbent stays."""
    steps = "steps: [{wait: 5 days}, {send: hello}], group: g"
    rules = {
        "a": "{trigger: {event: cart}, " + steps + "}",
        "b": "{trigger: {event: order}, priority: " + str(high) + ", " + steps + "}",
    }
    told = story(rules).known("2026-01-02").event("cart", "2026-01-05").event("order", "2026-01-06").until("2026-01-07")
    assert told.said() == expected


# ---------------------------------------------------------------- E1: inactive rules
def test_once_and_after_of_an_inactive_rule_count_other_silences() -> None:
    """E1: on an inactive rule these count other silences, not other thresholds of the same one."""
    rules = {"q": "{trigger: {inactive: [2 days, 4 days]}, reentry: once, send: hello}"}
    told = (
        story(rules).known("2026-01-02").event("order", "2026-01-05").event("order", "2026-01-15").until("2026-02-01")
    )
    assert [line for line in told.said() if "/" not in line] == [
        "01-07 00:00 entered q", "01-09 00:00 entered q", "01-17 00:00 suppressed q already_entered", "01-19 00:00 suppressed q already_entered",
    ]  # fmt: skip
    rules = {"q": "{trigger: {inactive: [2 days, 4 days]}, reentry: {after: 9 days}, send: hello}"}
    told = (
        story(rules).known("2026-01-02").event("order", "2026-01-05").event("order", "2026-01-15").until("2026-02-01")
    )
    assert [line.partition(" ")[2].partition(" ")[2] for line in told.said() if "/" not in line] == [
        "entered q", "entered q", "suppressed q reentry_gap", "entered q",
    ]  # fmt: skip


# ---------------------------------------------------------------- E4
def edited(
    steps: str, *, before: str = "[{wait: 10 days, id: w}, {send: hello, id: s}]", when: str = "2026-01-10"
) -> Story:
    rules = "{trigger: {event: cart}, steps: %s}"
    told = story({"r": rules % before}).known("2026-01-02").event("cart", "2026-01-05").until("2026-01-09")
    return told.change(when, make_plan({"r": rules % steps})).until("2026-03-01")


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ("[{wait: 12 days, id: w}, {send: again, id: s}]", "01-17 00:00 pending r/s"),
        ("[{wait: 2 days, id: w}, {send: again, id: s}]", "01-10 00:00 pending r/s"),
        ("[{send: again, id: s}]", "01-10 00:00 pending r/s"),
        ("[{send: again, id: other}]", "01-10 00:00 ended r/w rule_removed"),
        ("[{wait: {until: '09:00'}, id: w}, {send: again, id: s}]", "01-10 00:00 pending r/s"),
        (
            "[{branch: [{when: 'ever(cart)', steps: [{wait: 1 day}, {send: third, id: t}]}], id: w}, {send: again, id: s}]",
            "01-11 00:00 pending r/t",
        ),
    ],
)
def test_people_inside_follow_the_new_version(steps: str, expected: str) -> None:
    """E4: a step id that still exists follows the new version, d = max(recomputed, the plan record).

    A vanished step moves
    people to the next that exists, else out with rule_removed; a step that changed kind is entered anew.
    """
    assert edited(steps).said()[1] == expected


def test_a_send_step_that_has_its_row_is_passed_over() -> None:
    """E4: a send step that already has its row is passed over when an edit leads to it again."""
    told = edited(
        "[{wait: 1 day, id: w}, {send: hello, id: s}]", before="[{send: hello, id: s}, {wait: 10 days, id: w}]"
    )
    assert [r.step for r in told.rows() if r.step] == ["s"]


def test_a_removed_rule_ends_its_entries() -> None:
    """E4, G6: people inside a rule that is gone leave with rule_removed."""
    told = (
        told_cart("")
        .change("2026-01-06", make_plan({"x": "{trigger: {event: order}, send: hello}"}))
        .until("2026-02-01")
    )
    assert told.said()[-1] == "01-06 00:00 ended r/wait:0 rule_removed"


def test_a_wait_that_a_gap_held_back_too_long_expires() -> None:
    """E2, H9: a step expired in a gap ends the entry."""
    told = told_cart("").gap("2026-01-06", "2026-01-09").until("2026-02-01")
    assert told.said()[-1] == "01-07 00:00 ended r/wait:0 expired"
    short = told_cart("").gap("2026-01-06", "2026-01-07 12:00").until("2026-02-01")
    assert short.said()[-1] == "01-07 12:00 pending r/send:1"


# ---------------------------------------------------------------- the table
def test_an_ended_entry_is_moved_by_nothing() -> None:
    """E2: the table of an entry's life has no way out of its end, and refuses what it does not have."""
    assert TRANSITIONS[EntryState.ENDED] == {}
    for cause in EntryCause:
        with pytest.raises(ValueError, match="cannot be moved"):
            next_state(EntryState.ENDED, cause)


def test_every_state_is_reached_and_every_cause_used() -> None:
    """E2: every state but the first is reached by some cause, and every cause moves some state."""
    reached = {after for moves in TRANSITIONS.values() for after in moves.values()}
    assert reached | {EntryState.RUNNING} == set(EntryState)
    assert {cause for moves in TRANSITIONS.values() for cause in moves} == set(EntryCause)


# ---------------------------------------------------------------- G6: the leaf and the number
PLAIN = "{trigger: {event: cart}, steps: [{wait: 5 days}, {send: hello}]"


def _why(told: Story) -> list[tuple[str | None, str | None, str | None]]:
    return [(row.reason, row.leaf, row.number) for row in told.rows() if row.reason is not None]


def test_a_row_of_the_group_names_who_holds_the_customer() -> None:
    """G6: the row that a group suppresses names the group and the rule inside; one that it ends, the rule that took over."""
    rules = {"a": PLAIN + ", group: g}", "b": PLAIN.replace("cart", "order") + ", group: g}"}
    told = story(rules).event("cart", "2026-01-05").event("order", "2026-01-06").until("2026-01-07")
    assert _why(told) == [("group", "group g", "inside a")]
    higher = {**rules, "b": PLAIN.replace("cart", "order") + ", group: g, priority: 60}"}
    told = story(higher).event("cart", "2026-01-05").event("order", "2026-01-06").until("2026-01-07")
    assert _why(told) == [("group", "group g", "taken by b")]


def test_a_row_outside_the_dates_names_the_date() -> None:
    """G6: before its first day a rule's row names that day, after its last one the end, on the project's clock."""
    rules = {"a": PLAIN + ", starts: '2026-01-06', ends: '2026-01-07', reentry: every}"}
    told = (
        story(rules, zone="Europe/Istanbul").event("cart", "2026-01-05").event("cart", "2026-01-09").until("2026-01-10")
    )
    assert _why(told) == [
        ("outside_dates", "starts 2026-01-06 00:00", None), ("outside_dates", "ends 2026-01-07 23:59", None),
    ]  # fmt: skip


def test_a_row_that_expired_names_grace_and_the_wait() -> None:
    """G6, H9: a deadline that a gap held back too long names the grace it had, and how long it was held."""
    told = story({"a": PLAIN.replace("5 days", "1 day") + "}"}).event("cart", "2026-01-05")
    told.gap("2026-01-05 12:00", "2026-01-08").until("2026-01-09")
    assert _why(told) == [("expired", f"grace {24 * HOUR} µs", f"{48 * HOUR} µs")]


def test_a_row_of_a_removed_step_names_it_and_a_late_one_its_lateness() -> None:
    """G6: who finds no later step leaves with the step they stood at; what came late says by how much."""
    told = story({"a": PLAIN + "}"}).event("cart", "2026-01-05")
    told.change("2026-01-06", make_plan({"a": "{trigger: {event: cart}, steps: [{send: again, id: other}]}"})).until(
        "2026-01-09"
    )
    assert _why(told) == [("rule_removed", "no later step", "wait:0")]
    first = "{trigger: {milestone: {count: cart, at: [1]}}, send: hello}"
    told = story({"a": first}).event("cart", "2026-01-05", arrives="2026-01-10").until("2026-01-11")
    assert _why(told) == [("late_event", "arrived late", f"{5 * 24 * HOUR} µs")]
