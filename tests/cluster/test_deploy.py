"""deploy/compose.yaml without containers: the very commands and variables of its parts, as processes on a real broker."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import yaml
from kafka import KafkaProducer

from relight.base.instants import iso_utc
from relight.engine.telemetry.catalogue import CATALOGUE, Part
from relight.stores.postgres import PostgresStore
from tests.faults.checker import mails_in
from tests.support.kafka_broker import KafkaBroker
from tests.support.pages import free_port
from tests.support.postgres_server import PostgresServer

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
SECRETS = {"POSTGRES_PASSWORD": "unused", "LINK_SECRET": "a secret of a test, long enough", "WEB_TOKEN": "t" * 40}
#: Longest that anything here may take (s), and what compose gives a part that is to stop.
SECONDS, STOP_SECONDS = 180, 30
_VARIABLE = re.compile(r"\$\$|\$\{(\w+)(?::([-?])([^}]*))?\}")


def filled(text: str) -> str:
    """Fill in variables as compose does."""

    def value(found: re.Match[str]) -> str:
        if found[0] == "$$":
            return "$"
        if found[2] == "-":
            return SECRETS.get(found[1], found[3])
        return SECRETS[found[1]]

    return _VARIABLE.sub(value, text)


class Composed:
    """The parts of compose.yaml, each a process with the addresses of this machine."""

    def __init__(self, folder: Path, broker: str, database: str) -> None:
        self.folder, self._broker, self._database = folder, broker, database
        self.services: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
        self.ports: dict[str, int] = {}
        self.web = free_port()
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, service: str, name: str) -> subprocess.Popen[bytes]:
        """Start a part; name: of this one of several, as its container's host name."""
        one = self.services[service]
        self.ports[name] = free_port()
        environment = {key: filled(str(value)) for key, value in one["environment"].items()}
        assert environment["RELIGHT_METRICS"] == "0.0.0.0:9464"
        environment |= {
            "KAFKA_BROKER": self._broker,
            "DATABASE_URL": self._database,
            "RELIGHT_METRICS": f"127.0.0.1:{self.ports[name]}",
            "WEB_LISTEN": f"127.0.0.1:{self.web}",
            "HOSTNAME": name,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONWARNINGS": "ignore",
        }
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                [filled(word) for word in one["command"]],
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        return self.running[name]

    def is_alive(self, service: str, name: str) -> bool:
        """Whether compose would call a part healthy: its own check, at the port that it has here."""
        port = self.web if service == "web" else self.ports[name]
        check = self.services[service]["healthcheck"]["test"]
        assert check[:3] == ["CMD", "python", "-c"]
        call = re.sub(r"127\.0\.0\.1:\d+", f"127.0.0.1:{port}", check[3])
        return subprocess.run([sys.executable, "-c", call], capture_output=True, check=False).returncode == 0

    def metrics(self, name: str) -> set[str]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[name]}/metrics", timeout=60) as answer:
            text = answer.read().decode()
        return {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}

    def wait(self, what: Callable[[], object]) -> None:
        deadline = time.monotonic() + SECONDS
        while not what():
            logs = "\n".join(
                f"--- {name}\n{(self.folder / f'{name}.log').read_text()[-2000:]}" for name in self.running
            )
            assert time.monotonic() < deadline, logs
            assert all(process.poll() is None for process in self.running.values()), logs
            time.sleep(0.1)


@contextmanager
def composed(folder: Path, broker: str, database: str) -> Iterator[Composed]:
    found = Composed(folder, broker, database)
    try:
        yield found
    finally:
        for process in found.running.values():
            process.kill()
            process.wait()


def shop(folder: Path) -> Path:
    """The shop of `relight init`, made ready as docs/operations.md says; its one mail is to leave at any hour."""
    shutil.copytree(ROOT / "src/relight/config/starter/shop", folder)
    shutil.copy(DEPLOY / "cluster.yaml", folder / "config/cluster.yaml")
    stream, rule = folder / "streams/shop.yaml", folder / "rules/fifth_order.yaml"
    stream.write_text(re.sub("(?m)^source: .*$", "source: {kafka: shop}", stream.read_text()))
    rule.write_text(f"{rule.read_text()}class: transactional\n")
    return folder


def test_the_parts_of_compose_work_together(tmp_path: Path, broker: KafkaBroker, postgres: PostgresServer) -> None:
    """Topics are made, every part passes its own health check, a fifth order leads to a mail, everything on the
    dashboard is told by some part, and SIGTERM ends each well within compose's grace.
    """
    folder, database = shop(tmp_path / "shop"), postgres.new_schema()
    with composed(folder, broker.address, database) as parts:
        assert parts.start("topics", "topics").wait(SECONDS) == 0
        del parts.running["topics"]
        started = {"router": "router", "worker-a": "worker", "worker-b": "worker", "sender": "sender", "web": "web"}
        for name, service in started.items():
            parts.start(service, name)
        parts.wait(lambda: all(parts.is_alive(service, name) for name, service in started.items()))
        order(broker.address)
        parts.wait(lambda: len(mails_in(folder / "outbox")) == 1)
        with closing(PostgresStore.open(database, read_only=True)) as store:
            assert {row.rule for row in store.ledger()} >= {"fifth_order"}
            assert {owner.rpartition("-")[0] for *_, owner in store.partitions()} <= {"worker-a", "worker-b"}
        expected = {one.name for one in CATALOGUE if one.told_by != (Part.RUN,)}
        # The sender shows an attempt when its round is over, which may be after the mail is there.
        parts.wait(lambda: told(parts, [name for name in started if name != "web"]) == expected)
        for process in parts.running.values():
            process.send_signal(signal.SIGTERM)
        for process in parts.running.values():
            process.wait(STOP_SECONDS)
        assert parts.running["router"].returncode == 0
        assert parts.running["sender"].returncode == 0
        parts.running.clear()


def told(parts: Composed, names: list[str]) -> set[str]:
    return set().union(*(parts.metrics(name) for name in names))


def order(address: str) -> None:
    """Ann signs up and orders five times."""
    now = time.time_ns() // 1_000
    head = {"customer": "ann", "at": iso_utc(now)}
    rows = [{"event": "identify", "email": "ann@mail.example", "plan": "club"}]
    rows += [
        {"event": "order_placed", "order_id": str(number), "title": "A book", "total": "9.90"} for number in range(5)
    ]
    with closing(KafkaProducer(bootstrap_servers=address)) as producer:
        for number, row in enumerate(rows):
            value = json.dumps(head | {"id": f"e{number}"} | row).encode()
            producer.send("shop", value=value, key=b"ann").get(timeout=60)
