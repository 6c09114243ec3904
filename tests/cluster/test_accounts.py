"""G2, R8, I10: people of one account on a cluster, capped and counted together, get what one machine gives them."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from relight.engine.export import export_customer
from tests.cluster.account_log import HORIZON, STREAMS, generate_companies, write_companies
from tests.cluster.cluster_kit import Cluster, cluster_of, embedded, without_version
from tests.support.kafka_broker import KafkaBroker
from tests.support.postgres_server import PostgresServer

END = int(HORIZON.timestamp()) * 1_000_000 + 1
#: Parts in which the log comes.
PARTS = 6


@pytest.mark.parametrize(("partitions", "workers"), [(12, 2), (12, 1), (1, 2)])
def test_accounts_are_decided_as_by_one_machine(
    partitions: int, workers: int, tmp_path: Path, broker: KafkaBroker, postgres: PostgresServer
) -> None:
    """I10: workers and a router are killed while caps and counts of companies, and what days bring of measures, are decided
    on: the rows are those of one engine.
    """
    project = write_companies(tmp_path / "project", generate_companies(5))
    with cluster_of(project, tmp_path, broker, postgres, partitions=partitions) as (cluster, here):
        alone = embedded(here, cluster)
        expected, counted = sorted(alone.rows, key=lambda row: row.occurrence_key), dict(alone.counted)
        assert {"account_cap", "holdout", None} <= {row.reason for row in expected}
        assert {"buyers", "keen"} <= {row.rule for row in expected}
        rows = {stream: cluster.rows(stream, f"{stream}.ndjson") for stream in STREAMS}
        for stream in STREAMS:  # the plan comes into force at the first record of all
            cluster.publish(stream, rows[stream][:1])
        cluster.start("router", "router", "--member", "r1")
        cluster.wait_for("router", "reading", seconds=120)
        for number, point in ((1, "inside_append:6"), (2, "before_checkpoint_commit:5"))[:workers]:
            cluster.start(f"w{number}", "worker", "--member", f"w{number}", env={"RELIGHT_CRASH_AT": point})
        for part in range(PARTS):
            for stream, found in rows.items():
                size = -(-len(found) // PARTS)
                cluster.publish(stream, found[part * size : (part + 1) * size])
            if part == 2:
                cluster.kill("router")
            if part in {3, 5} and cluster.is_running(name := f"w{part // 2}"):
                cluster.kill(name)
            _mend(cluster, workers)
            time.sleep(1)
        for stream in STREAMS:
            cluster.publish(stream, [], until=END)
        cluster.wait_until(END, mend=lambda: _mend(cluster, workers))
        assert len(expected) > 3_000
        assert without_version(cluster.ledger()) == without_version(expected)
        assert cluster.tallies() == counted
        assert json.loads(cluster.relight("replay", "--json"))["ok"]
        for who in ("p01", "p30"):
            told, known = json.loads(cluster.relight("export", who)), export_customer(alone.store, who)
            assert of_others(told["log"]) == of_others(json.loads(msgspec.json.encode(known))["log"])


def of_others(log: list[Any]) -> list[Any]:
    """Return what the log of a customer says of measures and of the others of an account, by instant."""
    found = [one for one in log if one.get("kind") in {"account", "members", "measures"}]
    return sorted(found, key=lambda one: (one["ingest_time"], one["kind"], one["subject"]))


def _mend(cluster: Cluster, workers: int) -> None:
    parts = (("router", "router", "r1"), ("w1", "worker", "w1"), ("w2", "worker", "w2"))
    for name, kind, member in parts[: 1 + workers]:
        if not cluster.is_running(name):
            cluster.start(name, kind, "--member", member)
