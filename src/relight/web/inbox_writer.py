"""The inbox from within a server: requests share commits, and each is answered after its own is durable."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from relight.base.errors import ServiceError, StoreError
from relight.web.ingest.commit_queue import CommitQueue

if TYPE_CHECKING:
    from relight.stores.inbox_interface import DurableInbox, NewEntry


class InboxWriter:
    """An open inbox of one event loop."""

    def __init__(self, inbox: DurableInbox, name: str) -> None:
        """Use an inbox, and close it at the end; name: what tells it from another, `stores.opening.inbox_name`."""
        self._inbox = inbox
        #: One thread at a time.
        self._lock = threading.Lock()
        self.name = name
        #: Where events over HTTP wait for the same commits.
        self.queue: CommitQueue[NewEntry] = CommitQueue(self._put)

    async def put(self, entries: Sequence[NewEntry]) -> None:
        """Return once the entries are durable; raises BackpressureError or StoreError when they are not."""
        await self.queue.commit(entries)

    async def words_of(self, digest: str) -> list[bytes]:
        """Return the bodies of the words that came by the links of one message, in order."""
        return await asyncio.to_thread(self._words_of, digest)

    async def check(self) -> int:
        """Return the position of the newest entry, after asking the disk for a write; raises StoreError."""
        return await asyncio.to_thread(self._check)

    def close(self) -> None:
        """Close the inbox."""
        with self._lock:
            self._inbox.close()

    @contextmanager
    def _one_at_a_time(self) -> Iterator[DurableInbox]:
        with self._lock:
            try:
                yield self._inbox
            except ServiceError as error:
                # A server that is away is as a disk that is full for whoever waits: nothing was kept, try again.
                raise StoreError(str(error)) from error

    def _put(self, entries: Sequence[NewEntry]) -> None:
        with self._one_at_a_time() as inbox:
            inbox.put(entries)

    def _words_of(self, digest: str) -> list[bytes]:
        with self._one_at_a_time() as inbox:
            return [entry.body for entry in inbox.words_of(digest)]

    def _check(self) -> int:
        with self._one_at_a_time() as inbox:
            inbox.check_writable()
            return inbox.last_position()
