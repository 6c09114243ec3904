"""Runs a project with a growing file as `relight run` does, its clock a file: `live_child.py PROJECT CLOCK`.

Prints one line of JSON after each batch and one at the end, so that a test can wait for what it needs.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from relight.cli.stopping import stopping
from relight.config.loader import load_project
from relight.engine.run import run_project
from relight.engine.run_summary import RunProgress


def say(what: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def main(folder: Path, clock: Path) -> None:
    """Run until SIGINT."""

    def show(done: RunProgress) -> None:
        say({"events": done.events, "mails": done.mails, "rows": done.rows, "dead": done.dead, "reached": done.reached})

    with stopping() as stop:
        summary = run_project(
            load_project(folder, env=os.environ), clock=lambda: int(clock.read_text()), stop=stop, on_progress=show
        )
    say({"stopped": summary.stopped, "handed_over": summary.handed_over})


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
