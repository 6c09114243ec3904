"""`relight lag`: how far routers and workers are behind on a cluster."""

from __future__ import annotations

from pathlib import Path

import click

from relight.cli.output import say, say_json, table
from relight.cli.project import open_project, project_options
from relight.cli.topics import kafka_of


@click.command("lag", short_help="Say how far routers and workers on Kafka are behind.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@project_options
def command(*, as_json: bool, project: Path | None, environment: str | None) -> None:
    """Say how far routers and workers on Kafka are behind.

    A router's lag is counted in records of the source topics; a worker's in packs of the log topic: those not decided
    yet, and those since the last checkpoint, which a successor would fold again.
    """
    from relight.base.instants import iso_utc
    from relight.engine.cluster_worker import needs_of_cluster
    from relight.stores.postgres import PostgresStore
    from relight.transports.kafka_clients import control_topic, log_topic, open_admin, router_group, worker_group
    from relight.transports.kafka_topics import group_lag

    found = open_project(project, environment)
    kafka = kafka_of(found)
    _, settings, _ = needs_of_cluster(found.loaded)
    assert settings.store.postgres is not None
    name = settings.project
    topics = sorted({s.source.channel for s in found.loaded.streams.values()} | {control_topic(name)})
    admin = open_admin(kafka)
    try:
        routed = group_lag(admin, router_group(name), topics)
        worked = group_lag(admin, worker_group(name), [log_topic(name)])
    finally:
        admin.close()
    store = PostgresStore.open(settings.store.postgres.reveal(), read_only=True)
    try:
        decided = {part: (following, reached, owner) for part, _, following, reached, owner in store.partitions()}
    finally:
        store.close()
    sources = [{"topic": t, "partition": p, "lag": end - max(0, at)} for t, p, at, end in routed]
    workers = []
    for _, part, checkpointed, end in worked:
        following, reached, owner = decided.get(part, (0, 0, ""))
        workers.append(
            {
                "partition": part,
                "undecided": end - max(following, checkpointed),
                "since_checkpoint": end - max(0, checkpointed),
                "reached": iso_utc(reached) if reached > 0 else None,
                "owner": owner or None,
            }
        )
    if as_json:
        say_json("lag", {"sources": sources, "workers": workers})
        return
    for line in table([(str(s["topic"]), str(s["partition"]), f"{s['lag']:,}") for s in sources], right=frozenset({2})):
        say(line)
    rows = [
        (
            f"partition {w['partition']}",
            f"{w['undecided']:,} undecided",
            f"{w['since_checkpoint']:,} since checkpoint",
            str(w["reached"] or "-"),
            str(w["owner"] or "-"),
        )
        for w in workers
    ]
    for line in table(rows, right=frozenset({1, 2})):
        say(line)
    behind = sum(int(str(s["lag"])) for s in sources)
    undecided = sum(int(str(w["undecided"])) for w in workers)
    say(f"{behind:,} records not routed, {undecided:,} packs not decided")
