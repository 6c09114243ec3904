"""The gate.

Its order, every reason with leaf and number, what each class skips, caps, the minute, arbitration, holdout.
"""

from __future__ import annotations

from typing import Any

import pytest

from relight.base.ids import share_of
from relight.base.instants import DAY, HOUR
from relight.base.problems import Place
from relight.messages.addresses import ADDRESS_LENGTH_MAX, address_hash, fold_address, looks_like_address
from relight.messages.gate import CHECKS, SKIPS
from relight.messages.reasons import Reason
from relight.rules.plan import Cap, MessageClass
from relight.rules.world import SENDING_BRAKE, SOFT_BOUNCES, VOLUME_GUARD
from relight.streams.guard_events import declare_guard_event
from tests.support.story import SCHEMA, Story, caps, make_plan, story

CART = "{trigger: {event: cart}, reentry: every, send: hello%s}"


def carted(more: str = "", *, traits: dict[str, Any] | None = None, when: str = "2026-01-05", **policy: Any) -> Story:
    return story({"r": CART % more}, **policy).known("2026-01-02", **(traits or {})).event("cart", when)


def last(told: Story) -> tuple[str, str | None, str | None, str | None]:
    row = told.until("2026-02-01").rows()[-1]
    return str(row.state), row.reason, row.leaf, row.number


# ---------------------------------------------------------------- G1, G6
def test_the_order_is_fixed() -> None:
    """G1: Rule active, exit, audience, address, suppression, consent, sunset, sensitive, render, quiet hours, expires, caps, holdout."""
    assert [name for name, _ in CHECKS] == [
        "rule active", "exit", "audience", "address", "suppression", "consent", "sunset", "sensitive", "render",
        "quiet hours", "expires", "frequency cap", "account cap", "holdout",
    ]  # fmt: skip


def test_a_paused_rule_spends_its_occurrences() -> None:
    """G1: a paused rule's occurrences are spent with rule_paused, also those of `*`, and in the file.

    Resumed, new ones go.
    """
    told = carted().control("pause", "2026-01-06", "r").event("cart", "2026-01-07").control("resume", "2026-01-08", "r")
    told.event("cart", "2026-01-09").control("pause", "2026-01-10", "*").event("cart", "2026-01-11").until("2026-02-01")
    assert told.said() == [
        "01-05 00:00 entered r", "01-05 00:00 pending r/send:0", "01-07 00:00 suppressed r rule_paused",
        "01-09 00:00 entered r", "01-09 00:00 pending r/send:0", "01-11 00:00 suppressed r rule_paused",
    ]  # fmt: skip
    assert carted(", paused: true").until("2026-02-01").said() == ["01-05 00:00 suppressed r rule_paused"]


def test_a_pause_while_somebody_waits_is_met_at_the_gate() -> None:
    """G1: the gate runs once, at the scheduled minute: a pause that stands then suppresses."""
    told = (
        carted(when="2026-01-05 22:00", quiet=(21 * 60, 9 * 60))
        .control("pause", "2026-01-06 03:00", "r")
        .until("2026-01-07")
    )
    assert told.said()[-1] == "01-06 09:00 suppressed r/send:0 rule_paused"


def test_the_audience_must_still_be_true() -> None:
    """G1, G6: audience still true at the scheduled minute; the row names the leaf and the number that decided."""
    told = carted(
        ", audience: 'never(opened) and count(order, 30 days) < 2'", when="2026-01-05 22:00", quiet=(21 * 60, 9 * 60)
    )
    told.event("order", "2026-01-05 23:00").event("order", "2026-01-05 23:30")
    assert last(told) == ("suppressed", "audience_false", "count(order, 30 days) < 2", "2")


