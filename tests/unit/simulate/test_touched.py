"""The people that an edit touches, as `plan` counts them: six wait at the first step, three are silent for 8 days."""

from __future__ import annotations

import pytest

from relight.base.instants import DAY, HOUR
from relight.engine.engine import Engine
from relight.simulate.forecast.touched import Touched, TouchedPeople, touched_people
from relight.simulate.forecast.touched_list import PeopleList, Touch, TouchedPerson
from relight.stores.memory import MemoryStore
from relight.streams.envelope import Event
from tests.support.story import make_plan

T0 = 1_767_225_600_000_000
"""2026-01-01 00:00 UTC."""
EDIT = T0 + 9 * DAY


def came(number: int, name: str, at: int, customer: str) -> Event:
    traits: dict[str, object] = {"email": f"{customer}@mail.example"} if name == "identify" else {}
    return Event(
        stream="s", id=f"e{number}", customer=customer, name=name, event_time=at, ingest_time=at, traits=traits
    )


def touched(before: str, after: str | None, *, listed: int = 0) -> TouchedPeople:
    """Return what an edit of the rule `r` does: carts of c0 to c5 on day 6, sessions of s0 to s2 on day 1."""
    engine = Engine(MemoryStore())
    engine.follow_plan(make_plan({"r": before, "x": "{trigger: {event: asked}, send: third}"}), T0)
    carts, silent = [f"c{n}" for n in range(6)], [f"s{n}" for n in range(3)]
    engine.take([came(n, "identify", T0 + n, one) for n, one in enumerate([*carts, *silent])])
    engine.take([came(20 + n, "session", T0 + DAY + n, one) for n, one in enumerate(silent)])
    engine.take([came(10 + n, "cart", T0 + 6 * DAY + n, one) for n, one in enumerate(carts)], reached=EDIT)
    rules = {"x": "{trigger: {event: asked}, send: third}", **({} if after is None else {"r": after})}
    return touched_people(engine, make_plan(rules), ["r"], reached=EDIT, listed=listed)


def steps(text: str) -> str:
    return f"{{trigger: {{event: cart}}, steps: {text}}}"


def silence(days: int, more: str = "") -> str:
    return f"{{trigger: {{inactive: {days} days, activity: [session]}}, send: hello{more}}}"


WAIT = "[{wait: 9 days}, {send: hello}]"
CASES: list[tuple[str, str, str | None, Touched]] = [
    ("nothing", steps(WAIT), steps(WAIT), Touched(inside=6)),
    ("a removed wait mails at once", steps(WAIT), steps("[{send: hello, id: s}]"), Touched(inside=6, leave=6)),
    ("a removed wait before a named step mails at once", steps("[{wait: 9 days}, {send: hello, id: s}]"),
     steps("[{send: hello, id: s}]"), Touched(inside=6, at_once=6)),
    ("a shortened wait mails at once", steps(WAIT), steps("[{wait: 2 days}, {send: hello}]"), Touched(inside=6, at_once=6)),
    ("a wait that another follows", steps("[{wait: 9 days, id: w}, {wait: 1 day, id: v}, {send: hello}]"),
     steps("[{wait: 1 day, id: v}, {send: hello}]"), Touched(inside=6, moved=6)),
    ("a step put in front takes the place of one without an id", steps(WAIT),
     steps("[{wait: 30 days}, {wait: 9 days}, {send: hello}]"), Touched(inside=6, shifted=6)),
    ("with ids nobody is shifted", steps("[{wait: 9 days, id: w}, {send: hello, id: s}]"),
     steps("[{wait: 30 days, id: first}, {wait: 9 days, id: w}, {send: hello, id: s}]"), Touched(inside=6)),
    ("a removed rule", steps(WAIT), None, Touched(inside=6, leave=6)),
    ("those between an old and a new threshold", silence(20), silence(5), Touched(passed=3)),
    ("a backfill takes them", silence(20), silence(5, ", backfill: {ramp: 1 day}"), Touched(taken=3)),
    ("those who had it get no second", silence(5), silence(20), Touched(spent=3)),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_plan_says_how_many_people_an_edit_touches(before: str, after: str | None, expected: Touched) -> None:
    """E4, E5: those inside, those whom a removed wait mails at once, those between an old and a new threshold; and those
    who wait at a step without an id whose place another has taken.
    """
    assert touched(before, after).rules["r"] == expected


@pytest.mark.parametrize(("before", "after", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_everybody_who_is_counted_is_listed(before: str, after: str | None, expected: Touched) -> None:
    """The list holds, under each word, as many as the count beside it says; who leaves or moves is not `inside` twice."""
    found = {
        touch: [one.customer for one in people]
        for touch, people, _ in touched(before, after, listed=9).people.found("r")
    }
    for touch in set(Touch) - {Touch.INSIDE}:
        assert len(found.pop(touch, ())) == getattr(expected, touch.value)
    elsewhere = expected.leave + expected.moved + expected.shifted + expected.at_once
    assert len(found.pop(Touch.INSIDE, ())) == expected.inside - elsewhere


def test_the_list_tells_the_instant_and_the_step() -> None:
    """Of people in a step when they entered it; of those past a threshold their deadline; of those who had it the old one."""
    [(touch, people, total)] = touched(steps(WAIT), None, listed=2).people.found("r")
    first = [TouchedPerson(customer=f"c{n}", instant=T0 + 6 * DAY + n, step="wait:0") for n in range(2)]
    assert (touch, people, total) == (Touch.LEAVE, first, 6)
    [(touch, people, _)] = touched(silence(20), silence(5), listed=1).people.found("r")
    assert (touch, people) == (Touch.PASSED, [TouchedPerson(customer="s0", instant=T0 + 6 * DAY)])
    [(touch, people, _)] = touched(silence(5), silence(20), listed=1).people.found("r")
    assert (touch, people) == (Touch.SPENT, [TouchedPerson(customer="s0", instant=T0 + 6 * DAY)])
    [(touch, people, _)] = touched(silence(20), silence(5, ", backfill: {ramp: 1 day}"), listed=9).people.found("r")
    assert touch is Touch.TAKEN
    assert all(EDIT <= one.instant <= EDIT + DAY for one in people)


def test_a_list_keeps_no_more_than_was_asked_for() -> None:
    """People are the first by id, whatever the order in which they are found; all are counted."""
    found = PeopleList(most=3)
    for number in (5, 1, 9, 8, 0, 7, 2, 6, 4, 3):
        found.add("r", Touch.PASSED, TouchedPerson(customer=f"c{number}", instant=number))
        assert all(len(kept) < 2 * found.most for kept in found._kept.values())
    [(_, people, total)] = found.found("r")
    assert ([one.customer for one in people], total) == (["c0", "c1", "c2"], 10)


def test_the_silent_are_so_for_eight_days() -> None:
    """The cases above mean something: nobody is silent for 20 days, three are for 5."""
    assert 5 * DAY < EDIT - (T0 + DAY) < 20 * DAY - HOUR
