"""What to do about a place of a topic from which nothing comes although more is there.

A client library may stop bringing records, after a rebalance for instance, without saying so; a process that waits for
them waits for ever. Who reads says what it heard, asks for the ends of what has been silent, and is told to go there
again, or to give up and begin anew. Pure: every method takes the time.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Generic, TypeVar

#: Seconds of silence after which a place is looked at.
LOOK_SECONDS = 10.0
#: Seconds from the first look that found more, with no sound from any place, after which a reader begins anew.
GIVE_UP_SECONDS = 40.0
#: The same where other places are heard: it may have to wait for them while very much is read.
GIVE_UP_ONE_SECONDS = 300.0

_Place = TypeVar("_Place", bound=Hashable)


class Verdict(Enum):
    """What to do about a silent place."""

    #: Nothing is there: it is at its end.
    FINE = "fine"
    #: More is there: go to the wanted offset again.
    AGAIN = "again"
    #: Going there again did not help.
    GIVE_UP = "give up"


@dataclass(slots=True)
class Standstill(Generic[_Place]):
    """The places that are read, and when each was heard last; times in seconds of one monotonic clock."""

    _heard: dict[_Place, float] = field(default_factory=dict)
    #: When a silent place is looked at next.
    _due: dict[_Place, float] = field(default_factory=dict)
    #: Since when a place is known to have more than it brings.
    _stuck: dict[_Place, float] = field(default_factory=dict)

    def follow(self, places: Iterable[_Place], now: float) -> None:
        """Watch these places from now on, and no others."""
        wanted = set(places)
        for place in set(self._heard) - wanted:
            del self._heard[place], self._due[place]
            self._stuck.pop(place, None)
        for place in wanted - set(self._heard):
            self.hear(place, now)

    def hear(self, place: _Place, now: float) -> None:
        """Note that a place brought something, or is not asked for anything at present."""
        self._heard[place], self._due[place] = now, now + LOOK_SECONDS
        self._stuck.pop(place, None)

    def silent(self, now: float) -> list[_Place]:
        """Return the places whose ends are to be asked for now."""
        return [place for place, due in self._due.items() if due <= now]

    def judge(self, place: _Place, now: float, *, has_more: bool) -> Verdict:
        """Return what to do about a silent place, by whether its topic has more than it brought."""
        if place not in self._heard:
            return Verdict.FINE
        if not has_more:
            self.hear(place, now)
            return Verdict.FINE
        since = self._stuck.setdefault(place, now)
        self._due[place] = now + LOOK_SECONDS
        others = any(heard > since for heard in self._heard.values())
        return Verdict.GIVE_UP if now - since >= (GIVE_UP_ONE_SECONDS if others else GIVE_UP_SECONDS) else Verdict.AGAIN


@dataclass(slots=True)
class Waiting:
    """What a process waits for, since when, and when it is to say so (again)."""

    what: str = ""
    since: float = 0.0
    #: Seconds after which it is said next; doubled each time.
    say_after: float = LOOK_SECONDS

    def note(self, what: str, now: float) -> tuple[float, bool]:
        """Note what is waited for (empty: nothing); return for how many seconds already, and whether to say so now."""
        if what != self.what:
            self.what, self.since, self.say_after = what, now, LOOK_SECONDS
        waited = now - self.since
        if not what or waited < self.say_after:
            return waited, False
        self.say_after *= 2
        return waited, True
