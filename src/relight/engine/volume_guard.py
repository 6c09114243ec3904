"""The volume guard (S5): more messages in an hour than the config allows stop all sending until it is released.

Sending stops here at once, in every sender of the store; both arms of every rule stop by the `pause` record that
`guard_telling` makes for the log. What was decided waits in the outbox; the alert of the stop alone leaves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
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
#: Time within which a message that another sender hands over is in the delivery journal (µs).
RECOUNTED_SPAN = 2 * MINUTE


class GuardStop(msgspec.Struct, frozen=True, kw_only=True):
    """Why sending is stopped."""

    #: When it stopped (µs).
    at: int
    #: Messages of the hour before.
    count: int
    per_hour: int
    #: Messages that were due and wait for the release.
    waiting: int = 0
    #: When the stop before it was released (µs), 0 for the first: recorded time may stand still between two stops.
    released: int = 0

    @property
    def id(self) -> str:
        """What tells this stop from any other of the store."""
        return f"{self.released}/{self.at}"


def no_alert(_stop: GuardStop) -> Sequence[str]:
    """Return that nothing tells of a stop."""
    return ()


@dataclass(slots=True, kw_only=True)
class VolumeGuard:
    """What left in the last hour, by minutes."""

    per_hour: int
    #: The stop that stands, None while messages may leave.
    stop: GuardStop | None = None
    #: The keys of the messages that tell the team of a stop: they alone leave while it stands.
    alert_of: Callable[[GuardStop], Sequence[str]] = no_alert
    #: Other senders take from the same store; what they hand over counts as well.
    has_others: bool = False
    _minutes: Counter[int] = field(default_factory=Counter)

    @classmethod
    def open(cls, store: Store, per_hour: int, now: int) -> VolumeGuard:
        """Return the guard as the store remembers it."""
        guard = cls(per_hour=per_hour, stop=read_stop(store))
        released = int(store.note(RELEASED_NOTE) or 0)
        guard._minutes.update(dict(store.handed_over(max(now - GUARD_SPAN, released))))
        return guard

    @property
    def only(self) -> Sequence[str] | None:
        """The keys of what alone may be claimed: while it has stopped, of the alert; None for anything."""
        return None if self.stop is None else self.alert_of(self.stop)

    def may_claim(self, store: Store, now: int, most: int) -> int:
        """Return how many messages to claim at `now` (µs), at most `most`: one beyond the limit, which stops."""
        self.look_again(store)
        if self.stop is not None:
            return min(most, len(self.alert_of(self.stop)))
        if self.has_others:
            self.count_others(store, now)
        return min(most, max(1, self.room(now, most)))

    def fits(self, now: int, claimed: int) -> int:
        """Return how many of so many claimed messages may leave: all, where the guard had stopped before the claim."""
        return claimed if self.stop is not None else self.room(now, claimed)

    def room(self, now: int, most: int) -> int:
        """Return how many messages may leave at `now` (µs), at most `most`."""
        return 0 if self.stop is not None else max(0, min(most, self.per_hour - self.count(now)))

    def count(self, now: int) -> int:
        """Return the messages of the last hour; minutes count whole."""
        begin = now - GUARD_SPAN
        for minute in [one for one in self._minutes if one + MINUTE <= begin]:
            del self._minutes[minute]
        return self._minutes.total()

    def count_others(self, store: Store, now: int) -> None:
        """Count what other senders of the store have handed over by now; what is older was counted before."""
        released = int(store.note(RELEASED_NOTE) or 0)
        since = max(now - now % MINUTE - RECOUNTED_SPAN, released)
        for minute in [one for one in self._minutes if one + MINUTE > since]:
            del self._minutes[minute]
        self._minutes.update(dict(store.handed_over(since)))

    def add(self, messages: int, now: int) -> None:
        """Note messages that were handed over."""
        if messages:
            self._minutes[now - now % MINUTE] += messages

    def trip(self, store: Store, now: int) -> None:
        """Stop all sending, durably; a stop that another sender made meanwhile stands."""
        released = int(store.note(RELEASED_NOTE) or 0)
        waiting = store.due_count(now)
        stop = GuardStop(
            at=now, count=self.count(now), per_hour=self.per_hour, waiting=waiting, released=released
        )  # fmt: skip
        store.set_note(GUARD_NOTE, msgspec.json.encode(stop).decode(), once=True)
        self.stop = read_stop(store)

    def look_again(self, store: Store) -> None:
        """Read whether a sender has stopped, or an operator released it; then the hour is counted from the release."""
        stop = read_stop(store)
        if self.stop is not None and stop is None:
            self._minutes.clear()
        self.stop = stop


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
