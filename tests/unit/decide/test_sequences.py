"""Sequences: waiting for an event, splits, traits set on the way, alerts and web requests (E2, E3)."""

from __future__ import annotations

import pytest

from relight.base.ids import share_of
from relight.rules.plan import MessageClass
from tests.support.story import Story, make_plan, story

WELCOME = (
    "{trigger: {event: cart}, steps: [{send: hello}, {wait_for: order, up_to: 1 day, then: [{send: again}],"
    " else: [{send: third}]}, {wait: 1 day}, {send: hello, id: last}]}"
)


def sent(told: Story, customer: str = "ann") -> list[str]:
    """Return when which template left."""
    return [f"{told.local(m.row.scheduled)} {m.step.template}" for m in told.effects[customer].mails]


# ---------------------------------------------------------------- wait_for
def test_a_wait_for_goes_on_at_the_event_or_when_time_runs_out() -> None:
    """E2: wait_for with a time-out goes one way on a match and another when time runs out, then both go on."""
    met = story({"r": WELCOME}).known("2026-01-02").event("cart", "2026-01-05 10:00")
    met.event("order", "2026-01-05 12:00").until("2026-01-20")
    assert sent(met) == ["01-05 10:00 hello", "01-05 12:00 again", "01-06 12:00 hello"]
    unmet = story({"r": WELCOME}).known("2026-01-02").event("cart", "2026-01-05 10:00").until("2026-01-20")
    assert sent(unmet) == ["01-05 10:00 hello", "01-06 10:00 third", "01-07 10:00 hello"]


def test_an_event_exactly_at_the_time_out_is_in_time() -> None:
    """E2, H3: a wait_for is judged from the events with event time ≤ d that had been ingested by then."""
    at_d = story({"r": WELCOME}).known("2026-01-02").event("cart", "2026-01-05 10:00")
    at_d.event("order", "2026-01-06 10:00").until("2026-01-20")
    assert sent(at_d)[1] == "01-06 10:00 again"
    late = story({"r": WELCOME}).known("2026-01-02").event("cart", "2026-01-05 10:00")
    late.event("order", "2026-01-06 10:00", arrives="2026-01-06 10:00:00.000001").until("2026-01-20")
    assert sent(late)[1] == "01-06 10:00 third"


def test_the_first_wait_for_looks_back_to_the_trigger() -> None:
    """E3: the first wait_for matches events later in event time than the trigger: one that happened while the first
    mail waited for the morning counts, and one that arrived before the trigger did.
    """
    told = story({"r": WELCOME}, quiet=(21 * 60, 9 * 60)).known("2026-01-02").event("cart", "2026-01-05 22:00")
    told.event("order", "2026-01-05 23:00").until("2026-01-06 12:00")
    assert sent(told) == ["01-06 09:00 hello", "01-06 09:01 again"]
    before = story({"r": WELCOME}).known("2026-01-02").event("order", "2026-01-05 11:00")
    before.event("cart", "2026-01-05 10:00", arrives="2026-01-05 11:01").until("2026-01-05 12:00")
    assert sent(before) == ["01-05 11:01 hello", "01-05 11:02 again"]


def test_the_first_wait_for_looks_back_over_a_long_wait() -> None:
    """E3: traces are kept as far back as somebody inside looks, however long ago that is."""
    rule = (
        "{trigger: {event: cart}, steps: [{wait: 40 days}, {wait_for: order, up_to: 1 day, then: stop}, {send: hello}]}"
    )
    told = story({"r": rule}).known("2026-01-02").event("cart", "2026-01-05").event("order", "2026-01-06")
    for day in range(1, 9):
        told.event("order", f"2026-01-0{day}", arrives=f"2026-02-0{day}")
    assert sent(told.until("2026-03-20")) == []
    told.event("order", "2026-04-01")
    assert len(told.profiles["ann"].trail) == 1, "nobody looks back any more"
    other = story({"r": rule}).known("2026-01-02").event("order", "2026-01-04").event("cart", "2026-01-05")
    assert sent(other.until("2026-03-20")) == ["02-15 00:00 hello"]


