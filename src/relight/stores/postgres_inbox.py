"""The durable inbox in PostgreSQL: the pages of one machine put, an engine or the senders of others read.

A counter gives the positions, and its row is held until the commit: so entries become visible in the order of their
positions, and who has read up to one has read everything before it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, TypeVar

from relight.base.errors import ServiceError, StoreError
from relight.stores.crash import crash_point
from relight.stores.inbox import FORGOTTEN_TOGETHER_MAX, entry_of_row, named_in_words, seal_entry
from relight.stores.inbox_interface import BODY_BYTES_MAX, ENTRIES_DEFAULT, InboxEntry, NewEntry
from relight.stores.postgres_connection import Connection, Cursor

if TYPE_CHECKING:
    from relight.stores.inbox import Inbox

_COLUMNS = "position, kind, name, key, token, received, body, crc"
_COUNTER = "inbox"
_T = TypeVar("_T")


class PostgresInbox:
    """See `inbox_interface.DurableInbox` for each method. A server that was away is connected to again."""

    def __init__(self, connection: Connection) -> None:
        """Use a connection of its own."""
        self._connection = connection
        self._is_broken = False

    @classmethod
    def open(cls, url: str, *, read_only: bool = False) -> PostgresInbox:
        """Connect; raises ServiceError where the server does not answer.

        read_only: write nothing and leave the schema as it is, to read entries beside any engine.
        """
        return cls(Connection(url, read_only=read_only))

    def close(self) -> None:
        """Close the connection; twice is once."""
        self._connection.close()

    def put(self, entries: Sequence[NewEntry]) -> list[int]:
        """Return the positions of the entries, durable when this returns."""
        for entry in entries:
            if len(entry.body) > BODY_BYTES_MAX:
                message = f"an entry of the inbox has at most {BODY_BYTES_MAX} bytes, this one {len(entry.body)}"
                raise StoreError(message)
        # Without a key, an entry whose commit was not answered would be put twice.
        places = self._asked(lambda cursor: _put(cursor, entries), again=all(e.key is not None for e in entries))
        crash_point("after_inbox_commit")
        return places

    def read_after(self, position: int, limit: int = ENTRIES_DEFAULT) -> list[InboxEntry]:
        """Return up to `limit` entries after a position, in order."""
        return self._read("position > %s ORDER BY position LIMIT %s", (position, limit))

    def words_after(self, position: int, limit: int = ENTRIES_DEFAULT) -> list[InboxEntry]:
        """Return the same without events."""
        return self._read("position > %s AND kind <> 'event' ORDER BY position LIMIT %s", (position, limit))

    def words_of(self, token: str) -> list[InboxEntry]:
        """Return every entry that came by a link of one message, in order."""
        return self._read("token = %s ORDER BY position", (token,))

    def last_position(self) -> int:
        """Return the position of the newest entry there ever was, 0 for none."""
        return self._asked(lambda cursor: _count(cursor, 0))

    def check_writable(self) -> None:
        """Ask for a write and leave everything as it is."""
        self._asked(lambda cursor: _count(cursor, 0))

    def forget_events(self, until: int, *, before: int | None = None) -> int:
        """Delete events up to a position that the engine has taken; return how many."""
        return self._asked(lambda cursor: _forget_events(cursor, until, before))

    def forget_words(self, customers: Collection[str], tokens: Collection[str], before: int) -> int:
        """Delete the words and replies of erased customers before a position; return how many."""
        return self._asked(lambda cursor: _forget_words(cursor, customers, tokens, before))

    def forget_commands(self, name: str, until: int) -> int:
        """Delete the orders of a name up to a position that the engine has taken; return how many."""
        order = "DELETE FROM inbox WHERE kind <> 'event' AND kind = 'command' AND name = %s AND position <= %s"
        return self._asked(lambda cursor: int(cursor.execute(order, (name, until)).rowcount))

    def take_over(self, file: Inbox) -> int:
        """Take the entries of an inbox that was a file, each at the position it has; return how many.

        For a store that had its inbox there: how far it was read stays true.
        """
        return self._asked(lambda cursor: _take_over(cursor, file))

    def _read(self, where: str, values: tuple[object, ...]) -> list[InboxEntry]:
        def ask(cursor: Cursor) -> list[InboxEntry]:
            rows = cursor.execute(f"SELECT {_COLUMNS} FROM inbox WHERE {where}", values).fetchall()  # noqa: S608  # our own words
            return [entry_of_row(*row) for row in rows]

        return self._asked(ask)

    def _asked(self, work: Callable[[Cursor], _T], *, again: bool = True) -> _T:
        """Return what a transaction returns; connects again where the connection broke, and tries once more."""
        if self._is_broken:
            self._connection.reconnect()
            self._is_broken = False
        try:
            return self._transact(work)
        except ServiceError:
            self._is_broken = True
            if not again:
                raise
            self._connection.reconnect()
            self._is_broken = False
            return self._transact(work)

    def _transact(self, work: Callable[[Cursor], _T]) -> _T:
        with self._connection.plain_transaction() as cursor:
            return work(cursor)


def _count(cursor: Cursor, number: int) -> int:
    """Take so many positions and return the last; the row is ours until the commit."""
    row = cursor.execute(
        "INSERT INTO numbers VALUES (%s, %s) ON CONFLICT (name) DO UPDATE SET value = numbers.value + excluded.value"
        " RETURNING value",
        (_COUNTER, number),
    ).fetchone()
    return int(row[0])


def _put(cursor: Cursor, entries: Sequence[NewEntry]) -> list[int]:
    last = _count(cursor, 0)
    keys = [entry.key for entry in entries if entry.key is not None]
    found = cursor.execute("SELECT key, position FROM inbox WHERE key = ANY(%s)", (keys,)).fetchall() if keys else ()
    known = {str(key): int(position) for key, position in found}
    places: list[int] = []
    rows: list[tuple[object, ...]] = []
    for entry in entries:
        place = None if entry.key is None else known.get(entry.key)
        if place is None:
            place = last + len(rows) + 1
            rows.append((place, *_row(entry)))
            if entry.key is not None:
                known[entry.key] = place
        places.append(place)
    _count(cursor, len(rows))
    _insert(cursor, rows)
    crash_point("before_inbox_commit")
    return places


def _row(entry: NewEntry | InboxEntry) -> tuple[object, ...]:
    return (entry.kind.value, entry.name, entry.key, entry.token, entry.received, entry.body, seal_entry(entry))


def _insert(cursor: Cursor, rows: Sequence[tuple[object, ...]]) -> None:
    cursor.executemany(
        f"INSERT INTO inbox ({_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"  # noqa: S608  # a constant
        " ON CONFLICT (position) DO NOTHING",
        rows,
    )


def _take_over(cursor: Cursor, file: Inbox) -> int:
    last, newest, place, taken = _count(cursor, 0), file.last_position(), 0, 0
    if newest <= last:
        return 0
    if last:
        raise StoreError(f"the inbox {file.path} holds what came later than the inbox of the store")
    while entries := file.read_after(place):
        _insert(cursor, [(entry.position, *_row(entry)) for entry in entries])
        place, taken = entries[-1].position, taken + len(entries)
    _count(cursor, newest - last)
    return taken


def _forget_events(cursor: Cursor, until: int, before: int | None) -> int:
    if before is None:
        gone = cursor.execute("DELETE FROM inbox WHERE position <= %s AND kind = 'event'", (until,))
    else:
        gone = cursor.execute(
            "DELETE FROM inbox WHERE position IN (SELECT position FROM inbox WHERE kind = 'event' AND position <= %s"
            " ORDER BY position LIMIT %s) AND received < %s",
            (until, FORGOTTEN_TOGETHER_MAX, before),
        )
    return int(gone.rowcount)


def _forget_words(cursor: Cursor, customers: Collection[str], tokens: Collection[str], before: int) -> int:
    query = "SELECT position, token, body FROM inbox WHERE kind <> 'event' AND position < %s"
    names = named_in_words(customers)
    rows = cursor.execute(query, (before,)).fetchall()
    gone = [p for p, token, body in rows if token in tokens or any(name in bytes(body) for name in names)]
    cursor.execute("DELETE FROM inbox WHERE position = ANY(%s)", (gone,))
    return len(gone)
