"""I10 on the projects that ship, the demo's shop and udacity's students, by any number of workers."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from relight.base.ids import hash_bytes
from relight.cli.demo_data import write_demo
from relight.stores.record_codec import encode_row
from tests.cluster.cluster_kit import Cluster, cluster_of, embedded, without_version
from tests.recorded.engine import EXAMPLES
from tests.recorded.slices import slice_udacity
from tests.support.kafka_broker import KafkaBroker
from tests.support.postgres_server import PostgresServer

ROOT = Path(__file__).resolve().parents[2]
#: Customers of the demo's year.
CUSTOMERS = 30
#: Every number of workers on everything with `make cluster`; otherwise each once.
IS_FULL = os.environ.get("RELIGHT_SWEEP") == "full"
WORKERS = (1, 2, 4)


def run_to_the_end(cluster: Cluster, here: Path, files: dict[str, str], workers: int) -> None:
    """Publish files, let workers decide, and compare the ledger row by row, then as bytes."""
    rows = {stream: cluster.rows(stream, file) for stream, file in files.items()}
    result = embedded(here, cluster)
    end = max(result.end, *(found[-1].said.ingest_time for found in rows.values())) + 1
    for stream, found in rows.items():
        cluster.publish(stream, found, until=end)
    cluster.start("router", "router")
    for number in range(workers):
        cluster.start(f"w{number}", "worker", "--member", f"w{number}")
    cluster.wait_until(end)
    expected = sorted(result.rows, key=lambda row: row.occurrence_key)
    decided = cluster.ledger()
    assert len(expected) > 100
    assert without_version(decided) == without_version(expected)
    assert cluster.tallies() == dict(result.counted)
    assert hash_bytes(b"".join(map(encode_row, cluster.relabelled(decided)))) == hash_bytes(
        b"".join(map(encode_row, cluster.relabelled(expected)))
    )


@pytest.mark.parametrize("workers", WORKERS if IS_FULL else [4])
def test_the_demo(workers: int, tmp_path: Path, broker: KafkaBroker, postgres: PostgresServer) -> None:
    """I10: three streams, releases and incidents for everybody, caps, quiet hours, sequences, a measure that is of all
    customers: the year of the demo.
    """
    project = tmp_path / "project"
    for name in ("config", "streams", "rules", "templates", "codes"):
        ignored = shutil.ignore_patterns("*.py", "__pycache__")
        shutil.copytree(ROOT / name, project / name, ignore=ignored)
    write_demo(project, customers=CUSTOMERS)
    with cluster_of(project, tmp_path, broker, postgres) as (cluster, here):
        files = {"app": "data/app.ndjson", "shop": "data/orders.csv", "support": "data/support.ndjson.gz"}
        run_to_the_end(cluster, here, files, workers=workers)


@pytest.mark.recorded
@pytest.mark.parametrize("workers", WORKERS if IS_FULL else [2])
def test_udacity(
    workers: int,
    tmp_path: Path,
    recorded_root: Path,
    broker: KafkaBroker,
    postgres: PostgresServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """I10: three hundred real students, ids by file and row, days without a time, a horizon."""
    slice_udacity(recorded_root, tmp_path / "data")
    monkeypatch.setenv("RELIGHT_DATA", str(tmp_path / "data"))
    shutil.copytree(EXAMPLES / "udacity", tmp_path / "project")
    with cluster_of(tmp_path / "project", tmp_path, broker, postgres, partitions=13) as (cluster, here):
        stream = next((here / "streams").glob("*.yaml")).stem
        files = {stream: str(tmp_path / "data/udacity/daily_engagement.csv.gz")}
        run_to_the_end(cluster, here, files, workers=workers)
