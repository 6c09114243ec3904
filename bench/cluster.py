"""`make bench-kafka`: the figures of a cluster beside their baselines, in one run on a real broker and a real server.

    python -m bench.cluster [--quick] [--row NAME …] [--profiles N] [--json FILE]

Every program is a process of its own, as it is started in production. Ratios are of CPU time but for pauses.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench import measure
from bench.cluster_parts import Agent, Ground, Running, cpu_of, server_cpu, wait_for
from bench.cluster_state import fill, pauses_of
from bench.measure import measured
from bench.table import Row, show
from bench.workload import Size, write_events, write_project

from relight.transports.kafka_clients import log_topic, open_admin, router_group
from relight.transports.kafka_topics import group_lag
from tests.cluster.cluster_kit import Cluster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: Partitions of the log topic and of source topics.
LOG_PARTITIONS, SOURCE_PARTITIONS = 12, 4
ROUTER_SAYS, WORKER_SAYS = "reading", f"partition {LOG_PARTITIONS - 1} taken over"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much each row measures."""

    events: int
    customers: int
    days: int
    profiles: int
    kills: int


FULL = Sizes(events=50_000, customers=10_000, days=30, profiles=200_000, kills=3)
QUICK = Sizes(events=3_000, customers=600, days=4, profiles=1_000, kills=1)


