"""The topics of a project on a cluster: what they must be, what they are, how they are made.

The log topic is the truth and is kept for ever; a source topic either stamps records as they arrive (`LogAppendTime`,
live) or keeps the time that `relight publish` wrote (`CreateTime`, recorded).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from relight.base.errors import ServiceError
from relight.transports.errors import InputError
from relight.transports.kafka_clients import (
    MESSAGE_BYTES_MAX,
    control_topic,
    dead_letter_topic,
    log_topic,
)

if TYPE_CHECKING:
    from relight.config.settings import KafkaSettings
    from relight.streams.plan import StreamPlan

#: Setting of a topic that says who sets the time of its records.
TIME_SETTING = "message.timestamp.type"
LIVE, RECORDED = "LogAppendTime", "CreateTime"
_FOR_EVER = {"retention.ms": "-1", "retention.bytes": "-1", "cleanup.policy": "delete"}
#: A broker counts retention from a record's time: what was recorded last year would be gone in minutes.
_SOURCES = {LIVE: {TIME_SETTING: LIVE}, RECORDED: {TIME_SETTING: RECORDED, "retention.ms": "-1"}}
_LARGE = {"max.message.bytes": str(MESSAGE_BYTES_MAX)}


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicNeed:
    """What a topic must be."""

    name: str
    #: None: as many as its owner gave it.
    partitions: int | None
    settings: Mapping[str, str]
    #: A stream's topic, which others write to; None for our own.
    stream: str | None = None


def needed_topics(
    project: str, kafka: KafkaSettings, streams: Mapping[str, StreamPlan], *, source_time: str = LIVE
) -> list[TopicNeed]:
    """Return every topic of a project; source_time: how source topics that are not there yet are to stamp records."""
    own = [
        TopicNeed(
            name=log_topic(project, kafka.generation),
            partitions=kafka.partitions,
            settings=_FOR_EVER | _LARGE | {TIME_SETTING: LIVE},
        ),
        TopicNeed(name=control_topic(project), partitions=1, settings=_FOR_EVER | _LARGE | {TIME_SETTING: LIVE}),
        TopicNeed(name=dead_letter_topic(project), partitions=1, settings=_LARGE),
    ]
    found: dict[str, TopicNeed] = {}
    for name, stream in streams.items():
        topic = stream.source.channel
        if stream.source.kind == "kafka" and topic not in found:
            found[topic] = TopicNeed(name=topic, partitions=None, settings=_SOURCES[source_time], stream=name)
    return own + list(found.values())


def create_topics(admin: Any, kafka: KafkaSettings, needs: list[TopicNeed], *, source_partitions: int) -> list[str]:
    """Make the topics that are missing and return their names; those that are there are left as they are."""
    from kafka.admin import NewTopic
    from kafka.errors import KafkaError, TopicAlreadyExistsError

    there = set(admin.list_topics())
    made = []
    for need in needs:
        if need.name in there:
            continue
        topic = NewTopic(
            need.name,
            need.partitions or source_partitions,
            kafka.replication,
            topic_configs=dict(need.settings),
        )
        try:
            admin.create_topics([topic], wait_for_metadata=True)
        except TopicAlreadyExistsError:
            continue
        except KafkaError as error:
            raise ServiceError(f"topic {need.name} cannot be made: {error}") from error
        made.append(need.name)
    return made


def check_topics(admin: Any, needs: list[TopicNeed]) -> list[str]:
    """Return what is wrong with the topics, one sentence each."""
    there = set(admin.list_topics())
    wrong = [
        f"topic {need.name} is missing; `relight topics create` makes it" for need in needs if need.name not in there
    ]
    known = [need for need in needs if need.name in there]
    counts = partition_counts(admin, [need.name for need in known])
    settings = topic_settings(admin, [need.name for need in known])
    for need in known:
        if need.partitions is not None and counts[need.name] != need.partitions:
            wrong.append(
                f"topic {need.name} has {counts[need.name]} partitions, expected {need.partitions}: a customer's log "
                "must stay in one partition, so the number is fixed once the topic is made"
            )
        wanted = need.settings
        if need.stream is not None:  # live or recorded: both are read
            wanted = _SOURCES[settings[need.name].get(TIME_SETTING, RECORDED)]
        for name, value in wanted.items():
            found = settings[need.name].get(name, "")
            if not _is_enough(name, found, value):
                wrong.append(f"topic {need.name} has {name}={found}, expected {value}")
    return wrong


def _is_enough(name: str, found: str, expected: str) -> bool:
    if name == "max.message.bytes":
        return found.isdigit() and int(found) >= int(expected)
    return found == expected


def partition_counts(admin: Any, topics: list[str]) -> dict[str, int]:
    """Return the number of partitions of each topic."""
    return {one["name"]: len(one["partitions"]) for one in admin.describe_topics(topics)} if topics else {}


def topic_settings(admin: Any, topics: list[str]) -> dict[str, dict[str, str]]:
    """Return the settings of each topic, defaults included."""
    from kafka.admin import ConfigResource

    if not topics:
        return {}
    told = admin.describe_configs([ConfigResource("topic", name) for name in topics], config_filter="all")["topic"]
    return {topic: {name: one["value"] for name, one in found.items()} for topic, found in told.items()}


def refuse_forgetful(admin: Any, topics: list[str]) -> None:
    """Refuse topics that a broker clears in time: what rules count is folded from the beginning of the log (E5).

    Raises InputError naming the first and its setting.
    """
    for topic, settings in topic_settings(admin, topics).items():
        for name, value in _FOR_EVER.items():
            found = settings.get(name, value)
            if found != value:
                raise InputError(
                    f"topic {topic} has {name}={found}, and what rules count is folded from its beginning: with less it"
                    " would be counted anew from what is left",
                    help_text=f"give it {name}={value}; `relight topics check` names all that differs",
                )


def live_topics(admin: Any, topics: list[str]) -> set[str]:
    """Return those of the topics that stamp records as they arrive."""
    return {name for name, found in topic_settings(admin, topics).items() if found.get(TIME_SETTING) == LIVE}


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupPlace:
    """How far a group is in one partition."""

    topic: str
    partition: int
    #: Offset that the group has committed; -1 for none.
    committed: int
    #: What it wrote beside it.
    note: str
    #: Offset after the last record there is.
    end: int

    @property
    def lag(self) -> int:
        """Records that are still to be read."""
        return self.end - max(0, self.committed)


def group_lag(admin: Any, group: str, topics: list[str]) -> list[GroupPlace]:
    """Return how far a group is in each partition of the topics."""
    from kafka import TopicPartition
    from kafka.admin import OffsetSpec
    from kafka.errors import KafkaError

    counts = partition_counts(admin, topics)
    places = [TopicPartition(topic, number) for topic in topics for number in range(counts[topic])]
    if not places:
        return []
    ends = admin.list_partition_offsets(dict.fromkeys(places, OffsetSpec.LATEST))
    try:
        committed = admin.list_group_offsets(group)[group]
    except (KafkaError, KeyError):
        committed = {}
    return [
        GroupPlace(
            topic=tp.topic,
            partition=tp.partition,
            committed=committed[tp].offset if tp in committed else -1,
            note=committed[tp].metadata or "" if tp in committed else "",
            end=ends[tp].offset,
        )
        for tp in places
    ]


def group_members(admin: Any, group: str) -> int:
    """Return how many processes are in a group now."""
    from kafka.errors import KafkaError

    try:
        return len(admin.describe_groups([group])[group]["members"])
    except (KafkaError, KeyError):
        return 0
