"""`relight router`: source topics into the log topic, until Ctrl-C."""

from __future__ import annotations

import logging
from pathlib import Path

import click

from relight.cli.exit_codes import ExitCode
from relight.cli.output import say
from relight.cli.project import open_project, project_options


@click.command("router", short_help="Route Kafka topics into the log of the workers.")
@click.option(
    "--member",
    metavar="NAME",
    envvar="RELIGHT_ROUTER",
    help="This router's name among several, kept over restarts.",
)
@project_options
def command(*, member: str | None, project: Path | None, environment: str | None) -> int:
    """Route Kafka topics into the log of the workers, until Ctrl-C; the packs at hand are written first."""
    from relight.cli.run import stopping
    from relight.engine.cluster_router import run_router

    found = open_project(project, environment)
    start_logging()
    routed = 0

    def count(number: int) -> None:
        nonlocal routed
        routed += number

    with stopping() as stop:
        run_router(found.loaded, stop=stop, member=member, on_step=count)
    say(f"{routed:,} records routed")
    return ExitCode.FINE


def start_logging() -> None:
    """Let a process that runs on say what happens, on stderr."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("relight").setLevel(logging.INFO)
    for chatty in ("kafka", "aiokafka", "mode.timers"):
        logging.getLogger(chatty).setLevel(logging.ERROR)
