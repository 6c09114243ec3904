"""What people order works on a cluster as on one machine: pause, resume, suppressions, apply, rollback (H1, E4, S4)."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from relight.base.instants import iso_utc
from relight.engine.plan_versions import plan_of_version, told_versions
from relight.simulate.from_log import replay_log
from relight.stores.inbox_words import Word, word_entry
from relight.stores.postgres import PostgresStore
from relight.stores.postgres_inbox import PostgresInbox
from relight.streams.envelope import Control, DeadLetter, Record, order_key
from relight.transports.kafka_clients import log_topic
from relight.transports.log_pack import decode_pack, decode_record, partition_of
from tests.cluster.cluster_kit import Cluster
from tests.faults.small_project import SECRET, write_project
from tests.support.kafka_broker import KafkaBroker
from tests.support.postgres_server import PostgresServer

PARTITIONS = 3
#: In another partition than `bo`, who the stranger turns out to be.
STRANGER = next(f"anon{n}" for n in range(99) if partition_of(f"anon{n}", PARTITIONS) != partition_of("bo", PARTITIONS))
THANKS = "trigger: {event: ordered}\nreentry: every\nclass: transactional\nsend: hello\n"
RULES = {"thanks": THANKS, "quiet": "trigger: {inactive: 3 seconds, activity: [used]}\nsend: hello\n"}
#: Keeps more of customers than the rules before it.
OFTEN = "trigger: {milestone: {count: used, at: [3]}}\nclass: transactional\nsend: hello\n"
#: Longest that one step may take (s).
SECONDS = 240


class Words:
    """A live cluster on which somebody orders."""

    def __init__(self, cluster: Cluster, broker: KafkaBroker) -> None:
        self.cluster, self.address, self.number = cluster, broker.address, 0

    def wait(self, what: Callable[[], object]) -> None:
        deadline = time.monotonic() + SECONDS
        while not what():
            logs = "\n".join(f"--- {n}\n{self.cluster.log(n)[-3000:]}" for n in self.cluster.names())
            assert time.monotonic() < deadline, f"{self.cluster.lag()}\n{logs}"
            time.sleep(0.1)

    def happen(self, customer: str, event: str, *, wait: bool = True) -> None:
        """Let something happen now; wait: until every partition's time has passed it."""
        self.number += 1
        row = {"id": str(self.number), "customer": customer, "event": event, "at": iso_utc(_now())}
        row |= {"email": f"{customer}@mail.example"} if event == "identify" else {}
        with closing(KafkaProducer(bootstrap_servers=self.address)) as producer:
            producer.send(f"{self.cluster.name}.app", value=json.dumps(row).encode(), key=b"k").get(timeout=60)
        if wait:
            self.pass_by()

    def order(self, *arguments: str) -> str:
        """Give an order, and wait until every partition's time has passed it."""
        told = self.cluster.relight(*arguments)
        self.pass_by()
        return told

    def pass_by(self) -> None:
        """Wait until every partition has decided beyond now."""
        now = _now()
        self.wait(
            lambda: len(states := self.cluster.partitions_now()) == PARTITIONS and all(one[3] > now for one in states)
        )

    def reasons(self, rule: str, customer: str) -> list[tuple[str, str | None]]:
        rows = [one for one in self.cluster.ledger() if (one.rule, one.customer) == (rule, customer)]
        ordered = sorted(rows, key=lambda one: one.judged)
        return [(one.state.value, one.reason) for one in ordered if one.state.value != "entered"]


def _now() -> int:
    return time.time_ns() // 1_000


