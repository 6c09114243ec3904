"""Topics read to their end, written anew message by message at the same offsets, and taken away.

A topic gives up no message from its middle, but another topic can have all the others: with the same offsets, so that
whatever names one (checkpoints, groups, spans of packs) goes on to be true.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from relight.base.errors import FaultError, ServiceError, StoreError
from relight.transports.kafka_clients import open_consumer, open_producer

if TYPE_CHECKING:
    from relight.config.settings import KafkaSettings

#: How long one poll waits (ms), and how long nothing may come of what a topic has (s).
POLL_MS, PATIENCE_SECONDS = 500, 120.0
#: How long a broker may take for one message (s), and messages on their way to it at once.
SEND_SECONDS, IN_FLIGHT_MAX = 120, 200
#: How long a broker may take to make a topic or take it away (s), and between two looks.
TOPIC_SECONDS_MAX, LOOK_SECONDS = 60.0, 0.2

Headers = Sequence[tuple[str, bytes]]
#: (value, headers) of a message -> those of the message in its place.
Change = Callable[[bytes, Headers], tuple[bytes, Headers]]


def polls_of(
    kafka: KafkaSettings, topic: str, partitions: Sequence[int], first: Mapping[int, int] | None = None
) -> Iterator[list[Any]]:
    """Yield what each poll brings of the messages of some partitions, up to where they end now.

    first: offset to begin at, by partition; 0 where it names none. Raises ServiceError where the broker does not bring
    them, KafkaError as the client does.
    """
    from kafka import TopicPartition

    places = [TopicPartition(topic, number) for number in partitions]
    consumer = open_consumer(kafka)
    try:
        ends = consumer.end_offsets(places)
        consumer.assign(places)
        for place in places:
            consumer.seek(place, (first or {}).get(place.partition, 0))
        deadline = time.monotonic() + PATIENCE_SECONDS
        while left := [place for place in places if consumer.position(place) < ends[place]]:
            found = consumer.poll(timeout_ms=POLL_MS)
            yield [one for place, messages in found.items() for one in messages if one.offset < ends[place]]
            if found:
                deadline = time.monotonic() + PATIENCE_SECONDS
            elif time.monotonic() > deadline:
                raise ServiceError(
                    f"topic {topic} partition {left[0].partition} is not brought up to {ends[left[0]]}",
                    help_text="look at the brokers",
                )
    finally:
        consumer.close()


def messages_of(
    kafka: KafkaSettings, topic: str, partitions: Sequence[int], first: Mapping[int, int] | None = None
) -> Iterator[Any]:
    """Yield the messages of some partitions, up to where they end now; the rest as `polls_of`."""
    for messages in polls_of(kafka, topic, partitions, first):
        yield from messages


def copy_topic(  # noqa: PLR0913  # from where to where and how, by keyword
    kafka: KafkaSettings,
    source: str,
    target: str,
    partitions: Sequence[int],
    change: Change,
    *,
    first: Mapping[int, int] | None = None,
    keep_offsets: bool = True,
    on_messages: Callable[[int], None] = lambda _: None,
) -> dict[int, int]:
    """Write the messages of a topic into another, each at its offset; durable when it returns the offsets that follow.

    first: what an earlier call returned, where the target has everything before that.
    keep_offsets: False for a topic whose beginning its broker clears; change: of a message without a value nothing is
    written then. Raises StoreError where a message is missing before another, FaultError where somebody else writes to
    the target.
    """
    following = dict.fromkeys(partitions, 0) | dict(first or {})
    sent: deque[tuple[int | None, Any]] = deque()
    count = 0
    producer = open_producer(kafka)
    try:
        for message in messages_of(kafka, source, partitions, first):
            if keep_offsets and message.offset != following[message.partition]:
                raise StoreError(
                    f"topic {source} partition {message.partition}: messages {following[message.partition]} to "
                    f"{message.offset - 1} are gone",
                    help_text="`relight topics check` says what a topic must be",
                )
            following[message.partition] += 1
            value, headers = change(message.value, message.headers)
            if not keep_offsets and not value:
                continue
            future = producer.send(
                target, value=value, key=message.key, headers=list(headers), partition=message.partition,
                timestamp_ms=message.timestamp,
            )  # fmt: skip
            sent.append((message.offset if keep_offsets else None, future))
            count += 1
            if len(sent) >= IN_FLIGHT_MAX:
                _settle(target, *sent.popleft())
                on_messages(count)
        while sent:
            _settle(target, *sent.popleft())
    finally:
        producer.close()
    return following


def _settle(target: str, offset: int | None, future: Any) -> None:
    found = future.get(timeout=SEND_SECONDS).offset
    if offset not in (None, found):
        raise FaultError(f"message {offset} stands at {found} of topic {target}: another process writes to it")


def write_messages(kafka: KafkaSettings, topic: str, messages: Iterator[tuple[int, bytes, bytes]]) -> int:
    """Write messages (partition, key, value) and return how many; durable when it returns."""
    count = 0
    sent: deque[Any] = deque()
    producer = open_producer(kafka)
    try:
        for partition, key, value in messages:
            sent.append(producer.send(topic, key=key, value=value, partition=partition))
            count += 1
            if len(sent) >= IN_FLIGHT_MAX:
                sent.popleft().get(timeout=SEND_SECONDS)
        while sent:
            sent.popleft().get(timeout=SEND_SECONDS)
    finally:
        producer.close()
    return count


# ---------------------------------------------------------------- topics as a whole
def make_empty(admin: Any, topic: str, *, partitions: int, replication: int, settings: Mapping[str, str]) -> None:
    """Make a topic; one of this name is taken away first."""
    from kafka.admin import NewTopic

    remove_topics(admin, [topic])
    admin.create_topics(
        [NewTopic(topic, partitions, replication, topic_configs=dict(settings))], wait_for_metadata=True
    )


def remove_topics(admin: Any, topics: Sequence[str]) -> list[str]:
    """Take those of the topics away that are there, and return which; a broker frees the disk within its own time."""
    gone = sorted(set(topics) & set(admin.list_topics()))
    if gone:
        admin.delete_topics(gone)
    deadline = time.monotonic() + TOPIC_SECONDS_MAX
    while set(gone) & set(admin.list_topics()):
        if time.monotonic() > deadline:
            raise ServiceError(f"topic {gone[0]} is not taken away", help_text="look at the brokers")
        time.sleep(LOOK_SECONDS)
    return gone


def own_settings(admin: Any, topic: str) -> dict[str, str]:
    """Return the settings that a topic has of its own: not those that are the broker's."""
    from kafka.admin import ConfigResource

    told = admin.describe_configs([ConfigResource("topic", topic)], config_filter="modified")["topic"]
    return {name: one["value"] for name, one in told.get(topic, {}).items()}


def set_setting(admin: Any, topic: str, name: str, value: str) -> None:
    """Give a topic another setting."""
    from kafka.admin import ConfigResource

    admin.alter_configs([ConfigResource("topic", topic, configs={name: value})])
