"""I10 on a log that is made up to be hard, by one worker, two and four."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cluster.cluster_kit import cluster_of
from tests.cluster.test_examples import WORKERS, run_to_the_end
from tests.recorded.generated import generate, write_project
from tests.support.kafka_broker import KafkaBroker
from tests.support.postgres_server import PostgresServer


@pytest.mark.parametrize("workers", WORKERS)
def test_a_made_up_log(workers: int, tmp_path: Path, broker: KafkaBroker, postgres: PostgresServer) -> None:
    """I10: copies, late and early rows, clocks that jump, ties."""
    project = write_project(tmp_path / "project", generate(9))
    with cluster_of(project, tmp_path, broker, postgres) as (cluster, here):
        run_to_the_end(cluster, here, {stream: f"{stream}.ndjson" for stream in ("app", "till")}, workers=workers)
