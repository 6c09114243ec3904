"""A signal may come at any instant, and ends what runs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from types import FrameType
from typing import Any

import pytest

from relight.cli.stopping import Stop, stopping
from tests.support.programs import run_program

#: Waits in a child, to which a signal comes before the line of number argv[1] that `wait` runs through, its callees' included.
AT_EVERY_LINE = """
import signal, sys, threading
from relight.cli.stopping import stopping

class Trace:
    def __init__(self, line):
        self.left, self.struck = line, False
    def __call__(self, frame, event, argument):
        if event == "line":
            if self.left == 0:
                self.left, self.struck = -1, True
                signal.raise_signal(signal.SIGTERM)
            self.left -= 1
        return self

line, event = 0, threading.Event
while True:
    with stopping() as stop:
        if sys.argv[1] == "event":
            stop = event()
            signal.signal(signal.SIGTERM, lambda *_: stop.set())
        trace = Trace(line)
        sys.settrace(trace)
        found = stop.wait(0.001)
        sys.settrace(None)
    if not trace.struck:
        break
    print(line, found or stop.is_set(), flush=True)
    line += 1
"""


def test_a_signal_in_the_middle_of_a_wait_is_heard() -> None:
    """Before whatever line of `wait` it comes, the wait ends and says so; the event of `threading` waits for ever."""
    done = run_program([sys.executable, "-c", AT_EVERY_LINE, "ours"], timeout=60, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    told = done.stdout.splitlines()
    assert len(told) >= 3
    assert {line.split()[1] for line in told} == {"True"}
    with pytest.raises(subprocess.TimeoutExpired):
        run_program([sys.executable, "-c", AT_EVERY_LINE, "event"], timeout=3, capture_output=True, text=True)


def test_a_word_wakes_who_waits() -> None:
    """A wait ends long before its time when another thread says stop, and at its time when nobody does."""
    stop = Stop()
    assert not stop.wait(0.01)
    threading.Timer(0.05, stop.set).start()
    began = time.monotonic()
    assert stop.wait(60)
    assert time.monotonic() - began < 30
    assert stop.wait()
    assert stop.is_set()


def test_a_second_ctrl_c_ends_at_once(capfd: pytest.CaptureFixture[str]) -> None:
    """The first is a word, the second an exception, a second SIGTERM only the word again; the handlers are given back."""

    def mine(_number: int, _frame: FrameType | None) -> None:
        raise AssertionError

    before: Any = signal.signal(signal.SIGINT, mine)
    try:
        with stopping() as stop:
            os.kill(os.getpid(), signal.SIGTERM)
            assert stop.wait(10)
            os.kill(os.getpid(), signal.SIGTERM)
            with pytest.raises(KeyboardInterrupt):  # noqa: PT012  # it may come a line later
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(10)
        assert signal.getsignal(signal.SIGINT) is mine
    finally:
        signal.signal(signal.SIGINT, before)
    assert capfd.readouterr().err.count("stopping after this batch; Ctrl-C again stops at once\n") == 2
