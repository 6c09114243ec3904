"""V4, I10: identities that are merged on a cluster, wherever their partitions are, decide what one machine decides."""

from __future__ import annotations

import random
import time
from contextlib import closing
from copy import deepcopy
from pathlib import Path

from relight.base.instants import DAY
from relight.config.loader import load_project
from relight.engine.feed import Feed
from relight.engine.merges import MERGE_STREAM
from relight.messages.ledger import LedgerRow
from relight.simulate.from_log import replay_log
from relight.stores.postgres import PostgresStore
from relight.streams.envelope import Control, DeadLetter, Record, order_key
from relight.transports.kafka_clients import control_topic
from relight.transports.kafka_publish import publish_control
from tests.cluster.cluster_kit import Cluster, cluster_of, without_version
from tests.recorded.generated import CUSTOMERS, HORIZON, generate, write_project
from tests.support.kafka_broker import KafkaBroker
from tests.support.postgres_server import PostgresServer

HORIZON_US = int(HORIZON.timestamp()) * 1_000_000
#: Parts in which the log comes, and merges in it; each anonymous one belongs to one person or to two.
PARTS, MERGES = 8, 60


def make_merges() -> list[Control]:
    """Return merges over the last half year of the log, in order."""
    draw = random.Random(7)  # the same on every machine
    names = [f"c{number:03d}" for number in range(CUSTOMERS)]
    pairs = {(draw.choice(names[:100]), draw.choice(names[75:])) for _ in range(MERGES)}
    instants = [HORIZON_US - draw.randrange(180 * DAY) for _ in pairs]
    made = [
        Control(kind="merge", ingest_time=at, customer=known, subject=anonymous)
        for at, (anonymous, known) in zip(instants, sorted(pairs), strict=True)
        if known != anonymous
    ]
    return sorted(made, key=lambda one: one.ingest_time)


def alone(folder: Path, merges: list[Control]) -> tuple[list[LedgerRow], set[str]]:
    """Return the ledger of one engine that takes the files with the merges among them, and which were refused."""
    project = load_project(folder, env={})
    assert project.plan is not None
    fed = Feed(streams=project.streams, folder=folder).records()
    records: list[Record] = [one for one in fed if not isinstance(one, DeadLetter)]
    first = Control(kind="plan", ingest_time=records[0].ingest_time, subject=project.plan.version)
    log: list[Record] = sorted([first, *deepcopy(merges), *records], key=order_key)
    engine = replay_log([project.plan], log, reached=HORIZON_US + 1)
    refused = {one.letter.source for one in engine.store.dead_letters()}
    return sorted(engine.store.ledger(), key=lambda row: row.occurrence_key), refused


def tell(cluster: Cluster, merges: list[Control]) -> None:
    settings = cluster.loaded.settings
    assert settings is not None
    assert settings.kafka is not None
    for one in merges:
        publish_control(settings.kafka, control_topic(cluster.name), [one], at=one.ingest_time)


def test_merges_over_partitions(tmp_path: Path, broker: KafkaBroker, postgres: PostgresServer) -> None:
    """Two workers and a router, each killed while merges are decided on; some merges are said twice, the rows are those of
    one engine.
    """
    project = write_project(tmp_path / "project", generate(11))
    merges = make_merges()
    with cluster_of(project, tmp_path, broker, postgres) as (cluster, here):
        text = (here / "config/default.yaml").read_text()
        (here / "config/default.yaml").write_text(text.replace("name: generated", f"name: {cluster.name}"))
        expected, refused = alone(here, merges)
        assert expected != alone(here, [])[0]
        rows = {stream: cluster.rows(stream, f"{stream}.ndjson") for stream in ("app", "till")}
        for stream in rows:  # the plan comes into force at the first record of all
            cluster.publish(stream, rows[stream][:1])
        cluster.start("router", "router", "--member", "r1")
        cluster.wait_for("router", "reading", seconds=120)
        tell(cluster, merges[: MERGES // 2])
        tell(cluster, merges[MERGES // 4 :])
        for number, point in ((1, "inside_append:6"), (2, "before_checkpoint_commit:5")):
            cluster.start(f"w{number}", "worker", "--member", f"w{number}", env={"RELIGHT_CRASH_AT": point})
        for part in range(PARTS):
            for stream, found in rows.items():
                size = -(-len(found) // PARTS)
                cluster.publish(stream, found[part * size : (part + 1) * size])
            if part in {2, 5}:
                cluster.kill("router")
            if part in {3, 6} and cluster.is_running(name := f"w{part // 3}"):
                cluster.kill(name)
            _mend(cluster)
            time.sleep(0.5)
        for stream in rows:
            cluster.publish(stream, [], until=HORIZON_US + 1)
        cluster.wait_until(HORIZON_US + 1, seconds=240, mend=lambda: _mend(cluster))
        assert without_version(cluster.ledger()) == without_version(expected)
        assert 0 < len(refused) < len(merges) / 2
        with closing(PostgresStore.open(cluster.url, read_only=True)) as store:
            told = {one.letter.source for one in store.dead_letters() if one.letter.stream == MERGE_STREAM}
        assert told == refused


def _mend(cluster: Cluster) -> None:
    for name, kind, member in (("router", "router", "r1"), ("w1", "worker", "w1"), ("w2", "worker", "w2")):
        if not cluster.is_running(name):
            cluster.start(name, kind, "--member", member)