class Bench:
    """One run: the ground, a scratch folder, and the rows."""

    def __init__(self, ground: Ground, folder: Path, sizes: Sizes) -> None:
        """Make the world that every row reads."""
        self.ground, self.folder, self.sizes = ground, folder, sizes
        self.world = write_project(folder / "world")
        size = Size(events=sizes.events, customers=sizes.customers, days=sizes.days)
        write_events(self.world / "events.ndjson", size)
        self._clusters = 0

    @contextmanager
    def cluster(self, *, live: bool = False, publish: bool = True) -> Iterator[Cluster]:
        """Give a cluster with the world in its source topic, and nothing started."""
        self._clusters += 1
        folder = write_project(self.folder / f"cluster{self._clusters}")
        (folder / "events.ndjson").symlink_to(self.world / "events.ndjson")
        cluster = Cluster(
            folder,
            self.ground.broker,
            self.ground.postgres,
            partitions=LOG_PARTITIONS,
            source_partitions=SOURCE_PARTITIONS,
            recorded=not live,
        )
        # A checkpoint a second is a test's; this is what a project gets that says nothing.
        config = folder / "config/default.yaml"
        config.write_text(config.read_text().replace("\nengine: {checkpoint_every: 1 second}\n", "\n"))
        if publish and not live:
            rows = cluster.rows("app", "events.ndjson")
            self.end = rows[-1].said.ingest_time + 1
            cluster.publish("app", rows, until=self.end)
        try:
            yield cluster
        finally:
            cluster.close()

    @property
    def shown(self) -> str:
        """The world, for people."""
        return f"{self.sizes.events:,} events of {self.sizes.customers:,} customers (Zipf), 20 rules"

    def start_worker(self, cluster: Cluster) -> None:
        """Start a worker and wait until all partitions are its."""
        cluster.start("w1", "worker", "--member", "w1")
        wait_for(lambda: WORKER_SAYS in cluster.log("w1"), "the worker")

    def is_decided(self, cluster: Cluster) -> bool:
        """Whether the time of every partition has come to the end of the world."""
        states = cluster.partitions_now()
        return len(states) == LOG_PARTITIONS and all(one[3] >= self.end for one in states)

    def route(self, cluster: Cluster) -> tuple[float, float, int]:
        """Let a router write everything into the log topic; return its figures."""
        cluster.start("router", "router", "--member", "r1")
        wait_for(lambda: ROUTER_SAYS in cluster.log("router"), "the router")
        running = Running(cluster, "router")
        settings = cluster.loaded.settings
        assert settings is not None
        assert settings.kafka is not None
        topic = f"{cluster.name}.app"
        admin = open_admin(settings.kafka)
        wait_for(
            lambda: all(one.lag == 0 for one in group_lag(admin, router_group(cluster.name), [topic])),
            "the end of the sources",
            pause=0.1,
        )
        admin.close()
        return running.figures()

    # ------------------------------------------------------------ rows
    def whole(self) -> Row:
        """Router, worker and ledger, beside a plain Faust agent."""
        with self.cluster() as cluster:
            self.start_worker(cluster)
            server = server_cpu(self.ground.postgres)
            cluster.start("router", "router", "--member", "r1")
            wait_for(lambda: ROUTER_SAYS in cluster.log("router"), "the router")
            running = Running(cluster, "w1", "router")
            wait_for(lambda: self.is_decided(cluster), "the end")
            cpu, wall, memory = running.figures()
            server = server_cpu(self.ground.postgres) - server
            rows = len(cluster.ledger())
            base, base_wall = self.plain(f"{cluster.name}.app")
        each = base / self.sizes.events
        return Row(
            name="whole", what=f"router, one worker, ledger and outbox in PostgreSQL: {self.shown}",
            events=self.sizes.events, wall=wall, cpu=cpu, memory=memory, rows=rows,
            baseline=f"plain agent {each * 1e6:,.1f} µs", ratio=base / cpu, target="≥ 5",
            more=f"on the wall {base_wall / wall:.2f}; PostgreSQL itself {server / self.sizes.events * 1e6:,.1f} µs; "
            f"the plain agent {self.sizes.events / base_wall:,.0f} events/s",
        )  # fmt: skip

    def plain(self, topic: str) -> tuple[float, float]:
        """Let the plain agent take a source topic; return its CPU and wall seconds."""
        agent = Agent(self.ground, topic, SOURCE_PARTITIONS, self.folder)
        agent.start()
        assert agent.process is not None
        try:
            wait_for(lambda: agent.taken() >= 1, "the first thousand of the plain agent")
            pid, began, before = agent.process.pid, cpu_of(agent.process.pid), agent.taken()
            start = wait_for(lambda: True, "now")
            wait_for(lambda: agent.taken() >= self.sizes.events // 1000 - 1, "the end of the plain agent")
            cpu, wall = cpu_of(pid) - began, wait_for(lambda: True, "now") - start
            share = self.sizes.events / ((agent.taken() - before) * 1000)
        finally:
            agent.kill()
        return cpu * share, wall * share

    def worker(self) -> Row:
        """A worker on packs that are there, beside the embedded engine with its ledger in memory."""
        with self.cluster() as cluster:
            self.route(cluster)
            self.start_worker(cluster)
            running = Running(cluster, "w1")
            wait_for(lambda: self.is_decided(cluster), "the end")
            cpu, wall, memory = running.figures()
            rows = len(cluster.ledger())
        base = measured("bench.ours:simulation", folder=str(self.world))
        each = base.cpu / self.sizes.events
        return Row(
            name="worker", what=f"one worker on packs: {self.shown}", events=self.sizes.events, wall=wall, cpu=cpu,
            memory=memory, rows=rows, baseline=f"embedded, in memory {each * 1e6:,.1f} µs", ratio=base.cpu / cpu,
            target="≥ 0.6", more=f"on the wall {base.wall / wall:.2f}",
        )  # fmt: skip

    def router(self) -> Row:
        """The router beside loops that only read and write the same bytes."""
        with self.cluster() as cluster:
            cpu, wall, memory = self.route(cluster)
            cluster.kill("router")
            loops = {}
            for name, pack, log in (
                ("same bytes", 0, log_topic(cluster.name)), ("packed", 200, ""), ("one by one", 1, ""),
            ):  # fmt: skip
                loops[name] = measured(
                    "bench.kafka_baselines:copy_loop", address=self.ground.broker.address, source=f"{cluster.name}.app",
                    target=self.ground.topic("copy", LOG_PARTITIONS), group=self.ground.broker.new_name("g"),
                    pack=pack, log=log,
                )  # fmt: skip
        same, packed, one_by_one = (one.cpu / one.told["events"] * 1e6 for one in loops.values())
        mine = cpu / self.sizes.events * 1e6
        return Row(
            name="router", what=f"one router: {self.sizes.events:,} records into packs for {LOG_PARTITIONS} partitions",
            events=self.sizes.events, wall=wall, cpu=cpu, memory=memory, baseline=f"loop, same bytes {same:,.1f} µs",
            ratio=same / mine, target="≥ 0.7",
            more=f"a loop that packs 200 records without looking {packed:,.1f} µs, {packed / mine:.2f}; one that "
            f"copies record by record {one_by_one:,.1f} µs, {one_by_one / mine:.2f}",
        )  # fmt: skip

    def pause(self) -> Row:
        """How long nothing is decided when a worker is killed and started again, beside the plain agent."""
        with self.cluster(live=True) as cluster:
            cluster.start("router", "router", "--member", "r1")
            found = pauses_of(cluster, self.ground, self.sizes.kills, self.folder, SOURCE_PARTITIONS)
        ours, base = statistics.median(found.ours), statistics.median(found.plain)
        return Row(
            name="pause", what=f"kill -9 of a worker with a name, started again at once, {self.sizes.kills} times",
            events=0, wall=0, cpu=0, baseline=f"plain agent {base:.1f} s", ratio=base / ours, target="shown",
            more=f"nothing is decided for {ours:.1f} s ({min(found.ours):.1f} to {max(found.ours):.1f}); "
            f"the plain agent {min(found.plain):.1f} to {max(found.plain):.1f} s",
        )  # fmt: skip

    def recovery(self) -> Row:
        """A worker that takes all partitions over with many profiles in their checkpoints."""
        with self.cluster(publish=False) as cluster:
            size = fill(cluster, LOG_PARTITIONS, self.sizes.profiles)
            start = wait_for(lambda: True, "now")
            self.start_worker(cluster)
            end = wait_for(lambda: True, "now")
            _, _, memory = Running(cluster, "w1").figures()
            cpu = cpu_of(cluster.process("w1").pid)
        return Row(
            name="recovery",
            what=f"a worker takes over {self.sizes.profiles:,} profiles in checkpoints of {size / 1e6:,.0f} MB",
            events=self.sizes.profiles, wall=end - start, cpu=cpu, memory=memory, target="reported",
            more=f"{end - start:.1f} s from its start to the last partition",
        )  # fmt: skip

    def two(self) -> Row:
        """Two workers beside one, on packs that are there."""
        walls, cpus = [], []
        for names in (("w1",), ("w1", "w2")):
            with self.cluster() as cluster:
                self.route(cluster)
                cluster.kill("router")
                for name in names:
                    cluster.start(name, "worker", "--member", name)
                start = wait_for(lambda c=cluster: len(c.partitions_now()) == LOG_PARTITIONS, "the workers")
                running = Running(cluster, *names)
                walls.append(wait_for(lambda c=cluster: self.is_decided(c), "the end") - start)
                cpus.append(running.figures()[0])
        return Row(
            name="two", what=f"two workers on packs: {self.shown}", events=self.sizes.events, wall=walls[1],
            cpu=cpus[1], baseline=f"one worker {cpus[0] / self.sizes.events * 1e6:,.1f} µs", ratio=walls[0] / walls[1],
            target="shown",
            more=f"the ratio is on the wall, {os.cpu_count()} cores for workers, broker and PostgreSQL together",
        )  # fmt: skip


ROWS: tuple[str, ...] = ("whole", "worker", "router", "pause", "recovery", "two")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.cluster", description="A cluster beside its baselines.")
    parser.add_argument("--quick", action="store_true", help="small sizes: shows that every row works, not how fast")
    parser.add_argument("--row", action="append", choices=ROWS, help="only this row; may be given again")
    parser.add_argument("--profiles", type=int, help="of the row recovery")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows for machines")
    wish = parser.parse_args()
    measure.INSIDE = wish.quick
    sizes = QUICK if wish.quick else FULL
    if wish.profiles:
        sizes = Sizes(**{**{n: getattr(sizes, n) for n in sizes.__dataclass_fields__}, "profiles": wish.profiles})
    done: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="relight-bench-") as scratch, Ground() as ground:
        bench = Bench(ground, Path(scratch), sizes)
        for name in wish.row or ROWS:
            row: Callable[[], Row] = getattr(bench, name)
            print(f"{name} …", file=sys.stderr, flush=True)
            done.append(row())
            if not wish.quick:
                print(show(done[-1:]), flush=True)
    print(show(done))
    print(f"\nPython {platform.python_version()}, {os.cpu_count()} cores" + (", quick sizes" if wish.quick else ""))
    if wish.json:
        wish.json.write_text(json.dumps([row.plain() for row in done], indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
