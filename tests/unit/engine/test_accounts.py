"""The people of one account: what one of them gets leaves less room for the others, in one order, and each log says so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relight.base.errors import BackpressureError
from relight.base.ids import share_of
from relight.base.instants import DAY, HOUR, MINUTE
from relight.engine.engine import Engine
from relight.engine.explain_history import retell
from relight.messages.ledger import LedgerRow
from relight.rules.plan import AccountKey, Cap, MessageClass, Plan, account_drawn
from relight.simulate.from_log import replay_log, simulate_log
from relight.stores.interface import Store
from relight.stores.memory import MemoryStore
from relight.stores.sqlite import SqliteStore
from relight.streams.envelope import Control, Event
from tests.support.story import caps, make_plan
from tests.unit.engine.test_engine import StubbornStore

T0 = 1_767_225_600_000_000
"""2026-01-01 00:00 UTC."""
END = T0 + 30 * DAY
RULES = {
    "quiet": "{trigger: {inactive: [3 days], activity: [session]}, send: hello}",
    "ordered": "{trigger: {event: order}, reentry: every, priority: 70, send: again}",
    "walked": "{trigger: {event: cart}, reentry: every, account_cap: 1 per 5 days, steps: [{send: hello}, {wait: 1 day}, {send: third}]}",
    "patient": "{trigger: {event: asked}, reentry: every, when_capped: {wait: 4 days}, send: third}",
}
TOGETHER = {MessageClass.MARKETING: (Cap(most=2, window=4 * DAY), Cap(most=1, window=None, calendar="day"))}
Records = list[Event | Control]


def plan_of(rules: dict[str, str] | None = None, **policy: object) -> Plan:
    policy = {"account_caps": TOGETHER, "quiet": (21 * 60, 9 * 60), **policy}
    return make_plan(rules or RULES, account=AccountKey(trait=None), **policy)  # type: ignore[arg-type]


PLAN = plan_of()


def event(number: int, name: str, at: int, customer: str, account: str | None) -> Event:
    traits: dict[str, object] = {"email": f"{customer}@mail.example"} if name == "identify" else {}
    return Event(
        stream="s", id=f"e{number}", customer=customer, name=name, event_time=at, ingest_time=at, account=account,
        traits=traits, position=number,
    )  # fmt: skip


def known(**people: str | None) -> Records:
    return [event(-n, "identify", T0 + n, one, account) for n, (one, account) in enumerate(people.items(), 1)]


def begun(store: Store, plan: Plan = PLAN, *, cached_profiles: int = 100) -> Engine:
    engine = Engine(store, cached_profiles=cached_profiles)
    engine.follow_plan(plan, T0)
    return engine


def decided(records: Sequence[Event | Control], plan: Plan = PLAN, *, until: int = END) -> Engine:
    engine = begun(MemoryStore(), plan)
    for record in records:
        engine.take([copy(record)])
    engine.advance(until)
    return engine


def ledger(engine: Engine) -> list[LedgerRow]:
    return sorted(engine.store.ledger(), key=lambda row: row.occurrence_key)


def messages(engine: Engine) -> list[tuple[str, str, str, int]]:
    """Return (customer, rule, state or reason, minute in hours since the beginning) of all messages, in their order."""
    rows = [row for row in engine.store.ledger() if row.step]
    found = [(r.customer, r.rule, r.reason or r.state.value, ((r.scheduled or 0) - T0) // HOUR) for r in rows]
    return sorted(found, key=lambda one: (one[3], one[0]))


# ---------------------------------------------------------------- what a cap on an account does
def test_what_one_person_gets_leaves_no_room_for_another() -> None:
    """G2: a cap on an account counts the messages to all its people; it is refused with `account_cap`, leaf and number."""
    noon = T0 + DAY + 12 * HOUR
    people = known(ann="acme", bo="acme", cem="other", dee=None)
    told = decided(
        [*people, *(event(n, "order", noon + n * HOUR, one, None) for n, one in enumerate(("ann", "bo", "cem", "dee")))]
    )
    assert messages(told) == [
        ("ann", "ordered", "pending", 36), ("bo", "ordered", "account_cap", 37),
        ("cem", "ordered", "pending", 38), ("dee", "ordered", "pending", 39),
    ]  # fmt: skip
    refused = next(row for row in told.store.ledger() if row.reason == "account_cap")
    assert (refused.leaf, refused.number) == ("1 per day an account", "1")


def test_at_a_minute_the_account_has_one_order() -> None:
    """G2: at a minute the candidates of a whole account run the gate in (priority, rule id, customer, key) order."""
    at = T0 + DAY + 22 * HOUR
    people = known(ann="acme", bo="acme")
    told = decided([*people, event(1, "asked", at, "ann", None), event(2, "order", at + HOUR, "bo", None)])
    assert messages(told)[0] == ("bo", "ordered", "pending", 57), "at nine the higher priority is first, who came last"
    assert messages(told)[1] == ("ann", "patient", "pending", 81), "and the other waits for the next day with room"


def test_one_message_an_account_where_the_rule_says_so() -> None:
    """G2: a rule's `account_cap` counts what the others had of it: who was first goes on through its steps."""
    at = T0 + DAY + 12 * HOUR
    plan = plan_of(account_caps={})
    told = decided(
        [*known(ann="acme", bo="acme"), event(1, "cart", at, "ann", None), event(2, "cart", at + MINUTE, "bo", None)],
        plan,
    )
    assert messages(told) == [
        ("ann", "walked", "pending", 36), ("bo", "walked", "account_cap", 36),
        ("ann", "walked", "pending", 60), ("bo", "walked", "account_cap", 60),
    ]  # fmt: skip


