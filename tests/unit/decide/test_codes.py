"""What decisions know of the code that a mail went out with (S6): a record of the log, never the draw itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from relight.customers.codec import decode_profile, encode_profile
from relight.streams.schema import Schema
from tests.support.story import SCHEMA, Story, make_plan

OFFER = "{trigger: {event: order}, reentry: every, %s, steps: [{send: hello, code: spring}, %s]}"
#: As in the stories, with the code that somebody redeems.
REDEEMED: Schema = replace(
    SCHEMA, events={**SCHEMA.events, "redeemed": replace(SCHEMA.events["cart"], name="redeemed")}
)


def offer(
    more: str = "goal: {event: redeemed where cart_id == entry.code}", steps: str = "{wait: 7 days}, {send: again}"
) -> Story:
    told = Story(make_plan({"offer": OFFER % (more, steps)}, schema=REDEEMED))
    return told.known("2026-01-02").event("order", "2026-01-03 10:00").until("2026-01-03 12:00")


def drawn(told: Story, when: str, code: str = "A-1") -> Story:
    """Let sending have told which code the mail went out with."""
    mail = next(row for row in told.rows() if row.step == "send:0")
    return told.own("code", when, mail.occurrence_key, code=code)


def test_the_goal_is_met_by_the_code_of_the_own_mail_alone() -> None:
    """S6, E3: a goal that names `entry.code` is met by the code that this entry's mail went out with, by no other."""
    told = drawn(offer(), "2026-01-03 12:01")
    told.event("redeemed", "2026-01-04", cart_id="B-2")
    assert [r.reason for r in told.rows() if r.state == "ended"] == []
    told.event("redeemed", "2026-01-05", cart_id="A-1")
    assert [r.reason for r in told.rows() if r.state == "ended"] == ["goal_met"]
    assert not [r for r in told.until("2026-02-01").rows() if r.step == "send:2"]


def test_until_the_code_is_told_it_is_unknown_and_then_what_came_before_counts() -> None:
    """R5, E3: before the record `entry.code` is unknown and matches nothing; the record looks back at what arrived."""
    told = offer().event("redeemed", "2026-01-03 13:00", cart_id="A-1")
    assert [r.reason for r in told.rows() if r.state == "ended"] == []
    assert [r.reason for r in drawn(told, "2026-01-03 14:00").rows() if r.state == "ended"] == ["goal_met"]


def test_a_wait_for_the_own_code_ends_with_it() -> None:
    """E3: a wait_for that names `entry.code` sees an event that arrived before the code was told, too."""
    steps = (
        "{wait_for: redeemed where cart_id == entry.code, up_to: 7 days, then: [{send: again}], else: [{send: third}]}"
    )
    told = offer("priority: 50", steps).event("redeemed", "2026-01-03 13:00", cart_id="A-1")
    rows = drawn(told, "2026-01-03 14:00").until("2026-02-01").rows()
    assert [r.step for r in rows if r.step and r.state == "pending"] == ["send:0", "send:1.then.0"]
    without = offer("priority: 50", steps).until("2026-02-01").rows()
    assert [r.step for r in without if r.step and r.state == "pending"] == ["send:0", "send:1.else.0"]


def test_another_mails_code_and_a_code_of_nobody_change_nothing() -> None:
    """S6: the record names its mail; one of another mail, or of an entry that is over, moves nobody."""
    told = offer().own("code", "2026-01-03 12:01", "0" * 32, code="A-1").event("redeemed", "2026-01-04", cart_id="A-1")
    assert [r.reason for r in told.rows() if r.state == "ended"] == []


def test_the_code_survives_a_checkpoint() -> None:
    """I8: a profile that is written down and read again knows the code."""
    told = drawn(offer(), "2026-01-03 12:01")
    told.profiles["ann"] = decode_profile(told.plan.layout, encode_profile(told.profiles["ann"]))
    told.event("redeemed", "2026-01-05", cart_id="A-1")
    assert [r.reason for r in told.rows() if r.state == "ended"] == ["goal_met"]


@pytest.mark.parametrize(
    "rule",
    [
        "{trigger: {event: order}, audience: 'entry.code is known', steps: [{send: hello, code: spring}]}",
        "{trigger: {event: order}, exit: redeemed where cart_id == entry.code, send: hello}",
        "{trigger: {event: order}, reentry: {per: code}, steps: [{send: hello, code: spring}]}",
    ],
    ids=["audience", "no-pool", "per"],
)
def test_where_no_code_can_be_known_it_is_refused(rule: str) -> None:
    """I18: `entry.code` exists in exits, goals and steps of a rule whose mail has a code, and nowhere else."""
    with pytest.raises(AssertionError, match=r"not-here|unknown-property"):
        make_plan({"offer": rule}, schema=REDEEMED)
