"""Many requests, one flush of the disk: entries that come while one commit runs wait for the next and share it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from relight.base.errors import BackpressureError

_T = TypeVar("_T")

#: Entries of one commit.
COMMIT_ENTRIES_MAX = 10_000
#: Entries that wait; beyond, a request is refused and tries again.
WAITING_ENTRIES_MAX = 50_000


class CommitQueue(Generic[_T]):
    """Commits what is handed in, a group at a time, in order of arrival."""

    def __init__(self, put: Callable[[Sequence[_T]], object]) -> None:
        """Take the function that makes entries durable; it runs in a thread, one call at a time."""
        self._put = put
        self._waiting: deque[tuple[Sequence[_T], asyncio.Future[None]]] = deque()
        self._count = 0
        self._task: asyncio.Task[None] | None = None

    async def commit(self, entries: Sequence[_T]) -> None:
        """Return when the entries are durable.

        Raises what `put` raised for the group they were in, and BackpressureError where too many wait.
        """
        if not entries:
            return
        if self._count + len(entries) > WAITING_ENTRIES_MAX and self._waiting:
            raise BackpressureError(f"more than {WAITING_ENTRIES_MAX} events wait to be written")
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((entries, done))
        self._count += len(entries)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())
        await asyncio.shield(done)

    async def _work(self) -> None:
        while self._waiting:
            group: list[_T] = []
            futures = []
            while self._waiting and (not group or len(group) + len(self._waiting[0][0]) <= COMMIT_ENTRIES_MAX):
                entries, done = self._waiting.popleft()
                self._count -= len(entries)
                group.extend(entries)
                futures.append(done)
            error: Exception | None = None
            try:
                await asyncio.to_thread(self._put, group)
            except Exception as raised:  # noqa: BLE001 - whoever waits is told
                error = raised
            for done in futures:
                if done.done():
                    continue
                if error is None:
                    done.set_result(None)
                else:
                    done.set_exception(error)
