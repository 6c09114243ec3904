"""Every step of docs/operations.md on a cluster that goes on working, in the order of the page. Runs with `make cluster`.

What the commands say is what the page shows: RELIGHT_TRANSCRIPT names a file that takes it.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from kafka import KafkaProducer

from relight.base.instants import iso_utc
from relight.messages.ledger import LedgerRow
from relight.stores.postgres import PostgresStore
from relight.transports.kafka_clients import worker_group
from tests.cluster.cluster_kit import Cluster
from tests.faults.small_project import SECRET, write_project
from tests.support.kafka_broker import KafkaBroker
from tests.support.postgres_server import PostgresServer, find_binaries

RULES = {"thanks": "trigger: {event: ordered}\nreentry: {per: order}\nclass: transactional\nsend: hello\n"}
SECONDS = 180


class Shop:
    """A cluster on which customers order."""

    def __init__(self, cluster: Cluster, broker: KafkaBroker) -> None:
        self.cluster, self._broker, self.orders = cluster, broker, 0

    def order(self, number: int) -> None:
        """Order so often, by as many people."""
        with closing(KafkaProducer(bootstrap_servers=self._broker.address)) as producer:
            for _ in range(number):
                now, self.orders = iso_utc(time.time_ns() // 1_000), self.orders + 1
                who = {"customer": f"c{self.orders}", "at": now}
                rows = [
                    who | {"id": f"i{self.orders}", "event": "identify", "email": f"c{self.orders}@mail.example"},
                    who | {"id": f"o{self.orders}", "event": "ordered", "order": str(self.orders)},
                ]
                for row in rows:
                    producer.send(f"{self.cluster.name}.app", json.dumps(row).encode(), key=who["customer"].encode())
            producer.flush()

    def wait(self, what: object) -> None:
        """Wait until something holds (a function)."""
        assert callable(what)
        deadline = time.monotonic() + SECONDS
        while not what():
            logs = "\n".join(f"--- {name}\n{self.cluster.log(name)[-2000:]}" for name in self.cluster.names())
            assert time.monotonic() < deadline, logs
            time.sleep(0.2)

    def is_thanked(self) -> bool:
        """Whether everybody who ordered has one mail decided, and nobody two."""
        mails = Counter(row.customer for row in self.cluster.ledger() if row.step)
        assert all(count == 1 for count in mails.values())
        return len(mails) == self.orders

    def owners(self) -> set[str]:
        return {one[4].rpartition("-")[0] for one in self.cluster.partitions_now()}

    def show(self, *arguments: str) -> str:
        """Run a command and keep what it says for the page."""
        told = self.cluster.relight(*arguments)
        if path := os.environ.get("RELIGHT_TRANSCRIPT"):
            with Path(path).open("a", encoding="utf-8") as file:
                file.write(f"$ relight {' '.join(arguments)}\n{told}\n")
        return told


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, broker: KafkaBroker, postgres: PostgresServer) -> Iterator[Shop]:
    folder = write_project(tmp_path_factory.mktemp("shop") / "project", RULES, follow=True)
    cluster = Cluster(folder, broker, postgres, partitions=4, recorded=False, env={"LINK_SECRET": SECRET})
    cluster.start("router", "router", "--member", "router-1")
    cluster.start("worker-1", "worker", "--member", "worker-1")
    cluster.wait_for("worker-1", "partition 3 taken over", seconds=SECONDS)
    yield Shop(cluster, broker)
    cluster.close()


def test_somebody_asks_why(shop: Shop) -> None:
    """While the cluster goes on, a customer's mail is explained and everything of them is printed."""
    shop.order(5)
    shop.wait(shop.is_thanked)
    assert "Its mail is decided and waits to be sent." in shop.show("explain", "c5", "thanks")
    assert "c5 as of" in shop.show("explain", "c5")
    found = json.loads(shop.cluster.relight("export", "c5"))
    assert [one["name"] for one in found["log"]] == ["identify", "ordered"]
    assert [one["rule"] for one in found["mails"]] == ["thanks"]


def test_more_workers_and_fewer(shop: Shop) -> None:
    """A second worker takes a share, a worker that is stopped gives its share back, and every order is thanked once."""
    shop.order(20)
    shop.wait(shop.is_thanked)
    shop.show("lag")
    shop.cluster.start("worker-2", "worker", "--member", "worker-2")
    shop.wait(lambda: shop.owners() == {"worker-1", "worker-2"})
    shop.order(20)
    shop.wait(shop.is_thanked)
    shop.show("lag")
    shop.cluster.process("worker-2").terminate()
    shop.order(20)
    shop.wait(lambda: shop.owners() == {"worker-1"})
    shop.wait(shop.is_thanked)


