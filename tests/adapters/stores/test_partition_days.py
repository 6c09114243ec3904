"""Days of partitions: what workers make of all partitions' logs at midnight is what one engine makes, however cut."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import closing
from copy import deepcopy
from pathlib import Path

import pytest

from relight.base.errors import FaultError
from relight.base.instants import HOUR
from relight.cli.project import day_maker_of
from relight.config.loader import LoadedProject, load_project
from relight.engine.account_keys import AccountKeys
from relight.engine.daily import days_of
from relight.engine.days_log import DaysLog
from relight.engine.engine import Engine
from relight.engine.feed import Feed
from relight.engine.housing import Housing
from relight.engine.log_copy import LogCopy
from relight.engine.log_history import LogHistory
from relight.engine.log_partition import LogPartition
from relight.engine.whole_log import WholeLog
from relight.messages.ledger import LedgerRow
from relight.metrics.cluster_daily import ClusterMeasures
from relight.rules.plan import Plan
from relight.stores.memory import MemoryStore
from relight.stores.partition import PartitionStore
from relight.stores.postgres import PostgresStore
from relight.stores.postgres_connection import Connection
from relight.stores.postgres_made import read_made
from relight.stores.postgres_partition import PartitionSink
from relight.streams.envelope import Control, DeadLetter, Event, Record
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
from tests.unit.metrics.kit import at
from tests.unit.metrics.test_daily import MEASURES, ZONE, made_up
from tests.unit.metrics.test_daily import make as make_shop

PARTITIONS, KILLS_MAX = 3, 3
SOURCES = [("shop", 0), (CONTROL_SOURCE, 0)]
END = at("2026-04-12", ZONE)
#: The second plan measures by other words, and reads one measure more.
TARGETS = "targets: {nps: {at_least: 100, owner: Mert}}\n"
MISSED = (
    "trigger: {event: target_missed}\nreentry: every\nclass: internal\nsteps: [{alert: {to: team, template: missed}}]\n"
)


@pytest.fixture(scope="module")
def shops(tmp_path_factory: pytest.TempPathFactory) -> list[LoadedProject]:
    """A shop, and what it becomes in March: money counts at a margin, and targets are watched."""
    first = make_shop(tmp_path_factory.mktemp("first"), made_up())
    folder = tmp_path_factory.mktemp("second")
    make_shop(folder, made_up())
    (folder / "config/measures.yaml").write_text(
        MEASURES.replace("nps: nps.score", "nps: nps.score, margin: 40%") + TARGETS
    )
    (folder / "rules/missed.yaml").write_text(MISSED)
    for path in ("subject.txt", "preheader.txt", "body.txt", "body.html"):
        (folder / "templates/missed").mkdir(exist_ok=True)
        (folder / "templates/missed" / path).write_text("{{ entry.title }} was {{ entry.value }}")
    second = load_project(folder, env={"RELIGHT_LINK_SECRET": "s"}, lint=False)
    assert [one for one in second.problems if one.severity == "error"] == []
    return [first, second]


def log_of(shops: list[LoadedProject], change: int | None) -> list[Record]:
    """Return the log in order: the shop's events, the first plan, and the second from `change` (µs) on."""
    fed = Feed(streams=shops[0].streams, folder=shops[0].folder).records()
    events: list[Record] = [one for one in fed if not isinstance(one, DeadLetter)]
    plans = [(events[0].ingest_time, shops[0])] + ([] if change is None else [(change, shops[1])])
    told: list[Record] = [
        Control(kind="plan", ingest_time=when, subject=shop.plan.version) for when, shop in plans if shop.plan
    ]
    return sorted([*told, *events], key=lambda one: (one.ingest_time, isinstance(one, Event)))


def with_merges(draw: random.Random, log: list[Record]) -> list[Record]:
    """Return a log in which some customers turn out to be others, now and then at midnight."""
    people = sorted({one.customer for one in log if one.customer is not None})
    merges: list[Record] = []
    for _ in range(20):
        known, stranger = draw.sample(people, 2)
        instant = at("2026-02-01", ZONE) + draw.randrange(60 * 24) * HOUR + draw.choice([0, 1])
        merges.append(Control(kind="merge", ingest_time=instant, customer=known, subject=stranger))
    return sorted([*log, *merges], key=lambda one: (one.ingest_time, isinstance(one, Event)))


