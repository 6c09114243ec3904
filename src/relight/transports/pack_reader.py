"""Messages of the log topic from any offset of any partition, for whoever reads beside the workers' group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from relight.transports.kafka_clients import log_topic, open_consumer

if TYPE_CHECKING:
    from relight.config.settings import KafkaSettings

#: How long one poll waits for a message (ms).
POLL_MS = 200


class PackReader:
    """Messages of a log topic; connects when it is asked first."""

    def __init__(self, kafka: KafkaSettings, project: str) -> None:
        """Connect to nothing yet."""
        self._kafka, self._topic = kafka, log_topic(project, kafka.generation)
        self._consumer: Any = None
        self._stands: tuple[int, int] | None = None

    def __call__(self, partition: int, first: int) -> list[tuple[int, bytes]]:
        """Return messages that are there from offset `first` on; waits a moment where none is."""
        from kafka import TopicPartition

        if self._consumer is None:
            self._consumer = open_consumer(self._kafka)
        place = TopicPartition(self._topic, partition)
        if self._stands != (partition, first):
            self._consumer.assign([place])
            self._consumer.seek(place, first)
        found = self._consumer.poll(timeout_ms=POLL_MS).get(place, [])
        self._stands = (partition, found[-1].offset + 1 if found else first)
        return [(record.offset, record.value) for record in found]

    def close(self) -> None:
        """Close the connection."""
        if self._consumer is not None:
            self._consumer.close()
