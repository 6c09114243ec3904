"""Records in a file of this process, found by customer or in the order of the log: a copy of a log that is elsewhere.

Made anew by whoever asks, and gone with the process: nothing is lost with it, so nothing is synced.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator

import msgspec

from relight.stores.erasure_key import Keyed
from relight.stores.identity_hash import customer_hash, event_hash
from relight.stores.record_codec import encode_record
from relight.streams.envelope import ERASED, Control, Event, Record, order_key

#: Memory that SQLite keeps of the file (KiB).
CACHE_KIB = 32_000
#: (instant in µs, source partition, offset): what stands in the log before it. Control records of the very instant do
#: up to that offset of their source; with -1, -1 none does.
Moment = tuple[int, int, int]

_TABLE = (
    "CREATE TABLE log (who INTEGER, what INTEGER, seq INTEGER, at INTEGER, source INTEGER, place INTEGER,"
    " control INTEGER, body BLOB, PRIMARY KEY (who, what)) WITHOUT ROWID"
)
#: Made when somebody asks for the order of the log first.
_BY_TIME = "CREATE INDEX IF NOT EXISTS by_time ON log (at)"
_EVENT = msgspec.msgpack.Decoder(Event)
_CONTROL = msgspec.msgpack.Decoder(Control)


class OwnLogs:
    """Records by customer, each customer's in the order in which they were added."""

    def __init__(self, *, keyed: Keyed | None = None) -> None:
        """Begin empty, in the system's temporary folder; keyed: names the erased where there are any."""
        self._keyed = keyed
        #: Events of the erased, by tombstones: (hash of whose, hash of the identity), and the latter alone.
        self._erased: set[tuple[int, int]] = set()
        self._untold: set[int] = set()
        # No name: a file that SQLite takes out of its folder at once, so that a kill leaves none. Whoever asks does so
        # in one thread after the other.
        self._file = sqlite3.connect("", check_same_thread=False)
        for pragma in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{CACHE_KIB}"):
            self._file.execute(f"PRAGMA {pragma}")
        self._file.execute(_TABLE)
        self._seq = 0

    def add(self, records: Iterable[tuple[Record, int, int]]) -> None:
        """Add (record, source partition, offset) in log order; of copies the first or its tombstone stays (V1, V5)."""
        rows = []
        for record, source, place in records:
            self._seq += 1
            is_control = isinstance(record, Control)
            what = self._identity(record, source, place)
            who = customer_hash(record.customer)
            if self._is_erased(record, who, what):
                continue
            rows.append((who, what, self._seq, record.ingest_time, source, place, is_control, encode_record(record)))
        self._file.executemany("INSERT OR IGNORE INTO log VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def _is_erased(self, record: Record, who: int, what: int) -> bool:
        """Return whether an event is a copy of one whose tombstone was added; note tombstones."""
        if isinstance(record, Event):
            if what not in self._untold or self._keyed is None or record.customer is None:
                return False
            return (customer_hash(self._keyed(record.customer)), what) in self._erased
        if record.kind == ERASED and "id" in record.detail:
            told = event_hash(record.subject, str(record.detail["id"]))
            self._erased.add((who, told))
            self._untold.add(told)
        return False

    def _identity(self, record: Record, source: int, place: int) -> int:
        if isinstance(record, Event):
            return event_hash(record.stream, record.id)
        if record.customer is None:  # every partition of the log has it
            return event_hash(f"{source} {place}", f"{record.kind} {record.subject}")
        return self._seq  # nobody's copy: its number is its identity, below those of events

    def between(self, since: int, until: int) -> Iterator[Record]:
        """Yield every record with an ingest time from `since` (µs) to before `until`, in the order of the log."""
        self._file.execute(_BY_TIME)
        found = self._file.execute(
            "SELECT control, body, at, source, place FROM log WHERE at >= ? AND at < ? ORDER BY at", (since, until)
        )
        instant: list[tuple[tuple[object, ...], Record]] = []
        for is_control, body, at, source, place in found:
            record: Record = _CONTROL.decode(body) if is_control else _EVENT.decode(body)
            if instant and instant[0][1].ingest_time != at:
                yield from (one for _, one in sorted(instant, key=lambda one: one[0]))
                instant.clear()
            _, rank, stream, position = order_key(record)
            # What concerns everybody comes first among its class, as in every partition.
            instant.append(((rank, record.customer is not None, stream, position, source, place), record))
        yield from (one for _, one in sorted(instant, key=lambda one: one[0]))

    def of(self, customer: str | None, *, before: Moment) -> Iterator[tuple[Record, Moment]]:
        """Yield a customer's records that stand in the log before a moment, in order, each with its own.

        None for what concerns everybody.
        """
        at, source, place = before
        found = self._file.execute(
            "SELECT control, body, at, source, place FROM log WHERE who = ? AND (at < ? OR at = ? AND control"
            " AND (source, place) < (?, ?)) ORDER BY seq",
            (customer_hash(customer), at, at, source, place),
        ).fetchall()
        for is_control, body, *moment in found:
            record: Record = _CONTROL.decode(body) if is_control else _EVENT.decode(body)
            if record.customer == customer:
                yield record, (moment[0], moment[1], moment[2])

    def close(self) -> None:
        """Forget everything."""
        self._file.close()
