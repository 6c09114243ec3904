"""A cluster under the bench: its broker and server, the programs of a project as processes, and the CPU of each."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tests.cluster.cluster_kit import Cluster
from tests.support.kafka_broker import KafkaBroker, fetch_jars
from tests.support.postgres_server import PostgresServer, find_binaries

if TYPE_CHECKING:
    from collections.abc import Callable

#: Longest that one measurement may take (s).
SECONDS_MAX = 900.0
_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_of(process: int) -> float:
    """Return the CPU seconds of a process and its threads."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def memory_of(process: int) -> int:
    """Return the most memory a process has held (bytes)."""
    lines = Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def wait_for(what: Callable[[], object], why: str, *, pause: float = 0.02) -> float:
    """Wait until something holds and return the instant (monotonic seconds); raises RuntimeError after SECONDS_MAX."""
    deadline = time.monotonic() + SECONDS_MAX
    while not what():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{why} did not come")
        time.sleep(pause)
    return time.monotonic()


class Ground:
    """One broker and one PostgreSQL server that keeps its promises over a power cut."""

    def __enter__(self) -> Self:
        """Start both."""
        binaries = find_binaries()
        if binaries is None:
            raise RuntimeError("PostgreSQL is not installed")
        self.broker = KafkaBroker(fetch_jars())
        self.postgres = PostgresServer(binaries, fsync=True)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop both."""
        self.broker.stop()
        self.postgres.stop()

    def topic(self, name: str, partitions: int) -> str:
        """Make a topic and return its name."""
        from kafka import KafkaAdminClient  # noqa: PLC0415 - an extra
        from kafka.admin import NewTopic  # noqa: PLC0415 - an extra

        made = self.broker.new_name(name)
        with contextlib.closing(KafkaAdminClient(bootstrap_servers=self.broker.address)) as admin:
            settings = {"max.message.bytes": "8000000", "retention.ms": "-1"}
            admin.create_topics([NewTopic(made, partitions, 1, topic_configs=settings)], wait_for_metadata=True)
        return made


class Agent:
    """A plain Faust agent as a process."""

    def __init__(self, ground: Ground, topic: str, partitions: int, folder: Path, *, every: int = 1000) -> None:
        """Stand before `start`."""
        self._out = folder / f"{ground.broker.new_name('agent')}.txt"
        self._environment = os.environ | {
            "BENCH_BROKER": ground.broker.address,
            "BENCH_TOPIC": topic,
            "BENCH_GROUP": ground.broker.new_name("plain"),
            "BENCH_MEMBER": "a1",
            "BENCH_PARTITIONS": str(partitions),
            "BENCH_EVERY": str(every),
            "PYTHONWARNINGS": "ignore",
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, or start it again."""
        with self._out.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "faust", "-A", "bench.plain_agent", "worker", "--without-web", "-l", "error"],
                env=self._environment,
                stdout=out,
                stderr=subprocess.DEVNULL,
                stdin=subprocess.DEVNULL,
            )

    def kill(self) -> None:
        """End it as a crash would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def taken(self) -> int:
        """Return how many records it has told of, the lines of all its lives together."""
        return sum(1 for line in self._out.read_text(encoding="utf-8").splitlines() if line.isdigit())


class Running:
    """The CPU of some programs of a cluster from now on."""

    def __init__(self, cluster: Cluster, *names: str) -> None:
        """Begin."""
        self._pids = [cluster.process(name).pid for name in names]
        self._began = {pid: cpu_of(pid) for pid in self._pids}
        self._wall = time.monotonic()

    def figures(self) -> tuple[float, float, int]:
        """Return CPU seconds of all of them, seconds on the wall, and the most memory one of them held (bytes)."""
        cpu = sum(cpu_of(pid) - self._began[pid] for pid in self._pids)
        return cpu, time.monotonic() - self._wall, max(memory_of(pid) for pid in self._pids)


def server_cpu(postgres: PostgresServer) -> float:
    """Return the CPU seconds of the server's processes that live."""
    found: dict[int, tuple[int, float]] = {}
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            fields = (entry / "stat").read_text(encoding="ascii").rpartition(")")[2].split()
            found[int(entry.name)] = (int(fields[1]), (int(fields[11]) + int(fields[12])) / _TICKS)
    return sum(cpu for number, (parent, cpu) in found.items() if postgres.pid in {number, parent})
