"""How many events a write key may send: a bucket that fills at a rate and holds a few seconds of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

#: Seconds of the rate that a key may send at once after a pause.
BURST_SECONDS = 10.0
#: Keys whose buckets are held; a full bucket needs none.
BUCKETS_MAX = 10_000


@dataclass(slots=True, kw_only=True)
class Quota:
    """The buckets of all keys."""

    #: Events a second of one key; None counts nothing.
    rate: float | None
    #: Seconds that only grow.
    clock: Callable[[], float]
    #: Key -> (events it may still send, when that was so).
    _buckets: dict[int, tuple[float, float]] = field(default_factory=dict)

    def take(self, key_id: int, events: int) -> float:
        """Take a place for each event; return 0, or the seconds after which the same request would pass.

        More events than the bucket ever holds pass when it is full, and are paid back by waiting.
        """
        if self.rate is None:
            return 0.0
        now, most = self.clock(), self.rate * BURST_SECONDS
        left, since = self._buckets.get(key_id, (most, now))
        left = min(most, left + (now - since) * self.rate)
        needed = min(float(events), most)
        if left < needed:
            self._buckets[key_id] = (left, now)
            return math.ceil((needed - left) / self.rate * 1000) / 1000
        if len(self._buckets) >= BUCKETS_MAX and key_id not in self._buckets:
            self._buckets.pop(next(iter(self._buckets)))
        self._buckets[key_id] = (left - events, now)
        return 0.0
