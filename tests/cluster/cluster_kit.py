"""A project on a cluster: topics, router, workers and sender as real processes, and the same project embedded."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path

import msgspec

from relight.cli.project import day_maker_of
from relight.config.loader import LoadedProject, load_project
from relight.messages.ledger import LedgerRow
from relight.simulate.simulate import SimulationResult, simulate
from relight.stores.postgres import PostgresStore
from relight.transports.kafka_clients import log_topic, open_admin, worker_group
from relight.transports.kafka_publish import Row, publish, read_published
from relight.transports.kafka_topics import group_lag
from tests.support.kafka_broker import KafkaBroker
from tests.support.postgres_server import PostgresServer
from tests.support.programs import Program, run_program

#: Longest that a cluster may go without coming a step nearer to its end (s).
SETTLE_SECONDS = 240
#: What a process leaves with that is to be started again, as whatever runs a cluster does.
AGAIN_CODE = 70


class Cluster:
    """One project on one cluster; its processes end with `close`."""

    def __init__(
        self,
        folder: Path,
        broker: KafkaBroker,
        postgres: PostgresServer,
        *,
        partitions: int = 12,
        source_partitions: int = 3,
        recorded: bool = True,
        env: dict[str, str] | None = None,
        standbys: int = 0,
    ) -> None:
        self.folder, self.partitions = folder, partitions
        self.url = postgres.new_schema()
        self.name = broker.new_name("project")
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._commands: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {}
        self._logs = folder / "logs"
        self._logs.mkdir()
        to_kafka(folder, self.name, broker.address, partitions, standbys=standbys)
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("RELIGHT_W")} | {
            "DATABASE_URL": self.url,
            "PYTHONWARNINGS": "ignore",
            "PYTHONFAULTHANDLER": "1",
        }
        self.env |= env or {}
        kind = ["--recorded"] if recorded else []
        self.relight("topics", "create", *kind, "--source-partitions", str(source_partitions))

    def relight(self, *arguments: str) -> str:
        done = run_program(
            [sys.executable, "-m", "relight", *arguments],
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{arguments}\n{done.stdout}\n{done.stderr}"
        return str(done.stdout)

    def rows(self, stream: str, file: str) -> list[Row]:
        """Return the rows of a file as `relight publish` writes them."""
        return read_published(self.loaded.streams[stream], (self.folder / file).absolute(), self.folder.absolute())

    def publish(self, stream: str, rows: list[Row], until: int | None = None) -> None:
        """Write rows into a stream's topic; until: as `relight publish --until`, exclusive (µs)."""
        settings = self.loaded.settings
        assert settings is not None
        assert settings.kafka is not None
        publish(settings.kafka, self.loaded.streams[stream].source.channel, rows, until=until)

    @cached_property
    def loaded(self) -> LoadedProject:
        found = load_project(self.folder, env=self.env)
        assert found.plan is not None, [str(problem) for problem in found.problems]
        return found

    def start(self, name: str, *arguments: str, env: dict[str, str] | None = None) -> None:
        self.start_program(name, sys.executable, "-m", "relight", *arguments, env=env)

    def start_program(self, name: str, *command: str, env: dict[str, str] | None = None) -> None:
        self._commands[name] = (command, env or {})
        with (self._logs / f"{name}.log").open("ab") as log:
            self._processes[name] = Program(
                command,
                cwd=self.folder,
                env=self.env | (env or {}),
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )

    def kill(self, name: str) -> None:
        process = self._processes.pop(name)
        process.kill()
        process.wait()

    def stop(self, name: str) -> None:
        """End a process as whoever runs it does: it finishes what is at hand."""
        process = self._processes.pop(name)
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)

    def repartition(self, partitions: int, generation: int) -> str:
        """Move the log to another number of partitions; nothing runs meanwhile."""
        config = self.folder / "config/default.yaml"
        text = re.sub(r"partitions: \d+", f"generation: {generation}, partitions: {partitions}", config.read_text())
        config.write_text(text)
        self.partitions = partitions
        vars(self).pop("loaded", None)
        return self.relight("topics", "repartition", "--yes")

    def is_running(self, name: str) -> bool:
        return name in self._processes and self._processes[name].poll() is None

    def was_started(self, name: str) -> bool:
        return (self._logs / f"{name}.log").exists()

    def process(self, name: str) -> subprocess.Popen[bytes]:
        return self._processes[name]

    def log(self, name: str) -> str:
        return (self._logs / f"{name}.log").read_text()

    def wait_until(
        self, reached: int, *, seconds: float = SETTLE_SECONDS, mend: Callable[[], None] = lambda: None
    ) -> None:
        """Wait until every partition's time has come to an instant; seconds: longest without any progress."""
        before: list[tuple[int, int, int, int, str]] = []
        deadline = 0.0
        while True:
            with contextlib.closing(PostgresStore.open(self.url, exclusive=False)) as store:
                states = store.partitions()
            if len(states) == self.partitions and all(one[3] >= reached for one in states):
                return
            if states != before or not deadline:
                before, deadline = states, time.monotonic() + seconds
            if time.monotonic() > deadline:
                if self.is_running("router"):
                    self._processes["router"].send_signal(signal.SIGABRT)
                    time.sleep(1)
                tails = "\n".join(f"--- {n}\n{self.log(n)[-3000:]}" for n in self._processes)
                raise AssertionError(f"time did not come to {reached}: {states}\n{self.lag()}\n{tails}")
            self._start_again()
            mend()
            time.sleep(0.1)

    def _start_again(self) -> None:
        for name, process in list(self._processes.items()):
            if process.poll() == AGAIN_CODE:
                command, env = self._commands[name]
                self.start_program(name, *command, env=env)

    def lag(self) -> str:
        """Return what `relight lag` says, also where it fails."""
        done = run_program(
            [sys.executable, "-m", "relight", "lag"], cwd=self.folder, env=self.env, capture_output=True, text=True,
            timeout=120, check=False,
        )  # fmt: skip
        return f"{done.stdout}{done.stderr}"

    def wait_for_checkpoints(self, *, seconds: float = 60) -> None:
        """Wait until the group's offsets say that every partition has a checkpoint."""
        settings = self.loaded.settings
        assert settings is not None
        assert settings.kafka is not None
        deadline = time.monotonic() + seconds
        admin = open_admin(settings.kafka)
        try:
            while True:
                found = group_lag(admin, worker_group(self.name), [log_topic(self.name)])
                if all(place.committed > 0 for place in found):
                    return
                assert time.monotonic() < deadline, found
                time.sleep(0.2)
        finally:
            admin.close()

    def names(self) -> list[str]:
        return list(self._processes)

    def partitions_now(self) -> list[tuple[int, int, int, int, str]]:
        with contextlib.closing(PostgresStore.open(self.url, read_only=True)) as store:
            return store.partitions()

    def delete_topic(self, name: str) -> None:
        settings = self.loaded.settings
        assert settings is not None
        assert settings.kafka is not None
        with contextlib.closing(open_admin(settings.kafka)) as admin:
            admin.delete_topics([name])

    def wait_for(self, name: str, text: str, *, seconds: float) -> None:
        """Wait until a process has said something."""
        deadline = time.monotonic() + seconds
        while text not in self.log(name):
            assert time.monotonic() < deadline, f"{name} does not say {text!r}:\n{self.log(name)[-3000:]}"
            time.sleep(0.1)

    def ledger(self) -> list[LedgerRow]:
        with contextlib.closing(PostgresStore.open(self.url, read_only=True)) as store:
            return sorted(store.ledger(), key=lambda row: row.occurrence_key)

    def tallies(self) -> dict[tuple[str, str, int], int]:
        with contextlib.closing(PostgresStore.open(self.url, read_only=True)) as store:
            return {(one.rule, one.reason, one.day): one.count for one in store.tallies()}

    @staticmethod
    def relabelled(rows: list[LedgerRow]) -> list[LedgerRow]:
        """Return rows without the plan's version, which differs with the sources that the streams name."""
        return [msgspec.structs.replace(row, plan_version="") for row in rows]

    def close(self) -> None:
        for process in self._processes.values():
            process.send_signal(signal.SIGTERM)
        for process in self._processes.values():
            try:
                process.wait(timeout=90)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def to_kafka(folder: Path, name: str, address: str, partitions: int, *, standbys: int = 0) -> None:
    """Make a project read topics instead of files, and keep its ledger in PostgreSQL."""
    config = folder / "config/default.yaml"
    text = re.sub(r"^store: .*$", 'store: {postgres: "${DATABASE_URL}"}', config.read_text(), flags=re.MULTILINE)
    text = re.sub(r"(project: \{name: )([^,]+)", rf"\g<1>{name}", text)
    text = re.sub(r"^engine: .*$", "", text, flags=re.MULTILINE)
    text += f"\nkafka: {{brokers: ['{address}'], partitions: {partitions}, standbys: {standbys}}}\n"
    text += "engine: {checkpoint_every: 1 second}\n"
    config.write_text(text)
    for stream in (folder / "streams").glob("*.yaml"):
        text = stream.read_text()
        text = re.sub(
            r"^source:\n(  .*\n)+|^source: .*\n", f"source: {{kafka: {name}.{stream.stem}}}\n", text, flags=re.MULTILINE
        )
        text = re.sub(r"^format: csv\n", "", text, flags=re.MULTILINE)
        stream.write_text(text)


