"""I10 for rules that read measures: what a day brings on a cluster is what it brings on one machine."""

from __future__ import annotations

import json
import os
import shutil
import sys
from contextlib import closing
from pathlib import Path

import pytest

from relight.base.instants import DAY, iso_utc
from relight.cli.project import day_maker_of
from relight.config.loader import LoadedProject, load_project
from relight.engine.run import run_project
from relight.simulate.simulate import simulate
from relight.stores.postgres import PostgresStore
from relight.stores.sqlite import SqliteStore
from relight.streams.envelope import Control
from tests.cluster.cluster_kit import Cluster, without_version
from tests.support.kafka_broker import KafkaBroker
from tests.support.postgres_server import PostgresServer
from tests.support.programs import run_program
from tests.unit.metrics.kit import at
from tests.unit.metrics.test_daily import ZONE, made_up, make

ENV = {"RELIGHT_LINK_SECRET": "a secret of a test, long enough"}
END = at("2026-04-12", ZONE)
#: Every number of workers, and another number of partitions, with `make cluster`; otherwise two, of which one is killed.
IS_FULL = os.environ.get("RELIGHT_SWEEP") == "full"
WORKERS = (1, 2) if IS_FULL else (2,)


@pytest.mark.parametrize("workers", WORKERS)
def test_rules_read_measures(workers: int, tmp_path: Path, broker: KafkaBroker, postgres: PostgresServer) -> None:
    """I10: orders, lifetime value, surveys, likelihood to be gone and what goes with what, each midnight, by any workers: rows,
    counts and what `explain` tells are those of one machine.
    """
    shop = make(tmp_path / "project", made_up())
    here = Path(shutil.copytree(shop.folder, tmp_path / "embedded"))
    cluster = Cluster(shop.folder, broker, postgres, partitions=4, env=ENV)
    try:
        config = here / "config/default.yaml"
        config.write_text(config.read_text().replace("name: shop", f"name: {cluster.name}"))
        rows = cluster.rows("shop", "events.ndjson")
        half = len(rows) // 2
        cluster.publish("shop", rows[:half])
        cluster.start("router", "router")
        for number in range(workers):
            cluster.start(f"w{number}", "worker", "--member", f"w{number}")
        cluster.wait_until(rows[half // 2].said.ingest_time)
        if workers > 1:
            cluster.kill("w0")
            cluster.start("w0", "worker", "--member", "w0")
        cluster.publish("shop", rows[half:], until=END + 1)
        cluster.wait_until(END + 1)
        project = load_project(here, env=ENV)
        expected = simulate(project, until=END, day_maker=day_maker_of(project))
        assert {row.rule for row in expected.rows} == {"fans", "goes", "slipping", "rich"}
        assert without_version(cluster.ledger()) == without_version(
            sorted(expected.rows, key=lambda row: row.occurrence_key)
        )
        assert cluster.tallies() == dict(expected.counted)
        _compare_answers(cluster, here)
        if IS_FULL:
            _move_to_fewer_partitions(cluster, project, workers)
    finally:
        cluster.close()


def _compare_answers(cluster: Cluster, here: Path) -> None:
    """What a customer's log and `explain` say of measures is what they say on one machine."""
    project = load_project(here, env=ENV)
    run_project(project, clock=lambda: 0, until=END, day_maker=day_maker_of(project))
    cluster.relight("sender", "--once")
    with closing(SqliteStore.open(here / "data/relight.db", read_only=True)) as store:
        served = {one.customer for _, one in store.read_log() if isinstance(one, Control) and one.kind == "measures"}
        (who, *_) = sorted(row.customer for row in store.ledger(rule="fans"))
    with closing(PostgresStore.open(cluster.url, read_only=True)) as told:
        assert {row.customer for row in told.ledger()} <= served
    question = ("explain", who, "fans", "--at", iso_utc(END))
    told_here = _alone(here, *question)
    assert "orders" in told_here
    assert cluster.relight(*question) == told_here
    replayed = json.loads(cluster.relight("replay", "--json"))
    assert (replayed["ok"], replayed["equal"]) == (True, len(cluster.ledger()))
    assert cluster.relight("metrics", "--json") == _alone(here, "metrics", "--json")


def _move_to_fewer_partitions(cluster: Cluster, project: LoadedProject, workers: int) -> None:
    """In another log, folded from its beginning, days bring what they brought, and those to come what they would have."""
    for name in ("router", *(f"w{number}" for number in range(workers))):
        cluster.stop(name)
    before = len(cluster.ledger())
    cluster.repartition(3, 2)
    cluster.start("router", "router")
    cluster.start("w9", "worker")
    later = END + 9 * DAY
    cluster.publish("shop", [], until=later + 1)
    cluster.wait_until(later + 1)
    expected = simulate(project, until=later, day_maker=day_maker_of(project))
    assert len(expected.rows) > before
    assert without_version(cluster.ledger()) == without_version(
        sorted(expected.rows, key=lambda row: row.occurrence_key)
    )
    assert cluster.tallies() == dict(expected.counted)
    assert json.loads(cluster.relight("replay", "--json"))["ok"]


def _alone(here: Path, *question: str) -> str:
    done = run_program(
        [sys.executable, "-m", "relight", *question], cwd=here, env=ENV, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return str(done.stdout)