def test_what_the_volume_guard_stopped_says_so() -> None:
    """G6, S5: while the guard has paused everything its own reason stands; an operator's pause of the rule, or of everything
    afterwards, says rule_paused.
    """
    told = carted().control("pause", "2026-01-06", "*", cause=VOLUME_GUARD).event("cart", "2026-01-07")
    assert last(told)[:2] == ("suppressed", "volume_guard")
    told.control("pause", "2026-01-08", "r").event("cart", "2026-01-09")
    told.control("resume", "2026-01-10", "r").event("cart", "2026-01-11")
    told.control("pause", "2026-01-12", "*").event("cart", "2026-01-13")
    told.control("resume", "2026-01-14", "*").event("cart", "2026-01-15")
    assert [row.reason for row in told.until("2026-02-01").rows() if row.state == "suppressed"] == [
        "volume_guard", "rule_paused", "volume_guard", "rule_paused",
    ]  # fmt: skip


def test_a_release_of_the_guard_leaves_what_an_operator_paused() -> None:
    """S5: pausing the rule that sent too much and then releasing the guard lets all others go on, and not that one; so
    does a pause of everything, given before the stop or while it stands.
    """
    for subject in ("r", "*"):
        for first in (("pause", subject, ""), ("pause", "*", VOLUME_GUARD)):
            second = ("pause", subject, "") if first[2] else ("pause", "*", VOLUME_GUARD)
            told = carted()
            for day, (kind, whom, cause) in enumerate((first, second, ("resume", "*", VOLUME_GUARD)), start=6):
                told.control(kind, f"2026-01-{day:02}", whom, cause=cause)
            assert last(told.event("cart", "2026-01-10"))[:2] == ("suppressed", "rule_paused")
            told.control("resume", "2026-01-11", subject).event("cart", "2026-01-12")
            assert last(told)[0] != "suppressed"


def test_while_the_guard_stands_its_own_alert_alone_is_decided() -> None:
    """S5, G5: the guard's pause leaves the internal rule that waits for its event, and no other: neither an ordinary alert,
    nor another class's rule on that event. An operator's pause of the rule, or of everything, holds for that one, too.
    """
    alert = "{trigger: {event: %s}, class: %s, reentry: every, steps: [{alert: {to: support, template: hello}}]}"
    rules = {
        "guard": alert % ("volume_guard", "internal"),
        "other": alert % ("cart", "internal"),
        "offer": alert % ("volume_guard", "marketing"),
    }
    schema, _ = declare_guard_event(SCHEMA, Place(file="config/default.yaml"))
    told = story(rules, schema=schema)
    reasons = []
    for day, (kind, subject, cause) in enumerate([
        ("pause", "*", VOLUME_GUARD), ("pause", "guard", ""), ("resume", "*", ""), ("pause", "*", VOLUME_GUARD),
        ("pause", "*", ""),
    ], start=2):  # fmt: skip
        told.control(kind, f"2026-01-{day:02}", subject, cause=cause)
        told.event("cart", f"2026-01-{day:02} 01:00", customer="ann")
        told.event("volume_guard", f"2026-01-{day:02} 01:00", customer="_sending", messages=10, per_hour=10)
        rows = [row for who in ("ann", "_sending") for row in told.rows(customer=who) if row.state != "entered"]
        reasons.append({row.rule: row.reason for row in rows})
    held = {"other": "volume_guard", "offer": "volume_guard"}
    assert reasons == [
        {"guard": None, **held},
        {"guard": "rule_paused", **held},
        {"guard": None, "other": None, "offer": None},
        {"guard": None, **held},
        {"guard": "rule_paused", "other": "rule_paused", "offer": "rule_paused"},
    ]


def test_what_the_sending_brake_stopped_names_the_share() -> None:
    """G6: a class that the brake paused, and no other; the row names what was counted and its share."""
    more = {"cause": SENDING_BRAKE, "leaf": "complaints of marketing", "number": "0.42 %"}
    told = carted().control("pause", "2026-01-06", "class:marketing", **more).event("cart", "2026-01-07")
    assert last(told) == ("suppressed", "rule_paused", "complaints of marketing", "0.42 %")
    told.control("resume", "2026-01-08", "class:marketing").event("cart", "2026-01-09")
    told.control("pause", "2026-01-10", "class:transactional", **more).event("cart", "2026-01-11")
    rows = told.until("2026-02-01").rows()
    assert [row.reason for row in rows if row.state == "suppressed"] == ["rule_paused"]


