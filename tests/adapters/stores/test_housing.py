"""People of one account in several partitions, cut and killed anyhow, get what one engine gives them (G2, R8, I10)."""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import closing

import msgspec
import pytest

from relight.base.instants import DAY, HOUR, MINUTE
from relight.engine import housing
from relight.rules.plan import AccountKey, Plan
from relight.stores.postgres import PostgresStore
from relight.stores.postgres_connection import Connection
from relight.streams.envelope import Control, Event
from relight.transports.log_pack import CONTROL_SOURCE
from tests.adapters.stores.test_log_partition import PARTITIONS, SOURCES, T0, Workers, alone, make_topic, shown
from tests.support.postgres_server import PostgresServer
from tests.support.story import make_plan
from tests.unit.engine.test_account_members import DEFINITIONS
from tests.unit.engine.test_account_members import RULES as COUNTED
from tests.unit.engine.test_accounts import RULES as CAPPED
from tests.unit.engine.test_accounts import TOGETHER

MORE = {
    "shipped": "{trigger: {released: {asked: asked, shipped: shipped, by: feature}}, send: third}",
    "third": "{trigger: {milestone: {count: order, at: [1, 2, 3]}}, send: hello}",
}
#: What streams read as `account`, and a trait that an identify sets; with it no rule may set that trait.
FIELD, TRAIT = AccountKey(trait=None), AccountKey(trait="plan")
ALL = CAPPED | COUNTED | MORE
NO_SET = {name: text for name, text in ALL.items() if name != "leads"}


def plan_of(rules: dict[str, str], key: AccountKey = FIELD, *, is_capped: bool = True) -> Plan:
    caps = TOGETHER if is_capped else {}
    return make_plan(rules, definitions=DEFINITIONS, account=key, account_caps=caps, quiet=(21 * 60, 9 * 60))


#: The plan at the beginning and another: everything; what names accounts is a trait; only the second asks for accounts.
CASES = {
    "field": (plan_of(ALL), plan_of(CAPPED | MORE | {"led": COUNTED["led"]})),
    "trait": (plan_of(NO_SET, TRAIT), plan_of(CAPPED | MORE, TRAIT)),
    "later": (plan_of(MORE, is_capped=False), plan_of(ALL)),
}
PEOPLE, ANONYMOUS = [f"ann{n}" for n in range(12)], [f"anon{n}" for n in range(4)]
ACCOUNTS = [f"k{n}" for n in range(5)]
Log = dict[tuple[str, int], list[Event | Control]]


def make_log(draw: random.Random, plans: Sequence[Plan], *, moves: float) -> Log:
    """Return what every source brings; moves: share of rows by which somebody changes the account."""
    log: Log = {source: [] for source in SOURCES}
    log[CONTROL_SOURCE, 0].append(Control(kind="plan", ingest_time=T0 - 1, subject=plans[0].version))
    belongs = {one: draw.choice([None, *ACCOUNTS]) for one in PEOPLE}
    instants = sorted(T0 + draw.randrange(30 * 24) * HOUR + draw.choice([0, 0, MINUTE]) for _ in range(220))
    second = draw.randrange(80, 180)
    for number, at in enumerate(instants):
        if number == second:
            log[CONTROL_SOURCE, 0].append(Control(kind="plan", ingest_time=at, subject=plans[1].version))
        who, chance = draw.choice(PEOPLE + ANONYMOUS), draw.random()
        if chance < 0.04:
            merge = Control(kind="merge", ingest_time=at, customer=draw.choice(PEOPLE), subject=draw.choice(ANONYMOUS))
            log[CONTROL_SOURCE, 0].append(merge)
        elif chance < 0.07:
            log["news", 0].append(_event("news", number, "shipped", None, at, {"feature": draw.choice("ab")}))
        else:
            if draw.random() < moves:
                belongs[who] = draw.choice(ACCOUNTS)
            _happen(draw, log, number, at, who, belongs.get(who))
    return log


