"""What stands for Kafka's client where a test says which poll brings what, and when the brokers are away."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import kafka
import msgspec
import pytest
from kafka import TopicPartition
from kafka.errors import KafkaConnectionError

from relight.config.secret import Secret
from relight.config.settings import KafkaSettings, Settings, StoreSettings
from relight.streams.envelope import Control
from relight.transports.kafka_clients import control_topic

KAFKA = KafkaSettings(
    brokers=("broker.example:9092",), partitions=1, replication=1, standbys=0, generation=1, max_wait=0, user=None,
    password=None, security="none",
)  # fmt: skip


@dataclass(slots=True)
class Topics:
    """Topics of one partition each, and how the brokers are."""

    records: dict[str, list[Any]] = field(default_factory=dict)
    #: No broker answers.
    away: bool = False
    #: Polls that still bring something before the brokers go; None: they stay.
    polls: int | None = None
    #: How often somebody tried to connect.
    tries: int = 0

    def write(self, topic: str, values: Iterable[bytes]) -> None:
        """Put messages at the end of a topic, a thousandth of a second apart."""
        log = self.records.setdefault(topic, [])
        for value in values:
            log.append(SimpleNamespace(offset=len(log), timestamp=len(log) + 1, value=value, headers=[]))

    def tell(self, project: str, *records: Control) -> None:
        """Put control records at the end of a project's control topic."""
        self.write(control_topic(project), [msgspec.msgpack.encode(record) for record in records])


class _Client:
    """A consumer that gets one message a poll."""

    def __init__(self, topics: Topics) -> None:
        topics.tries += 1
        if topics.away:
            raise KafkaConnectionError("no broker answers")
        self._topics, self._place, self._next = topics, TopicPartition("", 0), 0

    def assign(self, places: list[TopicPartition]) -> None:
        (self._place,) = places

    def seek(self, place: TopicPartition, offset: int) -> None:
        assert place == self._place
        self._next = offset

    def end_offsets(self, places: list[TopicPartition]) -> dict[TopicPartition, int]:
        self._answer()
        return {place: len(self._topics.records.get(place.topic, [])) for place in places}

    def poll(self, timeout_ms: int) -> dict[TopicPartition, list[Any]]:
        assert timeout_ms > 0
        if self._topics.polls == 0:
            self._topics.polls, self._topics.away = None, True
        self._answer()
        if self._topics.polls is not None:
            self._topics.polls -= 1
        found = self._topics.records.get(self._place.topic, [])[self._next : self._next + 1]
        self._next += len(found)
        return {self._place: found} if found else {}

    def _answer(self) -> None:
        if self._topics.away:
            raise KafkaConnectionError("the broker is gone")

    def close(self) -> None:
        pass


def told_topics(monkeypatch: pytest.MonkeyPatch) -> Topics:
    """Return empty topics that every consumer of the test reads."""
    made = Topics()

    def connect(**_settings: object) -> _Client:
        return _Client(made)

    monkeypatch.setattr(kafka, "KafkaConsumer", connect)
    return made


def on_cluster(settings: Settings, url: str) -> Settings:
    """Return the settings of the same project on a cluster of one partition."""
    return replace(settings, kafka=KAFKA, store=StoreSettings(postgres=Secret(url)))