def test_a_message_needs_an_address() -> None:
    """G6: no_address says whether there is none or what is there is none."""
    assert last(carted(traits={"email": None})) == ("suppressed", "no_address", "email", "unknown")
    assert last(carted(traits={"email": "ann at mail"})) == ("suppressed", "no_address", "email", "not an address")


@pytest.mark.parametrize("address", ["ANN@Mail.example", " ann@mail.example "])
def test_a_suppressed_address_is_refused_by_its_normalised_form(address: str) -> None:
    """G1: suppression list, by normalised address, from its own instant on."""
    told = carted().suppress("2026-01-06", address).event("cart", "2026-01-07")
    assert last(told) == ("suppressed", "suppressed", "suppression list", "all")
    assert told.said()[1] == "01-05 00:00 pending r/send:0"


def test_soft_bounces_hold_marketing_back_for_a_while() -> None:
    """S4, G1: a suppression after soft bounces holds for thirty days, then the address is tried again."""
    told = carted().control(
        "suppression", "2026-01-06", address_hash("ann@mail.example"), scope="marketing", cause=SOFT_BOUNCES
    )
    told.event("cart", "2026-02-04 23:00").event("cart", "2026-02-05").until("2026-02-10")
    assert [str(row.state) for row in told.rows() if row.step == "send:0"] == ["pending", "suppressed", "pending"]


def test_consent_is_asked_by_topic_with_the_configs_default() -> None:
    """G1: topic consent: the last word by event time, else the topic's default."""
    assert last(carted(topics={"news": False})) == ("suppressed", "no_consent", "topic news", "never given")
    given = carted(topics={"news": False}).own("consent", "2026-01-06", "news", given=True).event("cart", "2026-01-07")
    assert last(given)[0] == "pending"
    told = carted().own("consent", "2026-01-06", "news", given=False).event("cart", "2026-01-07")
    assert last(told) == ("suppressed", "no_consent", "topic news", "withdrawn")
    by_event = carted().event("identify", "2026-01-06", consent={"news": False}).event("cart", "2026-01-07")
    assert last(by_event)[1] == "no_consent"


def test_somebody_in_trouble_is_left_alone_and_an_unknown_does_not_hold() -> None:
    """G1, G5: the sensitive hold keeps marketing back; an unknown in `sensitive` does not hold."""
    told = (
        carted(sensitive='plan == "frozen" or count(opened, 7 days) >= 1')
        .event("opened", "2026-01-06")
        .event("cart", "2026-01-07")
    )
    assert told.said()[1] == "01-05 00:00 pending r/send:0"
    assert last(told) == ("suppressed", "sensitive_hold", "count(opened, 7 days) >= 1", "1")
    urgent = carted(", class: transactional", sensitive="ever(cart)")
    assert last(urgent)[0] == "pending"


def test_missing_data_suppresses() -> None:
    """G1: render: missing data suppresses, naming what is missing and where."""
    told = (
        story({"r": "{trigger: {event: cart}, send: plan_named}"})
        .known("2026-01-02")
        .event("cart", "2026-01-05")
        .until("2026-02-01")
    )
    row = told.rows()[-1]
    assert (row.reason, row.leaf, row.place) == ("missing_data", "plan", "templates/plan_named/body.txt:3")


def test_a_letter_that_is_gone_is_a_template_error() -> None:
    """G6: template_error names the template."""
    plan = make_plan({"r": CART % ""})
    told = Story(type(plan)(**{name: getattr(plan, name) if name != "letters" else {} for name in plan.__slots__}))
    told.known("2026-01-02").event("cart", "2026-01-05")
    assert last(told) == ("suppressed", "template_error", "templates/hello/", "missing")


