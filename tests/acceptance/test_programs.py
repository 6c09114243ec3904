"""What tests start by a fork is what a user starts: the same words, codes and signals as of a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.programs import Program, run_program


@pytest.mark.parametrize("command", [["site"], ["relight", "version", "--jsn"], ["relight", "version"]])
def test_a_fork_says_what_a_process_says(command: list[str], tmp_path: Path) -> None:
    """Folder, path, variables, both streams and the exit code are those of `python -m`."""
    arguments = [sys.executable, "-m", *command]
    variables = {**os.environ, "HOME": str(tmp_path)}
    forked = Program(arguments, cwd=tmp_path, env=variables, stdout=-1, stderr=-1, text=True)
    assert forked._told is not None
    real = subprocess.run(arguments, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False)
    assert (*forked.communicate(), forked.returncode) == (real.stdout, real.stderr, real.returncode)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, -9), (signal.SIGTERM, -15)])
def test_signals_reach_it(number: signal.Signals, code: int) -> None:
    """A signal ends the program itself, and its code says so."""
    arguments = [sys.executable, "-m", "http.server", "0", "--bind", "127.0.0.1"]
    with Program(arguments, env={**os.environ}, stdout=-1, text=True, bufsize=1) as process:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.05)
        assert process.poll() is None
        process.send_signal(number)
        assert process.wait(60) == code


def test_what_counts_before_the_first_line_is_not_forked(tmp_path: Path) -> None:
    """Where the interpreter itself is asked for something, it is started."""
    arguments = [sys.executable, "-m", "relight", "version"]
    told = run_program(arguments, env={**os.environ, "PYTHONVERBOSE": "1"}, capture_output=True, check=True)
    assert b"import 'site'" in told.stderr
