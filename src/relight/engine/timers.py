"""When to look at which customer next: hour buckets, lazily re-armed (H6).

An index of the profiles, rebuilt from them, never truth.

An event that only moves a wake later costs nothing: the bucket finds out when it comes due. About 20 bytes a customer
beside the names.
"""

from __future__ import annotations

import heapq
import sys
from array import array

from relight.base.instants import HOUR, INSTANT_MAX

#: Hour of a customer that is in no bucket.
_NOWHERE = 2**31 - 1
#: The largest hour that fits the array; later wakes wait in this bucket.
_HOUR_MAX = _NOWHERE - 1


class HourBuckets:
    """Wakes by customer number. Instants are int µs UTC."""

    def __init__(self) -> None:
        """Start empty."""
        self._names: list[str] = []
        self._numbers: dict[str, int] = {}
        self._wakes = array("q")
        self._hours = array("i")
        self._buckets: dict[int, array[int]] = {}
        self._order: list[int] = []
        #: Wakes of hours already reached: (wake, number).
        self._near: list[tuple[int, int]] = []
        self._reached = -_NOWHERE

    def __len__(self) -> int:
        """Return the number of customers known."""
        return len(self._names)

    def __contains__(self, customer: str) -> bool:
        """Return whether a customer is known."""
        return customer in self._numbers

    def bytes_held(self) -> int:
        """Return the bytes of memory that the timers take, beside the names of customers and their numbers."""
        near = sys.getsizeof(self._near) + len(self._near) * sys.getsizeof((0, 0))
        arrays = (self._wakes, self._hours, *self._buckets.values())
        return near + sum(sys.getsizeof(one) for one in arrays)

    def names(self) -> list[str]:
        """Return the customers in the order they became known."""
        return [name for number, name in enumerate(self._names) if self._numbers.get(name) == number]

    def forget(self, customer: str) -> None:
        """Look at a customer no more; who is armed again later begins anew."""
        number = self._numbers.pop(customer, None)
        if number is not None:
            self._wakes[number] = INSTANT_MAX

    def arm(self, customer: str, wake: int) -> None:
        """Note the customer's wake; moves into an earlier bucket at once, into a later one lazily."""
        number = self._numbers.get(customer)
        if number is None:
            number = self._numbers[customer] = len(self._names)
            self._names.append(customer)
            self._wakes.append(INSTANT_MAX)
            self._hours.append(_NOWHERE)
        self._wakes[number] = wake
        if wake < INSTANT_MAX:
            hour = min(wake // HOUR, _HOUR_MAX)
            if hour <= self._reached:
                heapq.heappush(self._near, (wake, number))
            elif hour < self._hours[number]:
                self._put(number, hour)

    def wake_of(self, customer: str) -> int:
        """Return the wake a customer was armed with (µs); INSTANT_MAX for somebody unknown."""
        number = self._numbers.get(customer)
        return INSTANT_MAX if number is None else self._wakes[number]

    def _put(self, number: int, hour: int) -> None:
        self._hours[number] = hour
        bucket = self._buckets.get(hour)
        if bucket is None:
            bucket = self._buckets[hour] = array("I")
            heapq.heappush(self._order, hour)
        bucket.append(number)

    def due(self, until: int) -> list[str]:
        """Return the customers whose wake is before `until`, by wake; each must be armed again afterwards."""
        hour = until // HOUR
        while self._order and self._order[0] <= hour:
            self._open(heapq.heappop(self._order))
        self._reached = max(self._reached, hour)
        found: dict[int, None] = {}
        while self._near and self._near[0][0] < until:
            wake, number = heapq.heappop(self._near)
            if self._wakes[number] == wake:
                found[number] = None
            elif self._wakes[number] < INSTANT_MAX:
                self.arm(self._names[number], self._wakes[number])
        return [self._names[number] for number in found]

    def _open(self, hour: int) -> None:
        """Move a bucket's customers to the near ones; those that were re-armed meanwhile go to their own hour."""
        self._reached = max(self._reached, hour)
        for number in self._buckets.pop(hour):
            if self._hours[number] == hour:
                self._hours[number] = _NOWHERE
                wake = self._wakes[number]
                if wake < INSTANT_MAX:
                    self.arm(self._names[number], wake)
