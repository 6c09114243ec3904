"""What a cluster's rows of pauses and recovery need: events that keep coming, kills, checkpoints of many profiles."""

from __future__ import annotations

import json
import threading
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.cluster_parts import Agent, Ground, wait_for
from bench.worlds import copies, dormant
from kafka import KafkaProducer

from relight.base.instants import iso_utc
from relight.stores.partition import PartitionStore
from relight.stores.postgres_connection import Connection
from relight.stores.postgres_partition import PartitionSink
from relight.transports.kafka_clients import worker_group
from relight.transports.log_pack import partition_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.cluster.cluster_kit import Cluster

#: Events a second that keep coming while workers are killed.
RATE = 200
#: Seconds of calm before each kill.
CALM_SECONDS = 5.0
#: Different people whose profiles stand for all: alike, they would be packed to nothing.
PATTERNS = 1_000


@dataclass(slots=True, kw_only=True)
class Pauses:
    """Seconds in which nothing moved around each kill."""

    ours: list[float] = field(default_factory=list)
    plain: list[float] = field(default_factory=list)


@contextmanager
def events_that_keep_coming(address: str, topic: str) -> Iterator[None]:
    """Write events of now into a topic while the block runs."""
    over = threading.Event()

    def write() -> None:
        with closing(KafkaProducer(bootstrap_servers=address)) as producer:
            number = 0
            while not over.wait(1 / RATE):
                number += 1
                now = iso_utc(time.time_ns() // 1_000)
                row = {"id": f"n{number}", "customer": f"c{number % 500}", "at": now, "event": "page_viewed"}
                producer.send(topic, value=json.dumps(row).encode(), key=row["customer"].encode())

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    try:
        yield
    finally:
        over.set()
        writer.join()


def pauses_of(cluster: Cluster, ground: Ground, kills: int, folder: Path, partitions: int) -> Pauses:
    """Kill a worker, and then a plain agent, so many times each while events keep coming."""
    found = Pauses()
    topic = f"{cluster.name}.app"
    with events_that_keep_coming(ground.broker.address, topic):
        cluster.start("w1", "worker", "--member", "w1")
        progress = lambda: sum(one[2] for one in cluster.partitions_now())  # noqa: E731 - asked for again and again
        wait_for(lambda: "taken over" in cluster.log("w1"), "the worker")
        wait_for(progress, "the first decision")

        def again() -> None:
            cluster.kill("w1")
            cluster.start("w1", "worker", "--member", "w1")

        found.ours = [_pause(progress, again) for _ in range(kills)]
        cluster.kill("w1")
        agent = Agent(ground, topic, partitions, folder, every=1)
        agent.start()
        wait_for(agent.taken, "the first record of the plain agent")

        def agent_again() -> None:
            agent.kill()
            agent.start()

        found.plain = [_pause(agent.taken, agent_again) for _ in range(kills)]
        agent.kill()
    return found


def _pause(progress: Callable[[], int], kill: Callable[[], None]) -> float:
    """Return the seconds from a kill to the next progress."""
    calm = time.monotonic() + CALM_SECONDS
    wait_for(lambda: time.monotonic() > calm, "calm")
    before = progress()
    wait_for(lambda: progress() > before, "progress before the kill")
    began = time.monotonic()
    kill()
    # What was written before the kill may be seen only now; nothing more comes from the dead.
    before = progress()
    return wait_for(lambda: progress() > before, "progress after the kill") - began


def fill(cluster: Cluster, partitions: int, profiles: int) -> int:
    """Write checkpoints of so many profiles into the workers' table; return how many bytes."""
    patterns = dormant(cluster.loaded, PATTERNS)
    connection = Connection(cluster.url)
    cluster.relight("sender", "--once")  # makes the tables of the server
    cluster.start("w0", "worker")  # makes the topic of the table
    wait_for(lambda: f"partition {partitions - 1} taken over" in cluster.log("w0"), "the table")
    cluster.kill("w0")
    names: dict[int, list[int]] = {number: [] for number in range(partitions)}
    for number in range(profiles):
        names[partition_of(f"c{number:07d}", partitions)].append(number)
    size = 0
    settings = cluster.loaded.settings
    assert settings is not None
    topic = f"{worker_group(cluster.name)}-checkpoints-changelog"
    with closing(KafkaProducer(bootstrap_servers=list(settings.kafka.brokers), max_request_size=8_000_000)) as producer:
        for partition, numbers in names.items():
            store = PartitionStore(PartitionSink.claim(connection, partition, "bench"))
            store.save_checkpoints(copies(patterns, numbers), position=1)
            written = store.write_checkpoint()
            for key, value in [*written.parts, written.head]:
                producer.send(topic, key=key, value=value, partition=partition).get(timeout=120)
                size += len(value)
    return size
