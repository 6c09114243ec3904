"""`relight worker`: the Faust worker of a project, the same as `faust -A streams.app worker`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from relight.cli.project import find_folder, project_options
from relight.cli.router import metrics_option, start_logging


@click.command("worker", short_help="Decide on partitions of the log on Kafka (a Faust worker).")
@click.option(
    "--member",
    metavar="NAME",
    envvar="RELIGHT_WORKER",
    help="This worker's name, kept over restarts and unique: its partitions wait for it.",
)
@metrics_option
@project_options
def command(*, member: str | None, metrics: str | None, project: Path | None, environment: str | None) -> None:
    """Decide on partitions of the log on Kafka, until Ctrl-C; what a worker leaves is decided by the next."""
    from relight.engine.cluster_worker import WORKER_VARIABLE
    from relight.engine.telemetry.cluster_parts import METRICS_VARIABLE

    if member:
        os.environ[WORKER_VARIABLE] = member
    if metrics:
        os.environ[METRICS_VARIABLE] = metrics
    app = worker_app(find_folder(project), environment=environment)
    start_logging()
    app.Worker(loglevel="WARN", redirect_stdouts=False, override_logging=False).execute_from_commandline()


def worker_app(folder: Path, *, environment: str | None = None) -> Any:
    """Return the Faust app of a project folder, for `faust -A streams.app worker`."""
    from relight.engine.cluster_worker import make_worker_app
    from relight.metrics.cluster_daily import ClusterMeasures

    return make_worker_app(folder, environment=environment, make_days=ClusterMeasures)
