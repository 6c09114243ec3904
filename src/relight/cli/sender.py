"""`relight sender`: hands over what the outbox of a cluster holds, until Ctrl-C."""

from __future__ import annotations

from pathlib import Path

import click

from relight.cli.exit_codes import ExitCode
from relight.cli.output import count_of, say
from relight.cli.project import open_project, project_options


@click.command("sender", short_help="Hand over the mails that workers on Kafka decided.")
@click.option("--once", is_flag=True, help="Hand over what is due now, and end.")
@project_options
def command(*, once: bool, project: Path | None, environment: str | None) -> int:
    """Hand over the mails that workers on Kafka decided, until Ctrl-C. Several senders share the work."""
    from relight.cli.router import start_logging
    from relight.cli.run import stopping, wall_clock
    from relight.engine.cluster_sender import run_sender

    found = open_project(project, environment)
    start_logging()
    with stopping() as stop:
        sent = run_sender(found.loaded, clock=wall_clock, stop=stop, once=once)
    say(f"{count_of(sent, 'mail')} handed over")
    return ExitCode.FINE
