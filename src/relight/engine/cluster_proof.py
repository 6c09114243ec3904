"""The search that proves an erasure on a cluster: every byte of the topics that are a project's own."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import closing
from typing import TYPE_CHECKING

from relight.engine.cluster_checkpoints import parts_of
from relight.stores.erasure import searched
from relight.transports.kafka_clients import checkpoint_topic, control_topic, dead_letter_topic, log_topic, open_admin
from relight.transports.kafka_topics import partition_counts
from relight.transports.topic_copy import messages_of

if TYPE_CHECKING:
    from relight.config.settings import KafkaSettings


def count_in_topics(kafka: KafkaSettings, project: str, words: Collection[str]) -> int:
    """Return how often words stand in the log, control records, dead letters and checkpoints of a generation."""
    wanted, found = searched(words), 0
    checkpoints = checkpoint_topic(project, kafka.generation)
    topics = [log_topic(project, kafka.generation), control_topic(project), dead_letter_topic(project), checkpoints]
    with closing(open_admin(kafka)) as admin:
        there = set(admin.list_topics())
        counts = partition_counts(admin, [topic for topic in topics if topic in there])
    for topic, partitions in counts.items():
        for message in messages_of(kafka, topic, range(partitions)):
            texts = [message.key or b"", message.value or b"", *(text for _, text in message.headers)]
            found += sum(text.count(word) for text in texts for word in wanted)
    for number in range(counts.get(checkpoints, 0)):
        parts = parts_of(kafka, project, number)
        found += sum(body.count(word) for body in parts.values() for word in wanted)
    return found