def alone(shops: list[LoadedProject], log: list[Record]) -> MemoryStore:
    """Let one engine decide, started again with the folder of each plan as it comes into force."""
    store = MemoryStore()
    engine = Engine(store)
    plans = {shop.plan.version: shop for shop in shops if shop.plan is not None}
    for record in deepcopy(log):
        if isinstance(record, Control) and record.kind == "plan":
            shop = plans[record.subject]
            assert shop.plan is not None
            if engine.days is not None:
                engine.advance(record.ingest_time)
            done = engine.days.done if engine.days is not None else None
            engine.days = days_of(shop.plan, day_maker_of(shop))
            if engine.days is not None and done is not None:
                engine.days.done = done
            engine.follow_plan(shop.plan, record.ingest_time)
        else:
            engine.take([record])
    engine.advance(END)
    return store


def topic_of(draw: random.Random, log: list[Record]) -> list[list[bytes]]:
    """Return the messages of every partition as a router writes them."""
    topic = [[encode_pack(Pack(PACK_VERSION, [], [], SOURCES))] for _ in range(PARTITIONS)]
    by_source = {
        source: [one for one in log if isinstance(one, Control) is (source[0] != "shop")] for source in SOURCES
    }
    place = dict.fromkeys(SOURCES, 0)
    while any(place[source] < len(by_source[source]) for source in SOURCES):
        readings: dict[int, list[Reading]] = {number: [] for number in range(PARTITIONS)}
        for source in SOURCES:
            first, found = place[source], by_source[source]
            records = found[first : first + draw.randrange(40)]
            place[source] += len(records)
            is_read = place[source] == len(found)
            until = END if is_read else found[place[source] - 1].ingest_time if place[source] else 0
            for number in range(PARTITIONS):
                mine: list[Routed] = [
                    (first + n, one)
                    for n, one in enumerate(records)
                    if one.customer is None or partition_of(one.customer, PARTITIONS) == number
                ]
                readings[number].append(Reading(source, first, place[source], until, mine))
        for number, of_one in readings.items():
            topic[number] += [encode_pack(pack) for pack in make_packs(of_one)]
    return topic


class Workers:
    """Partitions that are taken over, decided on in any steps, saved now and then, and killed.

    keys: what names accounts whose people are decided on together.
    """

    def __init__(
        self,
        draw: random.Random,
        shops: list[LoadedProject],
        topic: list[list[bytes]],
        connection: Connection,
        keys: AccountKeys = frozenset(),
    ) -> None:
        self.draw, self.topic, self.connection, self.keys = draw, topic, connection, keys
        self.projects = {shop.plan.version: shop for shop in shops if shop.plan is not None}
        self.blobs: dict[bytes, bytes] = {}
        self._begin()

    def _begin(self) -> None:
        def read(partition: int, first: int) -> list[tuple[int, bytes]]:
            return list(enumerate(self.topic[partition][first : first + 3], first))

        self.copy = LogCopy(read, PARTITIONS)
        self.days = ClusterMeasures(self.copy, self.projects.__getitem__, PARTITIONS)
        everybody = self.days.of_everybody()
        self.whole = WholeLog(read, PARTITIONS, self.keys, everybody) if self.keys else None
        self.days_log = None if self.keys else DaysLog(everybody)

    def open(self, number: int) -> tuple[LogPartition, PartitionStore]:
        store = PartitionStore(PartitionSink.claim(self.connection, number, "w"))
        store.load({k: v for k, v in self.blobs.items() if k.startswith(f"{number}/".encode())})
        log = LogPartition(
            store,
            plan_of=lambda version: plan_of(self.projects[version]),
            past=LogHistory(self.whole or self.copy, days=self.days_log),
            mails_expire=True,
            cached_profiles=9,
            day_maker=self.days.maker_of(number),
        )
        if self.whole is not None:
            log.house(Housing(self.whole, number, PARTITIONS))
        return log, store

    def run(self) -> None:
        """Decide everything; partitions take turns, so that days of one worker are not all the same."""
        logs = {number: self.open(number) for number in range(PARTITIONS)}
        kills = 0
        while waiting := [n for n, (log, _) in logs.items() if log.next < len(self.topic[n])]:
            number = self.draw.choice(waiting)
            log, store = logs[number]
            first = log.next
            for offset in range(first, min(len(self.topic[number]), first + self.draw.randrange(1, 6))):
                log.add(offset, self.topic[number][offset])
                if log.next == log.durable:
                    log.decide()
            log.decide()
            chance = self.draw.random()
            if chance < 0.2 and log.next >= log.durable:
                log.save()
                written = store.write_checkpoint()
                self.blobs |= dict([*written.parts, written.head])
            elif chance < 0.3 and kills < KILLS_MAX:
                kills += 1
                self.close()
                self._begin()
                logs = {n: self.open(n) for n in logs}
        self.close()

    def close(self) -> None:
        for reading in (self.copy, self.whole):
            if reading is not None:
                reading.close()


