"""Profiles in memory: an LRU in front of the checkpoints.

Dirty ones are written by checkpoint or eviction, not by batch.

A stored profile carries the log position it includes; recovery folds forward from there.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from relight.customers.codec import decode_profile, encode_profile
from relight.customers.profile import Profile
from relight.stores.interface import Profile as StoredProfile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from relight.customers.layout import Layout
    from relight.stores.interface import Store

#: Profiles kept in memory by default.
CACHED_PROFILES_DEFAULT = 200_000
#: Share of the cache that is written and dropped at once when it overflows.
_EVICT_SHARE = 0.1


class ProfileCache:
    """The profiles of one engine."""

    def __init__(self, store: Store, *, most: int = CACHED_PROFILES_DEFAULT) -> None:
        """Keep at most `most` profiles between batches."""
        self._store = store
        self._most = max(1, most)
        self._held: OrderedDict[str, Profile] = OrderedDict()
        self._dirty: set[str] = set()
        #: Profiles dropped so far, for metrics.
        self.evictions = 0

    def get(self, layout_at: Callable[[int], Layout], customer: str) -> Profile:
        """Return the customer's profile, a new one for somebody unknown. It counts as changed.

        layout_at: the layout of a profile that has seen so many global records.
        """
        profile = self._held.get(customer)
        if profile is None:
            stored = self._store.load_profile(customer)
            profile = Profile(customer=customer) if stored is None else decode_profile(layout_at, stored.blob)
            self._held[customer] = profile
        else:
            self._held.move_to_end(customer)
        self._dirty.add(customer)
        return profile

    def peek(self, customer: str) -> Profile | None:
        """Return a profile that is in memory, unchanged."""
        return self._held.get(customer)

    def forget(self) -> None:
        """Drop everything unsaved: after a batch that could not be made durable."""
        self._held.clear()
        self._dirty.clear()

    def trim(self) -> None:
        """Write and drop the longest unused beyond the limit; only between batches, when all of them are durable."""
        spare = len(self._held) - self._most
        if spare <= 0:
            return
        spare = max(spare, int(self._most * _EVICT_SHARE))
        leaving = [self._held.popitem(last=False)[1] for _ in range(min(spare, len(self._held)))]
        changed = [p for p in leaving if p.customer in self._dirty]
        if changed:
            self._store.save_checkpoints(self._stored(changed))
            self._dirty.difference_update(p.customer for p in changed)
        self.evictions += len(leaving)

    def checkpoint(self, position: int, meta: Mapping[str, bytes] | None = None) -> int:
        """Write all changed profiles with the position from which recovery folds; return how many."""
        changed = [self._held[c] for c in sorted(self._dirty) if c in self._held]
        self._store.save_checkpoints(self._stored(changed), position=position, meta=meta)
        self._dirty.clear()
        return len(changed)

    def _stored(self, profiles: list[Profile]) -> Iterator[StoredProfile]:
        for profile in profiles:
            yield StoredProfile(
                customer=profile.customer, position=max(0, profile.position), blob=encode_profile(profile)
            )
