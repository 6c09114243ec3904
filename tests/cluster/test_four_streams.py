"""I10 on cdnow and onlineretail: four streams, one that lags ten minutes, one that is idle while deadlines fall due."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from relight.base.ids import hash_bytes
from relight.base.instants import MINUTE
from relight.messages.ledger import LedgerRow
from relight.simulate.simulate import simulate_folder
from relight.stores.record_codec import encode_row
from relight.transports.kafka_publish import Row
from tests.cluster.cluster_kit import Cluster, cluster_of, embedded, without_version
from tests.cluster.four_streams import SETS, STREAMS, write_four
from tests.support.kafka_broker import KafkaBroker
from tests.support.postgres_server import PostgresServer

#: How far one stream lags behind the others, all the way (µs).
LAG = 10 * MINUTE
LAGGING = "east"
#: Parts in which the streams come.
PARTS = 4
#: Every number of workers on every set with `make cluster`; otherwise each set once.
FULL = [(name, workers) for name in sorted(SETS) for workers in (1, 2, 4)]
RUNS = FULL if os.environ.get("RELIGHT_SWEEP") == "full" else [("cdnow", 1), ("onlineretail", 2)]


@pytest.mark.recorded
@pytest.mark.parametrize(("name", "workers"), RUNS, ids=str)
def test_the_ledger_is_the_embedded_one(
    name: str, workers: int, tmp_path: Path, recorded_root: Path, broker: KafkaBroker, postgres: PostgresServer
) -> None:
    """I10: time never passes the source that lags and never waits for the one that is idle; what was decided half-way,
    and at the end, is the embedded ledger, row by row and byte by byte.
    """
    project = write_four(name, recorded_root, tmp_path / "project")
    with cluster_of(project, tmp_path, broker, postgres) as (cluster, here):
        result = embedded(here, cluster)
        rows = {stream: cluster.rows(stream, f"{stream}.ndjson") for stream in STREAMS}
        for stream in STREAMS:  # the plan comes into force at the first record of all
            cluster.publish(stream, rows[stream][:1])
        cluster.start("router", "router", "--member", "r1")
        for number in range(workers):
            cluster.start(f"w{number}", "worker", "--member", f"w{number}")
        first, end = min(found[0].said.ingest_time for found in rows.values()), result.end + 1
        told = dict.fromkeys(STREAMS, 1)
        for part in range(1, PARTS + 1):
            until = first + (end - first) * part // PARTS
            for stream in STREAMS:
                late = LAG if stream == LAGGING else 0
                told[stream] = _publish_until(cluster, stream, rows[stream], told[stream], until - late)
            if part == PARTS // 2:
                _is_equal_half_way(cluster, here, until - LAG)
        _publish_until(cluster, LAGGING, rows[LAGGING], told[LAGGING], end)
        cluster.wait_until(end, seconds=240)
        assert len({one[4] for one in cluster.partitions_now()}) == workers
        expected = sorted(result.rows, key=lambda row: row.occurrence_key)
        decided = cluster.ledger()
        assert len(expected) > 200
        assert without_version(decided) == without_version(expected)
        assert cluster.tallies() == dict(result.counted)
        assert _bytes_of(cluster, decided) == _bytes_of(cluster, expected)


def _publish_until(cluster: Cluster, stream: str, rows: list[Row], told: int, until: int) -> int:
    """Publish a stream's rows from `told` on that arrived before an instant, say so, and return where to go on."""
    following = next((at for at in range(told, len(rows)) if rows[at].said.ingest_time >= until), len(rows))
    cluster.publish(stream, rows[told:following], until=until)
    return following


def _is_equal_half_way(cluster: Cluster, here: Path, reached: int) -> None:
    """Every partition's time is where the lagging source is and no further, and what was due by then is decided."""
    cluster.wait_until(reached)
    assert {one[3] for one in cluster.partitions_now()} == {reached}
    half = sorted(simulate_folder(here, until=reached - 1).rows, key=lambda row: row.occurrence_key)
    assert len(half) > 50
    assert without_version(cluster.ledger()) == without_version(half)


def _bytes_of(cluster: Cluster, rows: list[LedgerRow]) -> object:
    return hash_bytes(b"".join(map(encode_row, cluster.relabelled(rows))))
