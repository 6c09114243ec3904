"""I10: the decision ledger of a cluster is the embedded one, row by row."""

from __future__ import annotations

import re
from pathlib import Path

from relight.base.instants import DAY
from relight.simulate.simulate import simulate_folder
from relight.transports.kafka_clients import worker_group
from tests.cluster.cluster_kit import Cluster, cluster_of, embedded_rows, without_version
from tests.recorded.generated import HORIZON, generate, write_project
from tests.support.kafka_broker import KafkaBroker
from tests.support.postgres_server import PostgresServer

HORIZON_US = int(HORIZON.timestamp()) * 1_000_000


def test_one_worker(tmp_path: Path, broker: KafkaBroker, postgres: PostgresServer) -> None:
    """I10: a made-up log with everything that makes time hard, through one worker: rows and counts are the embedded ones."""
    project = write_project(tmp_path / "project", generate(3))
    with cluster_of(project, tmp_path, broker, postgres) as (cluster, here):
        for stream in ("app", "till"):
            cluster.relight("publish", stream, f"{stream}.ndjson", "--until", "2016-05-01T00:00:00+00:00")
        cluster.start("router", "router", "--member", "r1")
        cluster.start("w1", "worker", "--member", "w1")
        cluster.wait_until(HORIZON_US + 1)
        rows, counted = embedded_rows(here, cluster)
        assert len(rows) > 500
        assert without_version(cluster.ledger()) == without_version(rows)
        assert cluster.tallies() == counted
        # The table carries the state: whoever comes next stands at a checkpoint, and reads no more than what is newer.
        cluster.wait_for_checkpoints()
        cluster.kill("w1")
        cluster.start("w2", "worker")
        cluster.wait_for("w2", "partition 11 taken over", seconds=120)
        began = [int(n) for n in re.findall(r"checkpoint at offset (\d+)", cluster.log("w2"))]
        assert len(began) == 12
        assert min(began) > 0
        # Without the table everything is folded from the beginning of the log, and goes on where it stood.
        cluster.kill("w2")
        cluster.delete_topic(f"{worker_group(cluster.name)}-checkpoints-changelog")
        cluster.start("w3", "worker")
        for stream in ("app", "till"):
            cluster.publish(stream, [], until=HORIZON_US + 10 * DAY + 1)
        cluster.wait_until(HORIZON_US + 10 * DAY + 1)
        assert cluster.log("w3").count("checkpoint none") >= 12
        later = simulate_folder(here, until=HORIZON_US + 10 * DAY)
        assert len(later.rows) > len(rows)
        assert without_version(cluster.ledger()) == without_version(
            sorted(later.rows, key=lambda row: row.occurrence_key)
        )
        assert cluster.tallies() == dict(later.counted)
        _move_to_fewer_partitions(cluster, here)


def _move_to_fewer_partitions(cluster: Cluster, here: Path) -> None:
    """Five partitions instead of twelve: what was decided stays, and what follows is decided as by one machine."""
    for name in ("router", "w3"):
        cluster.stop(name)
    before = cluster.ledger()
    assert "12 partitions before, 5 now" in cluster.repartition(5, 2)
    cluster.start("router", "router")
    cluster.start("w4", "worker")
    end = HORIZON_US + 30 * DAY
    for stream in ("app", "till"):
        cluster.publish(stream, [], until=end + 1)
    cluster.wait_until(end + 1)
    latest = simulate_folder(here, until=end)
    assert len(latest.rows) > len(before)
    assert without_version(cluster.ledger()) == without_version(sorted(latest.rows, key=lambda row: row.occurrence_key))
    assert cluster.tallies() == dict(latest.counted)
