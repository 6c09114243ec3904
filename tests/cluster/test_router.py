"""The router against a real broker: what it refuses, what it leaves behind, and that nothing is lost by either."""

from __future__ import annotations

import json
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaConsumer, KafkaProducer
from kafka.admin import ConfigResource

from relight.base.instants import MINUTE, iso_utc
from relight.config.loader import load_project
from relight.config.settings import KafkaSettings
from relight.engine.feed import BrakeError, Feed
from relight.stores.memory import MemoryStore
from relight.transports import kafka_router, standstill
from relight.transports.errors import InputError
from relight.transports.kafka_clients import dead_letter_topic, log_topic, open_admin
from relight.transports.kafka_router import Router
from relight.transports.kafka_topics import LIVE, RECORDED, check_topics, create_topics, needed_topics
from relight.transports.log_pack import CONTROL_SOURCE, Pack, decode_pack
from tests.cluster.cluster_kit import to_kafka
from tests.faults.small_project import QUIET, SECRET, write_project
from tests.support.kafka_broker import KafkaBroker


class Setting:
    """A project with one stream, its topics, and routers on them."""

    def __init__(self, folder: Path, broker: KafkaBroker, *, source_time: str) -> None:
        self.name = broker.new_name("routed")
        write_project(folder, {"quiet": QUIET}, follow=True)
        to_kafka(folder, self.name, broker.address, 3)
        self.loaded = load_project(folder, env={"LINK_SECRET": SECRET, "DATABASE_URL": "postgresql://nowhere"})
        assert self.loaded.settings is not None
        assert self.loaded.settings.kafka is not None
        self.kafka: KafkaSettings = self.loaded.settings.kafka
        self.store = MemoryStore()
        self.address = broker.address
        needs = needed_topics(self.name, self.kafka, self.loaded.streams, source_time=source_time)
        with closing(open_admin(self.kafka)) as admin:
            assert len(create_topics(admin, self.kafka, needs, source_partitions=1)) == 4
            assert create_topics(admin, self.kafka, needs, source_partitions=1) == []
            assert check_topics(admin, needs) == []

    def router(self, **options: Any) -> Router:
        feed = Feed(streams=self.loaded.streams, folder=self.loaded.folder)
        return Router(
            kafka=self.kafka,
            project=self.name,
            streams=self.loaded.streams,
            folder=self.loaded.folder,
            admit=lambda records: feed.admit(self.store, records),
            **options,
        )

    def produce(self, *values: bytes) -> None:
        with closing(KafkaProducer(bootstrap_servers=self.address)) as producer:
            for value in values:
                producer.send(f"{self.name}.app", value=value).get(timeout=90)

    def read(self, topic: str) -> list[Any]:
        found: list[Any] = []
        with closing(KafkaConsumer(topic, bootstrap_servers=self.address, auto_offset_reset="earliest")) as consumer:
            quiet = 0
            while quiet < 3:
                polled = consumer.poll(timeout_ms=400)
                found += [record for records in polled.values() for record in records]
                quiet = 0 if polled else quiet + 1
        return found

    def packs(self) -> list[Pack]:
        return [decode_pack(record.value) for record in self.read(log_topic(self.name))]


