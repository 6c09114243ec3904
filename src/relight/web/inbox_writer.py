"""The inbox from within a server: requests share commits, and each is answered after its own is durable."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path

from relight.stores.inbox import Inbox, NewEntry, inbox_name
from relight.web.ingest.commit_queue import CommitQueue


class InboxWriter:
    """An open inbox of one event loop."""

    def __init__(self, path: Path) -> None:
        """Open or create the inbox; raises StoreError naming what is in the way."""
        self._inbox = Inbox.open(path)
        #: One thread at a time.
        self._lock = threading.Lock()
        #: What tells this inbox from another, `stores.inbox.inbox_name`.
        self.name = inbox_name(path)
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
        """Close the file."""
        with self._lock:
            self._inbox.close()

    def _put(self, entries: Sequence[NewEntry]) -> None:
        with self._lock:
            self._inbox.put(entries)

    def _words_of(self, digest: str) -> list[bytes]:
        with self._lock:
            return [entry.body for entry in self._inbox.words_of(digest)]

    def _check(self) -> int:
        with self._lock:
            self._inbox.check_writable()
            return self._inbox.last_position()
