"""Progress of long work on stderr: one moving line on a terminal; elsewhere a plain line where something moved."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

import click

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

#: Seconds between two plain lines.
PLAIN_SECONDS = 5.0
#: Seconds for which what is said stands before it is asked for again: an answer may be counted in a store.
TOLD_SECONDS = 1.0


class Progress:
    """Shows how far something is; a context."""

    def __init__(
        self, title: str, *, total: int | None = None, unit: str = "events", every: float = PLAIN_SECONDS
    ) -> None:
        """Say what is done.

        total: how many there will be, None where nobody knows. every: least time between two plain lines (s).
        """
        self._title, self._total, self._unit, self._every = title, total, unit, every
        self._bar: Bar | None = None
        self._task: TaskID | None = None
        self._began = self._last = time.monotonic()
        #: What the last plain line said: who waits for events for hours says nothing anew.
        self._said: tuple[int, str] | None = None
        #: What was answered last, and when (s of this process).
        self._answer: tuple[float, str] | None = None

    @property
    def seconds(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self._began

    def __enter__(self) -> Self:
        """Begin."""
        self._began = self._last = time.monotonic()
        if is_terminal():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

            columns = [SpinnerColumn(), TextColumn("{task.description}")]
            if self._total is not None:
                columns.append(BarColumn())
            self._bar = Progress(
                *columns,
                TextColumn("{task.fields[told]}"),
                TimeElapsedColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._bar.start()
            self._task = self._bar.add_task(self._title, total=self._total, told="")
        else:
            click.echo(f"{self._title} …", err=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the terminal as it was."""
        if self._bar is not None:
            self._bar.stop()

    def update(self, done: int, told: str | Callable[[], str] = "") -> None:
        """Note how many are done, and what to say beside it: asked for where a line is drawn, once in TOLD_SECONDS."""
        now = time.monotonic()
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done, told=self._asked(told, now))
            return
        if now - self._last < self._every:
            return
        told = self._asked(told, now)
        if (done, told) != self._said:
            self._last, self._said = now, (done, told)
            share = f" ({done / self._total:.0%})" if self._total else ""
            click.echo(f"  {done:,} {self._unit}{share}, {told + ', ' if told else ''}{self.seconds:.0f} s", err=True)

    def _asked(self, told: str | Callable[[], str], now: float) -> str:
        if isinstance(told, str):
            return told
        if self._answer is None or now - self._answer[0] >= TOLD_SECONDS:
            self._answer = (now, told())
        return self._answer[1]


def is_terminal() -> bool:
    """Return whether stderr is a terminal that may move."""
    context = click.get_current_context(silent=True)
    return sys.stderr.isatty() and (context is None or context.find_root().color is not False)