def test_who_is_held_out_takes_a_place_in_the_account_too() -> None:
    """G4: both arms are alike: a ghost of one person leaves no room for another."""
    at = T0 + DAY + 12 * HOUR
    rules = {"ordered": "{trigger: {event: order}, reentry: every, holdout: 100%, send: hello}"}
    told = decided(
        [*known(ann="acme", bo="acme"), event(1, "order", at, "ann", None), event(2, "order", at + HOUR, "bo", None)],
        plan_of(rules),
    )
    assert [one[2] for one in messages(told)] == ["holdout", "account_cap"]


def test_by_account_colleagues_are_all_held_out_or_none() -> None:
    """G4: with `by: account` the share is drawn of accounts, sticky and fair; who has none is drawn alone."""
    at = T0 + DAY + 12 * HOUR
    rules = {"ordered": "{trigger: {event: order}, holdout: 30%, send: hello}"}
    people = {f"{account}-{n}": account for account in map(str, range(60)) for n in range(3)}
    alone: dict[str, str | None] = {f"alone-{n}": None for n in range(60)}
    came = known(**people, **alone)
    came += [event(n, "order", at, one, None) for n, one in enumerate([*people, *alone], 1)]
    told = decided(came, plan_of(rules, account_caps={}, quiet=None, salt="s", holdout_by_account=True))
    rows = [row for row in told.store.ledger() if row.step]
    held = {row.customer for row in rows if row.state == "held_out"}
    of_accounts = {people[one] for one in held if one in people}
    assert held & set(people) == {one for one, account in people.items() if account in of_accounts}
    assert of_accounts == {a for a in people.values() if share_of("s", "ordered", account_drawn(a)) < 0.3}
    assert held & set(alone) == {one for one in alone if share_of("s", "ordered", one) < 0.3}
    assert 6 <= len(of_accounts) <= 30
    assert {row.leaf for row in rows if row.customer in held & set(people)} == {"holdout 30.0% of accounts"}


def test_a_rejected_message_gives_its_place_in_the_account_back() -> None:
    """G2: what the provider rejected took no place, for the others of the account neither."""
    at = T0 + DAY + 12 * HOUR
    first = [*known(ann="acme", bo="acme"), event(1, "order", at, "ann", None)]
    key = next(row.occurrence_key for row in decided(first).store.ledger() if row.step)
    outcome = Control(
        kind="outcome", ingest_time=at + MINUTE, customer="ann", subject=key, detail={"state": "rejected"}
    )
    told = decided([*first, outcome, event(2, "order", at + HOUR, "bo", None)])
    assert [one[2] for one in messages(told)] == ["pending", "pending"]


def test_who_joins_brings_what_they_had() -> None:
    """G2: an account's places are those of who belongs to it at that minute, wherever they got them."""
    at = T0 + DAY + 12 * HOUR
    came = [
        *known(ann="acme", bo="other"),
        event(1, "order", at, "bo", None),
        event(2, "opened", at + MINUTE, "bo", "acme"),
    ]
    told = decided([*came, event(3, "order", at + HOUR, "ann", None), event(4, "order", at + 5 * DAY, "ann", "free")])
    assert [one[2] for one in messages(told)] == ["pending", "account_cap", "pending"]


# ---------------------------------------------------------------- any history
PEOPLE = {"ann": "acme", "bo": "acme", "cem": "acme", "dee": "umbra", "eva": "umbra", "fay": None}
HAPPENED = st.lists(
    st.tuples(
        st.integers(1, 24 * 20),
        st.sampled_from(sorted(PEOPLE)),
        st.sampled_from(["order", "order", "cart", "cart", "asked", "session", "session", "opened"]),
        st.sampled_from([None, None, None, None, None, "acme", "umbra"]),
    ),
    min_size=4,
    max_size=40,
)
Happened = list[tuple[int, str, str, "str | None"]]


