"""Live edits as a table (E4, E5): a rule before and after, edited while somebody is inside, and what follows.

Somebody enters on 5 January at 10:00; the edit comes on 10 January at 00:00; nothing is quiet unless a case says so.
"""

from __future__ import annotations

import pytest

from tests.support.story import Story, make_plan, story

#: (what is edited, rule before, rule after, rows from the edit on).
CASES: list[tuple[str, str, str, list[str]]] = [
    # ---- the steps somebody waits at
    ("nothing", "[{wait: 9 days, id: w}, {send: hello, id: s}]", "[{wait: 9 days, id: w}, {send: hello, id: s}]",
     ["01-14 10:00 pending r/s"]),
    ("a wait made longer counts from when the step was entered", "[{wait: 9 days, id: w}, {send: hello, id: s}]",
     "[{wait: 12 days, id: w}, {send: hello, id: s}]", ["01-17 10:00 pending r/s"]),
    ("a wait made shorter is over at the edit at the earliest", "[{wait: 9 days, id: w}, {send: hello, id: s}]",
     "[{wait: 1 day, id: w}, {send: hello, id: s}]", ["01-10 00:00 pending r/s"]),
    ("a wait that is taken away mails at once", "[{wait: 9 days, id: w}, {send: hello, id: s}]", "[{send: hello, id: s}]",
     ["01-10 00:00 pending r/s"]),
    ("a wait that becomes a wait_for is entered anew", "[{wait: 9 days, id: w}, {send: hello, id: s}]",
     "[{wait_for: order, up_to: 2 days, id: w}, {send: hello, id: s}]", ["01-12 00:00 pending r/s"]),
    ("a wait until a local time", "[{wait: 9 days, id: w}, {send: hello, id: s}]",
     "[{wait: {until: 'monday 09:00'}, id: w}, {send: hello, id: s}]", ["01-12 09:00 pending r/s"]),
    ("a wait until a send window", "[{wait: 9 days, id: w}, {send: hello, id: s}]",
     "[{wait: {until: 'weekdays 09:00-09:30'}, id: w}, {send: hello, id: s}]", ["01-10 00:00 pending r/s"]),
    ("a window of another day", "[{wait: {until: 'sun 09:00-10:00'}, id: w}, {send: hello, id: s}]",
     "[{wait: {until: 'mon 15:00-16:00'}, id: w}, {send: hello, id: s}]", ["01-10 00:00 pending r/s"]),
    ("everything that was ahead is taken away", "[{wait: 9 days, id: w}, {send: hello, id: s}]", "[{send: again, id: other}]",
     ["01-10 00:00 ended r/w rule_removed"]),
    ("a step put before where somebody stands is not for them", "[{wait: 9 days, id: w}, {send: hello, id: s}]",
     "[{send: third, id: t}, {wait: 9 days, id: w}, {send: hello, id: s}]", ["01-14 10:00 pending r/s"]),
    ("a step put behind is", "[{wait: 9 days, id: w}, {send: hello, id: s}]",
     "[{wait: 9 days, id: w}, {send: third, id: t}, {send: hello, id: s}]", ["01-14 10:00 pending r/t", "01-14 10:01 pending r/s"]),
    ("a mail that was sent stays sent", "[{send: hello, id: s}, {wait: 9 days, id: w}]",
     "[{wait: 6 days, id: w}, {send: hello, id: s}, {send: again, id: t}]", ["01-11 10:00 pending r/t"]),
    ("another template for a step that is ahead", "[{wait: 9 days, id: w}, {send: hello, id: s}]",
     "[{wait: 9 days, id: w}, {send: plan_named, id: s}]", ["01-14 10:00 suppressed r/s missing_data"]),
    ("a step without an id is known by its kind and place, so another that takes its place is followed",
     "[{wait: 9 days}, {send: hello}]", "[{wait: 6 days}, {send: third}, {wait: 9 days}, {send: hello}]",
     ["01-11 10:00 pending r/send:1", "01-20 10:00 pending r/send:3"]),
    # ---- wait_for
    ("a time-out made shorter", "[{wait_for: order, up_to: 9 days, then: stop, id: f}, {send: hello, id: s}]",
     "[{wait_for: order, up_to: 6 days, then: stop, id: f}, {send: hello, id: s}]", ["01-11 10:00 pending r/s"]),
    ("another event is waited for, from the edit on as before it", "[{wait_for: order, up_to: 9 days, then: stop, id: f}, {send: hello, id: s}]",
     "[{wait_for: opened, up_to: 9 days, then: stop, id: f}, {send: hello, id: s}]", ["01-14 10:00 pending r/s"]),
    ("another way for who is met", "[{wait_for: session, up_to: 9 days, then: stop, id: f}, {send: hello, id: s}]",
     "[{wait_for: session, up_to: 9 days, then: [{send: again, id: a}], id: f}, {send: hello, id: s}]",
     ["01-12 00:00 pending r/a", "01-12 00:01 pending r/s"]),
    # ---- branches and splits
    ("who has passed a branch stays on their way", "[{branch: [{else: [{wait: 9 days, id: w}]}], id: b}, {send: hello, id: s}]",
     "[{branch: [{when: ever(cart), steps: [stop]}, {else: [{wait: 9 days, id: w}]}], id: b}, {send: hello, id: s}]",
     ["01-14 10:00 pending r/s"]),
    ("who has gone through a split keeps their arm", "[{split: {a: 1%, b: 99%}, steps_b: [{wait: 9 days, id: w}, {send: hello, id: s}], id: p}]",
     "[{split: {a: 99%, b: 1%}, steps_b: [{wait: 9 days, id: w}, {send: hello, id: s}], id: p}]", ["01-14 10:00 pending r/s"]),
]  # fmt: skip