def row(number: int) -> bytes:
    return json.dumps(
        {"id": str(number), "customer": f"c{number}", "event": "used", "at": iso_utc(time.time_ns() // 1_000)}
    ).encode()


def steps(router: Router, wanted: int) -> None:
    """Step until so many records were routed."""
    deadline = time.monotonic() + 120
    while router.routed < wanted:
        router.step()
        assert time.monotonic() < deadline


@pytest.fixture
def live(tmp_path: Path, broker: KafkaBroker) -> Setting:
    return Setting(tmp_path / "project", broker, source_time=LIVE)


def test_a_router_that_comes_again_goes_on(live: Setting) -> None:
    """Records are routed once each over a restart; dead letters reach their topic with the reason."""
    live.produce(row(1), b"{", row(2))
    with closing(live.router(member="r")) as router:
        steps(router, 3)
    live.produce(row(3))
    with closing(live.router(member="r")) as router:
        steps(router, 1)
    packs = live.packs()
    assert packs[0].sources == [("app", 0), (CONTROL_SOURCE, 0)]
    assert sorted(record.offset for pack in packs for record in pack.records) == [0, 1, 2, 3]
    (letter,) = live.read(dead_letter_topic(live.name))
    assert letter.value == b"{"
    assert dict(letter.headers)["code"] == b"not-json"


def test_a_source_that_lags_too_much_is_left_behind(live: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    """Time waits for a record that was not read, `max_wait` at most; then it goes on, and a person is told."""
    monkeypatch.setattr(kafka_router, "POLL_RECORDS_MAX", 1)
    monkeypatch.setattr(kafka_router, "HEARTBEAT_SECONDS", 0.0)
    live.produce(*(row(number) for number in range(200)))
    late = 0

    def clock() -> int:
        return time.time_ns() // 1_000 + late

    with closing(live.router(clock=clock)) as router:
        steps(router, 1)
        said = max(span.until for pack in live.packs() for span in pack.spans if span.stream == "app")
        assert said <= clock()
        assert not router.notices
        late = 60 * MINUTE
        router.step()
        assert "lags by more than 900 s and is left behind" in router.notices[-1]
    said = max(span.until for pack in live.packs() for span in pack.spans if span.stream == "app")
    assert clock() - 16 * MINUTE < said <= clock() - 15 * MINUTE


def test_a_client_that_brings_nothing_is_replaced(
    live: Setting, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A consumer that stops bringing a partition is asked again, then another takes its place; nothing is lost."""
    with closing(live.router()) as router:
        live.produce(row(1))
        steps(router, 1)
        # As a library may do after a rebalance: it still says that it reads, and brings nothing.
        router._consumer.pause(*(tp for tp in router._consumer.assignment() if tp.topic == f"{live.name}.app"))
        monkeypatch.setattr(standstill, "LOOK_SECONDS", 0.0)
        monkeypatch.setattr(standstill, "GIVE_UP_ONE_SECONDS", 0.5)
        monkeypatch.setattr(standstill, "GIVE_UP_SECONDS", 0.5)
        live.produce(row(2))
        steps(router, 2)
    assert "record 1 does not come, though it goes on to 2; asking for it again" in caplog.text
    assert "connecting to the group of routers anew" in caplog.text
    assert sorted(record.offset for pack in live.packs() for record in pack.records) == [0, 1]


def test_a_stream_with_too_many_unreadable_records_stops(live: Setting) -> None:
    """V2: the brake stops the router before any of them is routed, and its place is kept."""
    live.produce(*([b"{"] * 60), row(1))
    for _ in range(2):
        with closing(live.router()) as router, pytest.raises(BrakeError, match="stream 'app' stopped"):
            steps(router, 1)
    assert [record for pack in live.packs() for record in pack.records] == []
    assert len(list(live.store.dead_letters())) == 60


def test_producers_do_not_say_when_a_record_arrived(tmp_path: Path, broker: KafkaBroker) -> None:
    """H1: a topic that keeps its producers' time is refused, unless `relight publish` wrote the record."""
    recorded = Setting(tmp_path / "project", broker, source_time=RECORDED)
    recorded.produce(row(1))
    with closing(recorded.router()) as router, pytest.raises(InputError, match="keeps the time that producers set"):
        steps(router, 1)


def test_a_log_that_the_broker_clears_is_refused(live: Setting) -> None:
    """E5: where the log topic's retention is shorter than what rules count, nothing is routed, and it is said how to mend."""
    name = log_topic(live.name)
    with closing(open_admin(live.kafka)) as admin:
        admin.alter_configs([ConfigResource("topic", name, configs={"retention.ms": "604800000"})])
        with pytest.raises(InputError, match=f"topic {name} has retention.ms=604800000") as refused:
            live.router()
        assert "retention.ms=-1" in (refused.value.help_text or "")
        assert "expected -1" in check_topics(admin, needed_topics(live.name, live.kafka, {}))[0]


def test_topics_that_are_not_as_they_must_be_are_named(live: Setting) -> None:
    """Another number of partitions than the config says, and a topic that is not there, are told by name."""
    needs = needed_topics(live.name, replace(live.kafka, partitions=5), live.loaded.streams)
    missing = needed_topics("another", live.kafka, {})
    with closing(open_admin(live.kafka)) as admin:
        wrong = check_topics(admin, [*needs, missing[0]])
    assert len(wrong) == 2
    assert "topic relight.another.log is missing" in wrong[0]
    assert f"topic {log_topic(live.name)} has 3 partitions, expected 5" in wrong[1]
