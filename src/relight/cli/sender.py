"""`relight sender`: hands over what the outbox of a cluster holds, until Ctrl-C."""

from __future__ import annotations

from pathlib import Path

import click

from relight.cli.exit_codes import ExitCode
from relight.cli.output import count_of, say
from relight.cli.project import open_project, project_options
from relight.cli.router import metrics_option, start_logging


@click.command("sender", short_help="Hand over the mails that workers on Kafka decided.")
@click.option("--once", is_flag=True, help="Hand over what is due now, and end.")
@metrics_option
@project_options
def command(*, once: bool, metrics: str | None, project: Path | None, environment: str | None) -> int:
    """Hand over the mails that workers on Kafka decided, until Ctrl-C. Several senders share the work."""
    from relight.cli.run import wall_clock
    from relight.cli.stopping import stopping
    from relight.engine.cluster_sender import run_sender
    from relight.engine.telemetry.catalogue import Part
    from relight.engine.telemetry.cluster_parts import SenderWatch, open_part

    found = open_project(project, environment)
    start_logging()
    part = open_part(Part.SENDER, found.settings, found.plan.version, metrics)
    with stopping() as stop, part:
        sent = run_sender(found.loaded, clock=wall_clock, stop=stop, once=once, watch=SenderWatch(part))
    say(f"{count_of(sent, 'mail')} handed over")
    return ExitCode.FINE
