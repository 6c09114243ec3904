"""A cluster at the wall clock: `relight run --engine kafka`, records that the broker stamps, sources that are idle."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from kafka import KafkaProducer

from relight.base.instants import iso_utc
from relight.stores.postgres import PostgresStore
from tests.cluster.cluster_kit import Cluster
from tests.faults.checker import mails_in
from tests.faults.small_project import SECRET, write_project
from tests.support.kafka_broker import KafkaBroker
from tests.support.postgres_server import PostgresServer

ROOT = Path(__file__).resolve().parents[2]
RULES = {
    "thanks": "trigger: {event: ordered}\nclass: transactional\nsend: hello\n",
    "quiet": "trigger: {inactive: 4 seconds, activity: [used]}\nsend: hello\n",
}
#: Longest that anything here may take (s).
SECONDS = 180


def wait(what: Callable[[], object], cluster: Cluster) -> None:
    deadline = time.monotonic() + SECONDS
    while not what():
        assert time.monotonic() < deadline, "\n".join(cluster.log(n)[-4000:] for n in cluster.names())
        time.sleep(0.1)


def are_shared(partitions: list[tuple[int, int, int, int, str]]) -> bool:
    """Return whether two workers have the partitions, each taken over anew (epoch 2) since there are two."""
    owners, epochs = {one[4] for one in partitions}, [one[1] for one in partitions]
    return len(owners) == 2 and min(epochs) > 1


def test_one_command_runs_a_cluster(tmp_path: Path, broker: KafkaBroker, postgres: PostgresServer) -> None:
    """Events of now lead to mails, an idle stream holds nobody's deadline back, what cannot be read is a dead letter,
    a second worker started by `faust -A streams.app worker` shares the partitions and stands by for those of the first,
    and Ctrl-C ends all of it.
    """
    folder = write_project(tmp_path / "project", RULES, follow=True)
    shutil.copy(folder / "streams/app.yaml", folder / "streams/idle.yaml")
    shutil.copy(ROOT / "streams/app.py", folder / "streams/app.py")
    cluster = Cluster(folder, broker, postgres, partitions=4, recorded=False, env={"LINK_SECRET": SECRET}, standbys=1)
    try:
        assert "as they must be" in cluster.relight("doctor")
        assert cluster.relight("topics", "check").startswith("5 topics looked at, 0 problems")
        cluster.start("run", "run", "--engine", "kafka")
        wait(lambda: "reading" in cluster.log("run") and "partition 3 taken over" in cluster.log("run"), cluster)
        now = time.time_ns() // 1_000
        rows = [
            {"id": "1", "customer": "ann", "event": "identify", "at": iso_utc(now), "email": "ann@mail.example"},
            {"id": "2", "customer": "ann", "event": "ordered", "at": iso_utc(now), "order": "7"},
            {"id": "2", "customer": "ann", "event": "ordered", "at": iso_utc(now), "order": "7"},
            {"id": "3", "customer": "ann", "event": "used", "at": iso_utc(now)},
        ]
        with closing(KafkaProducer(bootstrap_servers=broker.address)) as producer:
            for value in [*(json.dumps(row).encode() for row in rows), b"no row"]:
                producer.send(f"{cluster.name}.app", value=value, key=b"ann").get(timeout=90)
        # Marketing waits for the whole minute, and so may its row; what is transactional leaves at once.
        wait(lambda: len(mails_in(folder / "outbox")) >= 1, cluster)
        wait(lambda: any(row.rule == "quiet" for row in cluster.ledger()), cluster)
        assert sorted(row.state for row in cluster.ledger() if row.rule == "thanks") == ["entered", "pending"]
        quiet = next(row for row in cluster.ledger() if row.rule == "quiet" and row.step == "")
        assert quiet.deadline == now + 4_000_000
        with closing(PostgresStore.open(cluster.url, read_only=True)) as store:
            (letter,) = store.dead_letters()
        assert (letter.letter.stream, letter.letter.code, letter.letter.raw) == ("app", "not-json", b"no row")
        cluster.start_program("faust", str(Path(sys.executable).with_name("faust")), "-A", "streams.app", "worker")
        # Both have taken theirs over since: the first one knows by then for which it stands by.
        wait(lambda: are_shared(cluster.partitions_now()), cluster)
        assert "0 records not routed" in cluster.relight("lag")
        # Whoever stood by has the checkpoints at hand when the other leaves.
        cluster.wait_for_checkpoints()
        cluster.stop("faust")
        cluster.wait_for("run", "whose checkpoint stood by here", seconds=SECONDS)
        run = cluster.process("run")
        os.kill(run.pid, signal.SIGINT)
        assert run.wait(timeout=40) == 130
    finally:
        cluster.close()
