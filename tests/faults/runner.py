"""Runs a project in processes that can be killed: `runner.py PROJECT` reads one job a line and forks for each.

A job is `{"folder": …, "env": {…}, "batch": 20, "until": null}`; the answer is the child's exit status as `waitpid` tells it. The
project is compiled once, since only what a run does between its first and last write is to be killed.

Further wishes of a job: `limits` of the process by the names of `resource`; `waits`: the child stops itself first, and
its number is said, so that it can be traced; `told`: a file for what it says, and it leaves with the exit code of
`relight run`; `clock`: the wall clock, µs; `wal_pages`: pages of the WAL from which SQLite's file is brought up to date.
"""

from __future__ import annotations

import codecs
import io
import json
import os
import resource
import signal
import sys
import traceback
from dataclasses import replace
from pathlib import Path
from typing import Any

from relight.cli.exit_codes import ExitCode
from relight.cli.faults import report
from relight.cli.project import day_maker_of
from relight.config.loader import LoadedProject, load_project
from relight.engine.run import run_project
from relight.stores import crash, sqlite_connection


def run_job(project: LoadedProject, job: dict[str, Any]) -> int:
    """Run the project's streams in the job's folder to their end; return the exit code of `relight run`."""
    os.environ.update(job["env"])
    crash._PLAN = crash._read_plan()  # it is read at import, and a fork imports nothing
    for name, value in job.get("limits", {}).items():
        resource.setrlimit(getattr(resource, name), (value, value))
    if "wal_pages" in job:
        sqlite_connection.WAL_PAGES_MAX, sqlite_connection.WAL_COMMITS_FIRST = job["wal_pages"], 2
    if job.get("waits"):
        os.kill(os.getpid(), signal.SIGSTOP)
    assert project.settings is not None
    settings = replace(project.settings, engine=replace(project.settings.engine, batch=job["batch"]))
    there = replace(project, folder=Path(job["folder"]), settings=settings)
    clock = job.get("clock", 0)
    try:
        summary = run_project(there, clock=lambda: clock, until=job["until"], day_maker=day_maker_of(there))
    except Exception as error:
        if not job.get("told"):
            raise
        return int(report(error))
    if summary.trouble:
        sys.stderr.write(f"mails wait: {summary.trouble}\n")
    return ExitCode.UNREACHABLE if summary.trouble else ExitCode.FINE


def carry_out(project: LoadedProject, job: dict[str, Any]) -> None:
    """Do a job in this process, a fork, and end it."""
    code = 1
    told = os.open(job["told"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644) if job.get("told") else 2
    sys.stderr = io.StringIO()
    try:
        code = run_job(project, job)
    except BaseException:  # noqa: BLE001 - whatever it is, a child must not go on as its parent
        traceback.print_exc()
    finally:
        os.writev(told, [sys.stderr.getvalue().encode()])  # no call that a test makes fail
        os._exit(code)


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def serve(project: LoadedProject) -> None:
    """Answer each line of standard input with the exit status of a child that did the job."""
    for line in sys.stdin:
        job = json.loads(line)
        child = os.fork()
        if child == 0:
            carry_out(project, job)
        if job.get("waits"):
            say(str(child))
        _, status = os.waitpid(child, 0)
        say(str(os.waitstatus_to_exitcode(status)))


if __name__ == "__main__":
    codecs.lookup("ascii")  # asked for when an error is told, which may be that no file can be opened
    loaded = load_project(Path(sys.argv[1]), env=os.environ)
    say("ready")
    serve(loaded)
