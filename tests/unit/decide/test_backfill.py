"""Backfill (E5): a new rule that also takes those who match already, spread over a ramp."""

from __future__ import annotations

import pytest

from relight.base.ids import share_of
from relight.base.instants import DAY
from tests.support.story import Story, make_plan, story

NOTHING = {"x": "{trigger: {event: asked}, send: third}"}
SILENT = "{trigger: {inactive: [2 days, 5 days, 30 days]}, backfill: {ramp: 1 day}, send: hello}"


def changed(told: Story, when: str, rules: dict[str, str], definitions: str = "{}") -> Story:
    return told.change(when, make_plan(rules, salt="s", definitions=definitions))


def entered(told: Story, rule: str = "r", customer: str = "ann") -> list[str]:
    return [row.occurrence for row in told.rows(rule=rule, customer=customer) if row.state == "entered"]


def test_a_new_rule_takes_who_is_silent_already_within_the_ramp() -> None:
    """E5: backfill includes those who match already, each once, spread by hash over the ramp."""
    told = story(NOTHING, salt="s")
    names = [f"p{n}" for n in range(60)]
    for name in names:
        told.known("2026-01-02", customer=name).event("order", "2026-01-03", customer=name)
    told.event("order", "2026-01-12 12:00", customer="p0")
    changed(told, "2026-01-12 18:00", {**NOTHING, "r": SILENT}).until("2026-01-14 11:00")
    begin = told.instant("2026-01-12 18:00")
    for name in names[1:]:
        (row,) = [r for r in told.rows(rule="r", customer=name) if r.state == "entered"]
        assert row.occurrence == f"silence:{told.instant('2026-01-03')}:1", "the longest threshold that was passed"
        assert row.judged == begin + int(share_of("s", "r\x1fbackfill", name) * DAY)
    assert entered(told, customer="p0") == []
    told.until("2026-03-01")
    assert [o[-1] for o in entered(told, customer="p1")] == ["1", "2"], "later thresholds fall due in their own time"
    assert [o[-1] for o in entered(told, customer="p0")] == ["0", "1", "2"]


def test_without_backfill_a_new_rule_takes_nobody_from_the_past() -> None:
    """E5: a new rule takes people from now on."""
    told = story(NOTHING, salt="s").known("2026-01-02").event("order", "2026-01-03")
    changed(told, "2026-01-12", {**NOTHING, "r": SILENT.replace("backfill: {ramp: 1 day}, ", "")}).until("2026-01-20")
    assert entered(told) == []


def test_who_comes_back_before_their_instant_is_left_alone() -> None:
    """E5, H6: who no longer matches at their instant of the ramp is not taken."""
    told = story(NOTHING, salt="s").known("2026-01-02").event("order", "2026-01-03")
    changed(told, "2026-01-12", {**NOTHING, "r": SILENT})
    told.event("order", "2026-01-12 00:00:00.000001").until("2026-01-14")
    assert entered(told) == []


@pytest.mark.parametrize(
    ("trigger", "occurrence"),
    [
        ("{milestone: {count: order, at: [1, 3, 10]}}", "milestone:3"),
        ("{milestone: {sum: order.total, at: [10, 100]}}", "milestone:10"),
        ("{milestone: {distinct: order.order_id, at: [2]}}", "milestone:2"),
        ("{milestone: {value: spent, at: [5, 39, 100]}}", "milestone:39"),
        ("{enters: buyers}", "enters"),
    ],
)
def test_every_state_that_stands_can_be_taken(trigger: str, occurrence: str) -> None:
    """E5: past a milestone counts the highest mark; inside a segment counts being there. Nothing comes twice."""
    definitions = "{values: {spent: sum(order.total)}, segments: {buyers: count(order) >= 4}}"
    told = story(NOTHING, salt="s", definitions=definitions).known("2026-01-02")
    for n in range(4):
        told.event("order", f"2026-01-0{n + 3}", total=10, order_id=f"o{n % 2}")
    rule = f"{{trigger: {trigger}, backfill: {{ramp: 1 day}}, send: hello}}"
    changed(told, "2026-01-10", {**NOTHING, "r": rule}, definitions)
    told.event("order", "2026-01-20", total=0, order_id="o0").until("2026-02-01")
    (only,) = entered(told)
    assert only.startswith(occurrence)
    changed(told, "2026-02-02", {"r": rule}, definitions).until("2026-02-05")
    assert entered(told) == [only]


def test_backfill_may_be_said_later_and_repeats_nothing() -> None:
    """E5, I11: a rule that says backfill only now takes those it passed over, and none that it had."""
    later = {**NOTHING, "r": SILENT.replace("backfill: {ramp: 1 day}, ", "")}
    told = story(NOTHING, salt="s").known("2026-01-02").event("order", "2026-01-03")
    told.known("2026-01-02", customer="bob").event("order", "2026-01-11", customer="bob")
    changed(told, "2026-01-12", later).until("2026-01-20")
    assert [entered(told), len(entered(told, customer="bob"))] == [[], 2]
    changed(told, "2026-01-21", {**NOTHING, "r": SILENT}).until("2026-01-23")
    assert [len(entered(told)), len(entered(told, customer="bob"))] == [1, 2]