def embedded_rows(folder: Path, cluster: Cluster) -> tuple[list[LedgerRow], dict[tuple[str, str, int], int]]:
    """Return the ledger and the counts of `embedded`."""
    result = embedded(folder, cluster)
    return sorted(result.rows, key=lambda row: row.occurrence_key), dict(result.counted)


def embedded(folder: Path, cluster: Cluster) -> SimulationResult:
    """Return what the same project, read from its files under the cluster's project name, decides."""
    config = folder / "config/default.yaml"
    config.write_text(re.sub(r"(project: \{name: )([^,]+)", rf"\g<1>{cluster.name}", config.read_text()))
    project = load_project(folder, env=os.environ)
    return simulate(project, day_maker=day_maker_of(project))


def without_version(rows: list[LedgerRow]) -> list[tuple[object, ...]]:
    """Return everything of rows but the plan's version and place, which differ with the files' bytes."""
    names = [n for n in LedgerRow.__struct_fields__ if n != "plan_version"]
    return [tuple(getattr(row, n) for n in names) for row in rows]


@contextlib.contextmanager
def cluster_of(
    source: Path, work: Path, broker: KafkaBroker, postgres: PostgresServer, *, partitions: int = 12
) -> Iterator[tuple[Cluster, Path]]:
    """Give a cluster on a copy of a project, and another copy to run embedded."""
    there = Path(shutil.copytree(source, work / "cluster"))
    here = Path(shutil.copytree(source, work / "embedded"))
    cluster = Cluster(there, broker, postgres, partitions=partitions)
    try:
        yield cluster, here
    finally:
        cluster.close()