def test_what_would_be_scheduled_later_than_expires_is_expired() -> None:
    """G3: what would be scheduled later than `expires` is expired."""
    assert last(carted(", expires: 11 hours", when="2026-01-05 22:00", quiet=(21 * 60, 9 * 60)))[0] == "pending"
    assert last(carted(", expires: 10 hours", when="2026-01-05 22:00", quiet=(21 * 60, 9 * 60)))[1] == "expired"


def test_a_skipping_condition_of_a_step_has_its_own_reason() -> None:
    """G6: `unless` of a step skips this message alone."""
    told = story({"r": "{trigger: {event: cart}, steps: [{send: hello, unless: 'ever(cart)'}, {send: again}]}"})
    told.known("2026-01-02").event("cart", "2026-01-05").until("2026-02-01")
    assert told.said()[1:] == ["01-05 00:00 suppressed r/send:0 unless", "01-05 00:01 pending r/send:1"]


def test_outside_its_dates_a_rule_writes_the_reason() -> None:
    """G6: outside_dates: occurrences count between the rule's first and last day, the last included."""
    told = carted(", starts: '2026-01-06', ends: '2026-01-07'")
    for when in ("2026-01-06", "2026-01-07 23:59", "2026-01-08"):
        told.event("cart", when)
    told.until("2026-02-01")
    assert [line for line in told.said() if "/" not in line] == [
        "01-05 00:00 suppressed r outside_dates", "01-06 00:00 entered r", "01-07 23:59 entered r", "01-08 00:00 suppressed r outside_dates",
    ]  # fmt: skip


def test_the_reasons_are_a_closed_list() -> None:
    """G6: reasons are a closed list."""
    assert sorted(Reason) == sorted(
        "audience_false already_entered reentry_gap group holdout suppressed no_consent no_address sensitive_hold frequency_cap account_cap "
        "quiet_hours exit goal_met template_error missing_data late_event expired rule_paused rule_removed rejected retries_exhausted "
        "unknown_outcome volume_guard pool_empty sunset unless outside_dates".split()
    )


# ---------------------------------------------------------------- G4
def test_a_held_out_customer_takes_a_place_and_follows_the_steps() -> None:
    """G4: a held-out customer gets a ghost row, takes a place in the caps like the other arm, and follows the steps."""
    rules = {
        "r": "{trigger: {event: cart}, steps: [{send: hello}, {wait: 1 hour}, {send: again}], holdout: 100%}",
        "z": "{trigger: {event: cart}, priority: 10, send: third}",
    }
    told = (
        story(rules, caps=caps(marketing=(Cap(most=2, window=DAY),)))
        .known("2026-01-02")
        .event("cart", "2026-01-05")
        .until("2026-02-01")
    )
    assert [line for line in told.said() if "/" in line] == [
        "01-05 00:00 held_out r/send:0 holdout", "01-05 00:00 pending z/send:0", "01-05 01:00 suppressed r/send:2 frequency_cap",
    ]  # fmt: skip
    assert told.rows()[2].leaf == "holdout 100.0%"


def test_the_split_is_fair_sticky_and_of_each_rule_its_own() -> None:
    """G4, I15: Holdout is a pure function of (salt, rule, customer): near its share among 20,000, and other for other rules."""
    drawn = [share_of("2026", "winback", f"customer-{n}") for n in range(20_000)]
    # Four standard deviations of a fair draw are 0.0062.
    assert abs(sum(d < 0.05 for d in drawn) / 20_000 - 0.05) < 0.0062
    assert drawn == [share_of("2026", "winback", f"customer-{n}") for n in range(20_000)]
    other = [share_of("2026", "nudge", f"customer-{n}") for n in range(20_000)]
    both = sum(a < 0.05 and b < 0.05 for a, b in zip(drawn, other, strict=True)) / 20_000
    assert abs(both - 0.0025) < 0.0015


