"""I1, I8, I10, I14: whatever dies in the middle, the ledger of a cluster is the embedded one, once it stands again."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path

from tests.cluster.cluster_kit import Cluster, cluster_of, embedded_rows, without_version
from tests.recorded.generated import HORIZON, generate, write_project
from tests.support.kafka_broker import KafkaBroker
from tests.support.postgres_server import PostgresServer

HORIZON_US = int(HORIZON.timestamp()) * 1_000_000
#: Parts in which the log comes; the second stream lags by two of them.
PARTS = 14
LAG = 2
#: Longest that a frozen worker's session lasts, and a little more (s).
FROZEN_SECONDS = 12.0
#: Where a worker may be killed by itself: inside, before and after the transaction, before and after a batch and a
#: checkpoint.
POINTS = ("inside_append:6", "before_append_commit:9", "after_append_commit:12", "before_checkpoint_commit:5")


def test_kill_after_kill(tmp_path: Path, broker: KafkaBroker, postgres: PostgresServer) -> None:
    """I10: two workers, then four; kill -9 of workers, router, broker and PostgreSQL in rotation, a frozen worker, copies,
    a source that lags: rows, counts and contents are the embedded ones, and every message is handed over once. Robinhood
    Faust 340, faust-streaming 517, 323, 502, 658: lost and repeated after kill -9, crashes on rebalance.
    """
    project = write_project(tmp_path / "project", generate(5))
    with cluster_of(project, tmp_path, broker, postgres) as (cluster, here):
        disturb = _disturbances(cluster, broker, postgres)
        rows = {stream: cluster.rows(stream, f"{stream}.ndjson") for stream in ("app", "till")}
        for stream in rows:  # the plan comes into force at the first record of all
            cluster.publish(stream, rows[stream][:1])
        cluster.start("router", "router", "--member", "r1")
        for number in (1, 2):
            cluster.start(
                f"w{number}", "worker", "--member", f"w{number}", env={"RELIGHT_CRASH_AT": POINTS[number - 1]}
            )
        cluster.wait_for("w1", "taken over", seconds=120)
        cluster.wait_for("router", "reading", seconds=120)
        for part in range(PARTS + LAG):
            for stream, late in (("app", 0), ("till", LAG)):
                size = -(-len(rows[stream]) // PARTS)
                begin = max(0, part - late) * size
                if part >= late:
                    again = size // 4  # some of the part before, once more
                    cluster.publish(stream, rows[stream][max(0, begin - again) : begin + size])
            if part < len(disturb):
                disturb[part]()
            _mend(cluster, broker)
            time.sleep(0.5)
        for stream in rows:
            cluster.publish(stream, [], until=HORIZON_US + 1)
        cluster.wait_until(HORIZON_US + 1, seconds=240, mend=lambda: _mend(cluster, broker))
        expected, counted = embedded_rows(here, cluster)
        assert len(expected) > 500
        assert without_version(cluster.ledger()) == without_version(expected)
        assert cluster.tallies() == counted
        cluster.relight("sender", "--once")
        mails = [row for row in expected if row.state == "pending"]
        assert len(list((cluster.folder / "outbox").rglob("*.eml"))) == len(mails)


def _disturbances(cluster: Cluster, broker: KafkaBroker, postgres: PostgresServer) -> list[Callable[[], object]]:
    def freeze() -> None:
        cluster.process("w3").send_signal(signal.SIGSTOP)

    def wake() -> None:
        time.sleep(FROZEN_SECONDS)
        cluster.process("w3").send_signal(signal.SIGCONT)

    def restart_broker() -> None:
        broker.kill()
        broker.start()

    def restart_postgres() -> None:
        postgres.kill()
        time.sleep(0.3)
        postgres.start()

    def more_workers() -> None:
        for number in (3, 4):
            cluster.start(f"w{number}", "worker", env={"RELIGHT_CRASH_AT": POINTS[number - 1]})

    return [
        lambda: cluster.kill("w1"),
        lambda: cluster.kill("router"),
        more_workers,
        restart_postgres,
        lambda: cluster.kill("w2"),
        restart_broker,
        freeze,
        lambda: cluster.kill("router"),
        wake,
        lambda: cluster.kill("w4"),
        restart_postgres,
        lambda: cluster.kill("w1"),
    ]


def _mend(cluster: Cluster, broker: KafkaBroker) -> None:
    """Start again what has left, as whoever runs a cluster does."""
    for name, member in (("router", "r1"), ("w1", "w1"), ("w2", "w2"), ("w3", None), ("w4", None)):
        if not cluster.is_running(name) and (name not in {"w3", "w4"} or cluster.was_started(name)):
            kind = "router" if name == "router" else "worker"
            cluster.start(name, kind, *(("--member", member) if member else ()))
