"""The process of `programs`: reads the engine's modules once and forks for each job; ends when its socket does.

A fork of a fork runs the program, so that the one between can say its id and how it ended.
"""

from __future__ import annotations

import gc
import json
import os
import pkgutil
import runpy
import signal
import socket
import sys
import time
from contextlib import suppress
from importlib import import_module
from typing import Any

import relight
from relight.stores import crash

_JOB_BYTES_MAX = 1 << 18
#: Imports of extras that begin threads or take hold of the process.
_NOT_AHEAD = ("faust", "__main__")


def read_modules() -> None:
    """Import what a program may need; what cannot be imported here is left to the program."""
    for found in pkgutil.walk_packages(relight.__path__, "relight."):
        if not any(word in found.name for word in _NOT_AHEAD):
            with suppress(ImportError):
                import_module(found.name)
    gc.collect()
    gc.freeze()


def read_crash_plan() -> None:
    """Read the one variable that is read at import; where it is wrong, the program finds that out by its own import."""
    try:
        crash._PLAN = crash._read_plan()
    except ValueError:
        for name in [one for one in sys.modules if one.partition(".")[0] == "relight"]:
            del sys.modules[name]


def next_job(control: socket.socket) -> tuple[dict[str, Any], socket.socket]:
    """Return the next job, in the process that is to run it, and never elsewhere."""
    while True:
        text, descriptors, _, _ = socket.recv_fds(control, _JOB_BYTES_MAX, 4)
        if not text:
            sys.exit(0)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if os.fork():
            for one in descriptors:
                os.close(one)
            continue
        control.close()
        *streams, told = descriptors
        answers = socket.socket(fileno=told)
        runs = os.fork()
        if not runs:
            for number, one in enumerate(streams):
                os.dup2(one, number)
            for one in streams:
                os.close(one)
            return json.loads(text), answers
        for one in (0, 1, 2, *streams):
            os.close(one)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        with suppress(BrokenPipeError):
            answers.sendall(b"%d\n" % runs)
        _, status = os.waitpid(runs, 0)
        with suppress(BrokenPipeError):
            answers.sendall(b"%d\n" % status)
        os._exit(0)


def main() -> None:
    """Serve; run the job in the process that a job is for."""
    control = socket.socket(fileno=int(sys.argv[1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    read_modules()
    job, answers = next_job(control)
    answers.close()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(job["folder"])
    os.environ.clear()
    os.environ.update(job["env"])
    time.tzset()
    read_crash_plan()
    sys.path[0] = job["folder"]
    module, *sys.argv[1:] = job["arguments"]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
