"""The topics of a cluster's next generation, written from those of the one before without some people.

The log and the checkpoints have topics of their own in each generation; the control topic and the dead letters, whose
names others know, are written anew in their place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from relight.engine.cluster_checkpoints import CheckpointsWithout
from relight.engine.cluster_worker import ClusterWorker, MakeDays
from relight.messages.addresses import address_hash
from relight.stores.erasure import erased_word
from relight.transports.kafka_clients import (
    checkpoint_topic,
    control_topic,
    dead_letter_topic,
    log_topic,
    open_consumer,
    router_group,
)
from relight.transports.kafka_publish import publish_control
from relight.transports.kafka_topics import needed_topics
from relight.transports.topic_copy import copy_topic, make_empty, own_settings, write_messages

if TYPE_CHECKING:
    from relight.config.loader import LoadedProject
    from relight.config.settings import KafkaSettings
    from relight.engine.erased_records import Forgetting
    from relight.engine.topics_in_place import InPlace
    from relight.stores.postgres import PostgresStore


@dataclass(slots=True, kw_only=True)
class NextGeneration:
    """The topics that a cluster goes on with."""

    project: LoadedProject
    name: str
    #: Names the generation of before, and the next.
    before: KafkaSettings
    kafka: KafkaSettings
    store: PostgresStore
    admin: Any
    on_step: Callable[[str], None]
    #: Partition -> offset up to which the log is written, and whom it is without.
    _written: dict[int, int] = field(default_factory=dict)
    _without: Forgetting | None = None

    @property
    def messages(self) -> int:
        """Messages of the log that are written."""
        return sum(self._written.values())

    def write_log(self, forgetting: Forgetting) -> Forgetting:
        """Write the log up to where it ends now, from its beginning or, without the same people, from where it stood.

        Return who counted what became a tombstone.
        """
        old, new = (log_topic(self.name, one.generation) for one in (self.before, self.kafka))
        if self._without is None or self._without.words != forgetting.words:
            settings = next(one.settings for one in needed_topics(self.name, self.kafka, {}) if one.name == new)
            self._make(new, {**settings, **own_settings(self.admin, old)})
            self._without, self._written = forgetting, {}
        self._written = copy_topic(
            self.kafka, old, new, range(self.kafka.partitions), self._without.pack, first=self._written,
            on_messages=lambda number: self.on_step(f"writing the log anew: {number:,} packs"),
        )  # fmt: skip
        return self._without

    def write_checkpoints(self, forgetting: Forgetting, make_days: MakeDays) -> None:
        """Bring every partition's checkpoint to where its decisions are durable, and write it without the people."""
        old, new = (checkpoint_topic(self.name, one.generation) for one in (self.before, self.kafka))
        if old not in self.admin.list_topics():
            return  # no worker ever ran
        self._make(new, own_settings(self.admin, old))
        settings = self.project.settings
        assert settings is not None
        worker = ClusterWorker(
            replace(self.project, settings=replace(settings, kafka=self.before)),
            mails_expire=settings.delivery.files is None,
            make_days=make_days,
            is_erasing=True,
        )
        with closing(worker):
            made = CheckpointsWithout(worker, self.before, self.name, forgetting)
            for partition, *_ in self.store.partitions():
                self.on_step(f"checkpoint of partition {partition}")
                write_messages(self.kafka, new, made.made(partition))

    def follow_sources(self) -> None:
        """Let the routers of the next generation begin where those of the one before stopped."""
        from kafka import OffsetAndMetadata

        old, new = (router_group(self.name, one.generation) for one in (self.before, self.kafka))
        stood = self.admin.list_group_offsets(old)[old]
        kept = {
            tp: OffsetAndMetadata(one.offset, one.metadata or "", -1) for tp, one in stood.items() if one.offset >= 0
        }
        if kept:
            with closing(open_consumer(self.kafka, group_id=new)) as consumer:
                consumer.assign(list(kept))
                consumer.commit(kept, 30_000)

    def write_control(self, forgetting: Forgetting, in_place: InPlace) -> None:
        """Write control records and dead letters anew, and add that the addresses stay suppressed."""
        self.on_step("writing control records and dead letters anew")
        in_place.write_anew(control_topic(self.name), forgetting.control, keep_offsets=True)
        in_place.write_anew(dead_letter_topic(self.name), forgetting.letter, keep_offsets=False)
        hashes = {address_hash(one) for person in forgetting.people for one in person.addresses}
        # At the instant that time has come to, as in a store that holds its log: nothing is decided before it.
        at = min((reached for *_, reached, _ in self.store.partitions()), default=0)
        words = [erased_word(forgetting.keyed(one), at) for one in sorted(hashes)]
        publish_control(self.kafka, control_topic(self.name), words, at=at)

    def _make(self, topic: str, settings: Mapping[str, str]) -> None:
        make_empty(
            self.admin, topic, partitions=self.kafka.partitions, replication=self.kafka.replication, settings=settings
        )  # fmt: skip
