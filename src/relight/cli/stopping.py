"""Ctrl-C and SIGTERM: a word that a signal handler may give at any instant."""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Stop(threading.Event):
    """An event that a signal handler may set.

    `threading.Event` takes a lock to be set; where a signal interrupts the thread that holds it, in
    the first moment of `wait`, both wait for ever. `SimpleQueue.put` may be called from anywhere (docs.python.org,
    queue: "reentrant"). Only one thread waits.
    """

    def __init__(self) -> None:
        super().__init__()
        self._said: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._is_set = False

    def set(self) -> None:
        """Let it be set, and wake who waits."""
        self._is_set = True
        self._said.put(None)

    def is_set(self) -> bool:
        """Return whether it was set."""
        return self._is_set

    def clear(self) -> None:
        """Refuse: what was told to stop stops."""
        raise NotImplementedError

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is set, at most `timeout` seconds; return whether it is."""
        if not self._is_set:
            with suppress(queue.Empty):
                self._said.get(timeout=timeout)
        return self._is_set


@contextmanager
def stopping() -> Iterator[Stop]:
    """Give an event that Ctrl-C and SIGTERM set; a second Ctrl-C ends at once, and loses nothing either."""
    stop = Stop()

    def on_signal(number: int, _frame: object) -> None:
        if stop.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        stop.set()
        # Past Python's buffers: the signal may have come in the middle of a line that is being written to them.
        with suppress(OSError, ValueError):
            os.write(sys.stderr.fileno(), b"stopping after this batch; Ctrl-C again stops at once\n")

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
