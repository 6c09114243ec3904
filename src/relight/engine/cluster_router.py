"""The router of a project: puts the plan in force by a control record, then routes until it is told to stop."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING, Any

from relight.engine.account_keys import note_keys
from relight.engine.cluster_plans import version_told
from relight.engine.cluster_worker import needs_of_cluster
from relight.engine.cycles import rare_collections
from relight.engine.feed import Feed
from relight.engine.log_generation import check_generation
from relight.engine.plan_versions import keep_plan, note_told, told_versions
from relight.streams.envelope import Control, Event
from relight.transports.kafka_clients import control_topic, open_admin, open_consumer, worker_group
from relight.transports.kafka_publish import publish_control
from relight.transports.kafka_router import Router
from relight.transports.kafka_source import SourceState
from relight.transports.kafka_topics import group_members, live_topics, partition_counts
from relight.transports.records import RecordReader
from relight.transports.standstill import Waiting
from relight.transports.step_watch import StepWatch

if TYPE_CHECKING:
    from relight.config.loader import LoadedProject
    from relight.config.settings import KafkaSettings, Settings
    from relight.rules.plan import Plan
    from relight.stores.postgres import PostgresStore

#: Seconds between two looks for a first record.
LOOK_SECONDS = 1.0
#: Seconds in which every partition of a source topic brings its first record, before the router connects anew.
FIRST_SECONDS_MAX = 30.0
#: Seconds that one step may last: longer than a broker may take for a record. kafka-python may block for ever.
STEP_SECONDS_MAX = 150.0
_LOG = logging.getLogger("relight.router")


def run_router(
    project: LoadedProject,
    *,
    stop: threading.Event,
    member: str | None = None,
    on_step: Callable[[Router], None] = lambda _: None,
    clock: Callable[[], int] = lambda: time.time_ns() // 1_000,
) -> None:
    """Route a project's topics until `stop` is set.

    Args:
        project: a loaded project.
        stop: ends after the packs at hand.
        member: this router's name among several, kept over restarts.
        on_step: told the router after each of its steps.
        clock: µs UTC.

    Raises:
        BrakeError: where a stream had too many records that could not be read.
    """
    from relight.stores.postgres import PostgresStore

    plan, settings, kafka = needs_of_cluster(project)
    assert settings.store.postgres is not None
    store = PostgresStore.open(settings.store.postgres.reveal(), exclusive=False)
    try:
        check_generation(store, kafka)
        if not _tell_plan(project, plan, kafka, store, stop=stop, clock=clock):
            return
        feed = Feed(streams=project.streams, folder=project.folder)
        router = Router(
            kafka=kafka,
            project=settings.project,
            streams=project.streams,
            folder=project.folder,
            admit=lambda records: _admit(feed, store, records),
            member=member,
            clock=clock,
        )
        watch = StepWatch("the router", STEP_SECONDS_MAX)
        try:
            with rare_collections():
                while not stop.is_set():
                    watch.come_round()
                    router.step()
                    while router.notices:
                        _LOG.warning(router.notices.popleft())
                    on_step(router)
        finally:
            watch.close()
            router.close()
    finally:
        store.close()


def _admit(feed: Feed, store: PostgresStore, records: list[Any]) -> list[Any]:
    return feed.admit(store, records) if records else []


def _tell_plan(  # noqa: PLR0913  # the project, where it runs, and when to stop
    project: LoadedProject,
    plan: Plan,
    kafka: KafkaSettings,
    store: PostgresStore,
    *,
    stop: threading.Event,
    clock: Callable[[], int],
) -> bool:
    """Put the plan in force where another or none is; return False where it was stopped before a record came."""
    settings = project.settings
    assert settings is not None
    told = version_told(store)
    if told == plan.version:
        return True
    if any(version == plan.version for _, version in told_versions(store)):
        # A router of the version before that starts again in the middle of a change must not turn it round.
        _LOG.warning(
            "plan %s was in force before %s, which stays; `relight apply` puts it in force again", plan.version, told
        )
        return True
    at: int | None = None
    if not told:
        at = _first_instant(project, kafka, stop=stop, clock=clock)
        if at is None:
            return False
    keep_plan(store, project, plan)
    note_keys(store, plan, kafka, workers=lambda: _workers(settings, kafka))
    # Said twice after a crash here, which the worker passes over.
    record = Control(kind="plan", ingest_time=at or 0, subject=plan.version)
    publish_control(kafka, control_topic(settings.project), [record], at=at)
    note_told(store, plan.version, clock() if at is None else at)
    _LOG.info("plan %s put in force", plan.version)
    return True


def _workers(settings: Settings, kafka: KafkaSettings) -> int:
    with closing(open_admin(kafka)) as admin:
        return group_members(admin, worker_group(settings.project, kafka.generation))


def _first_instant(
    project: LoadedProject, kafka: KafkaSettings, *, stop: threading.Event, clock: Callable[[], int]
) -> int | None:
    """Return the smallest ingest time of the first records of all sources (µs); waits for one where there is none.

    Where every topic stamps records as they arrive and none has one, it is now. None where it was stopped.
    """
    from kafka import TopicPartition

    readers = {name: RecordReader(stream, project.folder) for name, stream in project.streams.items()}
    topics = sorted({stream.source.channel for stream in project.streams.values()})
    admin = open_admin(kafka)
    try:
        live = live_topics(admin, topics)
        counts = partition_counts(admin, topics)
    finally:
        admin.close()
    waiting = Waiting()
    consumer = open_consumer(kafka)
    try:
        while not stop.is_set():
            waited, is_due = waiting.note("a first record", time.monotonic())
            if is_due:
                _LOG.info("waiting for a first record of %s (for %.0f s)", ", ".join(topics), waited)
            places = [TopicPartition(topic, number) for topic in topics for number in range(counts[topic])]
            begins, ends = consumer.beginning_offsets(places), consumer.end_offsets(places)
            filled = [tp for tp in places if ends[tp] > begins[tp]]
            found = _first_instants(consumer, filled, readers, live)
            if found is None:
                consumer.close()
                consumer = open_consumer(kafka)
            elif found:
                return min(found)
            elif set(topics) == live:
                return clock()
            else:
                stop.wait(LOOK_SECONDS)
        return None
    finally:
        consumer.close()


def _first_instants(
    consumer: Any, places: list[Any], readers: dict[str, RecordReader], live: set[str]
) -> list[int] | None:
    """Return the ingest time of the first event of each place that has one among its first records.

    None where a place did not bring any record in time: the smallest of the others would not be the first of all.
    """
    found: list[int] = []
    missing = set(places)
    consumer.assign(places)
    if places:
        consumer.seek_to_beginning(*places)
    deadline = time.monotonic() + FIRST_SECONDS_MAX
    while missing:
        if time.monotonic() > deadline:
            _LOG.warning("the first records of %s do not come; connecting anew", sorted(missing))
            return None
        for tp, records in consumer.poll(timeout_ms=500).items():
            if tp not in missing:
                continue
            missing.discard(tp)
            for name, reader in readers.items():
                if reader.plan.source.channel != tp.topic:
                    continue
                quiet = RecordReader(reader.plan, reader.base)
                state = SourceState(source=(name, tp.partition), reader=quiet, live=tp.topic in live, first=0, next=0)
                found += [one.ingest_time for _, one in state.read(records) if isinstance(one, Event)][:1]
    return found
