"""`relight lag`: how far routers and workers are behind on a cluster, and what their time waits for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from relight.cli.output import count_of, marked, say, say_json, table
from relight.cli.project import Project, open_project, project_options
from relight.cli.topics import kafka_of

if TYPE_CHECKING:
    from relight.transports.kafka_topics import GroupPlace

#: How far a source may have spoken behind the clock without being named (s).
LATE_SECONDS = 10


@click.command("lag", short_help="Say how far routers and workers on Kafka are behind.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@project_options
def command(*, as_json: bool, project: Path | None, environment: str | None) -> None:
    """Say how far routers and workers on Kafka are behind, and what is waited for.

    A router's lag is counted in records of the source topics; a worker's in packs of the log topic: those not decided
    yet, and those since the last checkpoint, which a successor would fold again. Beside each source stands up to which
    instant it has spoken: the smallest is where time stands.
    """
    from relight.transports.kafka_clients import control_topic, log_topic, open_admin, router_group, worker_group
    from relight.transports.kafka_topics import group_lag, group_members

    found = open_project(project, environment)
    kafka = kafka_of(found)
    name = found.settings.project
    topics = sorted({s.source.channel for s in found.loaded.streams.values()} | {control_topic(name)})
    admin = open_admin(kafka)
    try:
        routed = group_lag(admin, router_group(name, kafka.generation), topics)
        worked = group_lag(admin, worker_group(name, kafka.generation), [log_topic(name, kafka.generation)])
        routers, workers = (
            group_members(admin, router_group(name, kafka.generation)),
            group_members(admin, worker_group(name, kafka.generation)),
        )
    finally:
        admin.close()
    partitions = _partitions(found, worked)
    waits = _what_is_waited_for(routed, partitions, routers=routers, workers=workers)
    if as_json:
        sources = [_source(place) for place in routed]
        say_json("lag", {"routers": routers, "sources": sources, "workers": partitions, "waits": waits})
        return
    _say(routed, partitions, waits)


def _partitions(found: Project, worked: list[GroupPlace]) -> list[dict[str, object]]:
    from relight.base.instants import iso_utc
    from relight.engine.cluster_worker import needs_of_cluster
    from relight.stores.postgres import PostgresStore

    _, settings, _ = needs_of_cluster(found.loaded)
    assert settings.store.postgres is not None
    store = PostgresStore.open(settings.store.postgres.reveal(), read_only=True)
    try:
        decided = {part: (following, reached, owner) for part, _, following, reached, owner in store.partitions()}
    finally:
        store.close()
    partitions: list[dict[str, object]] = []
    for place in worked:
        following, reached, owner = decided.get(place.partition, (0, 0, ""))
        partitions.append(
            {
                "partition": place.partition,
                "undecided": max(0, place.end - max(following, place.committed)),
                "since_checkpoint": place.lag,
                "reached": iso_utc(reached) if reached > 0 else None,
                "owner": owner or None,
            }
        )
    return partitions


def _source(place: GroupPlace) -> dict[str, object]:
    from relight.base.instants import iso_utc

    spoken = iso_utc(int(place.note)) if place.note else None
    return {"topic": place.topic, "partition": place.partition, "lag": place.lag, "spoken": spoken}


def _what_is_waited_for(
    routed: list[GroupPlace], partitions: list[dict[str, object]], *, routers: int, workers: int
) -> list[str]:
    """Return why time does not go on, one sentence each; empty where it does."""
    from relight.base.instants import SECOND, iso_utc
    from relight.cli.run import wall_clock

    waits = []
    if not routers:
        waits.append("no router runs: `relight router`")
    if not workers:
        waits.append("no worker runs: `relight worker`")
    silent = next((place for place in routed if not place.note), None)
    slowest = min((place for place in routed if place.note), key=lambda place: int(place.note), default=None)
    if silent is not None:
        waits.append(f"topic {silent.topic} partition {silent.partition} has not spoken yet")
    elif slowest is not None and int(slowest.note) < wall_clock() - LATE_SECONDS * SECOND:
        spoken = iso_utc(int(slowest.note))
        rest = count_of(slowest.lag, "record")
        waits.append(
            f"topic {slowest.topic} partition {slowest.partition} has spoken up to {spoken}, {rest} not routed; a"
            " recorded one goes on with `relight publish`"
        )
    unclaimed = [str(one["partition"]) for one in partitions if one["owner"] is None]
    if unclaimed:
        waits.append(f"no worker has taken over partition {', '.join(unclaimed)}")
    return waits


def _say(routed: list[GroupPlace], partitions: list[dict[str, object]], waits: list[str]) -> None:
    sources = [_source(place) for place in routed]
    rows = [(str(s["topic"]), str(s["partition"]), f"{s['lag']:,}", str(s["spoken"] or "-")) for s in sources]
    for line in table(rows, right=frozenset({2})):
        say(line)
    parts = [
        (
            f"partition {one['partition']}",
            f"{one['undecided']:,} undecided",
            f"{one['since_checkpoint']:,} since checkpoint",
            str(one["reached"] or "-"),
            str(one["owner"] or "-"),
        )
        for one in partitions
    ]
    for line in table(parts, right=frozenset({1, 2})):
        say(line)
    for text in waits:
        say(f"{marked('warn')}  {text}")
    behind, undecided = sum(p.lag for p in routed), sum(int(str(one["undecided"])) for one in partitions)
    say(f"{behind:,} records not routed, {undecided:,} packs not decided")
