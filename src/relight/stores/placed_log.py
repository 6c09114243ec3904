"""A whole log in a file of this process, by place: who names which account in it, and what an account's people did.

Made anew by whoever asks, and gone with the process: nothing is lost with it, so nothing is synced.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence

import msgspec

from relight.stores.identity_hash import customer_hash, event_hash
from relight.stores.own_logs import CACHE_KIB, Moment
from relight.stores.record_codec import encode_record
from relight.streams.envelope import Control, Event, Record

#: Where a record stands in the log: instant (µs), class, stream, position, source partition, offset in the source, and
#: its number here, which orders what came from one offset.
Place = tuple[int, int, str, int, int, int, int, int]

_TABLES = (
    """CREATE TABLE log (seq INTEGER PRIMARY KEY, who INTEGER, what INTEGER, at INTEGER, class INTEGER, stream TEXT,
     position INTEGER, source INTEGER, offset INTEGER, customer TEXT, control INTEGER, body BLOB, named BLOB)""",
    "CREATE UNIQUE INDEX log_identity ON log (who, what)",
    "CREATE INDEX log_at ON log (at)",
    "CREATE TABLE names (seq INTEGER, customer TEXT, account TEXT)",
    "CREATE INDEX names_customer ON names (customer)",
    "CREATE INDEX names_account ON names (account)",
    "CREATE TABLE merges (seq INTEGER PRIMARY KEY, subject TEXT)",
    "CREATE TABLE copies (at INTEGER, first INTEGER, body BLOB)",
    "CREATE INDEX copies_at ON copies (at)",
)
# Rows that a map makes of one stand in the same place, and in partitions of which any may be read first.
_PLACE = "at, class, stream, position, source, offset, who, log.seq"
_BEFORE = f"({_PLACE}) < (?, ?, ?, ?, ?, ?, ?, ?)"
_COLUMNS = f"{_PLACE}, customer, control, body"
_NAMED = msgspec.json.Decoder(list[str])
_EVENT = msgspec.msgpack.Decoder(Event)
_CONTROL = msgspec.msgpack.Decoder(Control)


class PlacedLog:
    """The customers' records of a log; of copies the first stays (V1)."""

    def __init__(self) -> None:
        """Begin empty, in the system's temporary folder."""
        # No name: a file that SQLite takes out of its folder at once. One thread after the other asks.
        self._file = sqlite3.connect("", check_same_thread=False)
        for pragma in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{CACHE_KIB}"):
            self._file.execute(f"PRAGMA {pragma}")
        for statement in _TABLES:
            self._file.execute(statement)
        self._seq = 0
        #: Instant up to which it is known what merges name (µs); None for none yet.
        self._merged_up_to: int | None = None

    def add(self, place: tuple[int, int, str, int, int, int], record: Record, named: Sequence[str]) -> None:
        """Add a record of one partition after those before it there. named: accounts that it names."""
        self._seq += 1
        is_control = isinstance(record, Control)
        what = self._seq if isinstance(record, Control) else event_hash(record.stream, record.id)
        row = (self._seq, customer_hash(record.customer), what, *place, record.customer, is_control)
        marks = ", ".join("?" * (len(row) + 2))
        done = self._file.execute(f"INSERT OR IGNORE INTO log VALUES ({marks})", (*row, encode_record(record), None))  # noqa: S608  # question marks
        if not done.rowcount:
            self._note_copy(record)
            return
        self._note_named(self._seq, record.customer, named)
        if isinstance(record, Control) and record.kind == "merge":
            self._file.execute("INSERT INTO merges VALUES (?, ?)", (self._seq, record.subject))

    def _note_named(self, seq: int, customer: str | None, accounts: Sequence[str]) -> None:
        if accounts:
            rows = [(seq, customer, account) for account in accounts]
            self._file.executemany("INSERT INTO names VALUES (?, ?, ?)", rows)
            self._file.execute("UPDATE log SET named = ? WHERE seq = ?", (msgspec.json.encode(accounts), seq))

    def _note_copy(self, record: Record) -> None:
        assert isinstance(record, Event)
        who, what = customer_hash(record.customer), event_hash(record.stream, record.id)
        (first,) = self._file.execute("SELECT seq FROM log WHERE who = ? AND what = ?", (who, what)).fetchone()
        self._file.execute("INSERT INTO copies VALUES (?, ?, ?)", (record.ingest_time, first, encode_record(record)))

    def copies(self, begin: int, end: int) -> list[tuple[Event, Event]]:
        """Return (the first, the copy) for each copy of an event from an instant to before another (µs)."""
        rows = self._file.execute(
            "SELECT log.body, copies.body FROM copies JOIN log ON log.seq = copies.first"
            " WHERE copies.at >= ? AND copies.at < ?",
            (begin, end),
        ).fetchall()
        return [(_EVENT.decode(first), _EVENT.decode(copy)) for first, copy in rows]

    def resolve_merges(self, until: int) -> None:
        """Know what merges before an instant (µs) name: the accounts that the anonymous customer named before."""
        since = self._merged_up_to
        if since is not None and until <= since:
            return
        found = self._file.execute(
            f"SELECT {_PLACE}, customer, subject FROM log JOIN merges ON merges.seq = log.seq"  # noqa: S608  # constants
            f" WHERE at < ? AND (? IS NULL OR at >= ?) ORDER BY {_PLACE}",
            (until, since, since),
        ).fetchall()
        for *place, customer, subject in found:
            self._note_named(place[-1], customer, self.accounts_of(subject, place))
        self._merged_up_to = until

    # ------------------------------------------------------------ records
    def between(self, begin: int, end: int) -> Iterator[tuple[Place, str, list[str], bool, bytes]]:
        """Yield the records from an instant to before another (µs), in order.

        Of each (place, customer, the accounts that it names, whether it is a control record, its bytes).
        """
        found = self._file.execute(
            f"SELECT {_PLACE}, customer, named, control, body FROM log"  # noqa: S608  # constants
            f" WHERE at >= ? AND at < ? ORDER BY {_PLACE}",
            (begin, end),
        ).fetchall()
        for *place, customer, named, is_control, body in found:
            yield tuple(place), customer, _NAMED.decode(named) if named else [], bool(is_control), body

    def customers(self, until: int) -> Iterator[str]:
        """Yield who has a record before an instant (µs)."""
        for (customer,) in self._file.execute("SELECT DISTINCT customer FROM log WHERE at < ?", (until,)).fetchall():
            yield customer

    def accounts(self, until: int) -> Iterator[str]:
        """Yield the accounts that were named before an instant (µs)."""
        statement = "SELECT DISTINCT account FROM names JOIN log ON log.seq = names.seq WHERE at < ?"
        for (account,) in self._file.execute(statement, (until,)).fetchall():
            yield account

    def of_people(self, people: Iterable[str], before: Place) -> list[tuple[Place, Record]]:
        """Return the records of some customers that stand before a place, in order."""
        found: list[tuple[Place, Record]] = []
        for customer in people:
            rows = self._file.execute(
                f"SELECT {_COLUMNS} FROM log WHERE who = ? AND {_BEFORE}",  # noqa: S608  # constants
                (customer_hash(customer), *before),
            ).fetchall()
            found += [
                (tuple(place), decode_body(body, is_control=is_control))
                for *place, name, is_control, body in rows
                if name == customer
            ]
        return sorted(found, key=lambda one: one[0])

    def of(self, customer: str, *, before: Moment) -> Iterator[tuple[Record, Moment]]:
        """Yield a customer's records before a moment, in order, each with its own, as `OwnLogs.of` does."""
        at, source, offset = before
        found = self._file.execute(
            "SELECT customer, control, body, at, source, offset FROM log"  # noqa: S608  # constants
            f" WHERE who = ? AND (at < ? OR at = ? AND control AND (source, offset) < (?, ?)) ORDER BY {_PLACE}",
            (customer_hash(customer), at, at, source, offset),
        ).fetchall()
        for name, is_control, body, *moment in found:
            if name == customer:
                yield decode_body(body, is_control=is_control), (moment[0], moment[1], moment[2])

    # ------------------------------------------------------------ who names what
    def first_account(self, customer: str, *, until: int | None = None) -> str | None:
        """Return the account that a customer named first, before an instant (µs) if that is given."""
        row = self._file.execute(
            "SELECT account FROM names JOIN log ON log.seq = names.seq WHERE names.customer = ?"  # noqa: S608  # constants
            f" AND (? IS NULL OR at < ?) ORDER BY {_PLACE}, account LIMIT 1",
            (customer, until, until),
        ).fetchone()
        return None if row is None else str(row[0])

    def connected(self, people: Collection[str], accounts: Collection[str], before: Place) -> tuple[set[str], set[str]]:
        """Return people and accounts that are connected with these by what was named before a place, these included."""
        known_people, known_accounts = set(people), set(accounts)
        new_people, new_accounts = set(people), set(accounts)
        while new_people or new_accounts:
            reached = {one for person in new_people for one in self.accounts_of(person, before)}
            new_people = {one for account in new_accounts for one in self._people_of(account, before)} - known_people
            new_accounts = reached - known_accounts
            known_people |= new_people
            known_accounts |= new_accounts
        return known_people, known_accounts

    def accounts_of(self, customer: str, before: Sequence[object]) -> list[str]:
        """Return the accounts that a customer named before a place."""
        found = self._file.execute(
            "SELECT DISTINCT account FROM names JOIN log ON log.seq = names.seq"  # noqa: S608  # constants
            f" WHERE names.customer = ? AND {_BEFORE} ORDER BY account",
            (customer, *before),
        )
        return [account for (account,) in found.fetchall()]

    def _people_of(self, account: str, before: Sequence[object]) -> list[str]:
        found = self._file.execute(
            "SELECT DISTINCT names.customer FROM names JOIN log ON log.seq = names.seq"  # noqa: S608  # constants
            f" WHERE account = ? AND {_BEFORE} ORDER BY names.customer",
            (account, *before),
        )
        return [customer for (customer,) in found.fetchall()]

    def close(self) -> None:
        """Forget everything."""
        self._file.close()


def decode_body(body: bytes, *, is_control: bool) -> Record:
    """Return a record of the log; values of properties and traits as the encoding keeps them."""
    return _CONTROL.decode(body) if is_control else _EVENT.decode(body)
