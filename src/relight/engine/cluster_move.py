"""Another number of log partitions: the log is written into a topic of the next generation, and the store follows it.

Everything that was decided stays; workers of the new generation fold the log from its beginning to what they keep of
customers, and go on where the old ones stood. Nothing of a cluster runs meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from relight.base.errors import UsageError
from relight.base.instants import iso_utc
from relight.engine.cluster_worker import needs_of_cluster
from relight.engine.erase_orders import waiting_orders
from relight.engine.log_generation import check_that_none_is_erased, generation_of, note_generation
from relight.transports.kafka_clients import (
    control_topic,
    log_topic,
    open_admin,
    open_consumer,
    open_producer,
    router_group,
    worker_group,
)
from relight.transports.kafka_topics import create_topics, group_members, needed_topics, partition_counts
from relight.transports.log_move import LogMove
from relight.transports.log_pack import CONTROL_SOURCE, Source, decode_pack, encode_pack
from relight.transports.topic_copy import IN_FLIGHT_MAX, SEND_SECONDS, polls_of, remove_topics

if TYPE_CHECKING:
    from relight.config.loader import LoadedProject
    from relight.config.settings import KafkaSettings

#: How long a router or worker that was stopped may be in its group (s), and between two looks.
SESSION_SECONDS_MAX, LOOK_SECONDS = 60.0, 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What a move did."""

    topic: str
    #: Partitions before and now.
    old: int
    new: int
    #: Packs written.
    packs: int
    #: Instant that time stood at (µs).
    reached: int


def move_log(project: LoadedProject, *, on_packs: Callable[[int], None] = lambda _: None) -> Moved:
    """Write the log into the topic of the next generation, and let the store follow it.

    The config names the new generation and its partitions. Begun again after a fault it starts anew; nothing follows
    the new topic before it is whole. Raises UsageError where routers or workers run, or have not finished, and where an
    erasure was begun.
    """
    from relight.stores.postgres import PostgresStore
    from relight.stores.postgres_partition import partition_states, replace_partitions

    _, settings, kafka = needs_of_cluster(project)
    assert settings.store.postgres is not None
    with closing(PostgresStore.open(settings.store.postgres.reveal(), exclusive=False)) as store:
        # An order says in which generation its people are gone: a move between would make that untrue.
        check_that_none_is_erased(store, is_begun=any(one.generation for one in waiting_orders(store)))
        before = replace(kafka, generation=generation_of(store))
        if kafka.generation != before.generation + 1:
            raise UsageError(
                f"the store follows generation {before.generation} of the log topic, and the config names "
                f"{kafka.generation}",
                help_text=f"kafka: {{generation: {before.generation + 1}, partitions: …}}",
            )
        with closing(open_admin(kafka)) as admin:
            check_that_nothing_runs(admin, settings.project, before)
            old = partition_counts(admin, [log_topic(settings.project, before.generation)])
            move = LogMove(old=old[log_topic(settings.project, before.generation)], new=kafka.partitions)
            _make_topic(admin, project, settings.project, kafka)
        packs = _write(move, settings.project, before, kafka, on_packs)
        reached = min((until for _, until in move.standing().values()), default=0)
        with store.connection.reading() as cursor:
            _check_that_all_is_decided(partition_states(cursor), move, reached)
        _commit_sources(project, settings.project, kafka, move.standing())
        with store.connection.plain_transaction() as cursor:
            replace_partitions(cursor, [packs[number] for number in range(move.new)], reached)
        note_generation(store, kafka.generation)
    return Moved(
        topic=log_topic(settings.project, kafka.generation),
        old=move.old,
        new=move.new,
        packs=sum(packs.values()),
        reached=reached,
    )


