"""Exact de-duplication without a time window, and each customer's own log (V1).

Theory of operation. An event's key is 128 bits: 64 of the customer's hash, 64 of (stream, id). Keys since the last
segment are in dictionaries; when there are RECENT_IDS_MAX they become a segment (id_segments), and MERGE_FAN_IN
segments of one level become one of the next, so an event is rewritten once a level and a batch asks few filters. A key
that is found leads to positions, and the log itself says whether the event there is the same: two events whose hashes
agree are told apart, so none is lost. Segments derive from the log; at open, what they lack is read from it.

Memory: RECENT_IDS_MAX × about 300 B for recent keys (20 MB), CUSTOMER_HASHES_MAX × 150 B (8 MB), and 10 bits a stored
event for filters with 0.2 B for fences: 1.5 MB a million events, 150 MB for a hundred million.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from relight.base.errors import StoreError
from relight.stores.erasure_key import Keyed
from relight.stores.interface import EventIdentity
from relight.stores.record_codec import check_bodies, open_record
from relight.stores.sqlite_connection import Connection
from relight.streams.envelope import ERASED, Control, Event, Record

if TYPE_CHECKING:
    from relight.stores.id_segments import Segment

#: Keys in dictionaries before they become a segment.
RECENT_IDS_MAX = 65_536
#: Segments of one level that are merged into one of the next.
MERGE_FAN_IN = 8
#: A merge that would hold more entries than this is left alone; beyond it, one more filter is asked each.
SEGMENT_ENTRIES_MAX = 8_388_608
#: Entries in a block, the unit of reading (12 kB).
BLOCK_ENTRIES = 512
#: Entries that a merge holds in memory at a time, about (24 B each, several copies while sorting).
MERGE_ENTRIES = 262_144
#: Bits of each half of a key.
HASH_BITS = 64
#: Hashes of customers kept in memory; the customers of a day come again and again.
CUSTOMER_HASHES_MAX = 50_000
#: Records read from the log at a time.
LOG_PAGE = 1_000
#: Records read from the log at a time where they stay encoded.
SEALED_PAGE = 20_000

#: Bytes of an entry of a segment, as in id_segments (which needs numpy, loaded late).
ENTRY_BYTES = 24

_GLOBAL_HASH = b"\0" * 8
_CONTROL_HASH = b"\xff" * 8


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexLimits:
    """The sizes above; a test makes them small, and hashes weak, to meet every boundary."""

    recent_ids_max: int = RECENT_IDS_MAX
    merge_fan_in: int = MERGE_FAN_IN
    segment_entries_max: int = SEGMENT_ENTRIES_MAX
    block_entries: int = BLOCK_ENTRIES
    merge_entries: int = MERGE_ENTRIES
    hash_bits: int = HASH_BITS


class IdIndex:
    """Which events are in the log, and where each customer's records are."""

    def __init__(self, connection: Connection, limits: IndexLimits, *, keyed: Keyed | None = None) -> None:
        """Load the segments and read the newer records from the log; keyed: names the erased where there are any."""
        self._keyed = keyed
        self._connection = connection
        self._limits = limits
        self._mask = ((1 << limits.hash_bits) - 1).to_bytes(8, "big") if limits.hash_bits < HASH_BITS else None
        #: Keys that `find_known` computed, for `add` of the same batch.
        self._known_keys: dict[EventIdentity, bytes] = {}
        self._customer_hashes: dict[str, bytes] = {}
        #: What the segments were when they were loaded, and the last record that was read; for readers, who load again.
        self._stands: tuple[int, int] | None = None
        self._read_to = 0
        with connection.snapshot() as cursor:
            self._load(cursor)

    def _load(self, cursor: sqlite3.Cursor) -> None:
        """Read what is new: everything where the segments are others, else the records after the last that was read."""
        stands = cursor.execute("SELECT count(*), coalesce(max(segment), 0) FROM segments").fetchone()
        if stands != self._stands:
            self._stands = stands
            self._recent: dict[bytes, int | tuple[int, ...]] = {}
            self._recent_customers: dict[bytes, list[int]] = {}
            self._entries = bytearray()
            self._segments: list[Segment] = []
            if stands[0]:
                from relight.stores.id_segments import load_segments  # noqa: PLC0415  # numpy: only with segments

                self._segments = load_segments(cursor)
            self._read_to = self._segments[-1].last_position if self._segments else 0
        last = int(cursor.execute("SELECT coalesce(max(pos), 0) FROM log").fetchone()[0])
        if last > self._read_to:
            self.add(self._read_to + 1, (record for _, record in read_pages(cursor, self._read_to)))
            self._read_to = last

    def is_due(self) -> bool:
        """Return whether the recent keys may become a segment with the next checkpoint."""
        return len(self._entries) // ENTRY_BYTES >= self._limits.recent_ids_max // 2

    def is_full(self) -> bool:
        """Return whether the recent keys must become a segment before more are added."""
        return len(self._entries) // ENTRY_BYTES >= self._limits.recent_ids_max

    def add(self, first: int, records: Iterable[Record]) -> None:
        """Note records that are durable in the log from position `first` on."""
        recent, customers, entries, keys = self._recent, self._recent_customers, self._entries, self._known_keys
        for position, record in enumerate(records, first):
            if isinstance(record, Event):
                identity = (record.stream, record.customer, record.id)
                key = keys.get(identity) or self._key(identity)
                known = recent.setdefault(key, position)
                if known is not position:
                    recent[key] = (*known, position) if isinstance(known, tuple) else (known, position)
            else:  # has no id that anybody asks for, and one customer may have very many
                key = self._customer_hash(record.customer) + _CONTROL_HASH
                if record.kind == ERASED and "id" in record.detail:
                    key = self._key((record.subject, record.customer, str(record.detail["id"])))
                    recent[key] = position
            whose = key[:8]
            if whose in customers:
                customers[whose].append(position)
            else:
                customers[whose] = [position]
            entries += key
            entries += position.to_bytes(8, "big")
        keys.clear()

    def find_known(self, identities: Sequence[EventIdentity]) -> list[int | None]:
        """Return the position of each event, None where it is new."""
        self._known_keys.clear()
        keys = [self._key(identity) for identity in identities]
        self._known_keys.update(zip(identities, keys, strict=True))
        found: list[int | None] = [None] * len(keys)
        with self._connection.snapshot() as cursor:
            if self._connection.read_only:  # the engine writes meanwhile
                self._load(cursor)
            if self._segments and keys:
                for index, positions in self._ask_segments(cursor, keys):
                    if found[index] is None:
                        found[index] = _confirm(cursor, identities[index], positions)
            recent = self._recent
            for index, key in enumerate(keys):
                known = recent.get(key)
                if known is not None and found[index] is None:
                    positions = list(known) if isinstance(known, tuple) else [known]
                    found[index] = _confirm(cursor, identities[index], positions)
            if self._keyed is not None:
                self._ask_for_erased(cursor, identities, found)
        return found

    def _ask_for_erased(
        self, cursor: sqlite3.Cursor, identities: Sequence[EventIdentity], found: list[int | None]
    ) -> None:
        """Find what is new among the events of erased customers: the same again is the same event (V5)."""
        assert self._keyed is not None
        new = {i: one for i, one in enumerate(identities) if found[i] is None and one[1] is not None}
        named = {i: (stream, self._keyed(str(customer)), id_) for i, (stream, customer, id_) in new.items()}
        keys = {i: (self._key(identities[i]), self._key(named[i])) for i in new}
        positions: dict[int, list[int]] = {i: [] for i in new}
        for i, both in keys.items():
            for known in map(self._recent.get, both):
                positions[i] += [] if known is None else list(known) if isinstance(known, tuple) else [known]
        if self._segments and new:
            order = [(i, key) for i, both in keys.items() for key in both]
            for index, where in self._ask_segments(cursor, [key for _, key in order]):
                positions[order[index][0]] += where
        for i, where in positions.items():
            found[i] = _confirm_erased(cursor, named[i], where)

    def positions_of(self, customer: str | None, after: int) -> list[int]:
        """Return the sorted positions that may be a customer's (None: that concern everybody)."""
        prefix = self._customer_hash(customer)
        with self._connection.snapshot() as cursor:
            if self._connection.read_only:  # as above
                self._load(cursor)
            return self._positions(cursor, prefix, after)

    def _positions(self, cursor: sqlite3.Cursor, prefix: bytes, after: int) -> list[int]:
        found = [position for position in self._recent_customers.get(prefix, ()) if position > after]
        if self._segments:
            from relight.stores.id_segments import find_positions  # noqa: PLC0415  # numpy, see _load

            for segment in self._segments:
                if segment.last_position > after:
                    found.extend(p for p in find_positions(cursor, segment, prefix) if p > after)
        return sorted(found)

    def write_segment(self) -> None:
        """Make the recent keys a durable segment, then merge where a level is full."""
        if not self._entries:
            return
        from relight.stores.id_segments import SegmentWriter, sort_entries  # noqa: PLC0415  # numpy, see _load

        with self._connection.transaction("before_segment_commit", "after_segment_commit") as cursor:
            entries = sort_entries(bytes(self._entries))
            writer = SegmentWriter(cursor, level=0, entries=len(entries), block_entries=self._limits.block_entries)
            writer.add(entries)
            segment = writer.finish()
        self._segments.append(segment)
        self._recent, self._recent_customers, self._entries = {}, {}, bytearray()
        while self._merge_one():
            pass

    def _merge_one(self) -> bool:
        from relight.stores.id_segments import merge_segments  # noqa: PLC0415  # numpy, see _load

        levels: dict[int, list[Segment]] = {}
        for segment in self._segments:
            levels.setdefault(segment.level, []).append(segment)
        for level in sorted(levels):
            group = levels[level][: self._limits.merge_fan_in]
            size = sum(segment.entries for segment in group)
            if len(group) < self._limits.merge_fan_in or size > self._limits.segment_entries_max:
                continue
            with self._connection.transaction("before_merge_commit", "after_merge_commit") as cursor:
                merged = merge_segments(
                    cursor, group, block_entries=self._limits.block_entries, share_entries=self._limits.merge_entries
                )
            gone = {segment.segment for segment in group}
            rest = [segment for segment in self._segments if segment.segment not in gone]
            self._segments = sorted([*rest, merged], key=lambda segment: segment.last_position)
            return True
        return False

    def _ask_segments(self, cursor: sqlite3.Cursor, keys: list[bytes]) -> Iterator[tuple[int, list[int]]]:
        import numpy as np  # noqa: PLC0415  # see _load

        from relight.stores.id_filter import filter_hashes, may_hold  # noqa: PLC0415
        from relight.stores.id_segments import find_positions  # noqa: PLC0415

        first, second = filter_hashes(np.frombuffer(b"".join(keys), dtype=">u8").reshape(-1, 2))
        for segment in self._segments:
            for index in may_hold(segment.filter, first, second).tolist():
                positions = find_positions(cursor, segment, keys[index])
                if positions:
                    yield index, positions

    def _key(self, identity: EventIdentity) -> bytes:
        stream, customer, event_id = identity
        return self._customer_hash(customer) + self._hash(f"{stream}\x1f{event_id}")

    def _customer_hash(self, customer: str | None) -> bytes:
        if customer is None:
            return _GLOBAL_HASH
        known = self._customer_hashes.get(customer)
        if known is None:
            if len(self._customer_hashes) >= CUSTOMER_HASHES_MAX:
                self._customer_hashes.clear()
            known = self._customer_hashes[customer] = self._hash(customer)
        return known

    def _hash(self, text: str) -> bytes:
        raw = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        if self._mask is None:
            return raw
        return bytes(a & b for a, b in zip(raw, self._mask, strict=True))


