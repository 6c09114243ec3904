"""A cluster's store for people who ask: what the topics said is told once and whole, however readings are cut."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from relight.base.errors import ServiceError
from relight.config.loader import load_project
from relight.config.settings import Settings
from relight.engine.cluster_store import ClusterStore
from relight.engine.log_copy import LongLogError
from relight.engine.log_generation import note_generation
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
PAUSE = Control(kind="pause", ingest_time=20, subject="quiet")
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


@dataclass(slots=True)
class Decided:
    """A cluster of one partition whose log grows, decided as it does."""

    settings: Settings
    folder: Path
    topics: Topics
    sink: PartitionSink
    _place: int = 0

    @property
    def url(self) -> str:
        assert self.settings.store.postgres is not None
        return self.settings.store.postgres.reveal()

    def say(self, records: list[Control], until: int) -> None:
        self.topics.write(log_topic(self.settings.project), packs(self._place, records, until))
        self._place += len(records)
        self.sink.write(Batch(), self._place, until)

    @contextmanager
    def opened(self, records_max: int | None = None) -> Iterator[ClusterStore]:
        with closing(ClusterStore.open_beside(self.settings, self.folder, records_max=records_max)) as store:
            yield store


@pytest.fixture
def decided(topics: Topics, postgres: PostgresServer, tmp_path: Path) -> Iterator[Decided]:
    settings = load_project(write_project(tmp_path, {"quiet": QUIET}), env={"LINK_SECRET": SECRET}).settings
    assert settings is not None
    settings = on_cluster(settings, postgres.new_schema())
    assert settings.store.postgres is not None
    PostgresStore.open(settings.store.postgres.reveal()).close()  # a worker makes the tables
    topics.write(log_topic(settings.project), [encode_pack(Pack(PACK_VERSION, [], [], [SOURCE]))])
    with closing(Connection(settings.store.postgres.reveal())) as connection:
        yield Decided(settings, tmp_path, topics, PartitionSink.claim(connection, 0, "worker"))


def test_a_reading_that_goes_on_numbers_as_a_whole_one(decided: Decided) -> None:
    """A plan that a killed router said again is left out also where a reading goes on: numbers are of one whole log."""
    with decided.opened() as store:
        decided.say([plan("a", 10), PAUSE], 30)
        assert [number for number, _ in store.read_log()] == [1, 2]
        decided.say([plan("a", 40), plan("b", 50)], 60)
        on = list(store.read_log(2))
    with decided.opened() as store:
        whole = list(store.read_log())
    assert [(number, one.subject) for number, one in on if isinstance(one, Control)] == [(3, "b")]
    assert whole[2:] == on


def test_a_frozen_log_stands_still(decided: Decided) -> None:
    """Who reads it more than once reads the same, whatever workers decide meanwhile; then it has gone on."""
    decided.say([plan("a", 10), PAUSE], 30)
    with decided.opened() as store:
        with store.frozen():
            first = list(store.read_log())
            decided.say([plan("b", 50)], 60)
            assert (list(store.read_log()), store.reached()) == (first, 30)
        assert (len(list(store.read_log())), store.reached()) == (3, 60)


def test_a_log_that_goes_on_in_another_topic_is_read_no_further(decided: Decided) -> None:
    """V5: after an erasure nothing that was read before is told again, nor a customer's log that is kept."""
    decided.say([plan("a", 10), PAUSE], 30)
    with decided.opened() as store, closing(PostgresStore.open(decided.url, exclusive=False)) as other:
        assert len(list(store.read_log())) == 2
        assert store.past_of("ann").reached == 30
        note_generation(other, 2)
        for ask in (lambda: list(store.read_log()), lambda: store.past_of("ann")):
            with pytest.raises(ServiceError, match="the log is in generation 2 of its topic, and this process reads 1"):
                ask()


def test_a_log_that_is_too_long_is_refused_as_a_whole(decided: Decided) -> None:
    """records_max bounds what is read of it: with one record more LongLogError says who reads all."""
    decided.say([plan("a", 10), PAUSE], 30)
    with decided.opened(records_max=2) as store:
        assert len(list(store.read_log())) == 2
        decided.say([plan("b", 50)], 60)
        with pytest.raises(LongLogError, match="ask `relight metrics`"):
            list(store.read_log(2))
