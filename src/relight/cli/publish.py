"""`relight publish`: a recorded file into the topic of a stream."""

from __future__ import annotations

from pathlib import Path

import click

from relight.base.errors import UsageError
from relight.base.suggest import suggest_words
from relight.cli.output import count_of, say, say_json
from relight.cli.project import open_project, project_options
from relight.cli.times import instant_of
from relight.cli.topics import kafka_of


@click.command("publish", short_help="Write a recorded file into a stream's Kafka topic.")
@click.argument("stream")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--until", metavar="TIME", help="Say that nothing up to here, inclusive, will follow.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@project_options
def command(
    *, stream: str, file: Path | None, until: str | None, as_json: bool, project: Path | None, environment: str | None
) -> None:
    """Write a recorded file into a stream's Kafka topic, each row with the time at which it arrived then.

    FILE is NDJSON, or CSV with a header; `.gz` and `.zst` are unpacked. Time goes on only as far as every recorded
    stream has been published; with --until also beyond its last row. Published twice, a row is one event.
    """
    from relight.transports.kafka_publish import publish, read_published

    found = open_project(project, environment)
    kafka = kafka_of(found)
    plan = found.loaded.streams.get(stream)
    if plan is None:
        hint = suggest_words(stream, found.loaded.streams)
        raise UsageError(f"there is no stream '{stream}'" + (f"; {hint}" if hint else ""))
    if plan.source.kind != "kafka":
        raise UsageError(f"stream '{stream}' has no topic", help_text=f"source: {{kafka: {stream}}}")
    if file is None and until is None:
        raise UsageError("name a FILE, or a time with --until")
    end = None if until is None else instant_of(until, found.plan.policy.zone, "--until") + 1
    rows = [] if file is None else read_published(plan, file.absolute(), found.folder.absolute())
    publish(kafka, plan.source.channel, rows, until=end)
    if as_json:
        say_json("publish", {"rows": len(rows), "topic": plan.source.channel})
    else:
        say(f"{count_of(len(rows), 'row')} written to topic {plan.source.channel}")
