"""`relight router`: source topics into the log topic, until Ctrl-C."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from relight.cli.exit_codes import ExitCode
from relight.cli.output import say
from relight.cli.project import open_project, project_options

if TYPE_CHECKING:
    from relight.transports.kafka_router import Router

_Command = TypeVar("_Command", bound=Callable[..., object])


def metrics_option(command: _Command) -> _Command:
    """Add `--metrics` to a command that runs one program of a cluster."""
    return click.option(
        "--metrics",
        metavar="HOST:PORT",
        envvar="RELIGHT_METRICS",
        help="Where it tells metrics and whether it lives; default: `engine: {metrics: …}` of the config.",
    )(command)


@click.command("router", short_help="Route Kafka topics into the log of the workers.")
@click.option(
    "--member",
    metavar="NAME",
    envvar="RELIGHT_ROUTER",
    help="This router's name among several, kept over restarts.",
)
@metrics_option
@project_options
def command(*, member: str | None, metrics: str | None, project: Path | None, environment: str | None) -> int:
    """Route Kafka topics into the log of the workers, until Ctrl-C; the packs at hand are written first."""
    from relight.cli.run import wall_clock
    from relight.cli.stopping import stopping
    from relight.engine.cluster_router import run_router
    from relight.engine.telemetry.catalogue import Part
    from relight.engine.telemetry.cluster_parts import RouterWatch, open_part

    found = open_project(project, environment)
    start_logging()
    routed = 0
    part = open_part(Part.ROUTER, found.settings, found.plan.version, metrics)
    watch = RouterWatch(part, wall_clock)

    def after_step(router: Router) -> None:
        nonlocal routed
        routed = router.routed
        watch.after_step(router)

    with stopping() as stop, part:
        run_router(found.loaded, stop=stop, member=member, on_step=after_step)
    say(f"{routed:,} records routed")
    return ExitCode.FINE


def start_logging() -> None:
    """Let a process that runs on say what happens, on stderr."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("relight").setLevel(logging.INFO)
    for chatty in ("kafka", "aiokafka", "mode.timers"):
        logging.getLogger(chatty).setLevel(logging.ERROR)
