"""Which events one partition of a log has seen: exact for 128 bits of hash, without a time window, in memory.

24 bytes an event beside a dictionary of the newest: a million events of a partition take 24 MB. Written as parts of a
checkpoint that never change once they are full.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from relight.stores.identity_hash import HASH_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: Events of one part of a checkpoint: 480 kB.
PART_EVENTS = 20_000
#: Events in the dictionary from which on they are sorted into the arrays, between two batches.
RECENT_EVENTS_MAX = 50_000

#: In the place of a body's hash: the event was of somebody erased, and nobody knows what it said (V5).
UNTOLD = 0
UNTOLD_BODY = bytes(HASH_BYTES)
#: One event: hash of its customer, of its identity among the customer's, and of its body, each of eight bytes.
_DTYPE = np.dtype([("who", ">i8"), ("what", ">i8"), ("body", ">u8")])
_KEY = np.dtype([("who", ">i8"), ("what", ">i8")])


class SeenIds:
    """The events seen, by their key: the hash of the customer and the hash of the identity, one after the other."""

    def __init__(self) -> None:
        """Start with none."""
        #: Bytes have no parts that Python would walk over when it looks for cycles.
        self._recent: dict[bytes, bytes] = {}
        self._what: npt.NDArray[np.int64] = np.empty(0, np.int64)
        self._who: npt.NDArray[np.int64] = np.empty(0, np.int64)
        self._body: npt.NDArray[np.uint64] = np.empty(0, np.uint64)
        self._full = 0
        self._tail = bytearray()
        self._changed: set[int] = set()
        self._ready: dict[int, bytes] = {}
        #: Identities, among their customer's, of events of the erased.
        self.untold: set[bytes] = set()

    def __len__(self) -> int:
        """Return the number of events."""
        return len(self._recent) + len(self._what)

    def find_all(self, keys: Iterable[bytes]) -> list[bytes | None]:
        """Return for each key the hash of the known event's body, None for a new one."""
        return [*map(self.find if len(self._what) else self._recent.get, keys)]

    def find(self, key: bytes) -> bytes | None:
        """Return the body's hash of a known event, None for a new one."""
        found = self._recent.get(key)
        if found is not None or not len(self._what):
            return found
        who, what = (int.from_bytes(half, "big", signed=True) for half in (key[:HASH_BYTES], key[HASH_BYTES:]))
        at = int(np.searchsorted(self._what, what))
        while at < len(self._what) and self._what[at] == what:
            if self._who[at] == who:
                return int(self._body[at]).to_bytes(HASH_BYTES, "big")
            at += 1
        return None

    def add(self, entries: Mapping[bytes, bytes]) -> None:
        """Note events that are new: of each its key and its body's hash."""
        if not entries:
            return
        if UNTOLD_BODY in entries.values():
            self.untold.update(key[HASH_BYTES:] for key, body in entries.items() if body == UNTOLD_BODY)
        size = PART_EVENTS * _DTYPE.itemsize
        self._recent.update(entries)
        self._tail += b"".join(chain.from_iterable(entries.items()))
        while len(self._tail) >= size:
            self._changed.add(self._full)
            self._ready[self._full] = bytes(self._tail[:size])
            self._full += 1
            del self._tail[:size]
        if self._tail:
            self._changed.add(self._full)
        if len(self._recent) >= RECENT_EVENTS_MAX:
            self._sort()

    def _sort(self) -> None:
        keys = np.frombuffer(b"".join(self._recent), _KEY)
        body = np.frombuffer(b"".join(self._recent.values()), ">u8")
        self._merge(keys["who"].astype(np.int64), keys["what"].astype(np.int64), body.astype(np.uint64))
        self._recent = {}

    def _merge(self, who: npt.NDArray[np.int64], what: npt.NDArray[np.int64], body: npt.NDArray[np.uint64]) -> None:
        who, what = np.concatenate((self._who, who)), np.concatenate((self._what, what))
        body = np.concatenate((self._body, body))
        order = np.argsort(what, kind="stable")
        self._who, self._what, self._body = who[order], what[order], body[order]

    def take_changed(self) -> dict[int, bytes]:
        """Return the parts that changed since this was called last, by number."""
        found = {number: self._ready.get(number, bytes(self._tail)) for number in sorted(self._changed)}
        self._changed.clear()
        self._ready.clear()
        return found

    def load(self, parts: dict[int, bytes]) -> None:
        """Take over the parts of a checkpoint, all of them."""
        for number in sorted(parts):
            entries = np.frombuffer(parts[number], _DTYPE)
            untold = entries["what"][entries["body"] == UNTOLD].tolist()
            self.untold.update(one.to_bytes(HASH_BYTES, "big", signed=True) for one in untold)
            self._merge(
                entries["who"].astype(np.int64), entries["what"].astype(np.int64), entries["body"].astype(np.uint64)
            )
            if len(entries) == PART_EVENTS:
                self._full = number + 1
            else:
                self._full, self._tail = number, bytearray(parts[number])


def with_names(part: bytes, names: Mapping[int, int]) -> bytes:
    """Return a part of a checkpoint with the events of some customers as those of others, their bodies untold.

    names: hash of a customer -> that of the other.
    """
    entries = np.frombuffer(part, _DTYPE).copy()
    for before, now in names.items():
        theirs = entries["who"] == before
        entries["who"][theirs], entries["body"][theirs] = now, UNTOLD
    return entries.tobytes()
