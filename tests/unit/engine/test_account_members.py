"""Conditions over the people of an account: `members(…)` counts them, and each customer's own log says what of the others."""

from __future__ import annotations

from copy import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relight.base.instants import DAY, HOUR, MINUTE
from relight.engine import account_members
from relight.engine.engine import Engine
from relight.engine.explain import Mark, explain_customer, tell
from relight.engine.explain_history import retell
from relight.messages.ledger import LedgerRow
from relight.rules.plan import AccountKey, Plan
from relight.stores.memory import MemoryStore
from relight.streams.envelope import Control
from tests.support.story import make_plan
from tests.unit.engine.test_accounts import (
    END,
    HAPPENED,
    PEOPLE,
    T0,
    TOGETHER,
    Happened,
    begun,
    decided,
    event,
    known,
    ledger,
    records_of,
    stopped_and_opened_again,
)

DEFINITIONS = """
segments:
  active: count(session, 3 days) > 0
  asleep: members(active) == 0
  led: members(plan == "pro") >= 2
"""
RULES = {
    "asleep": "{trigger: {enters: asleep}, send: hello}",
    "awake": "{trigger: {leaves: asleep}, send: again}",
    "colleagues": "{trigger: {event: order}, reentry: every, audience: members() >= 3, send: again}",
    "busy": "{trigger: {event: cart}, reentry: every, exit: 'members(count(order, 2 days) > 0) >= 2', steps: [{wait: 1 day}, {send: third}]}",
    "leads": "{trigger: {event: asked}, reentry: every, steps: [{wait: 1 hour}, {set: {trait: plan, to: pro}}]}",
    "led": "{trigger: {enters: led}, send: hello}",
}


def plan_of(rules: dict[str, str] | None = None, definitions: str = DEFINITIONS, **policy: object) -> Plan:
    policy = {"account_caps": TOGETHER, "quiet": (21 * 60, 9 * 60), **policy}
    return make_plan(rules or RULES, definitions=definitions, account=AccountKey(trait=None), **policy)  # type: ignore[arg-type]


PLAN = plan_of()
NOON = T0 + DAY + 12 * HOUR


