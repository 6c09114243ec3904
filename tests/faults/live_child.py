"""Runs a project with a growing file as `relight run` does, its clock a file: `live_child.py PROJECT CLOCK`.

Prints one line of JSON after each batch and one at the end, so that a test can wait for what it needs.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path

from relight.config.loader import load_project
from relight.engine.run import RunProgress, run_project


def main(folder: Path, clock: Path) -> None:
    """Run until SIGINT."""
    stop = threading.Event()
    signal.signal(signal.SIGINT, lambda *_: stop.set())

    def show(done: RunProgress) -> None:
        print(json.dumps({"events": done.events, "mails": done.mails, "rows": done.rows, "reached": done.reached}), flush=True)

    summary = run_project(
        load_project(folder, env=os.environ), clock=lambda: int(clock.read_text()), stop=stop, on_progress=show
    )
    print(json.dumps({"stopped": summary.stopped, "handed_over": summary.handed_over}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
