"""A real Kafka broker (KRaft, one node) on loopback for a session of tests; every test uses topics of its own."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

POM = Path(__file__).parent / "broker" / "pom.xml"
#: Longest that the broker may take to answer, and that Maven may take to fetch its jars (s).
START_SECONDS = 120
FETCH_SECONDS = 300
JAVA = ("java", "-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
#: A small, fast broker: sessions may be short, a rebalance does not wait, and after a kill it comes back in 6 s.
CONFIG = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={folder}/log
num.partitions=1
auto.create.topics.enable=false
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
log.cleaner.dedupe.buffer.size=2000000
message.max.bytes=8000000
"""
LOGGING = """
Configuration:
  status: OFF
  Loggers:
    Root: {level: "OFF"}
"""


def fetch_jars() -> Path:
    """Return the folder of the broker's jars, kept between sessions: in RELIGHT_JARS, else with what is temporary."""
    digest = hashlib.sha256(POM.read_bytes()).hexdigest()[:12]
    folder = Path(os.environ.get("RELIGHT_JARS") or tempfile.gettempdir()) / f"relight-broker-{os.getuid()}-{digest}"
    if not (folder / "done").is_file():
        with tempfile.TemporaryDirectory(prefix="rkmv-") as work:
            shutil.copy(POM, work)
            command = ["mvn", "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={folder}/lib"]
            done = subprocess.run(command, cwd=work, capture_output=True, text=True, timeout=FETCH_SECONDS, check=False)
        if done.returncode:
            pytest.skip(f"Maven cannot fetch the broker: {done.stdout[-500:]}")
        (folder / "done").touch()
    return folder / "lib"


class KafkaBroker:
    """One broker; `kill` and `start` model its death."""

    def __init__(self, jars: Path) -> None:
        self._jars = jars
        self.folder = Path(tempfile.mkdtemp(prefix="rkka-"))
        self.port, controller = _free_ports(2)
        config = CONFIG.format(port=self.port, controller=controller, folder=self.folder)
        (self.folder / "server.properties").write_text(config)
        (self.folder / "log4j2.yaml").write_text(LOGGING)
        self._process: subprocess.Popen[bytes] | None = None
        self._names = 0
        cluster = "AAAAAAAAAAAAAAAAAAAAAQ"
        self._java("kafka.tools.StorageTool", "format", "-t", cluster, "-c", "server.properties").wait(START_SECONDS)
        try:
            self.start()
        except BaseException:
            self.stop()
            raise

    def _java(self, *arguments: str) -> subprocess.Popen[bytes]:
        logging = f"-Dlog4j2.configurationFile={self.folder}/log4j2.yaml"
        return subprocess.Popen(
            [*JAVA, logging, "-cp", f"{self._jars}/*", *arguments],
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        self._process = self._java("kafka.Kafka", "server.properties")
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the Kafka broker did not start")
            time.sleep(0.1)

    def _answers(self) -> bool:
        from kafka import KafkaAdminClient  # noqa: PLC0415  # an extra
        from kafka.errors import KafkaError  # noqa: PLC0415

        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            admin = KafkaAdminClient(bootstrap_servers=self.address)
        except (OSError, KafkaError):
            return False
        try:
            return len(admin.describe_cluster()["brokers"]) == 1
        except KafkaError:
            return False
        finally:
            admin.close()

    def kill(self) -> None:
        """End the broker as a crash would."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(timeout=90)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def new_name(self, word: str = "t") -> str:
        """Return a name that no topic or group has yet."""
        self._names += 1
        return f"{word}{self._names}"


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


@pytest.fixture(scope="session")
def broker() -> Iterator[KafkaBroker]:
    """The session's broker."""
    for program in ("java", "mvn"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed, so there is no Kafka broker")
    started = KafkaBroker(fetch_jars())
    yield started
    started.stop()
