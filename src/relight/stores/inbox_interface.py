"""What every durable inbox does: a file beside an SQLite store (stores/inbox), a table of a PostgreSQL store."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from relight.stores.inbox import InboxEntry, NewEntry

#: Entries that one `read_after` returns unless told otherwise.
ENTRIES_DEFAULT: Final = 1_000


class DurableInbox(Protocol):
    """One inbox. Several processes may have it open; in one process, one thread at a time."""

    def close(self) -> None:
        """Close it; twice is once."""

    def put(self, entries: Sequence[NewEntry]) -> list[int]:
        """Return the positions of the entries, durable when this returns; a key that is there keeps its first body.

        Raises BackpressureError when the disk is full: then none of them is kept, and the sender may try again.
        """

    def read_after(self, position: int, limit: int = ENTRIES_DEFAULT) -> list[InboxEntry]:
        """Return up to `limit` entries after a position, in order; raises StoreError for a damaged one (I16)."""

    def words_after(self, position: int, limit: int = ENTRIES_DEFAULT) -> list[InboxEntry]:
        """Return the same without events: what a sender must know before it takes a message."""

    def words_of(self, token: str) -> list[InboxEntry]:
        """Return every entry that came by a link of one message, in order."""

    def last_position(self) -> int:
        """Return the position of the newest entry there ever was, 0 for none."""

    def check_writable(self) -> None:
        """Ask for a write and leave everything as it is; raises StoreError where none is possible."""

    def forget_events(self, until: int, *, before: int | None = None) -> int:
        """Delete events up to a position that the engine has taken; return how many. Words are kept (S4).

        before: only what arrived earlier (µs), a bounded number of them.
        """

    def forget_words(self, customers: Collection[str], tokens: Collection[str]) -> int:
        """Delete the words and replies of erased customers, bytes included (V5); return how many."""