def test_a_later_wait_for_looks_back_to_its_own_step() -> None:
    """E3: a later wait_for matches events after its step was entered, after a match those after the matched event."""
    rule = (
        "{trigger: {event: cart}, steps: [{wait_for: order, up_to: 1 day}, {wait: 1 day}, {wait_for: session, up_to: 1 day,"
        " then: [{send: again}], else: [{send: third}]}]}"
    )
    told = story({"r": rule}).known("2026-01-02").event("cart", "2026-01-05").event("order", "2026-01-05 10:00")
    told.event("session", "2026-01-05 12:00").until("2026-01-20")
    assert sent(told) == ["01-07 10:00 third"]
    twice = "{trigger: {event: cart}, steps: [{wait_for: order, up_to: 1 day}, {wait_for: order, up_to: 1 day, then: [{send: again}]}]}"
    both = story({"r": twice}).known("2026-01-02").event("order", "2026-01-05 10:00", id="a")
    both.event("order", "2026-01-05 11:00", id="b").event("cart", "2026-01-05 09:00", arrives="2026-01-05 12:00")
    assert sent(both.until("2026-01-05 13:00")) == ["01-05 12:00 again"]


@pytest.mark.parametrize(
    ("order", "reminded"), [("c1", ["c2"]), ("c2", ["c1"]), ("c3", ["c1", "c2"]), (None, ["c1", "c2"])]
)
def test_a_match_is_compared_with_the_entry(order: str | None, reminded: list[str]) -> None:
    """E1, E3: entries keyed by a value run side by side, and an event ends the wait of the one it belongs to (A11)."""
    rule = (
        "{trigger: {event: cart}, reentry: {per: cart_id}, steps: [{wait_for: 'order where order_id == entry.cart_id',"
        " up_to: 4 hours, then: stop, else: [{send: hello}]}]}"
    )
    told = story({"r": rule}).known("2026-01-02")
    told.event("cart", "2026-01-05 10:00", cart_id="c1").event("cart", "2026-01-05 10:30", cart_id="c2")
    told.event("cart", "2026-01-05 11:00", cart_id="c2")
    if order is not None:
        told.event("order", "2026-01-05 12:00", order_id=order)
    told.until("2026-01-20")
    assert [str(m.entry.properties["cart_id"]) for m in told.effects["ann"].mails] == reminded


def test_the_triggering_event_does_not_end_its_own_wait() -> None:
    """E3: the triggering event itself is excluded."""
    rule = "{trigger: {event: order}, steps: [{wait_for: order, up_to: 1 day, then: stop}, {send: hello}]}"
    told = story({"r": rule}).known("2026-01-02").event("order", "2026-01-05").until("2026-01-20")
    assert sent(told) == ["01-06 00:00 hello"]


# ---------------------------------------------------------------- split
SPLIT = "{trigger: {event: cart}, steps: [{split: {a: 30%, b: 70%}, steps_a: [{send: again}]}, {branch: [{when: 'arm == \"b\"', steps: [{send: third}]}]}]}"


def test_a_split_is_sticky_and_a_pure_function() -> None:
    """E2: a split is a sticky hash by rule, step, customer and salt; the arm can be read by later steps."""
    told = story({"r": SPLIT}, salt="2026")
    names = [f"p{n}" for n in range(400)]
    for name in names:
        told.known("2026-01-02", customer=name).event("cart", "2026-01-05", customer=name)
    told.until("2026-01-06")
    arms = {name: "a" if told.effects[name].mails[0].step.template == "again" else "b" for name in names}
    assert arms == {n: "a" if share_of("2026", "r\x1fsplit:0", n) < 0.3 else "b" for n in names}
    assert 0.2 < sum(arm == "a" for arm in arms.values()) / len(names) < 0.4
    other = story({"r": SPLIT}, salt="2027")
    assert any(share_of("2027", "r\x1fsplit:0", n) < 0.3 and arms[n] == "b" for n in names), other


# ---------------------------------------------------------------- set
def test_a_set_trait_is_known_from_then_on() -> None:
    """E2: a set step writes a trait as of its instant: later conditions, watches and zones read it."""
    rules = {
        "r": "{trigger: {event: cart}, steps: [{set: {trait: plan, to: pro}}, {wait: 1 day}, {branch: [{when: 'plan == \"pro\"', steps: [{send: hello}]}]}]}",
        "w": "{trigger: {enters: pros}, steps: [{set: {trait: timezone, to: America/New_York}}, {send: again}]}",
    }
    told = story(rules, definitions="{segments: {pros: 'plan == \"pro\"'}}", quiet=(21 * 60, 9 * 60))
    told.known("2026-01-02", plan="free").event("cart", "2026-01-05 12:00").until("2026-01-20")
    assert told.said() == [
        "01-05 12:00 entered r", "01-05 12:00:00.000001 entered w", "01-05 14:00 pending w/send:1",
        "01-06 14:00 pending r/send:2.0.0",
    ]  # fmt: skip


