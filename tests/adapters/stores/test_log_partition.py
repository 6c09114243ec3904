"""Partitions of a log, cut and killed anyhow, decide what one engine decides: merges and plans that look back among it."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from contextlib import closing
from copy import deepcopy
from decimal import Decimal
from operator import attrgetter

import msgspec
import pytest

from relight.base.instants import DAY, HOUR, SECOND
from relight.engine.engine import Engine
from relight.engine.housing import Housing
from relight.engine.log_copy import LogCopy, TopicReading
from relight.engine.log_history import LogHistory
from relight.engine.log_partition import LogPartition
from relight.engine.whole_log import WholeLog
from relight.messages.ledger import LedgerRow
from relight.rules.plan import AccountKey, Plan
from relight.stores.memory import MemoryStore
from relight.stores.partition import PartitionStore
from relight.stores.postgres import PostgresStore
from relight.stores.postgres_connection import Connection
from relight.stores.postgres_partition import PartitionSink
from relight.streams.envelope import Control, Event, Record, order_key
from relight.transports.log_pack import (
    CONTROL_SOURCE,
    PACK_VERSION,
    Pack,
    Reading,
    Routed,
    encode_pack,
    make_packs,
    partition_of,
)
from tests.support.postgres_server import PostgresServer
from tests.support.story import make_plan

T0 = 1_767_225_600_000_000
END = T0 + 40 * DAY
PARTITIONS = 3
#: Kills of one partition's worker.
KILLS_MAX = 3
SOURCES = [("shop", 0), ("shop", 1), ("app", 0), ("news", 0), (CONTROL_SOURCE, 0)]
PEOPLE, ANONYMOUS = [f"ann{n}" for n in range(5)], [f"anon{n}" for n in range(8)]
QUIET = "{trigger: {inactive: 4 days, activity: [session]}, send: hello}"
FIRST = make_plan(
    {
        "third": "{trigger: {milestone: {count: order, at: [1, 2, 3, 5]}}, send: hello}",
        "quiet": QUIET,
        "bought": "{trigger: {event: order}, reentry: every, send: again}",
        "shipped": "{trigger: {released: {asked: asked, shipped: shipped, by: feature}}, send: third}",
    }
)
#: Keeps more than the first: sums, another count, a silence of other days.
SECOND_PLAN = make_plan(
    {
        "third": "{trigger: {milestone: {count: order, at: [1, 2, 3, 5]}}, send: hello}",
        "quiet": QUIET,
        "often": "{trigger: {milestone: {count: session, at: [4, 8]}}, send: again}",
        "spent": "{trigger: {milestone: {sum: order.total, at: [30, 60]}}, send: third}",
        "calm": "{trigger: {inactive: 6 days, activity: [order]}, send: hello}",
    }
)
PLANS = {plan.version: plan for plan in (FIRST, SECOND_PLAN)}


def make_log(draw: random.Random) -> dict[tuple[str, int], list[Event | Control]]:
    """Return what every source brings, in the order of its offsets."""
    log: dict[tuple[str, int], list[Event | Control]] = {source: [] for source in SOURCES}
    instants = sorted(T0 + draw.randrange(40 * 24) * HOUR + draw.randrange(3) * SECOND for _ in range(180))
    log[CONTROL_SOURCE, 0].append(Control(kind="plan", ingest_time=T0 - 1, subject=FIRST.version))
    second = draw.randrange(50, 140)
    for number, at in enumerate(instants):
        if number == second:
            log[CONTROL_SOURCE, 0].append(Control(kind="plan", ingest_time=at, subject=SECOND_PLAN.version))
        _happen(draw, log, number, at)
    return log


def _happen(draw: random.Random, log: dict[tuple[str, int], list[Event | Control]], number: int, at: int) -> None:
    who = draw.choice(PEOPLE + ANONYMOUS)
    chance = draw.random()
    if chance < 0.1:
        known = draw.choice(PEOPLE)
        merged = draw.choice([*ANONYMOUS, *ANONYMOUS, draw.choice(PEOPLE)])
        asked = Control(kind="merge", ingest_time=at, customer=known, subject=merged)
        log[CONTROL_SOURCE, 0] += [asked] if merged != known else []
        if draw.random() < 0.3:
            log[CONTROL_SOURCE, 0].append(
                Control(kind="consent", ingest_time=at, customer=merged, subject="news", detail={"given": False})
            )
        return
    if chance < 0.15:
        feature: dict[str, object] = {"feature": draw.choice("ab")}
        log["news", 0].append(_event("news", number, "shipped", None, at, feature))
        return
    name = draw.choice(["order", "session", "session", "asked", "identify"])
    is_known = name == "identify" and who in PEOPLE
    stream = "shop" if name == "order" else "app"
    said: dict[str, object] = (
        {"total": Decimal(draw.randrange(30))} if name == "order" else {"feature": draw.choice("ab")}
    )
    event = _event(stream, number, name, who, at, {} if name == "identify" else said)
    event.event_time -= draw.choice([0, 0, 0, HOUR, 2 * DAY])
    event.traits = {"email": f"{who}@mail.example"} if is_known else {}
    source = (stream, draw.randrange(2) if stream == "shop" else 0)
    log[source].append(event)
    if draw.random() < 0.1:
        log[source].append(msgspec.structs.replace(event))


def _event(stream: str, number: int, name: str, who: str | None, at: int, said: dict[str, object]) -> Event:
    return Event(
        stream=stream, id=f"e{number}", customer=who, name=name, event_time=at, ingest_time=at, properties=said,
        position=number,
    )  # fmt: skip


def make_topic(
    draw: random.Random, log: dict[tuple[str, int], list[Event | Control]], *, behind: tuple[str, int] | None = None
) -> list[list[bytes]]:
    """Return the messages of every partition as a router writes them, however far apart it reads its sources.

    behind: a source that the others do not wait for.
    """
    topic = [[encode_pack(Pack(PACK_VERSION, [], [], SOURCES))] for _ in range(PARTITIONS)]
    place = dict.fromkeys(SOURCES, 0)
    while any(place[source] < len(log[source]) for source in SOURCES):
        readings: dict[int, list[Reading]] = {number: [] for number in range(PARTITIONS)}
        for source in SOURCES:
            first = place[source]
            records = log[source][first : first + draw.randrange(12)]
            place[source] += len(records)
            is_read = place[source] == len(log[source])
            until = END if is_read else log[source][place[source] - 1].ingest_time if place[source] else T0 - 1
            until = END if source == behind else until
            for number in range(PARTITIONS):
                mine: list[Routed] = [
                    (first + n, one)
                    for n, one in enumerate(records)
                    if one.customer is None or partition_of(one.customer, PARTITIONS) == number
                ]
                readings[number].append(Reading(source, first, place[source], until, mine))
        for number, found in readings.items():
            topic[number] += [encode_pack(pack) for pack in make_packs(found)]
    return topic


def alone(
    log: dict[tuple[str, int], list[Event | Control]], step: int, plans: Mapping[str, Plan] = PLANS
) -> MemoryStore:
    """Let one engine decide it all, so many records a batch."""
    records = [(one, source[1], n) for source, found in log.items() for n, one in enumerate(found)]
    records.sort(key=lambda r: (*order_key(r[0])[:2], r[0].customer is not None, *order_key(r[0])[2:], *r[1:]))
    ordered = [deepcopy(record) for record, _, _ in records]
    engine = Engine(MemoryStore())
    engine.recover(plans.values())
    for begin in range(0, len(ordered), step):
        engine.take(ordered[begin : begin + step])
    engine.advance(END)
    assert isinstance(engine.store, MemoryStore)
    return engine.store


class NoDays:
    """Days that bring nothing: no plan here reads measures."""

    def come_to(self, _plans: object, _until: int) -> Iterable[list[Record]]:
        return ()


class Workers:
    """Partitions that are taken over, decided on in any steps, saved now and then, and killed."""

    def __init__(
        self,
        draw: random.Random,
        topic: list[list[bytes]],
        connection: Connection,
        plans: Mapping[str, Plan] = PLANS,
        key: AccountKey | None = None,
    ) -> None:
        self.draw, self.topic, self.connection = draw, topic, connection
        self.plans, self.key = plans, key
        self.blobs: dict[bytes, bytes] = {}
        self.copies: list[TopicReading] = []

    def open(self, number: int) -> tuple[LogPartition, PartitionStore]:
        store = PartitionStore(PartitionSink.claim(self.connection, number, "w"))
        store.load({k: v for k, v in self.blobs.items() if k.startswith(f"{number}/".encode())})
        whole = None if self.key is None else WholeLog(self._read, PARTITIONS, frozenset({self.key}), NoDays())
        copy = whole or LogCopy(self._read, PARTITIONS)
        self.copies.append(copy)
        log = LogPartition(
            store,
            plan_of=self.plans.__getitem__,
            past=LogHistory(copy),
            mails_expire=True,
            cached_profiles=4,
        )
        if whole is not None:
            log.house(Housing(whole, number, PARTITIONS))
        return log, store

    def _read(self, partition: int, first: int) -> list[tuple[int, bytes]]:
        return list(enumerate(self.topic[partition][first : first + 3], first))

    def close(self) -> None:
        for copy in self.copies:
            copy.close()

    def run(self, number: int) -> Housing | None:
        """Decide on a partition to its end; return who is decided on there, where people are decided on together."""
        log, store = self.open(number)
        kills = 0
        while log.next < len(self.topic[number]):
            first = log.next
            for offset in range(first, min(len(self.topic[number]), first + self.draw.randrange(1, 6))):
                log.add(offset, self.topic[number][offset])
                if log.next == log.durable:
                    log.decide()
            log.decide()
            chance = self.draw.random()
            if chance < 0.3 and log.next >= log.durable:
                log.save()
                written = store.write_checkpoint()
                self.blobs |= dict([*written.parts, written.head])
            elif chance < 0.5 and kills < KILLS_MAX:
                kills += 1
                log, store = self.open(number)
        return log.engine.housing


@pytest.mark.parametrize("seed", range(2))
def test_partitions_decide_what_one_engine_decides(postgres: PostgresServer, seed: int) -> None:
    """I10, V4, E5: merges over partitions, a plan that looks back, copies and kills: rows and counts are the same."""
    draw = random.Random(seed)  # the same examples everywhere
    log = make_log(draw)
    stores = [alone(log, step) for step in (7, 1000)]
    rows = [shown(list(store.ledger())) for store in stores]
    assert rows[0] == rows[1]
    with (
        closing(Connection(url := postgres.new_schema())) as connection,
        closing(PostgresStore.open(url, exclusive=False)) as store,
    ):
        workers = Workers(draw, make_topic(draw, log), connection)
        for number in range(PARTITIONS):
            workers.run(number)
        workers.close()
        assert shown(list(store.ledger())) == rows[0]
        assert sorted(store.tallies(), key=repr) == sorted(stores[0].tallies(), key=repr)
        refused = [one.letter.source for one in store.dead_letters()]
    assert sorted(refused) == sorted(one.letter.source for one in stores[0].dead_letters())
    assert any(one.kind == "merge" for _, one in stores[0].read_log() if isinstance(one, Control))


def test_a_source_left_behind_decides_the_same_however_messages_are_cut(postgres: PostgresServer) -> None:
    """I8, I10: what it brings arrives when the messages before it had come so far, with other batches and kills as well."""
    log = make_log(random.Random(0))  # the same examples everywhere
    topic = make_topic(random.Random(0), log, behind=("app", 0))  # as above
    found = []
    for cut in (1, 2, 3):
        with (
            closing(Connection(url := postgres.new_schema())) as connection,
            closing(PostgresStore.open(url, exclusive=False)) as store,
        ):
            workers = Workers(random.Random(cut), topic, connection)  # as above
            for number in range(PARTITIONS):
                workers.run(number)
            workers.close()
            found.append(shown(list(store.ledger())))
    assert found[0] == found[1] == found[2]


def shown(rows: list[LedgerRow]) -> list[LedgerRow]:
    return sorted(rows, key=attrgetter("occurrence_key"))
