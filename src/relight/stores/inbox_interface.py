"""What every durable inbox does: a file beside an SQLite store (stores/inbox), a table of a PostgreSQL store."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

import msgspec

#: Entries that one `read_after` returns unless told otherwise.
ENTRIES_DEFAULT: Final = 1_000
#: Largest body of one entry, bytes; a batch over HTTP is put row by row.
BODY_BYTES_MAX = 8 * 2**20
#: Raw rows of one entry.
ROWS_MAX = 100
#: Begins the body of events that are one JSON list. No line is empty, so no other body begins so.
WHOLE_MARK: Final = b"\n"
_LIST = msgspec.json.Decoder(list[msgspec.Raw])


class InboxKind(StrEnum):
    """What an entry is."""

    #: A word that becomes a control record: consent, suppression, pause …; its body is an `inbox_words.Word`.
    WORD = "word"
    #: Raw rows of the stream `name` as they came, at most ROWS_MAX, so that one request costs few entries: one a line,
    #: or after WHOLE_MARK as the one JSON list they came in.
    EVENT = "event"
    #: What a reader did by a link, to become an event; its body is an `inbox_words.Reply`, `name` the event's.
    REPLY = "reply"
    #: Something for the engine to do, `name` says what: `apply`, `dead-letters-replay`.
    COMMAND = "command"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEntry:
    """What is put."""

    kind: InboxKind
    #: Stream of an event, kind of a word, name of a command.
    name: str
    body: bytes
    #: When it arrived, µs UTC.
    received: int
    #: The same key is the same entry, for ever; None where the engine finds copies by itself (events, V1).
    key: str | None = None
    #: Digest of the message whose link it came by (`messages.identity.occurrence_digest`).
    token: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxEntry:
    """What is read."""

    #: Grows; serves as the position of an input.
    position: int
    kind: InboxKind
    name: str
    key: str | None
    token: str | None
    received: int
    body: bytes


def event_rows(body: bytes) -> Sequence[bytes]:
    """Return the raw rows of an entry of events."""
    if body.startswith(WHOLE_MARK):
        return [bytes(row) for row in _LIST.decode(body)]
    return body.split(b"\n")


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

    def forget_words(self, customers: Collection[str], tokens: Collection[str], before: int) -> int:
        """Delete the words and replies of erased customers before a position, bytes included (V5); return how many."""

    def forget_commands(self, name: str, until: int) -> int:
        """Delete the orders of a name up to a position that the engine has taken, bytes included; return how many."""
