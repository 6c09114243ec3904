"""Runs a project in processes that can be killed: `runner.py PROJECT` reads one job a line and forks for each.

A job is `{"folder": …, "env": {…}, "batch": 20, "until": null}`; the answer is the child's exit status as `waitpid` tells it. The
project is compiled once, since only what a run does between its first and last write is to be killed.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from dataclasses import replace
from pathlib import Path
from typing import Any

from relight.config.loader import LoadedProject, load_project
from relight.engine.run import run_project
from relight.stores import crash


def run_job(project: LoadedProject, job: dict[str, Any]) -> None:
    """Run the project's streams in the job's folder to their end."""
    os.environ.update(job["env"])
    crash._PLAN = crash._read_plan()  # it is read at import, and a fork imports nothing
    assert project.settings is not None
    settings = replace(project.settings, engine=replace(project.settings.engine, batch=job["batch"]))
    run_project(replace(project, folder=Path(job["folder"]), settings=settings), clock=lambda: 0, until=job["until"])


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def serve(project: LoadedProject) -> None:
    """Answer each line of standard input with the exit status of a child that did the job."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                run_job(project, json.loads(line))
            except BaseException:  # noqa: BLE001 - whatever it is, a child must not go on as its parent
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        say(str(os.waitstatus_to_exitcode(status)))


if __name__ == "__main__":
    loaded = load_project(Path(sys.argv[1]), env=os.environ)
    say("ready")
    serve(loaded)