def _happen(draw: random.Random, log: Log, number: int, at: int, who: str, account: str | None) -> None:
    name = draw.choice(["order", "order", "cart", "session", "session", "asked", "identify"])
    stream = "shop" if name in {"order", "cart"} else "app"
    event = _event(stream, number, name, who, at, {"feature": draw.choice("ab")} if name == "asked" else {})
    event.event_time -= draw.choice([0, 0, 0, HOUR, 4 * DAY])
    event.account = account if draw.random() < 0.5 else None
    if name == "identify" and who in PEOPLE:
        event.traits = {"email": f"{who}@mail.example", "plan": draw.choice(["free", "pro"])}
    source = (stream, draw.randrange(2) if stream == "shop" else 0)
    log[source].append(event)
    if draw.random() < 0.1:
        said = event.account if draw.random() < 0.4 else draw.choice(ACCOUNTS)
        log[source].append(msgspec.structs.replace(event, account=said))


def _event(stream: str, number: int, name: str, who: str | None, at: int, said: dict[str, object]) -> Event:
    return Event(
        stream=stream, id=f"e{number}", customer=who, name=name, event_time=at, ingest_time=at, properties=said,
        position=number,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("case", "seed", "moves"),
    [("field", 0, 0.0), ("field", 1, 0.02), ("field", 2, 0.2), ("trait", 3, 0.0), ("later", 4, 0.05)],
)
def test_accounts_over_partitions(postgres: PostgresServer, case: str, seed: int, moves: float) -> None:
    """G2, R8, V4, E4, I10: joins, changes, merges, another plan, copies and kills: rows and counts are one engine's."""
    draw = random.Random(seed)  # the same examples everywhere
    plans = {plan.version: plan for plan in CASES[case]}
    log = make_log(draw, CASES[case], moves=moves)
    stores = [alone(log, step, plans) for step in (7, 1000)]
    rows = [shown(list(store.ledger())) for store in stores]
    assert rows[0] == rows[1]
    assert {"account_cap", None} <= {row.reason for row in rows[0]}
    with (
        closing(Connection(url := postgres.new_schema())) as connection,
        closing(PostgresStore.open(url, exclusive=False)) as store,
    ):
        workers = Workers(draw, make_topic(draw, log), connection, plans, TRAIT if case == "trait" else FIELD)
        for number in range(PARTITIONS):
            workers.run(number)
        workers.close()
        assert shown(list(store.ledger())) == rows[0]
        assert sorted(store.tallies(), key=repr) == sorted(stores[0].tallies(), key=repr)
        assert store.duplicates_differing() == stores[0].duplicates_differing() > 0
        refused = [one.letter.source for one in store.dead_letters()]
    assert sorted(refused) == sorted(one.letter.source for one in stores[0].dead_letters())


def test_a_source_left_behind_decides_the_same_however_messages_are_cut(postgres: PostgresServer) -> None:
    """I8, I10: what it brings arrives when the messages before it had come so far, with other batches and kills as well."""
    plans = {plan.version: plan for plan in CASES["field"]}
    log = make_log(random.Random(5), CASES["field"], moves=0.1)  # the same examples everywhere
    topic = make_topic(random.Random(5), log, behind=("app", 0))  # as above
    found = []
    for cut in (1, 2):
        with (
            closing(Connection(url := postgres.new_schema())) as connection,
            closing(PostgresStore.open(url, exclusive=False)) as store,
        ):
            workers = Workers(random.Random(cut), topic, connection, plans, FIELD)  # as above
            for number in range(PARTITIONS):
                workers.run(number)
            workers.close()
            found.append((shown(list(store.ledger())), store.tallies()))
    assert len(found[0][0]) > 300
    assert found[0] == found[1]


def test_few_are_kept_in_mind_who_left(postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """GONE_KEPT_MAX bounds who is kept in mind as housed elsewhere; who was forgotten is looked up, to the same rows."""
    monkeypatch.setattr(housing, "GONE_KEPT_MAX", 1)
    draw = random.Random(1)  # the same examples everywhere
    plans = {plan.version: plan for plan in CASES["field"]}
    log = make_log(draw, CASES["field"], moves=0.02)
    with (
        closing(Connection(url := postgres.new_schema())) as connection,
        closing(PostgresStore.open(url, exclusive=False)) as store,
    ):
        workers = Workers(draw, make_topic(draw, log), connection, plans, FIELD)
        kept = [workers.run(number) for number in range(PARTITIONS)]
        workers.close()
        assert shown(list(store.ledger())) == shown(list(alone(log, 1000, plans).ledger()))
    assert [len(one._gone) for one in kept if one is not None] == [1] * PARTITIONS