# ---------------------------------------------------------------- G5
def test_transactional_messages_go_at_once_and_never_to_a_dead_address() -> None:
    """G5: Transactional messages skip consent, holdout, caps and quiet hours, never the suppression list for hard bounces."""
    policy: dict[str, Any] = {
        "topics": {"news": False},
        "quiet": (21 * 60, 9 * 60),
        "caps": caps(marketing=(Cap(most=1, window=DAY),)),
    }
    told = carted(", class: transactional", when="2026-01-05 22:00:30", **policy)
    assert told.until("2026-01-06").said()[-1] == "01-05 22:00:30 pending r/send:0"
    asked = (
        carted(", class: transactional")
        .suppress("2026-01-06", "ann@mail.example", "marketing")
        .event("cart", "2026-01-07")
    )
    assert last(asked)[0] == "pending"
    dead = carted(", class: transactional").suppress("2026-01-06", "ann@mail.example").event("cart", "2026-01-07")
    assert last(dead)[1] == "suppressed"


def test_internal_messages_skip_all_but_what_they_cannot_do_without() -> None:
    """G5: internal ones skip audience, suppression, consent, holdout and caps; a pause stops them too."""
    assert {"audience", "suppression", "consent", "sensitive", "frequency cap", "holdout"} <= SKIPS[
        MessageClass.INTERNAL
    ]
    assert "rule active" not in SKIPS[MessageClass.INTERNAL]
    rules = {"r": "{trigger: {event: cart}, steps: [{alert: {to: support, template: hello}}]}"}
    told = story(rules, topics={"news": False}).event("cart", "2026-01-05")
    told.suppress("2026-01-06", "ann@mail.example").until("2026-01-07")
    assert told.said()[-1] == "01-05 00:00 pending r/alert:0", "the team is told of somebody without an address"
    (mail,) = told.effects["ann"].mails
    assert (mail.address, mail.message_class) == ("support@shop.example", MessageClass.INTERNAL)
    paused = story(rules).control("pause", "2026-01-03", "r").event("cart", "2026-01-05")
    assert paused.said() == ["01-05 00:00 suppressed r rule_paused"]


# ---------------------------------------------------------------- B4: the sunset
def test_marketing_gives_up_after_the_sunset() -> None:
    """B4, G6: who gave no sign of life for the sunset is left alone, with sunset; first seen counts as a sign."""
    rules = {
        "r": "{trigger: {event: opened}, reentry: every, send: hello}",
        "t": "{trigger: {event: opened}, reentry: every, class: transactional, send: hello}",
    }
    told = story(rules, sunset=10 * DAY).known("2026-01-02").event("order", "2026-01-05")
    told.event("opened", "2026-01-15").event("opened", "2026-01-15 00:00:00.000001").until("2026-02-01")
    assert [line for line in told.said(rule="r") if "/" in line] == [
        "01-15 00:00 pending r/send:0", "01-15 00:01 suppressed r/send:0 sunset",
    ]  # fmt: skip
    assert [row.state for row in told.rows(rule="t") if row.step] == ["pending", "pending"]
    never = story(rules, sunset=10 * DAY).known("2026-01-02")
    never.event("opened", "2026-01-11").event("opened", "2026-01-13").until("2026-02-01")
    assert [row.reason for row in never.rows(rule="r") if row.step] == [None, "sunset"]


# ---------------------------------------------------------------- G1, G2: the minute
def test_a_message_without_any_allowed_minute_is_refused_with_quiet_hours() -> None:
    """G1, G6: where no minute is ever allowed the gate says quiet_hours, and nothing leaves at a quiet minute."""
    rules = {"r": "{trigger: {event: cart}, steps: [{send: hello, at: '23:00'}, {send: again}]}"}
    told = story(rules, quiet=(21 * 60, 9 * 60)).known("2026-01-02").event("cart", "2026-01-05 12:00")
    assert told.until("2026-01-20").said()[1:] == [
        "01-05 12:00 suppressed r/send:0 quiet_hours", "01-05 12:01 pending r/send:1",
    ]  # fmt: skip


