"""`relight run --engine kafka`: router, worker and sender as processes of one command, for a first try.

In production each runs by itself, under whatever restarts processes there.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

from relight.cli.exit_codes import ExitCode
from relight.cli.output import note, say
from relight.engine.cluster_worker import needs_of_cluster

if TYPE_CHECKING:
    from relight.cli.project import Project

#: The parts, in the order they are started.
PARTS = ("router", "worker", "sender")
#: Seconds that a part may take to stop.
STOP_SECONDS = 20.0
#: Times that a part is started again before the run gives up; counted anew after RESTART_FORGET_SECONDS.
RESTARTS_MAX = 5
RESTART_FORGET_SECONDS = 120.0
#: A part that leaves with one of these cannot be helped by starting it again.
_HOPELESS = frozenset({ExitCode.PROBLEMS, ExitCode.USAGE, ExitCode.NO_PROJECT})


def run_cluster(project: Project, environment: str | None, stop: threading.Event) -> int:
    """Run the parts until `stop` is set, starting again what a fault ended; return the exit code."""
    needs_of_cluster(project.loaded)
    say(f"Router, worker and sender of {project.plan.policy.project}; Ctrl-C stops them, nothing is lost.")
    return _Parts(project, environment, stop).watch()


class _Parts:
    """The processes of one run."""

    def __init__(self, project: Project, environment: str | None, stop: threading.Event) -> None:
        self._metrics = project.settings.engine.metrics
        self._arguments = ["--project", str(project.folder), *(["--environment", environment] if environment else [])]
        self._stop = stop
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._started: dict[str, list[float]] = {part: [] for part in PARTS}

    def watch(self) -> int:
        try:
            for part in PARTS:
                self._start(part)
            while not self._stop.wait(0.2):
                for part in PARTS:
                    code = self._running[part].poll()
                    if code is not None and not self._may_restart(part, code):
                        note(f"{part} left with {code}; see above")
                        return code if code > 0 else ExitCode.FAULT
            return ExitCode.INTERRUPTED
        finally:
            self._end()

    def _start(self, part: str) -> None:
        self._started[part].append(time.monotonic())
        # A session of its own: Ctrl-C reaches this process, which stops the parts one by one.
        self._running[part] = subprocess.Popen(  # noqa: S603 - this program, with the arguments it was given
            [sys.executable, "-m", "relight", part, *self._arguments, *self._address_of(part)],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _address_of(self, part: str) -> list[str]:
        """Return the option by which each part tells its metrics at a port of its own, from the config's on."""
        if self._metrics is None:
            return []
        host, port = self._metrics
        return ["--metrics", f"{host}:{port + PARTS.index(part)}"]

    def _may_restart(self, part: str, code: int) -> bool:
        since = time.monotonic() - RESTART_FORGET_SECONDS
        recent = [at for at in self._started[part] if at > since]
        if code in _HOPELESS or len(recent) > RESTARTS_MAX:
            return False
        note(f"{part} left with {code}; it is started again")
        self._stop.wait(1.0)
        self._start(part)
        return True

    def _end(self) -> None:
        for process in reversed(self._running.values()):
            process.terminate()
        for process in self._running.values():
            try:
                process.wait(timeout=STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
