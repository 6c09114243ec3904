"""Everything that a cluster's control topic was told, for people who ask: pauses, plans, suppressions."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from relight.base.errors import ServiceError
from relight.streams.envelope import Control, Event
from relight.transports.kafka_clients import control_topic, open_consumer
from relight.transports.kafka_source import SourceState
from relight.transports.log_pack import CONTROL_SOURCE

if TYPE_CHECKING:
    from relight.config.settings import KafkaSettings

#: How long one poll waits for a record (ms), and how long nothing may come (s).
POLL_MS, PATIENCE_SECONDS = 200, 30.0


class ControlReader:
    """The control topic, as far as it was read; connects when it is asked first."""

    def __init__(self, kafka: KafkaSettings, project: str) -> None:
        """Connect to nothing yet."""
        self._kafka, self._topic = kafka, control_topic(project)
        self._consumer: Any = None
        self._state = SourceState(source=(CONTROL_SOURCE, 0), reader=None, live=True, first=0, next=0)
        #: What was read and not handed over yet: a fault may come between two polls.
        self._found: list[tuple[int, Control | Event]] = []

    def read_on(self) -> list[tuple[int, Control | Event]]:
        """Return (offset, record) of everything that is new since the last call, in order.

        Raises ServiceError where the broker does not bring it all; what it brought comes with the next call.
        """
        from kafka.errors import KafkaError

        try:
            return self._read_on()
        except KafkaError as error:
            self.close()
            raise ServiceError(
                f"topic {self._topic} cannot be read: {error}", help_text="look at the brokers"
            ) from error

    def _read_on(self) -> list[tuple[int, Control | Event]]:
        from kafka import TopicPartition

        place = TopicPartition(self._topic, 0)
        if self._consumer is None:
            self._consumer = open_consumer(self._kafka)
            self._consumer.assign([place])
            self._consumer.seek(place, self._state.next)
        end = self._consumer.end_offsets([place])[place]
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self._state.next < end:
            records = self._consumer.poll(timeout_ms=POLL_MS).get(place, [])
            # What the control topic has is our own: there are no dead letters among it.
            brought = self._state.read(records)
            self._found += [(offset, one) for offset, one in brought if isinstance(one, Control | Event)]
            if records:
                deadline = time.monotonic() + PATIENCE_SECONDS
            elif time.monotonic() > deadline:
                self.close()
                raise ServiceError(f"topic {self._topic} is not brought up to {end}", help_text="look at the brokers")
        found, self._found = self._found, []
        return found

    def close(self) -> None:
        """Close the connection; what was read stays read."""
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None
