"""The checkpoints of a cluster's partitions, brought to where decisions are durable, and written anew without people.

A worker folds from its checkpoint to there when it starts. Done here while the records of the erased are still what
they were, others' decisions follow from what they followed from before, and nothing is ever folded across the change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from relight.base.errors import FaultError
from relight.stores.checkpoint_blobs import Book, Writing
from relight.stores.checkpoint_erasure import forget_in_parts, whole_checkpoint
from relight.transports.kafka_clients import checkpoint_topic, log_topic
from relight.transports.pack_queue import SavedQueue
from relight.transports.topic_copy import messages_of

if TYPE_CHECKING:
    from relight.config.settings import KafkaSettings
    from relight.engine.cluster_worker import ClusterWorker
    from relight.engine.erased_records import Forgetting

#: Messages that are decided together.
BATCH_MESSAGES = 20
#: One above every epoch: a book of it reads every head there is.
_ANY_EPOCH = 2**62


def blobs_of(kafka: KafkaSettings, project: str, partition: int) -> dict[bytes, bytes]:
    """Return what the table of checkpoints has of a partition."""
    found: dict[bytes, bytes] = {}
    for message in messages_of(kafka, checkpoint_topic(project, kafka.generation), [partition]):
        if message.value is None:
            found.pop(message.key, None)
        else:
            found[message.key] = message.value
    return found


def parts_of(kafka: KafkaSettings, project: str, partition: int) -> dict[str, bytes]:
    """Return the parts of a partition's newest whole checkpoint, unpacked; none where there is none."""
    found = Book(partition=partition, epoch=_ANY_EPOCH).load(blobs_of(kafka, project, partition))
    return {} if found is None else {"state": found[0].state, **found[1]}


@dataclass(slots=True)
class CheckpointsWithout:
    """Each partition's checkpoint without some people."""

    worker: ClusterWorker
    #: Names the generation that the store follows.
    kafka: KafkaSettings
    project: str
    forgetting: Forgetting

    def made(self, partition: int) -> Iterator[tuple[int, bytes, bytes]]:
        """Yield (partition, key, value) of a checkpoint's messages; nothing where nothing was decided yet."""
        blobs = blobs_of(self.kafka, self.project, partition)
        following = self.worker.open(partition, blobs)
        log = self.worker.partitions[partition]
        if following < log.durable:
            self._fold(partition, following, log.durable)
        written = self.worker.checkpoint(partition)
        if written is not None:
            blobs = _with(blobs, written)
        made = self._without(partition, log.epoch, blobs)
        self.worker.release(partition)
        if made is not None:
            yield from ((partition, key, value) for key, value in (*made.parts, made.head))

    def _fold(self, partition: int, first: int, durable: int) -> None:
        waiting: list[tuple[int, bytes]] = []
        topic = log_topic(self.project, self.kafka.generation)
        for message in messages_of(self.kafka, topic, [partition], {partition: first}):
            if message.offset >= durable:
                break
            waiting.append((message.offset, message.value))
            if len(waiting) >= BATCH_MESSAGES:
                self.worker.take(partition, waiting)
                waiting = []
        self.worker.take(partition, waiting)
        if self.worker.partitions[partition].next < durable:
            raise FaultError(
                f"partition {partition} of the log ends before message {durable}, up to which it was decided"
            )

    def _without(self, partition: int, epoch: int, blobs: Mapping[bytes, bytes]) -> Writing | None:
        found = Book(partition=partition, epoch=_ANY_EPOCH).load(blobs)
        if found is None:
            return None
        head, parts = found
        kept = forget_in_parts(parts, self.forgetting.customers, self.forgetting.hashes, self.forgetting.record)
        return whole_checkpoint(partition, epoch, head, kept, self._reader)

    def _reader(self, state: bytes) -> bytes:
        saved = msgspec.msgpack.decode(state, type=SavedQueue)
        changed = ((stream, number, self.forgetting.packed(packed)) for stream, number, packed in saved.waiting)
        saved.waiting = [(stream, number, packed) for stream, number, packed in changed if packed is not None]
        return msgspec.msgpack.encode(saved)


def _with(blobs: Mapping[bytes, bytes], written: Writing) -> dict[bytes, bytes]:
    found = {key: value for key, value in blobs.items() if key not in set(written.removals)}
    found.update(written.parts)
    found[written.head[0]] = written.head[1]
    return found
