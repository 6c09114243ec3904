"""The volume guard (S5): more messages in an hour than the config allows stop all sending until it is released.

Sending stops here at once; both arms of every rule stop by the `pause` record that the run writes into the log. What
was decided waits in the outbox.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from relight.base.instants import HOUR, MINUTE

if TYPE_CHECKING:
    from relight.stores.interface import Store

#: Name under which the store keeps that the guard has stopped; empty once it is released.
GUARD_NOTE = "volume_guard"
#: Name under which the store keeps when it was released last (µs): what left before is counted no more.
RELEASED_NOTE = "volume_guard_released"
#: Time over which messages are counted (µs).
GUARD_SPAN = HOUR


class GuardStop(msgspec.Struct, frozen=True, kw_only=True):
    """Why sending is stopped."""

    #: When it stopped (µs).
    at: int
    #: Messages of the hour before.
    count: int
    per_hour: int


@dataclass(slots=True, kw_only=True)
class VolumeGuard:
    """What left in the last hour, by minutes."""

    per_hour: int
    #: The stop that stands, None while messages may leave.
    stop: GuardStop | None = None
    _minutes: Counter[int] = field(default_factory=Counter)

    @classmethod
    def open(cls, store: Store, per_hour: int, now: int) -> VolumeGuard:
        """Return the guard as the store remembers it."""
        guard = cls(per_hour=per_hour, stop=read_stop(store))
        released = int(store.note(RELEASED_NOTE) or 0)
        guard._minutes.update(dict(store.handed_over(max(now - GUARD_SPAN, released))))
        return guard

    def room(self, now: int, most: int) -> int:
        """Return how many messages may leave at `now` (µs), at most `most`."""
        return 0 if self.stop is not None else max(0, min(most, self.per_hour - self.count(now)))

    def count(self, now: int) -> int:
        """Return the messages of the last hour; minutes count whole."""
        begin = now - GUARD_SPAN
        for minute in [one for one in self._minutes if one + MINUTE <= begin]:
            del self._minutes[minute]
        return self._minutes.total()

    def add(self, messages: int, now: int) -> None:
        """Note messages that were handed over."""
        if messages:
            self._minutes[now - now % MINUTE] += messages

    def trip(self, store: Store, now: int) -> None:
        """Stop all sending, durably."""
        self.stop = GuardStop(at=now, count=self.count(now), per_hour=self.per_hour)
        store.set_note(GUARD_NOTE, msgspec.json.encode(self.stop).decode())

    def look_again(self, store: Store) -> None:
        """Read whether an operator has released it; then the hour is counted from the release."""
        if self.stop is not None and read_stop(store) is None:
            self.stop = None
            self._minutes.clear()


def read_stop(store: Store) -> GuardStop | None:
    """Return why sending is stopped, None where it is not."""
    text = store.note(GUARD_NOTE)
    return msgspec.json.decode(text, type=GuardStop) if text else None


def release(store: Store, now: int) -> bool:
    """Let messages leave again from `now` (µs) on; return whether they were stopped."""
    stopped = read_stop(store) is not None
    if stopped:
        store.set_note(RELEASED_NOTE, str(now))
        store.set_note(GUARD_NOTE, "")
    return stopped


def told(stop: GuardStop) -> str:
    """Return what the guard says to people."""
    return (
        f"the volume guard stopped all sending: {stop.count:,} messages in an hour, {stop.per_hour:,} are allowed"
        " (`volume: {per_hour: …}`); look at why, then `relight release`"
    )