def test_what_is_ordered_is_done(
    tmp_path: Path, broker: KafkaBroker, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each order takes effect between two events, `relight` says who took it, and the ledger is the one that one machine
    decides from the same log.
    """
    folder = write_project(tmp_path / "project", RULES, follow=True)
    cluster = Cluster(folder, broker, postgres, partitions=PARTITIONS, recorded=False, env={"LINK_SECRET": SECRET})
    for name in ("LINK_SECRET", "DATABASE_URL"):  # kept plans are compiled here, too
        monkeypatch.setenv(name, cluster.env[name])
    try:
        for name in ("router", "worker", "sender"):
            cluster.start(name, name, *(["--member", "r1"] if name == "router" else []))
        words = Words(cluster, broker)
        cluster.wait_for("worker", f"partition {PARTITIONS - 1} taken over", seconds=SECONDS)
        cluster.wait_for("sender", "by this sender", seconds=SECONDS)
        for customer in ("ann", "bo", "cy"):
            words.happen(customer, "identify", wait=False)
        words.happen(STRANGER, "used", wait=False)
        words.happen("ann", "ordered", wait=False)
        words.happen("bo", "used")
        with closing(PostgresInbox.open(cluster.url)) as inbox:
            inbox.put([word_entry(Word(kind="merge", customer="bo", subject=STRANGER), received=_now())])
        assert "A sender has passed it on to the workers." in words.order("pause", "thanks")
        words.happen("ann", "ordered")
        words.order("resume", "thanks")
        words.happen("ann", "ordered")
        (folder / "list.txt").write_text("cy@mail.example\n")
        words.order("suppressions", "import", "list.txt", "--scope", "all")
        words.happen("cy", "ordered")
        first = cluster.loaded.plan
        assert first is not None
        shutil.copytree(folder / "templates/hello", folder / "templates/again")
        (folder / "templates/again/subject.txt").write_text("Once more")
        (folder / "rules/thanks.yaml").write_text(THANKS.replace("hello", "again"))
        (folder / "rules/often.yaml").write_text(OFTEN)
        assert "The running engine follows version" in words.order("apply", "--yes")
        words.happen("bo", "ordered", wait=False)
        words.happen("bo", "used")
        assert "The running engine follows version" in words.order("rollback", "--yes")
        words.happen("bo", "ordered")
        assert "in force" in cluster.relight("rollback", "--list")

        _check_reasons(words)
        with closing(PostgresStore.open(cluster.url, read_only=True)) as store:
            mails = [one.message for one in store.messages() if one.message.customer == "bo"]
        subjects = [one.subject for one in sorted(mails, key=lambda one: one.scheduled) if one.rule == "thanks"]
        assert subjects == ["Once more", "Hello"]
        _start_router_again(words)
        _stop_and_compare(words, first.version)
    finally:
        cluster.close()


def _start_router_again(words: Words) -> None:
    """A router that starts again on the folder that was rolled back leaves what is in force alone."""
    words.cluster.kill("router")
    words.cluster.start("router", "router", "--member", "r1")
    words.cluster.wait_for("router", "which stays", seconds=SECONDS)
    words.pass_by()


def _check_reasons(words: Words) -> None:
    assert words.reasons("thanks", "ann") == [("pending", None), ("suppressed", "rule_paused"), ("pending", None)]
    assert words.reasons("thanks", "cy") == [("suppressed", "suppressed")]
    assert words.reasons("thanks", "bo") == [("pending", None)] * 2
    # What the stranger did and what was before the rule count: this was the third time.
    assert words.reasons("often", "bo") == [("pending", None)]


def _stop_and_compare(words: Words, last: str) -> None:
    """Compare with what one machine decides from the log, partition by partition up to where each has come."""
    cluster = words.cluster
    cluster.kill("router")
    records = _log_of(cluster, words.address)
    ends = {part: number for part, (number, _) in records.items()}
    words.wait(lambda: {one[0]: one[2] for one in cluster.partitions_now()} == ends)
    with closing(PostgresStore.open(cluster.url, read_only=True)) as store:
        told = [version for _, version in told_versions(store)]
        plans = [plan_of_version(store, version) for version in dict.fromkeys(told)]
    assert len(told) == 3
    assert told[-1] == last
    rows, counted = [], dict[tuple[str, str, int], int]()
    strange = [one for _, found in records.values() for one in found if one.customer == STRANGER]
    for part, _, _, reached, _ in cluster.partitions_now():
        mine = records[part][1]
        if any(isinstance(one, Control) and one.subject == STRANGER for one in mine):
            mine = sorted([*mine, *strange], key=order_key)
        engine = replay_log(plans, mine, reached=reached)
        rows += [one for one in engine.store.ledger() if partition_of(one.customer, PARTITIONS) == part]
        for one in engine.store.tallies():
            counted[one.rule, one.reason, one.day] = counted.get((one.rule, one.reason, one.day), 0) + one.count
    assert [msgspec.structs.asdict(one) for one in cluster.ledger()] == [
        msgspec.structs.asdict(one) for one in sorted(rows, key=lambda row: row.occurrence_key)
    ]
    assert cluster.tallies() == counted


def _log_of(cluster: Cluster, address: str) -> dict[int, tuple[int, list[Record]]]:
    """Return the number of messages of each log partition, and its records in log order, each once."""
    found: dict[int, tuple[int, list[Record]]] = {}
    for part in range(PARTITIONS):
        seen: dict[tuple[tuple[str, int], int], list[Record]] = {}
        place = TopicPartition(log_topic(cluster.name), part)
        with closing(KafkaConsumer(bootstrap_servers=address, auto_offset_reset="earliest")) as consumer:
            consumer.assign([place])
            end = consumer.end_offsets([place])[place]
            while consumer.position(place) < end:
                for message in consumer.poll(timeout_ms=500).get(place, ()):
                    pack = decode_pack(message.value)
                    new: dict[tuple[tuple[str, int], int], list[Record]] = {}
                    for packed in pack.records:
                        record = decode_record(packed)
                        if not isinstance(record, DeadLetter):
                            new.setdefault((pack.spans[packed.span].source, packed.offset), []).append(record)
                    seen = new | seen
        records = [one for several in seen.values() for one in several]
        plans = set[str]()
        once = [r for r in sorted(records, key=order_key) if not _is_said_again(r, plans)]
        found[part] = (end, once)
    return found


def _is_said_again(record: Record, plans: set[str]) -> bool:
    """A plan that is in force already is passed over."""
    if not isinstance(record, Control) or record.kind != "plan":
        return False
    is_again = plans == {record.subject}
    plans.clear()
    plans.add(record.subject)
    return is_again