def read_pages(cursor: sqlite3.Cursor, after: int, limit: int | None = None) -> Iterator[tuple[int, Record]]:
    """Yield the records after a position, a page at a time; raises StoreError for a damaged one."""
    left = limit
    while left is None or left > 0:
        size = LOG_PAGE if left is None else min(LOG_PAGE, left)
        rows = cursor.execute(
            "SELECT pos, kind, body, crc FROM log WHERE pos > ? ORDER BY pos LIMIT ?", (after, size)
        ).fetchall()
        if rows and rows[-1][0] - after != len(rows):
            raise StoreError(f"the log has a gap after record {after}: it is never edited, so the file is damaged")
        for position, kind, body, crc in rows:
            yield position, open_record(position, kind, body, crc)
        if len(rows) < size:
            return
        after = rows[-1][0]
        left = None if left is None else left - len(rows)


def read_sealed_page(cursor: sqlite3.Cursor, after: int) -> list[tuple[int, bytes]]:
    """Return (rank, body) of the next records after a position, checked but not decoded; none at the end."""
    rows = cursor.execute(
        "SELECT pos, kind, body, crc FROM log WHERE pos > ? ORDER BY pos LIMIT ?", (after, SEALED_PAGE)
    ).fetchall()
    if rows and rows[-1][0] - after != len(rows):
        raise StoreError(f"the log has a gap after record {after}: it is never edited, so the file is damaged")
    check_bodies(rows)
    return [(kind, body) for _, kind, body, _ in rows]


def read_record(cursor: sqlite3.Cursor, position: int) -> Record | None:
    """Return the record at a position, None where there is none; raises StoreError for a damaged one."""
    row = cursor.execute("SELECT kind, body, crc FROM log WHERE pos = ?", (position,)).fetchone()
    return None if row is None else open_record(position, *row)


def _confirm_erased(cursor: sqlite3.Cursor, identity: EventIdentity, positions: list[int]) -> int | None:
    """Return the first of the positions at which the log holds this very event's tombstone."""
    for position in sorted(positions):
        record = read_record(cursor, position)
        if isinstance(record, Control) and (record.subject, record.customer, record.detail.get("id")) == identity:
            return position
    return None


def _confirm(cursor: sqlite3.Cursor, identity: EventIdentity, positions: list[int]) -> int | None:
    """Return the first of the positions at which the log holds this very event."""
    for position in sorted(positions):
        record = read_record(cursor, position)
        if isinstance(record, Event) and (record.stream, record.customer, record.id) == identity:
            return position
    return None
