"""V5 on a cluster: who was erased is in no topic, no checkpoint and no table; everybody else is decided on as before."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sys
import time
import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from copy import deepcopy
from pathlib import Path
from typing import Any

import psycopg
import pytest
from kafka import KafkaConsumer, TopicPartition

from relight.base.instants import DAY, HOUR, iso_utc
from relight.config.loader import load_project
from relight.engine.feed import Feed
from relight.messages.addresses import address_hash
from relight.messages.ledger import LedgerRow
from relight.simulate.from_log import replay_log
from relight.stores.erasure import CAUSE, SCOPE
from relight.stores.erasure_key import KEY_VARIABLE
from relight.stores.postgres import PostgresStore
from relight.streams.envelope import Control, DeadLetter, Event, Record, order_key
from relight.transports.kafka_clients import checkpoint_topic, control_topic, log_topic, open_admin
from relight.transports.kafka_publish import publish_control
from relight.transports.log_pack import partition_of
from relight.transports.topic_copy import make_empty, write_messages
from tests.cluster.cluster_kit import Cluster
from tests.faults.small_project import QUIET, SECRET, T0, add, line, write_project
from tests.support.kafka_broker import KafkaBroker
from tests.support.postgres_server import PostgresServer
from tests.support.programs import run_program

PARTITIONS = 3
RULES = {
    "quiet": QUIET,
    "thanks": "trigger: {event: ordered}\nreentry: {per: order}\nclass: transactional\nsend: hello\n",
    "often": "trigger: {milestone: {count: used, at: [2, 5, 9]}}\nsend: hello\n",
}
#: Who is erased, and who stays. Their ids are long enough to be searched for.
GONE, STAYS = "customer-bob", ("customer-ann", "customer-cyd", "customer-dee")
#: Turns out to be GONE; the log of this id is in another partition.
STRANGER = next(f"stranger-{n}" for n in range(99) if partition_of(f"stranger-{n}", 3) != partition_of(GONE, 3))
ERASED_AT, END = T0 + 12 * DAY, T0 + 30 * DAY
#: What must be found nowhere.
MARKERS = [text.encode() for text in (GONE, STRANGER, f"{GONE}@mail.example", "order-of-bob")]
#: Where an erasure is killed, one after the other, each time begun again.
KILLS = (
    "before_note_commit:1",
    "before_topic_replaced:1",
    "inside_topic_replaced:2",
    "after_note_commit:6",
    "before_log_followed:1",
    "after_log_followed:1",
)
KEY = "5a" * 32


def write_events(folder: Path) -> None:
    """A month: all come and order; what is erased is known by everything a project keeps of somebody."""
    number = 0
    for day in range(12):
        for place, who in enumerate((*STAYS, GONE, STRANGER)):
            at = T0 + day * DAY + place * HOUR // 2
            if (who == GONE and 2 < day < 11) or (who == STRANGER and day > 2) or (who == STAYS[1] and day > 3):
                continue
            number += 1
            add(folder, line(number, who, "used", at, arrives=at))
    for place, who in enumerate((*STAYS, GONE)):
        at = T0 + place
        add(folder, line(1000 + place, who, "identify", at, arrives=at, email=f"{who}@mail.example"))
        at = T0 + 5 * DAY + place
        add(folder, line(2000 + place, who, "ordered", at, arrives=at, order=f"order-of-{who[-3:]}"))
    # Nobody can read when that was.
    add(
        folder,
        json.dumps({"id": "bad", "customer": GONE, "event": "used", "at": "some day", "arrives": iso_utc(T0 + DAY)})
        + "\n",
    )


def write_later(folder: Path) -> None:
    """After the erasure: all come again, and two events of GONE are delivered once more."""
    number = 5000
    for day in range(13, 28):
        for place, who in enumerate((*STAYS, GONE)):
            at = T0 + day * DAY + place * HOUR
            if who == GONE and day not in (14, 15, 16):
                continue
            number += 1
            add(folder, line(number, who, "used", at, arrives=at))
    at = T0 + 5 * DAY + 3
    add(folder, line(2003, GONE, "ordered", at, arrives=T0 + 14 * DAY + HOUR, order="order-again"))
    at = T0 + 11 * DAY + 3 * HOUR // 2  # on time still: a use more, if nobody knew it
    add(folder, line(35, GONE, "used", at, arrives=T0 + 13 * DAY + 4 * HOUR))
    at = T0 + 15 * DAY + HOUR
    add(folder, line(9000, GONE, "identify", at, arrives=at, email=f"{GONE}@mail.example"))


class Erased:
    """A cluster on which somebody was erased in the middle, and the same project on one machine, done alike."""

    def __init__(self, folder: Path, broker: KafkaBroker, postgres: PostgresServer) -> None:
        self.broker, self.cluster = broker, Cluster(
            folder, broker, postgres, partitions=PARTITIONS, env={"LINK_SECRET": SECRET, KEY_VARIABLE: KEY}
        )  # fmt: skip
        self.before: dict[str, int] = {}
        self.after: dict[str, int] = {}
        self.told: dict[str, Any] = {}
        self.rows_before = 0
        at = T0 + 3 * DAY + HOUR
        self.merge = Control(kind="merge", ingest_time=at, customer=GONE, subject=STRANGER)

    def publish(self, *, first: bool, until: int) -> None:
        rows = [
            one for one in self.cluster.rows("app", "data/app.ndjson") if first == (one.said.ingest_time < ERASED_AT)
        ]
        if first:
            self.cluster.publish("app", rows[:1])  # the plan comes into force at the first record of all
            self.start()
            self.cluster.wait_for("router", "reading", seconds=120)
            kafka = self.cluster.loaded.settings.kafka if self.cluster.loaded.settings else None
            assert kafka is not None
            at = self.merge.ingest_time
            publish_control(kafka, control_topic(self.cluster.name), [self.merge], at=at)
            rows = rows[1:]
        self.cluster.publish("app", rows, until=until)

    def start(self) -> None:
        for name in ("router", "worker"):
            self.cluster.start(name, name)

    def wait_for_words(self) -> None:
        """Wait until control records are in the log: those of now do not stand before recorded events by their time."""
        deadline = time.monotonic() + 120
        while any(
            one["lag"]
            for one in json.loads(self.cluster.relight("lag", "--json"))["sources"]
            if "control" in one["topic"]
        ):
            assert time.monotonic() < deadline
            time.sleep(0.5)

    def found(self) -> dict[str, int]:
        """Return how often the markers stand in each topic and each table, read as bytes by somebody else's program."""
        found: dict[str, int] = {}
        with closing(KafkaConsumer(bootstrap_servers=self.broker.address, enable_auto_commit=False)) as consumer:
            for topic in sorted(consumer.topics()):
                if topic.startswith(f"relight.{self.cluster.name}."):
                    found[topic] = sum(_count(one) for one in _bytes_of(consumer, topic))
        with psycopg.connect(self.cluster.url) as sql:
            tables = sql.execute("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()").fetchall()
            for (table,) in tables:
                with sql.cursor().copy(f'COPY "{table}" TO STDOUT (FORMAT binary)') as copy:
                    found[f"table {table}"] = _count(b"".join(bytes(part) for part in copy))
        return {name: number for name, number in found.items() if number}

    def rows(self, *, gone: bool) -> list[LedgerRow]:
        return [row for row in self.cluster.ledger() if (row.customer == GONE) == gone]

    def config(self, generation: int) -> None:
        path = self.cluster.folder / "config/default.yaml"
        path.write_text(
            re.sub(r"(generation: \d, )?partitions: 3", f"generation: {generation}, partitions: 3", path.read_text())
        )
        vars(self.cluster).pop("loaded", None)

    def pass_on(self) -> None:
        """Let a sender of the generation before read the inbox."""
        path = self.cluster.folder / "config/default.yaml"
        text = path.read_text()
        path.write_text(text.replace("generation: 2", "generation: 1"))
        self.cluster.relight("sender", "--once")
        path.write_text(text)

    def apply(self, *, crash: str = "") -> tuple[int, str]:
        done = run_program(
            [sys.executable, "-m", "relight", "erase", "--apply", "--yes", "--json"], cwd=self.cluster.folder,
            env=self.cluster.env | ({"RELIGHT_CRASH_AT": crash} if crash else {}), capture_output=True, text=True,
            timeout=300, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout if not done.returncode else f"{done.stdout}{done.stderr}"

    def refused(self, *arguments: str) -> str:
        done = run_program(
            [sys.executable, "-m", "relight", *arguments], cwd=self.cluster.folder, env=self.cluster.env,
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 64, f"{done.stdout}{done.stderr}"
        return str(done.stderr)


def _bytes_of(consumer: KafkaConsumer, topic: str) -> Iterator[bytes]:
    places = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
    ends = consumer.end_offsets(places)
    consumer.assign(places)
    consumer.seek_to_beginning(*places)
    while any(consumer.position(place) < ends[place] for place in places):
        for messages in consumer.poll(timeout_ms=500).values():
            for one in messages:
                yield one.key or b""
                yield one.value or b""
                yield from (value for _, value in one.headers)
                with suppress(zlib.error):
                    yield zlib.decompress(one.value or b"")


def _count(text: bytes) -> int:
    return sum(text.count(marker) for marker in MARKERS)


@pytest.fixture(scope="module")
def erased(
    tmp_path_factory: pytest.TempPathFactory, broker: KafkaBroker, postgres: PostgresServer
) -> Iterator[tuple[Erased, Path]]:
    """A cluster from which somebody was taken while the erasure was killed six times, and that went on."""
    work = tmp_path_factory.mktemp("erased")
    project = write_project(work / "project", RULES)
    write_events(project)
    here = Path(shutil.copytree(project, work / "embedded"))
    shop = Erased(project, broker, postgres)
    try:
        shop.publish(first=True, until=ERASED_AT)
        shop.cluster.wait_until(ERASED_AT)
        shop.cluster.wait_for_checkpoints()
        shop.cluster.relight("sender", "--once")
        shop.before = shop.found()
        shop.rows_before = sum(row.customer in (GONE, STRANGER) for row in shop.cluster.ledger())
        shop.told["asked"] = shop.refused("erase", GONE)
        shop.told["order"] = shop.cluster.relight("erase", GONE, "--yes")
        shop.told["again"] = shop.cluster.relight("erase", GONE, "--yes")
        shop.told["generation"] = shop.refused("erase", "--apply", "--yes")
        shop.config(2)
        shop.told["running"] = shop.refused("erase", "--apply", "--yes")
        shop.cluster.kill("worker")
        shop.cluster.stop("router")
        shop.told["unread"] = shop.refused("erase", "--apply", "--yes")
        shop.pass_on()
        shop.told["kills"] = [shop.apply(crash=point)[0] for point in KILLS[:-1]]
        shop.told["stopped"] = shop.refused("sender", "--once")
        shop.told["moved"] = shop.refused("topics", "repartition", "--yes")
        shop.told["kills"].append(shop.apply(crash=KILLS[-1])[0])
        code, shop.told["erased"] = shop.apply()
        assert code == 0, shop.told
        shop.after = shop.found()
        for folder in (project, here):
            write_later(folder)
        shop.start()
        shop.wait_for_words()
        shop.publish(first=False, until=END)
        shop.cluster.wait_until(END)
        yield shop, here
    finally:
        shop.cluster.close()


def log_of(here: Path, shop: Erased) -> list[Record]:
    """Return what the project's log says, as one machine reads it from the file."""
    loaded = load_project(here, env={"LINK_SECRET": SECRET})
    assert loaded.plan is not None
    fed = Feed(streams=loaded.streams, folder=here).records()
    events: list[Record] = [one for one in fed if not isinstance(one, DeadLetter)]
    plan = Control(kind="plan", ingest_time=events[0].ingest_time, subject=loaded.plan.version)
    return sorted([plan, shop.merge, *events], key=order_key)


def decided(rows: Iterable[LedgerRow]) -> list[tuple[object, ...]]:
    """Return what was decided, without what names project and plan version by the bytes of files."""
    named = ("rule", "customer", "step", "state", "reason", "judged", "scheduled", "occurrence")
    return sorted(tuple(str(getattr(row, name)) for name in named) for row in rows)


def decided_alone(here: Path, log: list[Record]) -> list[LedgerRow]:
    loaded = load_project(here, env={"LINK_SECRET": SECRET})
    assert loaded.plan is not None
    return list(replay_log([loaded.plan], deepcopy(log), reached=END).store.ledger())


def test_nothing_of_them_is_left(erased: tuple[Erased, Path]) -> None:
    """V5: before, topics of every kind, checkpoints and tables hold ids, addresses and words; afterwards no byte does."""
    shop, _ = erased
    prefix = f"relight.{shop.cluster.name}"
    topics = {f"{prefix}.{one}" for one in ("log", "control", "dead-letters", "worker-checkpoints-changelog")}
    assert topics | {f"table {one}" for one in ("ledger", "outbox", "attempts", "dead_letters")} <= set(shop.before)
    assert shop.after == {}


def test_what_was_taken_out_is_told(erased: tuple[Erased, Path]) -> None:
    """An order is kept once, with the address suppressed at once; the answer counts what every try took out, names the
    records of the source topics with their offsets, and stays in the store without a name.
    """
    shop, _ = erased
    assert shop.told["order"] == shop.told["again"]
    assert "1 address gets no mail from now on" in shop.told["order"]
    told = json.loads(shop.told["erased"])
    (one,) = told["erased"]
    assert (told["ok"], told["found"], told["generation"]) == (True, 0, 2)
    assert (one["rows"], one["messages"], one["dead_letters"], one["addresses"]) == (shop.rows_before, 3, 1, 1)
    topic = f"{shop.cluster.name}.app"
    assert {source["topic"] for source in one["sources"]} == {topic}
    with closing(KafkaConsumer(bootstrap_servers=shop.broker.address, enable_auto_commit=False)) as consumer:
        for source in one["sources"]:
            place = TopicPartition(topic, source["partition"])
            consumer.assign([place])
            for offset in source["offsets"]:
                consumer.seek(place, offset)
                (message, *_) = next(iter(consumer.poll(timeout_ms=10_000, max_records=1).values()))
                assert any(name.encode() in message.value for name in (GONE, STRANGER))
    # One record is of the control topic; one that could not be read is no record, and stands in the source all the same.
    assert sum(len(source["offsets"]) for source in one["sources"]) == one["records"] - 1 + one["dead_letters"]
    with closing(PostgresStore.open(shop.cluster.url, read_only=True)) as store:
        kept = [
            value for (value,) in store.connection.sql.execute("SELECT value FROM notes WHERE name LIKE 'erased on%'")
        ]
    assert [json.loads(value)["name"] for value in kept] == [one["name"]]


def test_what_is_in_the_way_is_said(erased: tuple[Erased, Path]) -> None:
    """Nothing is touched without --yes, under the generation of before, while something runs, or while words wait that
    might be theirs; and nothing starts while an erasure stands in the middle.
    """
    shop, _ = erased
    assert "say --yes" in shop.told["asked"]
    assert "kafka: {generation: 2}" in shop.told["generation"]
    for told in ("stopped", "moved"):
        assert "people are being taken out of the log, and that is not finished" in shop.told[told]
    assert "1 router of generation 1 still run" in shop.told["running"]
    assert "the inbox holds what no sender has passed on yet" in shop.told["unread"]
    assert all(code == -signal.SIGKILL for code in shop.told["kills"])


def test_everybody_else_is_decided_on_as_before(erased: tuple[Erased, Path]) -> None:
    """V5, H: the ledger of the others is that of one machine that erased nobody; replay of what is left finds it."""
    shop, here = erased
    alone = [row for row in decided_alone(here, log_of(here, shop)) if row.customer not in (GONE, STRANGER)]
    assert decided(shop.rows(gone=False)) == decided(alone)
    told = json.loads(shop.cluster.relight("replay", "--json"))
    assert (told["ok"], told["equal"], told["extra"]) == (True, len(shop.cluster.ledger()), 0)


def test_who_comes_again_begins_anew(erased: tuple[Erased, Path]) -> None:
    """V5: a later event of the same id has no history, an event of then is known, and the address gets nothing."""
    shop, here = erased
    word = Control(
        kind="suppression", ingest_time=ERASED_AT, subject=address_hash(f"{GONE}@mail.example"),
        detail={"scope": SCOPE, "cause": CAUSE},
    )  # fmt: skip
    again = {("app", "e2003"), ("app", "e35")}  # delivered once more after the erasure
    log = [
        one
        for one in log_of(here, shop)
        if one.customer not in (GONE, STRANGER)
        or (one.ingest_time >= ERASED_AT and not (isinstance(one, Event) and (one.stream, one.id) in again))
    ]
    alone = [row for row in decided_alone(here, sorted([*log, word], key=order_key)) if row.customer == GONE]
    assert decided(shop.rows(gone=True)) == decided(alone)
    assert {row.occurrence for row in alone if row.rule == "often"} == {"milestone:2"}
    assert {row.reason for row in alone if row.step} == {"suppressed"}
    told = json.loads(shop.cluster.relight("export", GONE))
    assert {one["id"] for one in told["log"] if "id" in one} == {"e5007", "e5011", "e5015", "e9000"}


def test_the_log_says_the_same_from_its_beginning(erased: tuple[Erased, Path]) -> None:
    """I8: a worker without any checkpoint folds tombstones, and decides what was decided; the erased event stays known."""
    shop, _ = erased
    before, tallies = shop.cluster.ledger(), shop.cluster.tallies()
    for name in ("worker", "router"):
        shop.cluster.stop(name)
    shop.cluster.delete_topic(checkpoint_topic(shop.cluster.name, 2))
    shop.cluster.publish("app", shop.cluster.rows("app", "data/app.ndjson")[-1:], until=END + 1)
    shop.start()
    shop.cluster.wait_until(END + 1)
    assert (shop.cluster.ledger(), shop.cluster.tallies()) == (before, tallies)


def test_a_second_time_is_like_the_first(erased: tuple[Erased, Path]) -> None:
    """Who came again is erased again, in the next generation, the log written while the cluster runs; who is gone is not
    known. A topic of long before, which a move to other partitions left behind, has nothing of them either.
    """
    shop, here = erased
    others = shop.rows(gone=False)
    settings = shop.cluster.loaded.settings
    assert settings is not None
    assert settings.kafka is not None
    left = log_topic(shop.cluster.name, 1)
    with closing(open_admin(settings.kafka)) as admin:
        make_empty(admin, left, partitions=1, replication=1, settings={})
    write_messages(settings.kafka, left, iter([(0, b"", GONE.encode())]))
    assert shop.found()[left] == 1
    shop.cluster.relight("erase", GONE, "--yes")
    shop.cluster.relight("sender", "--once")
    shop.config(3)
    shop.cluster.start("erase", "erase", "--apply", "--ahead", "--yes")
    shop.cluster.wait_for("erase", "packs are written; stop 1 routers, 1 workers now", seconds=120)
    ahead = shop.cluster.log("erase")
    for name in ("worker", "router"):
        shop.cluster.stop(name)
    assert shop.cluster.process("erase").wait(timeout=180) == 0, shop.cluster.log("erase")
    told = shop.cluster.log("erase")[len(ahead) :]
    assert "the log goes on in generation 3" in told
    assert "proof: 0 occurrences of ids and addresses in topics, checkpoints and tables" in told
    if path := os.environ.get("RELIGHT_TRANSCRIPT"):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(f"$ relight erase --apply --yes\n{told}\n")
    assert shop.found() == {}
    assert shop.rows(gone=False) == others
    assert f"there is no customer '{GONE}'" in shop.refused("erase", GONE, "--yes")
    assert "nobody waits to be erased" in shop.refused("erase", "--apply", "--yes")
    shop.start()
    shop.cluster.publish("app", [], until=END + DAY)
    shop.cluster.wait_until(END + DAY)
    alone = [row for row in decided_alone(here, log_of(here, shop)) if row.customer not in (GONE, STRANGER)]
    assert decided(row for row in shop.rows(gone=False) if row.judged < END) == decided(alone)