def test_the_scheduled_minute_is_the_first_whole_minute() -> None:
    """G1: the scheduled minute is the first whole local minute ≥ now."""
    assert carted(when="2026-01-05 10:00:00.000001").until("2026-01-06").said()[-1] == "01-05 10:01 pending r/send:0"
    assert carted(when="2026-01-05 10:00").until("2026-01-06").said()[-1] == "01-05 10:00 pending r/send:0"


@pytest.mark.parametrize(
    ("options", "when", "leaves"),
    [
        ("at: '18:30'", "2026-01-05 10:00", "01-05 18:30"),
        ("at: '08:30'", "2026-01-05 10:00", "01-06 08:30"),
        ("send_window: 'mon-fri 10:00-16:00'", "2026-01-03 11:00", "01-05 10:00"),
        ("send_window: 'mon-fri 10:00-16:00'", "2026-01-05 16:00", "01-06 10:00"),
        ("send_window: 'mon-fri 10:00-16:00'", "2026-01-05 15:59", "01-05 15:59"),
    ],
)
def test_a_step_may_say_when_it_leaves(options: str, when: str, leaves: str) -> None:
    """G1: inside the send window, or at the step's local time of day."""
    told = (
        story({"r": "{trigger: {event: cart}, steps: [{send: hello, " + options + "}]}"})
        .known("2026-01-02")
        .event("cart", when)
    )
    assert told.until("2026-01-10").said()[-1] == f"{leaves} pending r/send:0"


def test_a_new_zone_moves_a_message_that_waits() -> None:
    """H6: a new zone arms at once: a message that waits for the morning waits for the new one."""
    told = carted(when="2026-01-05 22:00", quiet=(21 * 60, 9 * 60))
    told.event("identify", "2026-01-05 23:00", traits={"timezone": "America/New_York"}).until("2026-01-10")
    assert told.said()[-1] == "01-05 23:00 pending r/send:0", "in New York it is 18:00"


def test_a_message_whose_minute_falls_in_a_gap_is_placed_again_from_its_end() -> None:
    """G3: candidates whose minute falls in a gap are placed again from its end."""
    told = (
        carted(when="2026-01-05 22:00", quiet=(21 * 60, 9 * 60))
        .gap("2026-01-06 08:00", "2026-01-06 22:30")
        .until("2026-01-10")
    )
    assert told.said()[-1] == "01-07 09:00 pending r/send:0"


def race(priorities: tuple[int, int], **policy: Any) -> list[str]:
    rules = {
        "a": f"{{trigger: {{event: cart}}, priority: {priorities[0]}, send: hello}}",
        "b": f"{{trigger: {{event: order}}, priority: {priorities[1]}, send: again}}",
    }
    told = story(rules, quiet=(21 * 60, 9 * 60), caps=caps(marketing=(Cap(most=1, window=DAY),)), **policy).known(
        "2026-01-02"
    )
    told.event("cart", "2026-01-05 22:00").event("order", "2026-01-05 23:00").until("2026-01-10")
    return [line for line in told.said() if "/" in line]


def test_at_a_minute_the_higher_priority_takes_the_place() -> None:
    """G2: At a minute all candidates run the gate in (priority, rule id, key) order, and only then take their places."""
    assert race((50, 80)) == ["01-06 09:00 pending b/send:0", "01-06 09:00 suppressed a/send:0 frequency_cap"]
    assert race((80, 50)) == ["01-06 09:00 pending a/send:0", "01-06 09:00 suppressed b/send:0 frequency_cap"]
    assert race((50, 50))[0] == "01-06 09:00 pending a/send:0"


