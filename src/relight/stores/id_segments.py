"""Immutable sorted segments of (customer hash, event hash, position), as rows of the SQLite file.

A segment is cut into blocks of a few hundred entries; in memory it keeps the first key of each block (its fence) and a
Bloom filter. An entry is 24 bytes, three big-endian 64-bit numbers, so that bytes sort as numbers do.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from relight.stores.id_filter import empty_filter, fill_filter
from relight.stores.record_codec import open_sealed, seal

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Bytes of a key: customer hash, event hash.
KEY_BYTES = 16
#: Bytes of an entry: key, position.
ENTRY_BYTES = 24
#: Bytes of one stored part of a filter.
FILTER_PART_BYTES = 1 << 20
_HASH_SPACE = 1 << 64


@dataclass(frozen=True, slots=True)
class Segment:
    """What memory keeps of a stored segment."""

    segment: int
    level: int
    #: Position of the newest record in it.
    last_position: int
    entries: int
    #: Number of the first block; the others follow.
    first_block: int
    #: First key of each block.
    fences: list[bytes]
    filter: NDArray[np.uint8]


def sort_entries(raw: bytes | bytearray) -> NDArray[Any]:
    """Return entries in their order, an array of shape (n, 3) of big-endian 64-bit numbers."""
    table = np.frombuffer(raw, dtype=">u8").reshape(-1, 3)
    columns = table.astype(np.uint64)
    return table[np.lexsort((columns[:, 2], columns[:, 1], columns[:, 0]))]


class SegmentWriter:
    """Writes one segment, sorted run after sorted run, inside the caller's transaction."""

    def __init__(self, cursor: sqlite3.Cursor, *, level: int, entries: int, block_entries: int) -> None:
        """Begin a segment that will hold `entries` entries."""
        self._cursor = cursor
        self._level = level
        self._block_bytes = block_entries * ENTRY_BYTES
        self._bits = empty_filter(entries)
        self._fences: list[bytes] = []
        self._entries = 0
        self._last_position = 0
        self._rest = b""
        self._segment = int(cursor.execute("SELECT coalesce(max(segment), 0) + 1 FROM segments").fetchone()[0])
        self._block = int(cursor.execute("SELECT coalesce(max(number), 0) + 1 FROM segment_blocks").fetchone()[0])
        self._first_block = self._block

    def add(self, run: NDArray[Any]) -> None:
        """Add entries, all of which sort after those added before."""
        if not run.size:
            return
        fill_filter(self._bits, run)
        self._entries += len(run)
        self._last_position = max(self._last_position, int(run[:, 2].max()))
        body = self._rest + run.tobytes()
        whole = len(body) - len(body) % self._block_bytes
        self._write_blocks(body[:whole])
        self._rest = body[whole:]

    def finish(self) -> Segment:
        """Write what is left and return the segment."""
        self._write_blocks(self._rest)
        fences = b"".join(self._fences)
        place = segment_place(self._segment)
        self._cursor.execute(
            "INSERT INTO segments VALUES (?, ?, ?, ?, ?, ?)",
            (self._segment, self._level, self._last_position, self._entries, *_sealed(place, self._head(fences))),
        )
        raw = self._bits.tobytes()
        parts = range(0, len(raw), FILTER_PART_BYTES)
        self._cursor.executemany(
            "INSERT INTO segment_filters VALUES (?, ?, ?, ?)",
            [
                (self._segment, i, *_sealed(f"{place} filter", raw[at : at + FILTER_PART_BYTES]))
                for i, at in enumerate(parts)
            ],
        )
        return Segment(
            self._segment, self._level, self._last_position, self._entries, self._first_block, self._fences, self._bits
        )

    def _head(self, fences: bytes) -> bytes:
        return self._first_block.to_bytes(8, "big") + fences

    def _write_blocks(self, body: bytes) -> None:
        blocks = [body[at : at + self._block_bytes] for at in range(0, len(body), self._block_bytes)]
        self._cursor.executemany(
            "INSERT INTO segment_blocks VALUES (?, ?, ?, ?)",
            [
                (self._block + i, self._segment, *_sealed(_block_place(self._block + i), block))
                for i, block in enumerate(blocks)
            ],
        )
        self._fences.extend(block[:KEY_BYTES] for block in blocks)
        self._block += len(blocks)


