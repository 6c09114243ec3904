"""Ends a process whose loop does not come round any more: a client library that blocks for ever cannot be interrupted.

Says where every thread stood; whatever runs the process starts it again, and what was durable is not lost.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import threading
import time
from typing import Final

#: What a process leaves with that is to be started again.
EXIT_CODE: Final = 70
#: Looks in the time that a round may last.
LOOKS: Final = 10
_LOG = logging.getLogger("relight.watch")


class StepWatch:
    """Watches a loop from its first round on, until it is closed."""

    def __init__(self, what: str, seconds: float) -> None:
        """Name the loop (`the router`), and how long one round of it may last at the most."""
        self._what, self._seconds = what, seconds
        self._came = time.monotonic()
        self._over = threading.Event()
        self._is_watched = False

    def come_round(self) -> None:
        """Say that a round begins."""
        self._came = time.monotonic()
        if not self._is_watched:
            self._is_watched = True
            threading.Thread(target=self._watch, name="step watch", daemon=True).start()

    def close(self) -> None:
        """Stop watching."""
        self._over.set()

    def _watch(self) -> None:
        while not self._over.wait(self._seconds / LOOKS):
            if time.monotonic() - self._came > self._seconds:
                _LOG.error(
                    "%s has not come round for %.0f s and leaves; whatever runs it is to start it again",
                    self._what,
                    self._seconds,
                )
                faulthandler.dump_traceback()
                logging.shutdown()
                os._exit(EXIT_CODE)
