"""What takes longer than a page may wait: made in a thread of its own, kept, and made again when it has aged.

A page shows what was made last. Only the very first one waits for it, and not for long.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

_Made = TypeVar("_Made")

#: Seconds for which something made is shown before it is made again, at least.
FRESH_SECONDS = 60.0
#: Times as long as it took to make: so making takes at most a twentieth of a processor's time.
FRESH_TIMES = 20
#: Seconds that the first page waits.
FIRST_WAIT_SECONDS = 2.0


@dataclass(slots=True, kw_only=True)
class Background(Generic[_Made]):
    """One such thing."""

    #: Makes it from what was made before; must not raise.
    make: Callable[[], _Made]
    #: Seconds that only grow.
    seconds: Callable[[], float]
    #: Whether it ages at all.
    ages: bool = True
    _known: _Made | None = None
    #: When it has aged.
    _until: float = 0.0
    #: Grows where what was made is to be forgotten.
    _generation: int = 0
    _thread: threading.Thread | None = None
    _done: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def is_busy(self) -> bool:
        """Whether it is being made."""
        return self._thread is not None

    def latest(self) -> _Made | None:
        """Return what was made last; None where the first is not made yet."""
        with self._lock:
            has_aged = self._known is None or (self.ages and self.seconds() >= self._until)
            if has_aged and self._thread is None:
                self._thread = threading.Thread(target=self._run, name="desk-figures", daemon=True)
                self._thread.start()
        if self._known is None:
            self._done.wait(FIRST_WAIT_SECONDS)
        return self._known

    def forget(self) -> None:
        """Make it anew; until then there is nothing."""
        with self._lock:
            self._known, self._until = None, 0.0
            self._generation += 1
            self._done.clear()

    def _run(self) -> None:
        generation = self._generation
        began = self.seconds()
        try:
            made = self.make()
        except BaseException:
            with self._lock:
                self._thread = None  # the next page tries again
            raise
        with self._lock:
            ended = self.seconds()
            self._thread = None
            if generation != self._generation:  # made of what was to be forgotten
                return
            self._known = made
            self._until = ended + max(FRESH_SECONDS, FRESH_TIMES * (ended - began))
            self._done.set()