def plan_of(shop: LoadedProject) -> Plan:
    assert shop.plan is not None
    return shop.plan


def shown(rows: Iterator[LedgerRow]) -> list[LedgerRow]:
    return sorted(rows, key=lambda row: row.occurrence_key)


@pytest.mark.parametrize("change", [None, at("2026-03-02T11:00", ZONE), at("2026-03-10", ZONE)])
def test_days_of_partitions_are_those_of_one_engine(
    postgres: PostgresServer, shops: list[LoadedProject], change: int | None
) -> None:
    """I10: rows, counts and the measures in each customer's log are the same, also where a new plan measures otherwise
    from the middle of a day or from midnight on, with workers killed between two days.
    """
    log = log_of(shops, change)
    expected = alone(shops, log)
    rows = shown(expected.ledger())
    assert len({row.rule for row in rows}) == (4 if change is None else 5)
    draw = random.Random(3)  # the same examples everywhere
    with (
        closing(Connection(url := postgres.new_schema())) as connection,
        closing(PostgresStore.open(url, exclusive=False)) as store,
    ):
        Workers(draw, shops, topic_of(draw, log), connection).run()
        assert shown(store.ledger()) == rows
        assert sorted(store.tallies(), key=repr) == sorted(expected.tallies(), key=repr)
        people = {one.customer for one in log if one.customer is not None} | {"_targets"}
        with connection.reading() as cursor:
            made = {who: read_made(cursor, who, END) for who in people}
    served = {who: [r for _, r in expected.customer_log(who) if _is_made(r)] for who in people}
    assert made == served
    assert sum(map(len, made.values())) > 200
    assert bool(made["_targets"]) is (change is not None)


def test_who_becomes_known_has_had_what_days_brought(postgres: PostgresServer, tmp_path: Path) -> None:
    """V4, R3: a value of measures that an anonymous customer reached is reached for ever, whichever partition made it; the
    customer whom they turn out to be gets no second mail.
    """
    make_shop(tmp_path, made_up())
    reached = "trigger: {milestone: {value: orders, at: [2, 3, 4]}}\nsteps: [{send: hello}]"
    (tmp_path / "rules/reached.yaml").write_text(reached)
    shop = load_project(tmp_path, env={"RELIGHT_LINK_SECRET": "s"}, lint=False)
    draw = random.Random(4)  # the same examples everywhere
    log = with_merges(draw, log_of([shop], None))
    expected = alone([shop], log)
    merges = {r.subject for _, r in expected.read_log() if isinstance(r, Control) and r.kind == "merge"}
    assert len(merges) > 5
    with (
        closing(Connection(url := postgres.new_schema())) as connection,
        closing(PostgresStore.open(url, exclusive=False)) as store,
    ):
        Workers(draw, [shop], topic_of(draw, log), connection).run()
        assert shown(store.ledger()) == shown(expected.ledger())


def _is_made(record: Record) -> bool:
    return record.kind == "measures" if isinstance(record, Control) else record.stream == "targets"


def test_who_reads_measures_needs_somebody_to_make_them(postgres: PostgresServer, shops: list[LoadedProject]) -> None:
    """A partition whose plan reads measures is refused where nobody was given to make them, before it decides."""
    draw = random.Random(1)  # as above
    topic = topic_of(draw, log_of(shops, None))
    with closing(Connection(postgres.new_schema())) as connection:
        workers = Workers(draw, shops, topic, connection)
        log, _ = workers.open(0)
        log._day_maker = None
        for offset, value in enumerate(topic[0][:20]):
            log.add(offset, value)
        with pytest.raises(FaultError, match="nobody was given to make them"):
            log.decide()
        workers.close()