def records_of(happened: Happened) -> Records:
    """Return a log in which many things happen at the same hours."""
    rows = sorted(happened, key=lambda one: one[0])
    return [
        *known(**PEOPLE),
        *(event(n, name, T0 + hour * HOUR, who, account) for n, (hour, who, name, account) in enumerate(rows, 1)),
    ]


def by_hand(rows: Sequence[LedgerRow], plan: Plan) -> dict[str, bool]:
    """Return which of the messages that came as far as the account's cap have room: counted one by one, from the rows.

    For people who stay in their account; `patient` ones, who come more than once, are left out.
    """
    reached = [r for r in rows if r.step and (r.reason == "account_cap" or r.state in ("pending", "held_out"))]
    placed: list[LedgerRow] = []
    found = {}
    for row in sorted(
        reached, key=lambda r: (r.scheduled, -plan.rules[r.rule].priority, r.rule, r.customer, r.occurrence)
    ):
        at, rule = row.scheduled or 0, plan.rules[row.rule]
        own = [p for p in placed if PEOPLE[p.customer] is not None and PEOPLE[p.customer] == PEOPLE[row.customer]]
        windows = [
            sum(at - (p.scheduled or 0) < 4 * DAY for p in own) < 2,
            sum((p.scheduled or 0) // DAY == at // DAY for p in own) < 1,
        ]
        others = [p for p in own if p.customer != row.customer and p.rule == row.rule]
        windows.append(rule.account_cap is None or not any(at - (p.scheduled or 0) < 5 * DAY for p in others))
        found[row.occurrence_key] = PEOPLE[row.customer] is None or all(windows)
        if found[row.occurrence_key]:
            placed.append(row)
    return found


@settings(max_examples=30)
@given(happened=HAPPENED)
def test_a_cap_refuses_exactly_what_has_no_room(happened: Happened) -> None:
    """G2: a message is refused with `account_cap` if, and only if, a count by hand over the account's rows finds no room."""
    plan = plan_of({name: text for name, text in RULES.items() if name != "patient"})
    rows = ledger(decided(records_of([(h, who, name, None) for h, who, name, _ in happened]), plan))
    expected = by_hand(rows, plan)
    assert {r.occurrence_key: r.reason != "account_cap" for r in rows if r.occurrence_key in expected} == expected


@settings(max_examples=20)
@given(
    happened=HAPPENED, cuts=st.lists(st.integers(1, 9), min_size=1, max_size=8), dice=st.randoms(use_true_random=False)
)
def test_batches_and_the_order_of_an_instant_change_nothing(happened: Happened, cuts: list[int], dice: object) -> None:
    """I8: however the log is cut into batches, profiles leave memory, time comes in steps, or people of one instant are
    ordered, the ledger is the same.
    """
    records = records_of(happened)
    plain = ledger(decided(records))
    dice.shuffle(shuffled := list(records))  # type: ignore[attr-defined]
    engine = begun(MemoryStore(), cached_profiles=1)
    rest = [copy(record) for record in sorted(shuffled, key=lambda r: r.ingest_time)]
    own = {one: iter([r for r in records if r.customer == one]) for one in PEOPLE}
    rest = [copy(next(own[record.customer or ""])) for record in rest]
    number = 0
    while rest:
        size = cuts[number % len(cuts)]
        batch, rest = rest[:size], rest[size:]
        engine.take(batch)
        if rest and size % 2:
            engine.advance((batch[-1].ingest_time + rest[0].ingest_time) // 2)
        number += 1
    engine.advance(END)
    assert ledger(engine) == plain


def stopped_and_opened_again(
    records: Sequence[Event | Control], plan: Plan, size: int, *, saves: Callable[[int], bool]
) -> None:
    """Decide in batches of a size, a store closed and opened after each: the ledger, a replay's and a simulation's agree.

    saves: number of a batch -> whether a checkpoint follows it.
    """
    plain = ledger(decided(records, plan))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "relight.db"
        for number, start in enumerate(range(0, len(records), size)):
            store = SqliteStore.open(path)
            engine = Engine(store, cached_profiles=2)
            engine.recover([plan])
            engine.follow_plan(plan, T0)
            engine.take([copy(record) for record in records[start : start + size]])
            if saves(number):
                engine.checkpoint()
            store.close()
        store = SqliteStore.open(path)
        engine = Engine(store, cached_profiles=2)
        engine.recover([plan])
        engine.advance(END)
        assert ledger(engine) == plain
        log = [record for _, record in store.read_log()]
        assert ledger(replay_log([plan], map(copy, log), reached=END)) == plain
        assert ledger(simulate_log(plan, map(copy, log), reached=END)) == plain
        store.close()


@settings(max_examples=12)
@given(happened=HAPPENED, every=st.integers(2, 9), saved=st.integers(0, 3))
def test_a_store_that_is_closed_and_opened_again_changes_nothing(happened: Happened, every: int, saved: int) -> None:
    """I8, I9: stopped after any batch, with or without a checkpoint, the engine goes on as if nothing had happened; a
    replay, and a simulation from the log, decide the same.
    """
    saves = (lambda number: number % saved == 0) if saved else (lambda _: False)
    stopped_and_opened_again(records_of(happened), PLAN, every, saves=saves)


@settings(max_examples=12)
@given(happened=HAPPENED, size=st.integers(1, 7), refused=st.sets(st.integers(0, 12), min_size=1))
def test_a_batch_that_is_lost_is_decided_again_the_same(happened: Happened, size: int, refused: set[int]) -> None:
    """I8: a batch that did not become durable leaves nothing of an account behind: handed in again it is decided alike."""
    records = records_of(happened)
    store = StubbornStore()
    engine = begun(store, cached_profiles=2)
    for number, start in enumerate(range(0, len(records), size)):
        batch = records[start : start + size]
        if number in refused:
            store.refuse = 1
            with pytest.raises(BackpressureError):
                engine.take([copy(record) for record in batch])
        engine.take([copy(record) for record in batch])
    engine.advance(END)
    assert ledger(engine) == ledger(decided(records))


@settings(max_examples=20)
@given(happened=HAPPENED)
def test_a_customers_own_log_says_all_that_was_decided_about_them(happened: Happened) -> None:
    """I8: one customer, one history: each customer's rows follow from their own log alone, whatever the others did."""
    engine = decided(records_of(happened))
    everybody = [record for _, record in engine.store.global_log()]
    for customer in PEOPLE:
        own = [record for _, record in engine.store.customer_log(customer)]
        told = retell(plan=PLAN, customer=customer, own=map(copy, own), everybody=everybody, at=END - 1)
        assert sorted(told.rows, key=lambda r: r.occurrence_key) == [
            r for r in ledger(engine) if r.customer == customer
        ]


def test_these_histories_have_something_to_refuse() -> None:
    """The histories above are of people whose accounts are full: a cap that never decides would prove nothing."""
    rows = ledger(decided(records_of([(12 + n * 7, who, name, None) for n, (who, name) in enumerate(
        (who, name) for who in PEOPLE for name in ("order", "cart", "asked")
    )])))  # fmt: skip
    reasons = {row.reason for row in rows}
    assert "account_cap" in reasons
    assert {row.rule for row in rows if row.reason == "account_cap"} >= {"ordered", "walked"}


# ---------------------------------------------------------------- plans
@pytest.mark.parametrize("size", [1, 100])
def test_caps_on_accounts_may_come_and_go_with_a_plan(size: int) -> None:
    """I8, E4: where an edit begins or ends to cap accounts, everybody stands at the plan record first, in any batches."""
    free = plan_of({name: text for name, text in RULES.items() if name != "walked"}, account_caps={})
    hours: Happened = [
        (n * 5, who, "order", None) for n, who in enumerate(["ann", "bo", "cem", "dee", "eva", "fay"] * 8, 1)
    ]
    records = records_of(hours)
    for at, plan in ((60 * HOUR, PLAN), (150 * HOUR, free)):
        records.append(Control(kind="plan", ingest_time=T0 + at + 1, subject=plan.version))
    records.sort(key=lambda r: (r.ingest_time, r.customer is not None))
    engine = begun(MemoryStore(), free)
    for plan in (PLAN, free):
        engine.world.register(plan)
    for start in range(0, len(records), size):
        engine.take([copy(record) for record in records[start : start + size]])
    engine.advance(END)
    found = [(row.reason == "account_cap", (row.judged - T0) // HOUR) for row in ledger(engine) if row.step]
    capped = [at for refused, at in found if refused]
    assert capped
    assert min(capped) > 60
    assert max(capped) <= 150 + 12
    one = begun(MemoryStore(), free)
    for plan in (PLAN, free):
        one.world.register(plan)
    for record in records:
        one.take([copy(record)])
    one.advance(END)
    assert ledger(engine) == ledger(one)


def test_without_caps_nothing_is_written_about_accounts() -> None:
    """H1: where nothing caps accounts the log has no record about them."""
    plan = plan_of({"ordered": RULES["ordered"]}, account_caps={})
    told = decided([*known(ann="acme", bo="acme"), event(1, "order", T0 + DAY, "ann", None)], plan)
    assert [r.kind for _, r in told.store.read_log() if isinstance(r, Control)] == ["plan"]
    assert caps(marketing=())[MessageClass.MARKETING] == ()
