"""The people that an edit touches, as `plan` counts them: six wait at the first step, three are silent for 8 days."""

from __future__ import annotations

import pytest

from relight.base.instants import DAY, HOUR
from relight.engine.engine import Engine
from relight.simulate.forecast.touched import Touched, touched_people
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


def touched(before: str, after: str | None) -> Touched:
    """Return what an edit of the only rule does: carts of c0 to c5 on day 6, sessions of s0 to s2 on day 1."""
    engine = Engine(MemoryStore())
    engine.follow_plan(make_plan({"r": before, "x": "{trigger: {event: asked}, send: third}"}), T0)
    carts, silent = [f"c{n}" for n in range(6)], [f"s{n}" for n in range(3)]
    engine.take([came(n, "identify", T0 + n, one) for n, one in enumerate([*carts, *silent])])
    engine.take([came(20 + n, "session", T0 + DAY + n, one) for n, one in enumerate(silent)])
    engine.take([came(10 + n, "cart", T0 + 6 * DAY + n, one) for n, one in enumerate(carts)], reached=EDIT)
    rules = {"x": "{trigger: {event: asked}, send: third}", **({} if after is None else {"r": after})}
    return touched_people(engine, make_plan(rules), ["r"], reached=EDIT).rules["r"]


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
    assert touched(before, after) == expected


def test_the_silent_are_so_for_eight_days() -> None:
    """The cases above mean something: nobody is silent for 20 days, three are for 5."""
    assert 5 * DAY < EDIT - (T0 + DAY) < 20 * DAY - HOUR
