"""What a condition or a template may read: one customer as of an instant, with the events known by then (H3, R4).

Conditions read events with event time <= `at`; caps, quiet hours and pauses use `now`. No clock.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from relight.base.instants import INSTANT_MAX, day_start, is_zone, to_local
from relight.base.kinds import UNKNOWN, revive_value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from relight.base.kinds import Kind
    from relight.customers.profile import Profile
    from relight.streams.envelope import Event


class Reading:
    """A view of one profile. Cheap to make; not kept.

    Args (all keyword): profile; globals: the global events this profile has seen, in log order; at: reads events up
    to here;
    now: the judgement instant; default_zone, default_locale: the project's; event, entry: properties of the event at
    hand and of the entry's trigger; threshold: elapsed µs; arm; milestone.
    """

    # Most readings say nothing of these: a default of the class costs a reading nothing.
    event: Mapping[str, object] | None = None
    entry: Mapping[str, object] | None = None
    threshold: object = UNKNOWN
    arm: object = UNKNOWN
    milestone: object = UNKNOWN
    #: Where a fact notes the next instant at which time alone changes it; INSTANT_MAX when none did.
    watch = INSTANT_MAX
    _zone: str | None = None

    def __init__(  # noqa: PLR0913 - one view, all of it by keyword
        self,
        *,
        profile: Profile,
        global_events: Sequence[Event] = (),
        at: int,
        now: int,
        default_zone: str = "UTC",
        default_locale: str = "en",
        event: Mapping[str, object] | None = None,
        entry: Mapping[str, object] | None = None,
        threshold: int | None = None,
        arm: str | None = None,
        milestone: str | None = None,
    ) -> None:
        """Hold the view; nothing is computed yet."""
        self.profile = profile
        self.globals = global_events
        self.at = at
        self.now = now
        self.default_zone = default_zone
        self.default_locale = default_locale
        if event is not None:
            self.event = event
        if entry is not None:
            self.entry = entry
        if threshold is not None:
            self.threshold = threshold
        if arm is not None:
            self.arm = arm
        if milestone is not None:
            self.milestone = milestone

    @property
    def customer(self) -> str:
        """The customer's id."""
        return self.profile.customer

    @property
    def zone(self) -> str:
        """The customer's zone: trait `timezone`, else `account_timezone`, else the project's (V3)."""
        if self._zone is None:
            self._zone = zone_of(self.profile, self.at, self.default_zone)
        return self._zone

    @property
    def locale(self) -> str:
        """The customer's locale: trait `locale`, else the project's."""
        found = self.trait("locale")
        return found if isinstance(found, str) else self.default_locale

    @property
    def first_seen(self) -> object:
        """The earliest on-time event, else the earliest (R1); UNKNOWN when nothing was seen."""
        first = self.profile.first_on_time
        if first is None:
            first = self.profile.first_any
        return UNKNOWN if first is None or first > self.at else first

    def trait(self, name: str) -> object:
        """Return the last write of a trait by event time up to `at`, or UNKNOWN."""
        return trait_of(self.profile, name, self.at)

    def measure(self, name: str, kind: Kind) -> object:
        """Return the measure as the last control record served it, or UNKNOWN."""
        value = self.profile.measures.get(name)
        return UNKNOWN if value is None else revive_value(value, kind)

    def members(self, key: str, *, holds: bool) -> object:
        """Return for how many people of the account a condition holds, by its key; UNKNOWN without an account.

        holds: it does for this customer now; of the others it is what the log said last.
        """
        told = self.profile.members
        if told is None or told.left is not None or key not in told.total:
            return UNKNOWN
        return told.total[key] - (key in told.own) + holds

    def note_change(self, instant: int) -> None:
        """Let a fact say when time alone changes it next."""
        if self.at < instant < self.watch:
            self.watch = instant

    def note_midnight(self) -> None:
        """Let a fact say that it changes at the customer's next midnight, if no earlier."""
        day = to_local(self.at, self.zone).date()
        self.note_change(day_start(day + dt.timedelta(days=1), self.zone))


def trait_of(profile: Profile, name: str, at: int) -> object:
    """Return the trait's value as of an instant, or UNKNOWN (R5)."""
    writes = profile.traits.get(name)
    if writes:
        last = writes[-1]
        if last.order[0] <= at:
            return UNKNOWN if last.value is None else last.value
        for write in reversed(writes):
            if write.order[0] <= at:
                return UNKNOWN if write.value is None else write.value
    return UNKNOWN


def account_of(profile: Profile, trait: str | None) -> str | None:
    """Return the account that a customer belongs to as of their last record.

    trait: the one that names it; None: the field that streams read as `account`.
    """
    found = profile.account if trait is None else trait_of(profile, trait, profile.now)
    return found if isinstance(found, str) and found else None


def zone_of(profile: Profile, at: int, default: str) -> str:
    """Return the zone of the customer as of an instant: their own, else their account's, else the default (V3).

    One that the tz database lacks is none.
    """
    for name in ("timezone", "account_timezone"):
        found = trait_of(profile, name, at)
        if isinstance(found, str) and is_zone(found):
            return found
    return default