def entered(engine: Engine) -> list[tuple[str, str, int]]:
    """Return (customer, rule, hours since the beginning) of every entry, in order."""
    rows = [row for row in engine.store.ledger() if row.state == "entered"]
    return sorted(
        ((r.customer, r.rule, (r.judged - T0) // HOUR) for r in rows), key=lambda one: (one[2], one[0], one[1])
    )


# ---------------------------------------------------------------- what it counts
def test_an_owner_hears_when_nobody_of_the_account_was_active() -> None:
    """R8: The deadline is that of the last of them to be active, to the instant; somebody else's account says nothing.

    PostHog 19675: nobody could be written to when a whole company went quiet.
    """
    only = {"owner": "{trigger: {enters: quiet_account}, send: hello}"}
    words = 'segments:\n  quiet_account: plan == "owner" and members(count(session, 14 days) > 0) == 0'
    plan = plan_of(only, words, quiet=None)
    people = known(ann="acme", bo="acme", cem="other")
    people[0].traits["plan"] = "owner"  # type: ignore[union-attr]
    told = decided(
        [*people, event(1, "session", NOON, "ann", None), event(2, "session", NOON + DAY, "bo", None),
         event(3, "session", NOON + 5 * DAY, "cem", None)], plan,
    )  # fmt: skip
    # Before anybody's first session the account is quiet, too.
    _, row = [one for one in told.store.ledger() if one.state == "entered"]
    # bo's session leaves the window (t − 14 days, t] at that very instant; ann is told one µs later.
    assert (row.customer, row.judged) == ("ann", NOON + DAY + 14 * DAY + 1)


def test_fewer_than_two_active_and_a_role() -> None:
    """R8: Any condition over each person alone may be counted: roles, activity, both; who is unknown is not counted."""
    rules = {
        "r": "{trigger: {event: order}, reentry: every, audience: 'members(plan == \"admin\" and ever(session)) < 2', send: hello}"
    }
    plan = plan_of(rules, "{}")
    people = known(ann="acme", bo="acme", cem="acme")
    for one in people[:2]:
        one.traits["plan"] = "admin"  # type: ignore[union-attr]
    sessions = [event(n, "session", NOON + n * HOUR, who, None) for n, who in ((1, "ann"), (3, "bo"), (5, "cem"))]
    orders = [event(10 + n, "order", NOON + n * HOUR, "cem", None) for n in (0, 2, 4, 6)]
    told = decided(sorted([*people, *sessions, *orders], key=lambda r: r.ingest_time), plan)
    assert [hour for _, _, hour in entered(told)] == [36, 38]


def test_who_joins_knows_of_those_who_are_there() -> None:
    """R8: Whoever comes to an account by their very first event is decided on with the others counted; they know a µs later."""
    rules = {
        "r": "{trigger: {event: order}, audience: members() >= 2, send: hello}",
        "s": "{trigger: {enters: more}, send: again}",
    }
    told = decided(
        [*known(ann="acme"), event(1, "order", NOON, "bo", "acme"), event(2, "order", NOON + HOUR, "cem", "other")],
        plan_of(rules, "segments: {more: members() >= 2}"),
    )
    assert entered(told) == [("ann", "s", 36), ("bo", "r", 36), ("bo", "s", 36)]
    told_ann = [r for _, r in told.store.customer_log("ann") if isinstance(r, Control) and r.kind == "members"]
    assert [(r.ingest_time, r.detail["total"]) for r in told_ann][-1] == (NOON + 1, {"": 2})


def test_who_leaves_is_counted_no_more_and_knows_nothing() -> None:
    """R5, R8: Without an account there is nothing to count: `members` is unknown, and unknown does not match (R5)."""
    rules = {
        "few": "{trigger: {enters: few}, send: hello}",
        "r": "{trigger: {event: order}, reentry: every, audience: members() >= 1, send: again}",
    }
    told = decided(
        [*known(ann="acme", bo="acme", dee=None), event(1, "session", NOON, "bo", "other"),
         *(event(n, "order", NOON + HOUR, who, None) for n, who in enumerate(("ann", "bo", "dee"), 2))],
        plan_of(rules, "segments: {few: members() == 1}"),
    )  # fmt: skip
    assert entered(told) == [
        ("ann", "few", 0),
        ("ann", "few", 36),
        ("bo", "few", 36),
        ("ann", "r", 37),
        ("bo", "r", 37),
    ]


def test_an_account_with_too_many_people_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """R8: MEMBERS_TOLD_MAX: each change is told to everybody of the account; in a larger one nothing is known."""
    monkeypatch.setattr(account_members, "MEMBERS_TOLD_MAX", 2)
    rules = {"r": "{trigger: {event: order}, reentry: every, audience: members() >= 1, send: hello}"}
    came = [
        event(1, "order", NOON, "ann", None),
        event(2, "opened", NOON + HOUR, "cem", "acme"),
        event(3, "order", NOON + DAY, "ann", None),
    ]
    told = decided([*known(ann="acme", bo="acme"), *came], plan_of(rules, "{}"))
    assert entered(told) == [("ann", "r", 36)]
    assert _why_unknown(told, "ann") == ("in an account of more than 1,000 people nobody is counted",)


def test_who_has_no_account_is_told_so() -> None:
    """R5, R8: members(…) of somebody without an account is unknown, and explain says why."""
    rules = {"r": "{trigger: {event: order}, audience: members() >= 2, send: hello}"}
    told = decided([*known(ann=None, bo="acme"), event(1, "order", NOON, "ann", None)], plan_of(rules, "{}"))
    assert _why_unknown(told, "ann") == ("the customer belongs to no account",)


def _why_unknown(engine: Engine, customer: str) -> tuple[str, ...]:
    """Return what explain says below the condition that is unknown."""
    assert engine.plan is not None
    own = [record for _, record in engine.store.customer_log(customer)]
    found = explain_customer(
        plan=engine.plan, plans=engine.world.plans(), customer=customer, own=own,
        everybody=[record for _, record in engine.store.global_log()], at=NOON + 2 * DAY, rules=["r"],
    )  # fmt: skip
    (line,) = [finding for finding in found.stories[0].audience if finding.mark is Mark.UNKNOWN]
    return tuple(map(tell, line.more))


def test_a_plan_that_counts_otherwise_fires_for_nothing_of_the_past() -> None:
    """E5, R8, I11: what is counted anew, or means something else, is taken note of; later changes are seen."""
    before = plan_of(
        {"led": "{trigger: {enters: led}, send: hello}"}, "segments: {led: members(ever(order)) >= 5}", quiet=None
    )
    after = plan_of(
        {"led": "{trigger: {enters: led}, send: hello}"}, "segments: {led: members(ever(session)) >= 1}", quiet=None
    )
    engine = begun(MemoryStore(), before)
    for record in [*known(ann="acme", bo="acme"), event(1, "session", NOON, "ann", None)]:
        engine.take([copy(record)])
    engine.follow_plan(after, NOON + HOUR)
    engine.advance(NOON + DAY)
    assert entered(engine) == []
    for record in known(cem="umbra"):
        record.ingest_time = NOON + DAY
        engine.take([record])
    engine.take([event(2, "session", NOON + DAY + HOUR, "cem", None)])
    engine.advance(END)
    assert entered(engine) == [("cem", "led", 61)]


# ---------------------------------------------------------------- any history
def by_hand(happened: Happened) -> set[tuple[str, int]]:
    """Return (customer, hour) of the orders at which three people or more belong to the account: counted from the rows.

    Of what happens at one hour each customer sees their own, in its order, and of the others what was before it.
    """
    rows = sorted(happened, key=lambda one: one[0])
    found = set()
    for place, (hour, who, name, _) in enumerate(rows):
        home: dict[str, str | None] = dict(PEOPLE)
        for n, (when, other, _, account) in enumerate(rows):
            if account is not None and (when < hour or (other == who and when == hour and n <= place)):
                home[other] = account
        if name == "order" and home[who] is not None and sum(one == home[who] for one in home.values()) >= 3:
            found.add((who, hour))
    return found


@settings(max_examples=25)
@given(happened=HAPPENED)
def test_it_counts_what_a_count_by_hand_does(happened: Happened) -> None:
    """R8: An order enters the rule if, and only if, three people belonged to the account just before it."""
    told = decided(records_of(happened), plan_of({"colleagues": RULES["colleagues"]}, "{}"))
    assert {(who, hour) for who, _, hour in entered(told)} == by_hand(happened)


#: Much at few instants: people who come, go and order at one and the same.
CROWDED = st.lists(
    st.tuples(
        st.integers(1, 5).map(lambda n: n * 7),
        st.sampled_from(sorted(PEOPLE)),
        st.sampled_from(["order", "order", "session", "asked"]),
        st.sampled_from([None, "acme", "umbra"]),
    ),
    min_size=6,
    max_size=24,
)


@settings(max_examples=25)
@given(happened=CROWDED, dice=...)
def test_batches_and_the_order_of_an_instant_change_nothing(happened: Happened, dice: int) -> None:
    """R8, I8: batches, steps of time, small memory and the order of people at one instant do not change the ledger."""
    records = records_of(happened)
    plain = ledger(decided(records, PLAN))
    engine = begun(MemoryStore(), PLAN, cached_profiles=1)
    turned = sorted(
        records,
        key=lambda r: (r.ingest_time, sorted(PEOPLE, key=lambda one: hash((one, dice))).index(r.customer or "")),
    )
    number = 0
    while turned:
        size = 1 + (dice + number) % 5
        batch, turned = [copy(record) for record in turned[:size]], turned[size:]
        engine.take(batch)
        if turned and number % 2:
            engine.advance((batch[-1].ingest_time + turned[0].ingest_time) // 2)
        number += 1
    engine.advance(END)
    assert ledger(engine) == plain


@settings(max_examples=5)
@given(happened=HAPPENED, size=st.integers(2, 9), saved=...)
def test_a_store_that_is_closed_and_opened_again_changes_nothing(happened: Happened, size: int, saved: bool) -> None:
    """I8, I9: stopped amid anything the engine goes on as if nothing had happened; replay and simulation agree."""
    stopped_and_opened_again(records_of(happened), PLAN, size, saves=lambda number: saved and number % 2 == 1)


@settings(max_examples=8)
@given(happened=HAPPENED)
def test_a_customers_own_log_says_all_that_was_decided_about_them(happened: Happened) -> None:
    """R8, I8: one customer, one history, though rules count the others."""
    engine = decided(records_of(happened), PLAN)
    everybody = [record for _, record in engine.store.global_log()]
    for customer in PEOPLE:
        own = [record for _, record in engine.store.customer_log(customer)]
        told = retell(plan=PLAN, customer=customer, own=map(copy, own), everybody=everybody, at=END - 1)
        rows = sorted(told.rows, key=lambda r: r.occurrence_key)
        assert rows == [r for r in ledger(engine) if r.customer == customer]


def test_these_histories_have_something_to_count() -> None:
    """The histories above set off every rule: one that never fires would prove nothing."""
    at: Happened = [(12 + n * 5, who, name, None) for n, (who, name) in enumerate(
        (who, name) for name in ("session", "order", "cart", "asked") for who in PEOPLE
    )]  # fmt: skip
    rows: list[LedgerRow] = ledger(decided(records_of(at), PLAN))
    assert {row.rule for row in rows} == set(RULES)
    assert "exit" in {row.reason for row in rows if row.rule == "busy"}


def test_nothing_is_told_where_nothing_is_counted() -> None:
    """A project with accounts and caps alone pays nothing for it: no record says anything of members."""
    told = decided([*known(ann="acme", bo="acme"), event(1, "order", NOON + MINUTE, "ann", None)])
    assert not [r for _, r in told.store.read_log() if isinstance(r, Control) and r.kind == "members"]
