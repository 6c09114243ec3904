"""The code that a plan generates, which says of an event that no rule has anything to say: as each rule would."""

from __future__ import annotations

import traceback
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relight.customers.codec import encode_profile
from relight.rules.quiet_code import QuietCode, make_quiet, quiet_source
from tests.support.story import Story, make_plan, story

RULES = {
    "large": "{trigger: {event: order where total >= 400}, reentry: every, send: hello}",
    "export": "{trigger: {event: session where feature == 'export' or feature is unknown}, reentry: every, send: again}",
    "sessions": "{trigger: {milestone: {count: session, at: [3, 5]}}, send: third}",
    "features": "{trigger: {milestone: {distinct: session.feature, at: [2, 4]}}, send: hello}",
    "big_orders": "{trigger: {milestone: {count: order where items > 1, at: [2]}}, send: again}",
    "orders": "{trigger: {milestone: {count: order, at: [4]}}, send: third}",
    "quiet": "{trigger: {inactive: 3 days}, reentry: {after: 5 days}, send: hello}",
    "left": "{trigger: {event: cart}, exit: [order], reentry: {after: 2 days}, steps: [{wait: 1 day}, {send: again}]}",
}
SESSIONS = st.fixed_dictionaries({}, optional={"feature": st.sampled_from(["export", "maps", "views", "search"])})
ORDERS = st.fixed_dictionaries(
    {}, optional={"total": st.sampled_from([Decimal(400), Decimal(399)]), "items": st.integers(1, 2)}
)
EVENTS = st.lists(
    st.tuples(
        st.one_of(
            st.tuples(st.just("session"), SESSIONS),
            st.tuples(st.just("order"), ORDERS),
            st.tuples(st.sampled_from(["cart", "opened"]), st.just({})),
        ),
        st.integers(0, 30),
        st.sampled_from([0, 0, 0, 1, 100]),
    ),
    max_size=25,
)


def told(events: list[tuple[tuple[str, dict[str, Any]], int, int]], *, quietly: bool) -> Story:
    """Let events happen, each some hours after the one before it, arriving some hours later."""
    made = story(RULES).known("2026-01-02")
    if not quietly:
        index = made.world.states[-1].index
        assert index is not None
        loud = QuietCode({}, never=index.loud)
        made.world.states[-1] = replace(made.world.states[-1], index=replace(index, quiet=loud))
    at = made.instant("2026-01-02")
    for (name, properties), hours, delay in events:
        at += hours * 3_600_000_000 + 1
        made.event(name, at, arrives=at + delay * 3_600_000_000, **properties)
    return made.until("2026-03-01")


@settings(max_examples=150)
@given(events=EVENTS)
def test_what_is_folded_quietly_is_what_every_rule_would_have_said(
    events: list[tuple[tuple[str, dict[str, Any]], int, int]],
) -> None:
    """R3, R6: Rows, counts and the profile are the same as where every rule is asked about every event."""
    quietly, loudly = told(events, quietly=True), told(events, quietly=False)
    assert quietly.rows() == loudly.rows()
    assert quietly.counted() == loudly.counted()
    one, other = quietly.profiles["ann"], loudly.profiles["ann"]
    # A distinct milestone that saw no value yet has an empty set, or none: the same number.
    for profile in (one, other):
        profile.totals = {rule: total for rule, total in profile.totals.items() if total}
    assert encode_profile(one) == encode_profile(other)


def test_an_event_between_the_marks_is_quiet_and_one_at_a_mark_is_not() -> None:
    """R3: A count grows where it crosses no mark; at a mark nothing has grown, so that the rule itself looks."""
    plan = make_plan({"s": RULES["sessions"], "e": RULES["export"]})
    is_quiet = make_quiet("session", [plan.rules["s"], plan.rules["e"]])
    assert is_quiet is not None
    totals: dict[str, object] = {}
    assert is_quiet(totals, {"feature": "maps"})
    assert totals == {"s": 1}
    assert not is_quiet(totals, {"feature": "export"})
    assert totals == {"s": 1}
    totals = {"s": 2}
    assert not is_quiet(totals, {"feature": "maps"})
    assert totals == {"s": 2}


@pytest.mark.parametrize(
    "trigger",
    [
        "{event: order}",
        "{milestone: {sum: order.total, at: [10]}}",
        "{milestone: {streak: order, at: [3]}}",
        "{event: order where items + 1 > 2}",
    ],
)
def test_where_a_rule_may_always_have_a_say_there_is_no_code(trigger: str) -> None:
    """R6: A rule on every event, on sums and streaks, or with a filter that calculates is asked each time."""
    plan = make_plan({"one": f"{{trigger: {trigger}, send: hello}}", "other": RULES["orders"]})
    assert make_quiet("order", list(plan.rules.values())) is None


def test_what_is_asked_of_many_rules_is_asked_once() -> None:
    """Equal filters of many rules are one test of the generated source, and constants are no part of its text."""
    plan = make_plan({f"r{n}": RULES["large"] for n in range(5)})
    source, constants = quiet_source(list(plan.rules.values()))
    assert source is not None
    assert source.count("return False") == 1
    assert set(constants.values()) == {"total", 400}


def test_generated_source_stands_in_the_traceback() -> None:
    """What goes wrong in generated code is shown with its line, like any other."""
    plan = make_plan({"large": RULES["large"]})
    is_quiet = make_quiet("order", [plan.rules["large"]])
    assert is_quiet is not None
    with pytest.raises(TypeError) as caught:
        is_quiet({}, {"total": "no number"})
    shown = "".join(traceback.format_exception(caught.value))
    assert "<quiet order>" in shown
    assert "if ((v := get(k0)) is not None and v >= k1):" in shown
