"""The sending brake: too many complaints or hard bounces among a class's mails pause that class until it is released.

Counted by class and day from the delivery journal, over BRAKE_SPAN. What it finds goes into the log as a `pause` of the
class, so that decisions stay a function of the log; what is about to leave is stopped by the second look.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from relight.base.instants import DAY
from relight.engine.sending_shares import BRAKE_SPAN, BRAKED_CLASSES, SendingShares, Signal
from relight.engine.telemetry.log_lines import log
from relight.rules.plan import EventTrigger
from relight.rules.world import SENDING_BRAKE, class_subject
from relight.streams.brake_events import BRAKE_EVENT, brake_event
from relight.streams.envelope import Control, Event

if TYPE_CHECKING:
    from relight.config.brake_settings import BrakeSettings
    from relight.rules.plan import Plan
    from relight.rules.world import WorldState
    from relight.stores.interface import Store

#: Mails of a class within it, below which no share is judged.
BRAKE_MAILS_MIN = 100
#: Complaints, and hard bounces, below which none is: one person is no share.
COMPLAINTS_MIN, HARD_BOUNCES_MIN = 3, 5
#: Name under which the store keeps which classes are stopped.
BRAKE_NOTE = "sending_brake"
_LEAST = {Signal.COMPLAINTS: COMPLAINTS_MIN, Signal.HARD_BOUNCES: HARD_BOUNCES_MIN}


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A share of a class that is beyond a limit."""

    #: When it was seen (µs).
    at: int
    message_class: str
    signal: Signal
    level: str  # `warn` or `stop`
    count: int
    mails: int
    #: The limit that it reached, 0 to 1.
    limit: float

    @property
    def share(self) -> str:
        """The share for people: `0.42 %`."""
        return _percent(self.count / self.mails)


@dataclass(slots=True, kw_only=True)
class SendingBrake:
    """One brake of one sender of a store."""

    store: Store
    settings: BrakeSettings
    shares: SendingShares
    #: Class -> why it is stopped, as `follow` saw it last.
    stops: Mapping[str, Found] = field(default_factory=dict)

    def look(self, now: int) -> list[Found]:
        """Return what is beyond a limit at `now` (µs), each class and signal once at its highest level."""
        found = []
        for (class_, signal), (count, mails) in self.shares.within_span(now).items():
            warn, stop = self.settings.limits[signal.value]
            if mails < BRAKE_MAILS_MIN or count < _LEAST[signal] or count < warn * mails:
                continue
            level, limit = ("stop", stop) if count >= stop * mails else ("warn", warn)
            found.append(
                Found(at=now, message_class=class_, signal=signal, level=level, count=count, mails=mails, limit=limit)
            )
        return found

    def follow(
        self, now: int, standing: Collection[str], *, at: int, wants_events: bool = False
    ) -> list[Control | Event]:
        """Return what the log is to learn: pauses, resumes, and events that alert.

        Args:
            now: the sender's time (µs), by which days are counted; stops are durable in the store before this returns.
            standing: classes that the log knows as stopped by the brake.
            at: the ingest time of what the log learns (µs).
            wants_events: a rule waits for `sending_brake`.
        """
        records: list[Control | Event] = []
        stops = dict(read_brakes(self.store))
        for class_ in [one for one in standing if one not in stops]:
            self.shares.forget(class_)
            records.append(_order("resume", class_, at, {}))
        found = self.look(now)
        for one in found:
            if one.level == "stop" and one.message_class not in stops:
                stops[one.message_class] = one
                self.store.set_note(BRAKE_NOTE, msgspec.json.encode(stops).decode())
        for class_, stop in stops.items():
            if class_ not in standing:
                detail: dict[str, object] = {"cause": SENDING_BRAKE, "leaf": leaf_of(stop), "number": stop.share}
                records.append(_order("pause", class_, at, detail))
        self.stops = stops
        return [*records, *self._tell(found, at if wants_events else None)]

    def _tell(self, found: Iterable[Found], at: int | None) -> list[Event]:
        """Say once of each share that it is beyond a limit; again where it was below in between, or gets worse."""
        levels = {f"{one.message_class}/{one.signal.value}": one for one in found}
        events = []
        for name, one in levels.items():
            if self.shares.counted.told.get(name) in (one.level, "stop"):
                continue
            log(told(one), level=logging.ERROR if one.level == "stop" else logging.WARNING)
            if at is not None:
                values = {"message_class": one.message_class, "signal": one.signal.value, "level": one.level,
                          "share": one.share, "mails": one.mails}  # fmt: skip
                events.append(brake_event(values, at=at))
        after = {name: one.level for name, one in levels.items()}
        if after != self.shares.counted.told:
            self.shares.counted.told = after
            self.shares.write()
        return events


def read_brakes(store: Store) -> Mapping[str, Found]:
    """Return class -> why its mails are stopped."""
    text = store.note(BRAKE_NOTE)
    return msgspec.json.decode(text, type=dict[str, Found]) if text else {}


def look_at_brakes(store: Store, settings: BrakeSettings, now: int) -> list[tuple[str, str]]:
    """Return (mark, text) of each class that is stopped, and of each share at `now` (µs) that is to be warned of."""
    stops = read_brakes(store)
    brake = SendingBrake(store=store, settings=settings, shares=SendingShares.read(store))
    warned = [one for one in brake.look(now) if one.message_class not in stops]
    return [*(("FAIL", told(one)) for one in stops.values()), *(("warn", told(one)) for one in warned)]


def release_brakes(store: Store) -> bool:
    """Let every class leave again; return whether one was stopped. What left before is counted no more."""
    stopped = bool(read_brakes(store))
    if stopped:
        store.set_note(BRAKE_NOTE, "")
    return stopped


def leaf_of(found: Found) -> str:
    """Return what decided: `complaints of marketing`."""
    return f"{found.signal.value.replace('_', ' ')} of {found.message_class}"


def told(found: Found) -> str:
    """Return what the brake says to people."""
    days = BRAKE_SPAN // DAY
    what = f"{leaf_of(found)}: {found.share} of {found.mails:,} mails in {days} days, {_percent(found.limit)}"
    if found.level == "warn":
        return f"{what} is the warning; look at who gets these mails, and from where their addresses came"
    paused = f"the sending brake paused {found.message_class} mails"
    return f"{paused}: {what} is the limit; look at why, then `relight release`"


def _percent(share: float) -> str:
    return f"{share * 100:.2f} %"


def _order(kind: str, class_: str, now: int, detail: dict[str, object]) -> Control:
    return Control(kind=kind, ingest_time=now, subject=class_subject(class_), detail=detail)


def wants_brake_event(plan: Plan | None) -> bool:
    """Return whether a rule of a plan waits for `sending_brake`."""
    triggers = () if plan is None else (rule.trigger for rule in plan.rules.values())
    return any(isinstance(one, EventTrigger) and one.match.event == BRAKE_EVENT for one in triggers)


def standing_brakes(state: WorldState) -> list[str]:
    """Return the classes that the log knows as stopped."""
    return [class_ for class_ in BRAKED_CLASSES if class_subject(class_) in state.paused]