def test_a_second_send_of_one_entry_cannot_use_the_same_minute() -> None:
    """G2: a second send of one entry cannot use the same minute."""
    told = (
        story({"r": "{trigger: {event: cart}, steps: [{send: hello}, {send: again}]}"})
        .known("2026-01-02")
        .event("cart", "2026-01-05 10:00")
    )
    assert told.until("2026-01-06").said()[1:] == ["01-05 10:00 pending r/send:0", "01-05 10:01 pending r/send:1"]


def arbitrated(priority: int, when: str, step: str = "") -> list[str]:
    rules = {
        "a": "{trigger: {event: cart}, priority: 50, send: hello}",
        "b": f"{{trigger: {{event: order}}, priority: {priority}, steps: [{{send: again{step}}}]}}",
    }
    told = story(rules, arbitration=HOUR, caps=caps(marketing=(Cap(most=1, window=DAY),))).known("2026-01-02")
    told.event("cart", "2026-01-05 10:00").event("order", when).until("2026-01-10")
    return [line for line in told.said() if "/" in line]


def test_a_better_message_overtakes_one_that_is_held() -> None:
    """G2: arbitration holds marketing an hour.

    When one comes due, every held one that ranks before it is judged first.
    """
    assert arbitrated(80, "2026-01-05 10:40") == [
        "01-05 11:00 pending b/send:0",
        "01-05 11:00 suppressed a/send:0 frequency_cap",
    ]
    assert arbitrated(40, "2026-01-05 10:40") == [
        "01-05 11:00 pending a/send:0",
        "01-05 11:40 suppressed b/send:0 frequency_cap",
    ]
    assert arbitrated(80, "2026-01-05 11:10") == [
        "01-05 11:00 pending a/send:0",
        "01-05 12:10 suppressed b/send:0 frequency_cap",
    ]


def test_overtaking_leaves_at_no_minute_at_which_the_message_may_not() -> None:
    """G1, G2: a held message that may not leave at that minute is not pulled forward to it."""
    assert arbitrated(80, "2026-01-05 10:40", ", at: '18:30'") == [
        "01-05 11:00 pending a/send:0",
        "01-05 18:30 suppressed b/send:0 frequency_cap",
    ]


# ---------------------------------------------------------------- G2: caps
def capped(cap: tuple[Cap, ...], whens: list[str], more: str = "", **policy: Any) -> list[str]:
    told = story({"r": CART % more}, caps=caps(marketing=cap), **policy).known("2026-01-02")
    for when in whens:
        told.event("cart", when)
    return [f"{told.local(r.scheduled)} {r.reason or r.state}" for r in told.until("2026-04-01").rows() if r.step]


def test_elapsed_caps_slide() -> None:
    """G2: elapsed units slide: exactly a day later there is room again."""
    found = capped((Cap(most=1, window=DAY),), ["2026-01-05 10:00", "2026-01-06 09:59", "2026-01-06 10:00"])
    assert found == ["01-05 10:00 pending", "01-06 09:59 frequency_cap", "01-06 10:00 pending"]


@pytest.mark.parametrize(
    ("calendar", "whens", "refused"),
    [
        ("day", ["2026-01-05 20:59", "2026-01-05 21:00", "2026-01-06 20:59"], [2]),
        ("week", ["2026-01-11 20:59", "2026-01-11 21:00", "2026-01-18 20:59"], [2]),
        ("month", ["2026-01-31 20:59", "2026-01-31 21:00", "2026-02-28 20:59"], [2]),
    ],
)
def test_calendar_caps_are_local(calendar: str, whens: list[str], refused: list[int]) -> None:
    """G2: calendar units are the local day, week from Monday and month; Istanbul's midnight is 21:00 UTC."""
    told = story({"r": CART % ""}, caps=caps(marketing=(Cap(most=1, window=None, calendar=calendar),)))
    told.known("2026-01-02", timezone="Europe/Istanbul")
    for when in whens:
        told.event("cart", when)
    found = [r.reason for r in told.until("2026-04-01").rows() if r.step]
    assert [n for n, reason in enumerate(found) if reason == "frequency_cap"] == refused