def check_that_nothing_runs(admin: Any, project: str, before: KafkaSettings) -> None:
    """Raise UsageError where routers or workers of a generation run; waits until their sessions are over."""
    for what, group in (
        ("router", router_group(project, before.generation)),
        ("worker", worker_group(project, before.generation)),
    ):
        ends = time.monotonic() + SESSION_SECONDS_MAX
        # One with a name, or that was killed, is in the group until its session is over.
        while found := group_members(admin, group):
            if time.monotonic() > ends:
                raise UsageError(
                    f"{found} {what}{'s' if found > 1 else ''} of generation {before.generation} still run",
                    help_text=f"stop every {what} first",
                )
            time.sleep(LOOK_SECONDS)


def _make_topic(admin: Any, project: LoadedProject, name: str, kafka: KafkaSettings) -> None:
    topic = log_topic(name, kafka.generation)
    remove_topics(admin, [topic])  # what an earlier move left unfinished
    needs = [one for one in needed_topics(name, kafka, project.streams) if one.name == topic]
    create_topics(admin, kafka, needs, source_partitions=1)


def _write(
    move: LogMove, name: str, before: KafkaSettings, kafka: KafkaSettings, on_packs: Callable[[int], None]
) -> dict[int, int]:
    """Return the number of packs of each new partition."""
    old, topic = (log_topic(name, one.generation) for one in (before, kafka))
    packs = dict.fromkeys(range(move.new), 0)
    futures: list[Any] = []
    with closing(open_producer(kafka)) as producer:

        def send(number: int, value: bytes) -> None:
            futures.append(producer.send(topic, value=value, partition=number))
            packs[number] += 1
            if len(futures) >= IN_FLIGHT_MAX:
                _settle(futures)

        is_announced = False
        for messages in polls_of(before, old, range(move.old)):
            for message in messages:
                move.add(message.partition, decode_pack(message.value))
            if not is_announced and move.sources:
                is_announced = True
                for number in range(move.new):
                    send(number, encode_pack(move.announcement()))
            for number, pack in move.give():
                send(number, encode_pack(pack))
            on_packs(sum(packs.values()))
        _settle(futures)
    return packs


def _settle(futures: list[Any]) -> None:
    for future in futures:
        future.get(timeout=SEND_SECONDS)
    futures.clear()


def _check_that_all_is_decided(states: list[tuple[int, int, int, int, str]], move: LogMove, reached: int) -> None:
    apart = move.apart()
    if apart:
        stream, partition = apart[0]
        raise UsageError(
            f"a router was stopped in the middle of source {stream} partition {partition}",
            help_text="run it once more with the settings of before, and stop it with Ctrl-C",
        )
    # Packs in which time does not go on are read and leave no trace: how far time has come says what is decided.
    behind = [part for part, _, _, at, _ in states if at != reached]
    if behind or len(states) != move.old:
        partition = behind[0] if behind else move.old - 1
        raise UsageError(
            f"partition {partition} is not decided up to {iso_utc(reached)}, where the log ends",
            help_text="let the workers of before finish: `relight lag` says how far each is",
        )


def _commit_sources(
    project: LoadedProject, name: str, kafka: KafkaSettings, standing: dict[Source, tuple[int, int]]
) -> None:
    """Let routers of the new generation begin where the log ends."""
    from kafka import OffsetAndMetadata, TopicPartition

    topics = {stream: plan.source.channel for stream, plan in project.streams.items()}
    topics[CONTROL_SOURCE] = control_topic(name)
    wanted: dict[Any, tuple[int, int]] = {}
    for (stream, partition), (following, until) in standing.items():
        if stream not in topics:
            continue  # a stream that is no more
        tp = TopicPartition(topics[stream], partition)
        least, said = wanted.get(tp, (following, until))
        wanted[tp] = (min(least, following), min(said, until))
    with closing(open_consumer(kafka, group_id=router_group(name, kafka.generation))) as consumer:
        consumer.assign(list(wanted))
        consumer.commit({tp: OffsetAndMetadata(at, str(until), -1) for tp, (at, until) in wanted.items()}, 30_000)
