"""`relight topics`: the topics of a project on a Kafka cluster, made and checked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from relight.base.errors import UsageError
from relight.cli.exit_codes import ExitCode
from relight.cli.output import count_of, marked, say, say_json
from relight.cli.project import Project, open_project, project_options

if TYPE_CHECKING:
    from relight.config.settings import KafkaSettings


def kafka_of(project: Project) -> KafkaSettings:
    """Return where the project's cluster is; raises UsageError where its config names none."""
    if project.settings.kafka is None:
        raise UsageError("the config has no `kafka`", help_text="kafka: {brokers: [localhost:9092]}")
    return project.settings.kafka


@click.group("topics", short_help="Make and check the topics of a Kafka cluster.")
def command() -> None:
    """Make and check the topics of a Kafka cluster."""


@command.command("create", short_help="Make the topics that are missing.")
@click.option(
    "--recorded", is_flag=True, help="Source topics keep the times that `relight publish` writes; default: live."
)
@click.option(
    "--source-partitions", type=click.IntRange(1, 1000), default=4, show_default=True, help="Of new source topics."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@project_options
def create(
    *, recorded: bool, source_partitions: int, as_json: bool, project: Path | None, environment: str | None
) -> None:
    """Make the topics that are missing; those that are there are left as they are."""
    from relight.transports.kafka_clients import open_admin
    from relight.transports.kafka_topics import LIVE, RECORDED, create_topics, needed_topics

    found = open_project(project, environment)
    kafka = kafka_of(found)
    needs = needed_topics(
        found.settings.project, kafka, found.loaded.streams, source_time=RECORDED if recorded else LIVE
    )
    admin = open_admin(kafka)
    try:
        made = create_topics(admin, kafka, needs, source_partitions=source_partitions)
    finally:
        admin.close()
    if as_json:
        say_json("topics-create", {"made": made, "there": [n.name for n in needs if n.name not in made]})
        return
    for name in made:
        say(f"made {name}")
    say(f"{count_of(len(made), 'topic')} made, {len(needs) - len(made):,} there already")


@command.command("check", short_help="Say what is wrong with the topics.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@project_options
def check(*, as_json: bool, project: Path | None, environment: str | None) -> int:
    """Say what is wrong with the topics: missing, other partitions than the config says, retention, message size."""
    from relight.transports.kafka_clients import open_admin
    from relight.transports.kafka_topics import check_topics, needed_topics

    found = open_project(project, environment)
    kafka = kafka_of(found)
    needs = needed_topics(found.settings.project, kafka, found.loaded.streams)
    admin = open_admin(kafka)
    try:
        wrong = check_topics(admin, needs)
    finally:
        admin.close()
    if as_json:
        say_json("topics-check", {"ok": not wrong, "problems": wrong})
    else:
        for text in wrong:
            say(f"{marked('FAIL')}  {text}")
        say(f"{count_of(len(needs), 'topic')} looked at, {count_of(len(wrong), 'problem')}")
    return ExitCode.PROBLEMS if wrong else ExitCode.FINE


@command.command("repartition", short_help="Write the log into a topic with another number of partitions.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object; needs --yes.")
@project_options
def repartition(*, yes: bool, as_json: bool, project: Path | None, environment: str | None) -> int:
    """Write the log into a topic with another number of partitions, and let the store follow it.

    The config names the new number, and a generation one higher than before. Routers and workers must have finished and
    be stopped. What was decided stays; the workers of the new generation read the log from its beginning once.
    """
    from relight.base.instants import iso_utc
    from relight.cli.ordering import confirm
    from relight.cli.progress import Progress
    from relight.engine.cluster_move import move_log

    found = open_project(project, environment)
    kafka = kafka_of(found)
    if as_json and not yes:
        raise UsageError("--json cannot ask", help_text="say --yes too")
    if not confirm(f"Move to generation {kafka.generation} with {kafka.partitions} partitions?", yes=yes):
        say("Nothing was changed.")
        return ExitCode.PROBLEMS
    with Progress("Writing the log anew", unit="packs") as progress:
        moved = move_log(found.loaded, on_packs=lambda number: progress.update(number, ""))
    if as_json:
        say_json(
            "topics-repartition",
            {"ok": True, "topic": moved.topic, "old": moved.old, "new": moved.new, "packs": moved.packs},
        )
        return ExitCode.FINE
    say(f"{count_of(moved.packs, 'pack')} written to {moved.topic}: {moved.old} partitions before, {moved.new} now")
    say(f"time stands at {iso_utc(moved.reached)}; start routers and workers again")
    return ExitCode.FINE