def inside(steps: str, more: str = "") -> str:
    return f"{{trigger: {{event: cart}}, steps: {steps}{more}}}"


def told_until_the_edit(rule: str) -> Story:
    return story({"r": rule}).known("2026-01-02").event("cart", "2026-01-05 10:00").until("2026-01-09 23:59")


@pytest.mark.parametrize(("before", "after", "rows"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_people_inside_follow_an_edit(before: str, after: str, rows: list[str]) -> None:
    """E4: people waiting at a step id that still exists follow the new version; what they have behind them stays so."""
    told = told_until_the_edit(inside(before))
    count = len(told.said())
    told.change("2026-01-10", make_plan({"r": inside(after)})).event("session", "2026-01-12").until("2026-03-01")
    assert told.said()[count:] == rows


#: (what is edited, more of the rule before, more of it after, rows from the edit on); two mails, ten days apart.
RULES: list[tuple[str, str, str, list[str]]] = [
    ("an exit that happened before it was one", "", ", exit: session", ["01-15 10:00 pending r/s2"]),
    ("a condition to exit on is looked at before the next send", "", ", exit: ever(session)", ["01-10 00:00 ended r/w exit"]),
    ("a goal that was reached before it was one", "", ", goal: {event: session}", ["01-15 10:00 pending r/s2"]),
    ("an audience that holds no longer", "", ", audience: never(session)", ["01-15 10:00 suppressed r/s2 audience_false"]),
    ("a pause written into the rule", "", ", paused: true", ["01-15 10:00 suppressed r/s2 rule_paused"]),
    ("another class", "", ", class: transactional", ["01-15 10:00 pending r/s2"]),
    ("no one may enter twice any more", ", reentry: every", "", ["01-15 10:00 pending r/s2"]),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "rows"), [case[1:] for case in RULES], ids=[case[0] for case in RULES])
def test_an_edit_of_the_rule_never_looks_back(before: str, after: str, rows: list[str]) -> None:
    """E3, E4, I11: an edit never looks back: what happened before it was an exit or a goal is none."""
    steps = "[{send: hello, id: s1}, {wait: 10 days, id: w}, {send: again, id: s2}]"
    told = story({"r": inside(steps, before)}).known("2026-01-02").event("cart", "2026-01-05 10:00")
    told.event("session", "2026-01-06").until("2026-01-09 23:59")
    count = len(told.said())
    told.change("2026-01-10", make_plan({"r": inside(steps, after)})).event("opened", "2026-01-10").until("2026-03-01")
    assert told.said()[count:] == rows


#: Its deadline d is on 9 January at 10:00, judged three days later.
SETTLED = "{trigger: {inactive: 4 days, activity: [cart]}, settle: 3 days, send: hello"
#: (what is new, the rule before or None, the rule after, who enters when).
NEW: list[tuple[str, str | None, str, list[str]]] = [
    ("a new silence fires for later deadlines alone", None, "{trigger: {inactive: [3 days, 8 days]}, send: hello}", ["01-13 10:00"]),
    ("with backfill also for the one that has passed", None,
     "{trigger: {inactive: [3 days, 8 days]}, backfill: {ramp: 1 minute}, send: hello}", ["01-10", "01-13 10:00"]),
    ("a lowered threshold is not made up for", "{trigger: {inactive: 9 days}, send: hello}", "{trigger: {inactive: 4 days}, send: hello}", []),
    ("a raised one mails once", "{trigger: {inactive: 6 days}, send: hello}", "{trigger: {inactive: 8 days}, send: hello}", ["01-13 10:00"]),
    ("a raised one mails nobody again", "{trigger: {inactive: 4 days}, send: hello}", "{trigger: {inactive: 8 days}, send: hello}", []),
    ("a silence that is settled on the way stands over an edit of something else", f"{SETTLED}}}", f"{SETTLED}, priority: 60}}", ["01-09 10:00"]),
    ("with another settle only later deadlines fire", f"{SETTLED}}}", f"{SETTLED.replace('settle: 3', 'settle: 4')}}}", []),
    ("with other activity only later deadlines fire", f"{SETTLED}}}", f"{SETTLED.replace('[cart]', '[cart, order]')}}}", []),
    ("a new milestone counts what was, and fires for none of it", None, "{trigger: {milestone: {count: cart, at: [1, 2]}}, send: hello}", []),
    ("a new event trigger", None, "{trigger: {event: cart}, send: hello}", []),
    ("a new segment", None, "{trigger: {enters: carters}, send: hello}", []),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "entered"), [case[1:] for case in NEW], ids=[case[0] for case in NEW])
def test_a_new_rule_takes_people_from_now_on(before: str | None, after: str, entered: list[str]) -> None:
    """E4, E5: a threshold fires only for d ≥ the plan record since which it stands; a new rule takes nobody from the past."""
    definitions = "{segments: {carters: count(cart) >= 1}}"
    other = {"x": "{trigger: {event: asked}, send: third}"}
    told = story({**other, **({"r": before} if before else {})}, definitions=definitions).known("2026-01-02")
    told.event("cart", "2026-01-05 10:00").until("2026-01-09 23:59")
    count = len([row for row in told.rows(rule="r") if row.state == "entered"])
    told.change("2026-01-10", make_plan({**other, "r": after}, definitions=definitions)).until("2026-01-20")
    times = [told.local(row.instant) for row in told.rows(rule="r") if row.state == "entered"][count:]
    assert [time[: len(wanted)] for time, wanted in zip(times, entered, strict=True)] == entered