def test_a_set_trait_outlives_a_new_plan() -> None:
    """E4, E5: what a set step wrote is kept when a new plan folds the customer's events again."""
    rules = {
        "r": "{trigger: {event: cart}, steps: [{set: {trait: plan, to: pro}}]}",
        "x": "{trigger: {event: order}, audience: 'plan == \"pro\"', send: hello}",
    }
    told = story(rules).known("2026-01-02", plan="free").event("cart", "2026-01-05").until("2026-01-06")
    more = {**rules, "y": "{trigger: {inactive: 9 days}, audience: 'count(session, 30 days) == 0', send: again}"}
    told.change("2026-01-07", make_plan(more)).event("order", "2026-01-08").until("2026-01-09")
    assert sent(told) == ["01-08 00:00 hello"]


# ---------------------------------------------------------------- alert, webhook
def test_an_alert_tells_the_team_whatever_the_gate_of_the_customer_says() -> None:
    """G5, A18: an alert goes at once to the team, past consent, quiet hours, caps and holdout."""
    rule = (
        "{trigger: {event: cart}, holdout: 100%, reentry: {per: cart_id}, steps: [{wait_for: 'order where order_id == entry.cart_id',"
        " up_to: 48 hours, then: stop, else: [{alert: {to: support, template: hello}}, {send: again}]}]}"
    )
    told = story({"r": rule}, quiet=(21 * 60, 9 * 60), topics={"news": False})
    told.event("cart", "2026-01-05 23:00", cart_id="c1").until("2026-01-20")
    assert told.said() == [
        "01-05 23:00 entered r", "01-07 23:00 pending r/alert:0.else.0", "01-08 09:00 suppressed r/send:0.else.1 no_address",
    ]  # fmt: skip
    assert told.effects["ann"].mails[0].address == "support@shop.example"


def test_a_web_request_passes_the_gate_as_a_mail_does() -> None:
    """A19, G1: a webhook step passes the same gate and takes its place in the caps; it needs no address."""
    rule = "{trigger: {event: cart}, reentry: every, steps: [{webhook: chat/new}]}"
    told = story({"r": rule}, quiet=(21 * 60, 9 * 60)).event("cart", "2026-01-05 23:00").until("2026-01-20")
    assert told.said() == ["01-05 23:00 entered r", "01-06 09:00 pending r/webhook:0"]
    (mail,) = told.effects["ann"].mails
    assert (mail.address, mail.message_class, mail.step.webhook) == ("", MessageClass.MARKETING, "chat")
    assert len(told.profiles["ann"].places) == 1
    suppressed = story({"r": rule}).known("2026-01-02").suppress("2026-01-03", "ann@mail.example")
    assert (
        suppressed.event("cart", "2026-01-05")
        .until("2026-01-06")
        .said()[-1]
        .endswith("suppressed r/webhook:0 suppressed")
    )
    refused = story({"r": rule}, topics={"news": False}).event("cart", "2026-01-05").until("2026-01-06")
    assert refused.said()[-1].endswith("suppressed r/webhook:0 no_consent")


def test_an_edit_does_not_repeat_a_request_or_an_alert() -> None:
    """E4, I11: a step that has its row is passed over, be it a mail, a web request or an alert."""
    old = "{trigger: {event: cart}, steps: [{webhook: chat/new, id: w}, {alert: {to: support, template: hello}, id: a}, {wait: 9 days, id: p}]}"
    new = "{trigger: {event: cart}, steps: [{wait: 1 day, id: p}, {webhook: chat/new, id: w}, {alert: {to: support, template: hello}, id: a}]}"
    told = story({"r": old}).known("2026-01-02").event("cart", "2026-01-05").until("2026-01-06")
    told.change("2026-01-07", make_plan({"r": new})).until("2026-02-01")
    assert [row.step for row in told.rows() if row.step] == ["w", "a"]
