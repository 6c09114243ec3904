"""Profiles in memory: the last used ones open, more of them closed as bytes, all others as checkpoints in the store.

A closed one takes a tenth of the room and is opened again in no time. Dirty ones are written by checkpoint or when they
make room, not by batch. A stored profile carries the log position it includes; recovery folds forward from there.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from relight.customers.codec import decode_profile, encode_profile, read_standing
from relight.customers.profile import Profile
from relight.engine.packing import Packing
from relight.stores.interface import Profile as StoredProfile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from relight.customers.layout import Layout
    from relight.stores.interface import Store

#: Profiles kept in memory by default.
CACHED_PROFILES_DEFAULT = 200_000
#: Share of the open, and of the closed ones, that makes room at once when there are too many.
_EVICT_SHARE = 0.1
#: Bytes of memory that a closed profile takes beside its own: its name, the object, its place in the table.
CLOSED_EXTRA_BYTES = 250


class ProfileCache:
    """The profiles of one engine."""

    def __init__(self, store: Store, *, most: int = CACHED_PROFILES_DEFAULT, closed_bytes: int = 0) -> None:
        """Keep at most `most` open profiles between batches, and `closed_bytes` of closed ones."""
        self._store = store
        self._most = max(1, most)
        #: From so many open ones on it is noted which was used last; before, none is closed for long.
        self._ordered_from = self._most // 2
        self._closed_most = closed_bytes
        self._held: OrderedDict[str, Profile] = OrderedDict()
        #: Closed ones, the longest unused first, and the memory they take.
        self._closed: dict[str, bytes] = {}
        self._closed_bytes = 0
        self._packing = Packing()
        self._dirty: set[str] = set()
        #: Profiles dropped so far, for metrics.
        self.evictions = 0

    def get(self, layout_at: Callable[[int], Layout], customer: str) -> Profile:
        """Return the customer's profile, a new one for somebody unknown. It counts as changed.

        layout_at: the layout of a profile that has seen so many global records.
        """
        profile = self._held.get(customer)
        if profile is None:
            blob = self._take_closed(customer)
            profile = Profile(customer=customer) if blob is None else decode_profile(layout_at, blob)
            self._held[customer] = profile
        elif len(self._held) > self._ordered_from:
            self._held.move_to_end(customer)
        self._dirty.add(customer)
        return profile

    def _take_closed(self, customer: str) -> bytes | None:
        blob = self._closed.pop(customer, None)
        if blob is not None:
            self._closed_bytes -= len(blob) + CLOSED_EXTRA_BYTES
            return self._packing.open(blob)
        stored = self._store.load_profile(customer)
        return None if stored is None else stored.blob

    def peek(self, customer: str) -> Profile | None:
        """Return a profile that is open in memory, unchanged."""
        return self._held.get(customer)

    def put(self, profile: Profile) -> None:
        """Keep the profile of somebody who is not known here yet."""
        self._held[profile.customer] = profile
        self._dirty.add(profile.customer)

    def drop(self, customer: str) -> None:
        """Forget a customer who is decided on elsewhere from now on; what the store holds of them is not asked."""
        self._held.pop(customer, None)
        self._take_closed_away(customer)
        self._dirty.discard(customer)

    def _take_closed_away(self, customer: str) -> None:
        blob = self._closed.pop(customer, None)
        if blob is not None:
            self._closed_bytes -= len(blob) + CLOSED_EXTRA_BYTES

    def __len__(self) -> int:
        """Return how many profiles are in memory."""
        return len(self._held)

    def forget(self) -> None:
        """Drop everything unsaved: after a batch that could not be made durable."""
        self._held.clear()
        self._closed.clear()
        self._closed_bytes = 0
        self._dirty.clear()

    def trim(self) -> None:
        """Close the longest unused, write and drop the longest closed; only between batches, when all are durable."""
        spare = len(self._held) - self._most
        if spare <= 0:
            return
        spare = max(spare, int(self._most * _EVICT_SHARE))
        for _ in range(min(spare, len(self._held))):
            customer, profile = self._held.popitem(last=False)
            blob = self._closed[customer] = self._packing.pack(encode_profile(profile))
            self._closed_bytes += len(blob) + CLOSED_EXTRA_BYTES
        if self._closed_bytes > self._closed_most:
            self._drop_closed(int(self._closed_most * (1 - _EVICT_SHARE)))

    def _drop_closed(self, most: int) -> None:
        """Write and drop the longest closed ones until they take at most so many bytes."""
        leaving: list[str] = []
        for customer, blob in self._closed.items():
            if self._closed_bytes <= most:
                break
            self._closed_bytes -= len(blob) + CLOSED_EXTRA_BYTES
            leaving.append(customer)
        changed = [c for c in leaving if c in self._dirty]
        if changed:
            self._store.save_checkpoints([_stored(self._packing.open(self._closed[c])) for c in changed])
            self._dirty.difference_update(changed)
        for customer in leaving:
            del self._closed[customer]
        self.evictions += len(leaving)

    def checkpoint(self, position: int, meta: Mapping[str, bytes] | None = None) -> int:
        """Write all changed profiles with the position from which recovery folds; return how many."""
        changed = sorted(self._dirty)
        self._store.save_checkpoints(self._changed(changed), position=position, meta=meta)
        self._dirty.clear()
        return len(changed)

    def _changed(self, customers: list[str]) -> Iterator[StoredProfile]:
        for customer in customers:
            profile = self._held.get(customer)
            packed = self._closed[customer] if profile is None else b""
            yield _stored(self._packing.open(packed) if profile is None else encode_profile(profile))


def _stored(blob: bytes) -> StoredProfile:
    standing = read_standing(blob)
    return StoredProfile(customer=standing.customer, position=max(0, standing.position), blob=blob)
