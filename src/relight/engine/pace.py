"""How fast messages may leave: a rate, a warm-up by days, a rate for each domain of recipients. Pure; time is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from relight.base.instants import DAY, SECOND

#: Seconds of the rate that may leave at once after a pause.
BURST_SECONDS = 1.0
#: Name that stands for every domain without a rate of its own.
EVERY_DOMAIN = "*"
#: Domains whose next free instant is remembered; beyond it the oldest are forgotten.
DOMAINS_MAX = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PaceSettings:
    """What the config says of speed."""

    #: Calls a second; None for as fast as it goes.
    rate: float | None = None
    #: (messages of the first day, days until the full volume); needs a rate.
    warm_up: tuple[int, int] | None = None
    #: Domain -> messages a second; EVERY_DOMAIN for the others.
    domains: Mapping[str, float] = field(default_factory=dict)


def warm_up_most(settings: PaceSettings, day: int) -> int | None:
    """Return the most messages of the n-th day of sending (from 0), None once the warm-up is over.

    The volume grows by the same factor each day, from `start` to what the rate allows in a day.
    """
    if settings.warm_up is None:
        return None
    start, days = settings.warm_up
    assert settings.rate is not None
    if day >= days:
        return None
    full = max(float(start), settings.rate * (DAY // SECOND))
    return int(start * (full / start) ** (max(day, 0) / days))


@dataclass(slots=True, kw_only=True)
class Pace:
    """How much has left, and how much may leave now."""

    settings: PaceSettings
    #: Midnight (µs UTC) of the day on which this sender began; None until it sends.
    began: int | None = None
    #: Day (µs UTC) that `sent_today` counts.
    today: int = 0
    sent_today: int = 0
    _tokens: float = 0.0
    _filled_at: int | None = None
    _free: dict[str, int] = field(default_factory=dict)
    _reserved: dict[str, int] = field(default_factory=dict)

    def room(self, now: int, most: int) -> int:
        """Return how many messages may leave at `now` (µs), at most `most`."""
        self._fill(now)
        room = most if self.settings.rate is None else min(most, int(self._tokens))
        left = self._left_today(now)
        return room if left is None else max(0, min(room, left))

    def next_room(self, now: int) -> int:
        """Return when there is room again (µs), where there is none now."""
        if self._left_today(now) == 0:
            return self.today + DAY
        if self.settings.rate is None:
            return now
        return now + max(1, int((1.0 - self._tokens) / self.settings.rate * SECOND) + 1)

    def is_day_used_up(self, now: int) -> bool:
        """Return whether the warm-up's share of this day has left."""
        return self._left_today(now) == 0

    def limit(self, now: int) -> str:
        """Return what lets no message leave at `now` (µs), for people; empty where one may."""
        if self._left_today(now) == 0:
            return f"the warm-up has let today's {self.sent_today:,} mails leave, the next leave after midnight UTC"
        self._fill(now)
        if self.settings.rate is None or self._tokens >= 1:
            return ""
        return f"the rate lets {self.settings.rate:g} a second leave"

    def take(self, calls: int, handed: int, now: int) -> None:
        """Note calls made and messages handed over at `now` (µs)."""
        self._turn(now)
        self._tokens -= calls
        if handed:
            self.began = self.today if self.began is None else self.began
            self.sent_today += handed

    def slot(self, key: str, address: str, now: int) -> int | None:
        """Return when a message to an address may leave (µs), None for now; a slot once given is kept for its key."""
        domain = address.rpartition("@")[2].lower()
        rate = self.settings.domains.get(domain, self.settings.domains.get(EVERY_DOMAIN))
        if rate is None:
            return None
        given = self._reserved.get(key)
        if given is None:
            given = max(self._free.get(domain, now), now)
            if domain not in self._free and len(self._free) >= DOMAINS_MAX:
                del self._free[next(iter(self._free))]
            self._free[domain] = given + int(SECOND / rate)
        if given <= now:
            self._reserved.pop(key, None)
            return None
        self._reserved[key] = given
        return given

    def _left_today(self, now: int) -> int | None:
        self._turn(now)
        day = 0 if self.began is None else (self.today - self.began) // DAY
        most = warm_up_most(self.settings, day)
        return None if most is None else max(0, most - self.sent_today)

    def _turn(self, now: int) -> None:
        day = now - now % DAY
        if day != self.today:
            self.today, self.sent_today = day, 0

    def _fill(self, now: int) -> None:
        rate = self.settings.rate
        if rate is None:
            return
        most = max(1.0, rate * BURST_SECONDS)
        if self._filled_at is None:
            self._tokens = most
        else:
            self._tokens = min(most, self._tokens + max(0, now - self._filled_at) / SECOND * rate)
        self._filled_at = now if self._filled_at is None else max(now, self._filled_at)
