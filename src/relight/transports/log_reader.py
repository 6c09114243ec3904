"""Who reads the partitions of the log topic for a worker, and what makes a checkpoint. Knows no client library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol


class Blobs(Protocol):
    """The blobs of one checkpoint, to be written in this order."""

    @property
    def offset(self) -> int:
        """Everything before this offset of the log topic is included."""

    @property
    def parts(self) -> Sequence[tuple[bytes, bytes]]:
        """Key and value of each part."""

    @property
    def head(self) -> tuple[bytes, bytes]:
        """What makes the parts a checkpoint."""

    @property
    def removals(self) -> Sequence[bytes]:
        """Keys that are needed no more."""


class LogReader(Protocol):
    """Who reads the partitions of the log topic. Called by one thread at a time."""

    def open(self, partition: int, blobs: Mapping[bytes, bytes]) -> int:
        """Take a partition over; return the offset of the message it wants first."""

    def take(self, partition: int, messages: Sequence[tuple[int, bytes]]) -> bool:
        """Decide on messages, durably; False where another worker owns the partition by now."""

    def checkpoint(self, partition: int) -> Blobs | None:
        """Return what makes everything so far a checkpoint, None where nothing is new or the partition is not ours."""

    def release(self, partition: int) -> None:
        """Forget a partition."""


class Pulse(Protocol):
    """Who is told that the worker lives."""

    def start(self) -> None:
        """The worker starts."""

    def beat(self) -> None:
        """The loop came round."""

    def ready(self) -> None:
        """The worker has what the group gave it."""
