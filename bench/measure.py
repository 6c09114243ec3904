"""One measurement in a process of its own: CPU, wall, the most memory it held, and how often it synced the disk.

`python -m bench.measure MODULE FUNCTION JSON` is the child; `measured` starts it and waits.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

#: How many times strace may be asked to count syncs: it stops at those calls alone.
_TRACE = ("strace", "-f", "-qq", "--seccomp-bpf", "-e", "trace=fsync,fdatasync,sync", "-o")
_SYNC = re.compile(r"\b(?:fsync|fdatasync|sync)\(")
#: Measure in this process: whether everything works can be seen without starting Python thirty times.
INSIDE = False
#: Marks the line of a child's output that holds its figures.
_MARK = "figures: "


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What one child did."""

    #: CPU seconds of its own work (user and system, children included), set-up left out.
    cpu: float
    #: Seconds on the wall.
    wall: float
    #: The most memory it held (bytes).
    memory: int
    #: Calls of fsync, fdatasync and sync; None where strace is not there.
    syncs: int | None = None
    #: What the function returned.
    told: dict[str, float] = field(default_factory=dict)


def measured(function: str, *, trace: bool = False, **arguments: Any) -> Measured:
    """Run `module:name` with arguments in a fresh process and return what it cost."""
    module, _, name = function.partition(":")
    if INSIDE and not trace:
        return Measured(**_figures(module, name, arguments))
    command = [sys.executable, "-m", "bench.measure", module, name, json.dumps(arguments)]
    log = Path(str(arguments["folder"])) / "syncs.txt" if trace and shutil.which("strace") else None
    if log is not None:
        log.parent.mkdir(parents=True, exist_ok=True)
        command = [*_TRACE, str(log), *command]
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - our own module
    found = [line for line in done.stdout.splitlines() if line.startswith(_MARK)]
    if done.returncode or not found:
        raise RuntimeError(f"{function} failed ({done.returncode}):\n{done.stdout}{done.stderr}")
    figures = json.loads(found[-1].removeprefix(_MARK))
    syncs = None if log is None else len(_SYNC.findall(log.read_text(encoding="utf-8")))
    return Measured(**figures, syncs=syncs)


def _cpu_now() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


class Stopwatch:
    """CPU and wall of what runs between `start` and `stop`; set-up before `start` is left out."""

    def __init__(self) -> None:
        """Start."""
        self.cpu = self.wall = 0.0
        self.start()

    def start(self) -> None:
        """Begin anew: what was done until now is set-up."""
        self._cpu, self._wall = _cpu_now(), time.perf_counter()

    def stop(self) -> None:
        """Add what was done since `start`."""
        self.cpu += _cpu_now() - self._cpu
        self.wall += time.perf_counter() - self._wall
        self.start()


#: The stopwatch of this child; functions start it when their set-up is done, and may stop it before tidying up.
WATCH = Stopwatch()


def start_often(command: list[str], folder: str, times: int, *, between: Callable[[], object] = lambda: None) -> None:
    """Start a program so many times in a folder, as a user does who started it before: its modules are compiled.

    between: what happens before each start that is measured.
    """
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = str(Path(folder).absolute() / ".bytecode")
    for measured_now in (False, *[True] * times):
        if measured_now:
            between()
            WATCH.start()
        done = subprocess.run(command, cwd=folder, env=environment, check=False, capture_output=True, text=True)  # noqa: S603 - our own program
        assert done.returncode == 0, done.stdout[-1000:] + done.stderr[-1000:]
        if measured_now:
            WATCH.stop()


def most_memory() -> int:
    """Return the most memory this process has held (bytes)."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="utf-8"))
    return int(found[1]) * 1024 if found else 0


def memory_now() -> int:
    """Return the memory this process holds (bytes)."""
    return int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _figures(module: str, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    function = getattr(importlib.import_module(module), name)
    watch = importlib.import_module("bench.measure").WATCH  # a child runs as __main__: the functions see another one
    watch.cpu = watch.wall = 0.0
    watch.start()
    told = function(**arguments)
    if not watch.cpu:
        watch.stop()
    return {"cpu": watch.cpu, "wall": watch.wall, "memory": most_memory(), "told": told}


if __name__ == "__main__":
    print(_MARK + json.dumps(_figures(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]))))
