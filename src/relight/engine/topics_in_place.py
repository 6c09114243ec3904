"""A topic of one name written anew: a whole copy first, then the topic again from the copy.

For topics whose name others know. The store says whose copy is whole: from there on the copy is the truth, and `resume`
puts the topic back where a fault came.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from relight.engine.log_generation import ERASING_NOTE
from relight.stores.crash import crash_point
from relight.transports.kafka_topics import RECORDED, TIME_SETTING, partition_counts
from relight.transports.topic_copy import copy_topic, make_empty, own_settings, remove_topics, set_setting

if TYPE_CHECKING:
    from relight.config.settings import KafkaSettings
    from relight.stores.postgres import PostgresStore
    from relight.transports.topic_copy import Change, Headers


@dataclass(slots=True, kw_only=True)
class InPlace:
    """Topics of one cluster that are written anew."""

    store: PostgresStore
    kafka: KafkaSettings
    admin: Any

    def resume(self) -> None:
        """Put back what was stopped in the middle."""
        whole = self._whole()
        for topic in list(whole):
            self._restore(topic, whole)
        self.end()

    def begin(self) -> None:
        """Keep routers, workers and senders from starting until `end`."""
        self._keep(self._whole())

    def give_up(self) -> None:
        """Let them start again where no topic is in the middle of it."""
        if not self._whole():
            self.end()

    def end(self) -> None:
        """Let them start again."""
        with self.store.connection.plain_transaction() as cursor:
            cursor.execute("DELETE FROM notes WHERE name = %s", (ERASING_NOTE,))

    def write_anew(self, topic: str, change: Change, *, keep_offsets: bool) -> None:
        """Put what `change` gives into the place of each message, its time kept."""
        whole = self._whole()
        settings, partitions = own_settings(self.admin, topic), self._partitions(topic)
        self._make(_copy_of(topic), partitions, settings)
        copy_topic(self.kafka, topic, _copy_of(topic), range(partitions), change, keep_offsets=keep_offsets)
        whole[topic] = settings
        self._keep(whole)
        crash_point("before_topic_replaced")
        self._restore(topic, whole)

    def _restore(self, topic: str, whole: dict[str, dict[str, str]]) -> None:
        copy, settings = _copy_of(topic), whole[topic]
        partitions = self._partitions(copy)
        self._make(topic, partitions, settings)
        crash_point("inside_topic_replaced")
        copy_topic(self.kafka, copy, topic, range(partitions), _as_it_is)
        if settings.get(TIME_SETTING, RECORDED) != RECORDED:
            set_setting(self.admin, topic, TIME_SETTING, settings[TIME_SETTING])
        del whole[topic]
        self._keep(whole)
        remove_topics(self.admin, [copy])

    def _make(self, topic: str, partitions: int, settings: dict[str, str]) -> None:
        make_empty(
            self.admin, topic, partitions=partitions, replication=self.kafka.replication,
            settings=settings | {TIME_SETTING: RECORDED},
        )  # fmt: skip

    def _partitions(self, topic: str) -> int:
        return partition_counts(self.admin, [topic])[topic]

    def _whole(self) -> dict[str, dict[str, str]]:
        return dict(json.loads(self.store.note(ERASING_NOTE) or "{}"))

    def _keep(self, whole: dict[str, dict[str, str]]) -> None:
        self.store.set_note(ERASING_NOTE, json.dumps(whole))


def _copy_of(topic: str) -> str:
    return f"{topic}.erasing"


def _as_it_is(value: bytes, headers: Headers) -> tuple[bytes, Headers]:
    return value, headers
