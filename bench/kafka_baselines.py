"""What stands beside the router: a loop of the same client that reads the same records and writes the same bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.measure import WATCH
from kafka import KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Records of one poll, and of one written message where they are packed: as the router's.
POLL_RECORDS_MAX = 5_000
PACK_RECORDS = 200


def copy_loop(  # noqa: PLR0913  # all of it told on a command line
    *, address: str, source: str, target: str, group: str, pack: int, log: str
) -> dict[str, float]:
    """Read a topic to its end and write what was read, `pack` records a message; durable and committed each poll.

    log: where it is not empty, write the messages of this topic in the place of what was read, to the partitions they
    are in, as many a poll as the share of the records that it brought: the very bytes that a router wrote. Nothing is
    decoded, and no record looks for its customer.
    """
    consumer = KafkaConsumer(
        bootstrap_servers=address, group_id=group, enable_auto_commit=False, auto_offset_reset="earliest",
        max_partition_fetch_bytes=8_000_000,
    )  # fmt: skip
    producer = KafkaProducer(
        bootstrap_servers=address, acks="all", max_request_size=8_000_000, linger_ms=5, batch_size=131_072
    )
    places = [TopicPartition(source, number) for number in sorted(consumer.partitions_for_topic(source) or ())]
    consumer.assign(places)
    left = total = sum(consumer.end_offsets(places).values())
    ready = _messages(address, log) if log else []
    records = sent = 0
    WATCH.start()
    while left:
        futures: list[Any] = []
        for place, found in consumer.poll(timeout_ms=200, max_records=POLL_RECORDS_MAX).items():
            values = [record.value for record in found]
            left -= len(values)
            records += len(values)
            if not log:
                futures += _send(producer, target, place.partition, values, pack)
        share = len(ready) * (total - left) // total
        futures += [producer.send(target, value=value, partition=part) for part, value in ready[sent:share]]
        sent = share
        for future in futures:
            future.get(timeout=120)
        consumer.commit({place: OffsetAndMetadata(consumer.position(place), "", -1) for place in places})
    WATCH.stop()
    consumer.close()
    producer.close()
    return {"events": records}


def _messages(address: str, topic: str) -> list[tuple[int, bytes]]:
    """Return (partition, value) of all messages of a topic, the partitions by turns."""
    found: list[tuple[int, int, bytes]] = []
    consumer = KafkaConsumer(
        bootstrap_servers=address, auto_offset_reset="earliest", max_partition_fetch_bytes=8_000_000
    )
    places = [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic) or ())]
    consumer.assign(places)
    ends = consumer.end_offsets(places)
    while any(consumer.position(place) < ends[place] for place in places):
        for place, records in consumer.poll(timeout_ms=200).items():
            found += [(record.offset, place.partition, record.value) for record in records]
    consumer.close()
    return [(part, value) for _, part, value in sorted(found)]


def _send(producer: Any, target: str, partition: int, values: Sequence[bytes], pack: int) -> list[Any]:
    if pack == 1:
        return [producer.send(target, value=value, partition=partition) for value in values]
    parts = [values[start : start + pack] for start in range(0, len(values), pack)]
    return [producer.send(target, value=b"[" + b",".join(part) + b"]", partition=partition) for part in parts]
