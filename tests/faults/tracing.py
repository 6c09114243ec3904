"""Runs of the canary project whose system calls are watched, killed or made to fail by strace.

A run is a fork of a process that has compiled the project; strace is attached before its first write.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.conftest import Runner, Shop

#: What puts something on a disk.
WRITING_CALLS = ("pwrite64", "write", "fdatasync", "fsync", "sync", "ftruncate", "unlink", "rename", "mkdir")
#: Seconds to wait for a process to stop, for strace to attach.
PATIENCE_SECONDS = 60
_LINE = re.compile(r"^(\d+) +(\w+)\((.*)$")

has_strace = shutil.which("strace") is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemCall:
    """One line of a trace."""

    thread: int
    name: str
    rest: str

    @property
    def path(self) -> str:
        """The file of its first argument, empty where it is none."""
        found = re.match(r"\d+<([^>]*)>|\"([^\"]*)\"", self.rest)
        return "" if found is None else found[1] or found[2] or ""

    @property
    def is_injected(self) -> bool:
        """Whether strace answered in the kernel's place."""
        return "(INJECTED)" in self.rest


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a run ended."""

    code: int
    told: str
    calls: tuple[SystemCall, ...] = ()


def run_job(runner: Runner, shop: Shop, **wishes: Any) -> Ended:
    """Run to the end; wishes are those of a job."""
    job = _job(shop, wishes)
    runner.begin(job)
    return Ended(code=runner.answer(), told=_told(shop))


def trace_job(runner: Runner, shop: Shop, *inject: str, calls: tuple[str, ...] = WRITING_CALLS, **wishes: Any) -> Ended:
    """Run under strace; inject: what to do to which call (`fdatasync:error=EIO:when=3`)."""
    job = _job(shop, wishes) | {"waits": True}
    runner.begin(job)
    child = runner.answer()
    trace = shop.folder / "trace"
    _wait_until(lambda: _status(child, "State").startswith("T"), "the run to stop")
    wishes_of = [word for one in inject for word in ("-e", f"inject={one}")]
    arguments = [
        "strace",
        "-f",
        "-y",
        "-qq",
        "-p",
        str(child),
        "-o",
        str(trace),
        "-e",
        f"trace={','.join(calls)}",
        *wishes_of,
    ]
    with subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True) as strace:
        _wait_until(lambda: _status(child, "TracerPid") != "0" or strace.poll() is not None, "strace to attach")
        if strace.poll() is not None:
            os.kill(child, signal.SIGKILL)
            runner.answer()
            assert strace.stderr is not None
            raise AssertionError(strace.stderr.read())
        os.kill(child, signal.SIGCONT)
        code = runner.answer()
    return Ended(code=code, told=_told(shop), calls=tuple(read_trace(trace)))


def read_trace(path: Path) -> list[SystemCall]:
    """Return the calls of a trace, in order; a call that was cut in two counts once."""
    found = (_LINE.match(line) for line in path.read_text(errors="replace").splitlines())
    return [SystemCall(thread=int(m[1]), name=m[2], rest=m[3]) for m in found if m is not None]


def points_of(calls: tuple[SystemCall, ...]) -> list[tuple[str, int]]:
    """Return (name, number) of the calls that strace can hit: it counts by thread."""
    by_thread = Counter((call.thread, call.name) for call in calls)
    most: dict[str, int] = {}
    for (_, name), count in by_thread.items():
        most[name] = max(most.get(name, 0), count)
    return [(name, number) for name in sorted(most) for number in range(1, most[name] + 1)]


def spread(points: list[tuple[str, int]], count: int) -> list[tuple[str, int]]:
    """Return about `count` of the points, from first to last, each name among them."""
    if count >= len(points):
        return points
    step = len(points) / count
    chosen = {points[int(number * step)] for number in range(count)}
    firsts = {name: (name, number) for name, number in reversed(points)}
    return sorted(chosen | set(firsts.values()))


def _job(shop: Shop, wishes: dict[str, Any]) -> dict[str, Any]:
    environment = {"RELIGHT_CRASH_AT": "", "RELIGHT_CRASH_LOG": "", "RELIGHT_CACHED_PROFILES": "2"}
    told = str(shop.folder / "told")
    return {"folder": str(shop.folder), "env": environment, "batch": 10, "until": None, "told": told} | wishes


def _told(shop: Shop) -> str:
    path = shop.folder / "told"
    return path.read_text(errors="replace") if path.exists() else ""


def _status(process: int, name: str) -> str:
    try:
        text = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    return next(line.split(":", 1)[1].strip() for line in text.splitlines() if line.startswith(f"{name}:"))


def _wait_until(holds: Any, what: str) -> None:
    for _ in range(PATIENCE_SECONDS * 500):
        if holds():
            return
        time.sleep(0.002)
    raise AssertionError(f"waited in vain for {what}")