def load_segments(cursor: sqlite3.Cursor) -> list[Segment]:
    """Return all stored segments, oldest records first; raises StoreError for a damaged one."""
    rows = cursor.execute(
        "SELECT segment, level, last_pos, entries, body, crc FROM segments ORDER BY last_pos"
    ).fetchall()
    found = []
    for segment, level, last_position, entries, body, crc in rows:
        place = segment_place(segment)
        head = open_sealed(place, body, crc)
        fences = [head[at : at + KEY_BYTES] for at in range(8, len(head), KEY_BYTES)]
        parts = cursor.execute("SELECT body, crc FROM segment_filters WHERE segment = ? ORDER BY part", (segment,))
        raw = b"".join(open_sealed(f"{place} filter", part, check) for part, check in parts.fetchall())
        bits = np.frombuffer(raw, dtype=np.uint8)
        found.append(Segment(segment, level, last_position, entries, int.from_bytes(head[:8], "big"), fences, bits))
    return found


def find_positions(cursor: sqlite3.Cursor, segment: Segment, prefix: bytes) -> list[int]:
    """Return the positions of the entries whose key begins with `prefix` (8 bytes a customer, 16 an event)."""
    found: list[int] = []
    last = prefix + b"\xff" * (KEY_BYTES - len(prefix))
    # A key may begin in the block before the first fence that is not below it.
    begin = max(0, bisect_left(segment.fences, prefix) - 1)
    for block in range(begin, bisect_right(segment.fences, last)):
        body = _read_block(cursor, segment.first_block + block)
        for at in range(_first_at_least(body, prefix), len(body), ENTRY_BYTES):
            if not body.startswith(prefix, at):
                break
            found.append(int.from_bytes(body[at + KEY_BYTES : at + ENTRY_BYTES], "big"))
    return found


def merge_segments(
    cursor: sqlite3.Cursor, segments: Sequence[Segment], *, block_entries: int, share_entries: int
) -> Segment:
    """Return one segment of a level above, in the place of several, inside the caller's transaction.

    About `share_entries` entries are in memory at a time.
    """
    entries = sum(one.entries for one in segments)
    writer = SegmentWriter(
        cursor, level=max(one.level for one in segments) + 1, entries=entries, block_entries=block_entries
    )
    shares = max(1, entries // share_entries)
    for share in range(shares):
        low, high = (_HASH_SPACE * share // shares, _HASH_SPACE * (share + 1) // shares)
        runs = [run for one in segments for run in _read_range(cursor, one, low, high)]
        writer.add(sort_entries(b"".join(runs)))
    merged = writer.finish()
    assert merged.entries == entries, "a merge keeps every entry"
    for one in segments:
        cursor.execute(
            "DELETE FROM segment_blocks WHERE number >= ? AND number < ?",
            (one.first_block, one.first_block + len(one.fences)),
        )
        cursor.execute("DELETE FROM segment_filters WHERE segment = ?", (one.segment,))
        cursor.execute("DELETE FROM segments WHERE segment = ?", (one.segment,))
    return merged


def segment_place(segment: int) -> str:
    """Return how a segment is named in seals and errors."""
    return f"id segment {segment}"


def _block_place(number: int) -> str:
    return f"id block {number}"


def _read_range(cursor: sqlite3.Cursor, segment: Segment, low: int, high: int) -> Iterator[bytes]:
    """Yield the runs of entries whose customer hash is in [low, high)."""
    first = low.to_bytes(9, "big")[1:]
    # 2**64 has no 8 bytes: sixteen 0xff and one more byte sort after every key.
    limit = high.to_bytes(8, "big") if high < _HASH_SPACE else b"\xff" * (KEY_BYTES + 1)
    begin = max(0, bisect_left(segment.fences, first) - 1)
    for block in range(begin, bisect_left(segment.fences, limit)):
        body = _read_block(cursor, segment.first_block + block)
        run = body[_first_at_least(body, first) : _first_at_least(body, limit)]
        if run:
            yield run


def _first_at_least(body: bytes, key: bytes) -> int:
    """Return the offset of the first entry of a sorted block that is not below `key`."""
    return (
        bisect_left(
            range(len(body) // ENTRY_BYTES), key, key=lambda i: body[i * ENTRY_BYTES : i * ENTRY_BYTES + KEY_BYTES]
        )
        * ENTRY_BYTES
    )


def _read_block(cursor: sqlite3.Cursor, number: int) -> bytes:
    row = cursor.execute("SELECT body, crc FROM segment_blocks WHERE number = ?", (number,)).fetchone()
    return open_sealed(_block_place(number), *(row or (b"", -1)))


def _sealed(place: str, body: bytes) -> tuple[bytes, int]:
    return body, seal(place, body)