def test_state_is_rebuilt(shop: Shop) -> None:
    """Without its checkpoints a worker folds the log from the beginning, and goes on with the same ledger."""
    before = shop.cluster.ledger()
    shop.cluster.kill("worker-1")
    shop.cluster.delete_topic(f"{worker_group(shop.cluster.name)}-checkpoints-changelog")
    shop.cluster.start("worker-1", "worker", "--member", "worker-1")
    shop.order(5)
    shop.wait(shop.is_thanked)
    assert "checkpoint none" in shop.cluster.log("worker-1")
    after = {row.occurrence_key: row for row in shop.cluster.ledger()}
    assert [after[row.occurrence_key] for row in before] == before


def test_a_day_is_replayed(shop: Shop, postgres: PostgresServer) -> None:
    """Under another name and on another database the same topics are decided again; nothing leaves; the ledgers agree."""
    cluster = shop.cluster
    overlay = f'project: {{name: {cluster.name} again}}\nstore: {{postgres: "${{REPLAY_URL}}"}}\n'
    (cluster.folder / "config/again.yaml").write_text(overlay)
    env = {"RELIGHT_ENVIRONMENT": "again", "REPLAY_URL": postgres.new_schema()}
    cluster.env |= {"REPLAY_URL": env["REPLAY_URL"]}
    shop.show("topics", "create", "--environment", "again")
    cluster.start("router again", "router", env=env)
    cluster.start("worker again", "worker", env=env)

    def rows() -> list[LedgerRow]:
        with closing(PostgresStore.open(env["REPLAY_URL"], exclusive=False)) as store:
            return list(store.ledger())

    def is_decided() -> bool:
        return sum(1 for row in rows() if row.step) == shop.orders

    shop.wait(is_decided)
    assert sorted(map(_decision, rows())) == sorted(map(_decision, cluster.ledger()))
    for name in ("router again", "worker again"):
        cluster.kill(name)


def _decision(row: LedgerRow) -> tuple[object, ...]:
    return row.customer, row.rule, row.occurrence, row.step, row.state, row.reason or "", row.deadline or 0


def test_an_upgrade_loses_nothing(shop: Shop) -> None:
    """Router and worker are stopped and started one after the other while orders come; everybody is thanked once."""
    for name in ("router", "worker-1"):
        shop.order(10)
        process = shop.cluster.process(name)
        process.terminate()
        process.wait(60)
        shop.order(10)
        kind = re.sub("-1$", "", name)
        shop.cluster.start(name, kind, "--member", f"{kind}-1")
        shop.order(10)
    shop.wait(shop.is_thanked)


def test_a_backup_is_restored(shop: Shop, postgres: PostgresServer, tmp_path: Path) -> None:
    """What PostgreSQL lost since its backup is decided again from the log, row by row, once."""
    binaries = find_binaries()
    assert binaries is not None
    dump = tmp_path / "backup.sql"
    with psycopg.connect(shop.cluster.url) as sql:
        (schema,) = sql.execute("SELECT current_schema()").fetchone() or ()
    url = postgres.url
    subprocess.run([binaries / "pg_dump", "--schema", schema, "--file", dump, url], check=True)
    shop.order(20)
    shop.wait(shop.is_thanked)
    shop.cluster.wait_for_checkpoints()
    expected = shop.cluster.ledger()
    for name in ("worker-1", "router"):
        shop.cluster.kill(name)
    with psycopg.connect(url) as sql:
        sql.execute(f"DROP SCHEMA {schema} CASCADE")
    subprocess.run([binaries / "psql", "--quiet", "--output", os.devnull, "--file", dump, url], check=True)
    assert len(shop.cluster.ledger()) < len(expected)
    shop.cluster.start("router", "router", "--member", "router-1")
    shop.cluster.start("worker-1", "worker", "--member", "worker-1")
    shop.wait(shop.is_thanked)
    assert shop.cluster.ledger() == expected
    shop.show("lag")


def test_a_plan_that_looks_back_is_followed(shop: Shop, broker: KafkaBroker) -> None:
    """E5: router and worker start with a rule that counts what nobody kept: what was before is read from the log."""
    name = shop.cluster.name
    for one in ("router", "worker-1"):
        shop.cluster.stop(one)
    (shop.cluster.folder / "rules/regular.yaml").write_text(
        "trigger: {milestone: {count: ordered, at: [2]}}\nclass: transactional\nsend: hello\n"
    )
    for kind in ("router", "worker"):
        shop.cluster.start(f"{kind}-1", kind, "--member", f"{kind}-1")
    shop.cluster.wait_for("router-1", "put in force", seconds=SECONDS)
    row = {
        "id": "again",
        "customer": "c1",
        "event": "ordered",
        "order": "again",
        "at": iso_utc(time.time_ns() // 1_000),
    }
    with closing(KafkaProducer(bootstrap_servers=broker.address)) as producer:
        producer.send(f"{name}.app", json.dumps(row).encode(), key=b"c1").get(timeout=60)

    def regular() -> list[tuple[str, str]]:
        return [(one.customer, one.occurrence) for one in shop.cluster.ledger() if one.rule == "regular" and one.step]

    shop.wait(regular)
    assert regular() == [("c1", "milestone:2")]
    assert "reading partition" in shop.cluster.log("worker-1")
