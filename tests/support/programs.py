"""Programs of Python that tests start as processes of their own, without the second that each spends on imports.

`Program` and `run_program` are what `subprocess` calls Popen and run. A command `python -m MODULE …` becomes a fork of one
process that has read the engine's modules already (`program_server`): with its own id, folder, variables, streams,
signals and exit code. Whatever the interpreter or the loader reads before the first line (PYTHON…, LD_…, a locale), any
other command, and any system but Linux get a process in the ordinary way.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
#: Beginnings of names of variables that count before a program's own first line.
_EARLY = ("PYTHON", "LD_", "LC_", "LANG", "FAKETIME", "MALLOC_")
#: What a server says of a job: its process id, then its wait status, in a line each.
_LINE_BYTES_MAX = 32
#: Where `start_new_session` stands among the parameters of Popen's own method.
_SESSION = 20


class _Server:
    """The process that forks."""

    def __init__(self) -> None:
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.program_server", str(theirs.fileno())],
                cwd=ROOT, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()],
                env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
            )  # fmt: skip
        self.owner = os.getpid()
        atexit.register(self.close)

    def begin(self, job: dict[str, Any], streams: list[int]) -> socket.socket:
        """Hand in a job; return what its process id and its status come by."""
        ours, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(self._ours, [json.dumps(job).encode()], [*streams, theirs.fileno()])
        return ours

    def close(self) -> None:
        """End the server; programs that still run go on."""
        if self.owner == os.getpid():
            self._ours.close()
            self._process.wait()


_server: _Server | None = None
_starting = threading.Lock()


def _the_server() -> _Server:
    global _server  # noqa: PLW0603  # one a process of pytest, made when it is first needed
    with _starting:
        if _server is None or _server.owner != os.getpid():
            _server = _Server()
        return _server


class Program(subprocess.Popen[Any]):
    """A process as `subprocess.Popen` gives it; a module of Python is forked."""

    #: Where a forked program's status comes from.
    _told: socket.socket | None = None

    def _execute_child(self, args: Any, *rest: Any) -> None:
        """Start the program; the parameters are those of Popen's own method, which begins it where we do not."""
        executable, preexec, _, passed, cwd, env, _, _, shell, *pipes = rest[:15]
        p2cread, _, _, c2pwrite, _, errwrite = pipes
        environment = dict(os.environ if env is None else env)
        if executable or preexec or passed or shell or rest[_SESSION] or not _can_fork(args, environment):
            super()._execute_child(args, *rest)  # type: ignore[misc]  # private to Popen
            return
        job = {"arguments": [str(one) for one in args[2:]], "folder": os.fspath(cwd or Path.cwd()), "env": environment}
        given = [(p2cread, 0), (c2pwrite, 1), (errwrite, 2)]
        self._told = _the_server().begin(job, [own if fd == -1 else fd for fd, own in given])
        self.pid = int(self._line())
        self._child_created = True
        self._close_pipe_fds(*pipes)  # type: ignore[attr-defined]  # as above: the child's ends

    def _line(self) -> bytes:
        assert self._told is not None
        said = b""
        while not said.endswith(b"\n"):
            more = self._told.recv(1)
            if not more or len(said) > _LINE_BYTES_MAX:
                raise RuntimeError("the server of programs is gone")
            said += more
        return said

    def _internal_poll(self, *given: Any, **named: Any) -> int | None:
        if self._told is None:
            return super()._internal_poll(*given, **named)  # type: ignore[misc,no-any-return]  # private to Popen
        if self.returncode is None and select.select([self._told], [], [], 0)[0]:
            self._take_status()
        return self.returncode

    def _wait(self, timeout: float | None) -> int:
        if self._told is None:
            return super()._wait(timeout)  # type: ignore[misc,no-any-return]  # private to Popen
        if self.returncode is None:
            if not select.select([self._told], [], [], None if timeout is None else max(0, timeout))[0]:
                assert timeout is not None
                raise subprocess.TimeoutExpired(self.args, timeout)
            self._take_status()
        return self.returncode

    def _take_status(self) -> None:
        assert self._told is not None
        self.returncode = os.waitstatus_to_exitcode(int(self._line()))
        self._told.close()


def _can_fork(arguments: Any, environment: dict[str, str]) -> bool:
    if sys.platform != "linux" or not isinstance(arguments, list | tuple) or len(arguments) < 3:
        return False
    if [str(one) for one in arguments[:2]] != [sys.executable, "-m"]:
        return False
    here = {key: value for key, value in os.environ.items() if key.startswith(_EARLY)}
    return here == {key: value for key, value in environment.items() if key.startswith(_EARLY)}


def run_program(
    arguments: list[str], *, timeout: float | None = None, check: bool = False, capture_output: bool = False, **how: Any
) -> subprocess.CompletedProcess[Any]:
    """Run a program to its end, as `subprocess.run` does."""
    if capture_output:
        how |= {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with Program(arguments, **how) as process:
        try:
            out, err = process.communicate(timeout=timeout)
        except BaseException:
            process.kill()
            raise
    done = subprocess.CompletedProcess(arguments, process.returncode, out, err)
    if check:
        done.check_returncode()
    return done
