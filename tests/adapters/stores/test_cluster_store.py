"""A cluster's store for people who ask: what the topics said is told once and whole, however readings are cut."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from relight.base.errors import ServiceError
from relight.config.loader import load_project
from relight.engine.cluster_store import ClusterStore
from relight.stores.interface import Batch
from relight.stores.postgres import PostgresStore
from relight.stores.postgres_connection import Connection
from relight.stores.postgres_partition import PartitionSink
from relight.streams.envelope import Control
from relight.transports.control_reader import ControlReader
from relight.transports.kafka_clients import log_topic
from relight.transports.log_pack import CONTROL_SOURCE, PACK_VERSION, Pack, Reading, Routed, encode_pack, make_packs
from tests.faults.small_project import QUIET, SECRET, write_project
from tests.support.postgres_server import PostgresServer
from tests.support.told_topics import KAFKA, Topics, on_cluster, told_topics

PAUSES = [Control(kind="pause", ingest_time=0, subject=f"rule{n}") for n in range(4)]
SOURCE = (CONTROL_SOURCE, 0)


@pytest.fixture
def topics(monkeypatch: pytest.MonkeyPatch) -> Topics:
    return told_topics(monkeypatch)


def test_what_was_read_before_a_fault_is_told_after_it(topics: Topics) -> None:
    """Brokers that go between two polls take no control record with them: the next call tells all, each once."""
    topics.tell("small", *PAUSES)
    topics.polls = 2
    reader = ControlReader(KAFKA, "small")
    with pytest.raises(ServiceError, match="cannot be read"):
        reader.read_on()
    with pytest.raises(ServiceError, match="no Kafka broker answers"):
        reader.read_on()
    topics.away = False
    assert [(offset, one.subject) for offset, one in reader.read_on() if isinstance(one, Control)] == [
        (n, f"rule{n}") for n in range(4)
    ]
    assert reader.read_on() == []


def packs(first: int, records: list[Control], until: int) -> list[bytes]:
    """Return messages of the log topic that bring records of the control topic, of which time comes to an instant."""
    routed: list[Routed] = list(enumerate(records, first))
    return [encode_pack(one) for one in make_packs([Reading(SOURCE, first, first + len(records), until, routed)])]


def plan(version: str, at: int) -> Control:
    return Control(kind="plan", ingest_time=at, subject=version)


def test_a_reading_that_goes_on_numbers_as_a_whole_one(
    topics: Topics, postgres: PostgresServer, tmp_path: Path
) -> None:
    """A plan that a killed router said again is left out also where a reading goes on: numbers are of one whole log."""
    settings = load_project(write_project(tmp_path, {"quiet": QUIET}), env={"LINK_SECRET": SECRET}).settings
    assert settings is not None
    settings = on_cluster(settings, postgres.new_schema())
    assert settings.store.postgres is not None
    pause = Control(kind="pause", ingest_time=20, subject="quiet")
    PostgresStore.open(settings.store.postgres.reveal()).close()  # a worker makes the tables
    with closing(Connection(settings.store.postgres.reveal())) as connection:
        sink = PartitionSink.claim(connection, 0, "worker")
        with closing(ClusterStore.open_beside(settings, tmp_path)) as store:
            topics.write(log_topic(settings.project), [encode_pack(Pack(PACK_VERSION, [], [], [SOURCE]))])
            for place, records, until in ((0, [plan("a", 10), pause], 30), (2, [plan("a", 40), plan("b", 50)], 60)):
                topics.write(log_topic(settings.project), packs(place, records, until))
                sink.write(Batch(), place + 2, until)
                if place == 0:
                    assert [number for number, _ in store.read_log()] == [1, 2]
            on = list(store.read_log(2))
        with closing(ClusterStore.open_beside(settings, tmp_path)) as store:
            whole = list(store.read_log())
    assert [(number, one.subject) for number, one in on if isinstance(one, Control)] == [(3, "b")]
    assert whole[2:] == on