def test_a_capped_row_names_the_cap_and_what_was_used() -> None:
    """G6: each row names the leaf and the number that decided."""
    told = story({"r": CART % ""}, caps=caps(marketing=(Cap(most=2, window=7 * DAY),))).known("2026-01-02")
    for day in (5, 6, 7):
        told.event("cart", f"2026-01-0{day}")
    assert last(told) == ("suppressed", "frequency_cap", "2 per 7 days", "2")


def test_a_capped_message_may_wait_for_room() -> None:
    """G2: with {wait: T} the first allowed minute within T with room as known now, where it competes again.

    Else at once.
    """
    wait = ", when_capped: {wait: 2 days}, expires: 5 days"
    assert (
        capped((Cap(most=1, window=DAY),), ["2026-01-05 10:00", "2026-01-05 15:00"], wait)[1] == "01-06 10:00 pending"
    )
    day = (Cap(most=1, window=None, calendar="day"),)
    assert (
        capped(day, ["2026-01-05 10:00", "2026-01-05 15:00"], wait, quiet=(21 * 60, 9 * 60))[1] == "01-06 09:00 pending"
    )
    short = ", when_capped: {wait: 12 hours}"
    assert (
        capped((Cap(most=1, window=DAY),), ["2026-01-05 10:00", "2026-01-05 15:00"], short)[1]
        == "01-05 15:00 frequency_cap"
    )


@pytest.mark.parametrize(
    ("state", "back"), [("rejected", True), ("bounced", True), ("unknown", False), ("accepted", False)]
)
def test_a_rejected_message_gives_its_place_back(state: str, back: bool) -> None:
    """G2: rejected or bounced gives the place back when that is folded; unknown keeps it."""
    told = (
        story({"r": CART % ""}, caps=caps(marketing=(Cap(most=1, window=DAY),)))
        .known("2026-01-02")
        .event("cart", "2026-01-05 10:00")
    )
    told.until("2026-01-05 11:00").own("outcome", "2026-01-05 12:00", told.rows()[-1].occurrence_key, state=state)
    assert (last(told.event("cart", "2026-01-05 13:00"))[0] == "pending") is back


def test_transactional_mail_takes_no_place_of_marketing() -> None:
    """G5: transactional messages skip the caps and leave the places of marketing alone."""
    rules = {"r": CART % "", "t": "{trigger: {event: order}, class: transactional, reentry: every, send: again}"}
    told = (
        story(rules, caps=caps(marketing=(Cap(most=1, window=DAY),))).known("2026-01-02").event("order", "2026-01-05")
    )
    assert last(told.event("cart", "2026-01-05 10:00"))[0] == "pending"


# ---------------------------------------------------------------- addresses
def test_addresses_fold_ascii_case_alone() -> None:
    """B3: one form for comparing: ASCII case folded, nothing else; İ and ı stay distinct."""
    assert fold_address(" Ann@MAIL.example ") == "ann@mail.example"
    assert address_hash("Ann@mail.example") == address_hash("ann@MAIL.example")
    assert (
        len({address_hash(a) for a in ("ilk@m.example", "ılk@m.example", "İlk@m.example", "i\u0307lk@m.example")}) == 4
    )


@pytest.mark.parametrize(
    "address",
    ["", "ann", "a@b@c", "a b@c", "a,b@c.example", "ann@mail.example\nbcc: x", "<ann@mail.example>", "a@" + "b" * 254],
)
def test_what_is_no_address_is_refused(address: str) -> None:
    """G1: one @, no control character, no list, no longer than an address may be."""
    assert not looks_like_address(address)
    assert len("a@" + "b" * 252) == ADDRESS_LENGTH_MAX
    assert looks_like_address("a@" + "b" * 252)
