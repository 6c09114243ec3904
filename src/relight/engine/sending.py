"""All of a run's sending: the dispatcher with its limits, what it learns back into the log, the guard's pause.

To files at the time the records carry; to real mailboxes at the wall clock, in slices, so that inputs are read between
them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from relight.base.instants import HOUR, SECOND
from relight.delivery.files import FilesTransport
from relight.engine.code_pools import PoolWatch, wants_codes_low
from relight.engine.dispatch import CONFIGURATION_WAIT, DOUBT_NOTE, Dispatcher
from relight.engine.feedback import sender_id
from relight.engine.guard_telling import alert_keys, news_of_guard
from relight.engine.handing_over import SenderIdentity
from relight.engine.open_pace import open_pace
from relight.engine.outcomes import OutcomeInput
from relight.engine.send_mark import SendMark, open_mark
from relight.engine.sending_brake import SendingBrake, standing_brakes, wants_brake_event
from relight.engine.sending_shares import BRAKED_CLASSES, SendingShares, Signal
from relight.engine.volume_guard import VolumeGuard
from relight.stores.sqlite import SqliteStore
from relight.streams.envelope import Control, Event

if TYPE_CHECKING:
    from relight.config.settings import DeliverySettings, Settings
    from relight.delivery.outgoing import Outcome, Transport
    from relight.engine.engine import Engine
    from relight.stores.interface import Attempt, LookAgain, Store

#: Seconds of one slice of sending between two looks at the inputs.
SLICE_SECONDS = 1.0
#: Time between two rounds of taking bodies from long settled messages (µs).
SHED_EVERY = HOUR


class Sending:
    """The sender of one run."""

    def __init__(  # noqa: PLR0913 - one sender, by keyword
        self,
        engine: Engine,
        transport: Transport,
        settings: Settings,
        *,
        clock: Callable[[], int],
        is_stopped: Callable[[], bool],
        look: LookAgain | None = None,
    ) -> None:
        """Stand before `begin`."""
        self.engine, self.store, self.delivery = engine, engine.store, settings.delivery
        self.is_recorded = isinstance(transport, FilesTransport)
        self.clock = clock
        self.outcomes = OutcomeInput(engine=engine, on_lines=self._count)
        self.brake: SendingBrake | None = None
        self.mark: SendMark | None = None
        self._shed_at = 0
        self.dispatcher = make_dispatcher(
            self.store, transport, settings, owner=f"embedded-{os.getpid()}", clock=clock, is_stopped=is_stopped
        )
        self.dispatcher.look, self.dispatcher.on_claim = look, self._on_claim
        self.pools = PoolWatch(store=self.store, files=settings.codes, low=settings.codes_low)

    @property
    def sent(self) -> dict[Outcome, int]:
        """Outcomes so far."""
        return self.dispatcher.sent

    @property
    def trouble(self) -> str:
        """Why nothing leaves; empty while mails leave."""
        return self.dispatcher.trouble

    @property
    def held(self) -> str:
        """How many decided mails are due while a limit lets nothing leave, and which; empty while none does.

        It counts them in the store: ask where somebody reads it.
        """
        if not self.dispatcher.limit:
            return ""
        waiting = self.store.due_count(self._time(self.engine.progress.reached))
        return f"{waiting:,} decided, {self.dispatcher.limit}" if waiting else ""

    def begin(self, recorded_now: int) -> None:
        """Open the limits as the store remembers them, and settle what an earlier process was sending."""
        now = self._time(recorded_now)
        open_limits(self.dispatcher, self.delivery, now)
        if self.dispatcher.guard is not None:
            self.dispatcher.guard.alert_of = lambda stop: alert_keys(self.engine.plan, stop)
        if not self.is_recorded:
            self._open_mark()
        self.dispatcher.take_over(now)
        shares = SendingShares.open(self.store, self.engine.plan)
        self.brake = SendingBrake(store=self.store, settings=self.delivery.brakes, shares=shares)
        self.outcomes.take()
        self._follow_guard()
        self._follow_brake(now)

    def send(self, recorded_now: int) -> int:
        """Send what is due, one slice where sending takes real time; return how many messages were handed over."""
        now = self._time(recorded_now)
        self._follow_guard()  # before anything is claimed: what is paused may not leave
        self._follow_brake(now)
        handed = self.dispatcher.drain(now)
        self.outcomes.take()
        self._watch_pools()
        if self._follow_guard() and self.trouble:
            handed += self.dispatcher.drain(self._time(self.engine.progress.reached))  # the alert of it
            self.outcomes.take()
        self._follow_brake(now)
        if now - self._shed_at >= SHED_EVERY:
            self.dispatcher.shed(now)
            self._shed_at = now
        return handed

    def send_all(self, recorded_now: int, sleep: Callable[[float], object]) -> int:
        """Send until nothing due may leave: the rate is waited for, a provider that is down or a new day is not."""
        handed = self.send(recorded_now)
        pace = self.dispatcher.pace
        while not self.is_recorded and not self.dispatcher.is_stopped() and not self.trouble:
            until, now = self.dispatcher.wait_until, self._time(recorded_now)
            if until is None or pace is None or pace.is_day_used_up(now):
                more = self.send(recorded_now)
                if not more:
                    break
                handed += more
                continue
            sleep(max(0, until - now) / SECOND)
            handed += self.send(recorded_now)
        return handed

    def _time(self, recorded_now: int) -> int:
        return recorded_now if self.is_recorded else max(recorded_now, self.clock())

    def _open_mark(self) -> None:
        if not isinstance(self.store, SqliteStore):
            return  # several senders share a server's store; its backups are the operator's to fence
        self.mark, doubtful = open_mark(self.store.path, self.store.claims_made())
        if doubtful is not None:
            known = int(self.store.note(DOUBT_NOTE) or 0)
            self.store.set_note(DOUBT_NOTE, str(max(known, doubtful)))

    def _on_claim(self, claims: int, now: int) -> None:
        if self.mark is not None:
            self.mark.write(claims, now)

    def _watch_pools(self) -> None:
        """Tell of pools of codes that run low: in the log of the program, and to a rule that waits for it (S6)."""
        pools, self.dispatcher.used_pools = self.dispatcher.used_pools, set()
        found = self.pools.look(pools, self.engine.progress.reached) if pools else []
        if found and wants_codes_low(self.engine.plan):
            self.engine.take(found)
        self.pools.settle(found)

    def brake_figures(self, now: int) -> tuple[dict[str, bool], dict[tuple[str, str], float]]:
        """Return class -> whether the brake paused it, and (class, signal) -> its share at `now` (µs), 0 to 1."""
        if self.brake is None:
            return {}, {}
        shares = dict.fromkeys(((class_, signal.value) for class_ in BRAKED_CLASSES for signal in Signal), 0.0)
        for (class_, signal), (count, mails) in self.brake.shares.within_span(now).items():
            shares[class_, signal.value] = count / mails if mails else 0.0
        return {class_: class_ in self.brake.stops for class_ in BRAKED_CLASSES}, shares

    def _count(self, lines: list[Attempt]) -> None:
        if self.brake is not None:
            self.brake.shares.count(lines, self.engine.plan)

    def _follow_brake(self, now: int) -> None:
        """Pause classes whose mails are complained about or bounce too often; let them go on once released."""
        plan = self.engine.plan
        if self.brake is None or plan is None:
            return
        standing = standing_brakes(self.engine.world.states[-1])
        at = self.engine.progress.reached
        records = self.brake.follow(now, standing, at=at, wants_events=wants_brake_event(plan))
        if records:
            self.engine.take(records)

    def _follow_guard(self) -> bool:
        """Pause both arms of every rule while the guard has stopped sending, and let them go on once it is released.

        Returns whether the log learned something; once a stop, also where an earlier process died on the way (S5).
        """
        guard, plan = self.dispatcher.guard, self.engine.plan
        if plan is None:
            return False
        if guard is not None:
            guard.look_again(self.store)
        news = news_of_guard(self.store, plan, at=self.engine.progress.reached)
        if news is None:
            return False
        records = [one for one in news.records if not self._is_in_log(one)]
        if records:
            self.engine.take(records)
        news.settle(self.store)
        return bool(records)

    def _is_in_log(self, record: Control | Event) -> bool:
        if isinstance(record, Event):
            return self.store.find_known([(record.stream, record.customer, record.id)]) != [None]
        return record.kind == "pause" and self.engine.world.states[-1].is_guarded


def make_dispatcher(  # noqa: PLR0913 - one sender, by keyword
    store: Store,
    transport: Transport,
    settings: Settings,
    *,
    owner: str,
    clock: Callable[[], int],
    is_stopped: Callable[[], bool],
) -> Dispatcher:
    """Return the sender that a project's settings describe; `open_limits` gives it its limits."""
    is_recorded = isinstance(transport, FilesTransport)
    delivery, sender = settings.delivery, settings.sender
    return Dispatcher(
        store=store,
        transport=transport,
        sender=SenderIdentity(
            name=sender.name,
            address=sender.address,
            reply_to=sender.reply_to,
            feedback=sender_id(settings.project),
        ),
        owner=owner,
        lease=delivery.lease,
        answer=delivery.timeout,
        retries_unknown=delivery.on_unknown == "retry",
        configuration_wait=0 if is_recorded else CONFIGURATION_WAIT,
        clock=None if is_recorded else clock,
        slice_seconds=None if is_recorded else SLICE_SECONDS,
        is_stopped=is_stopped,
    )


def open_limits(dispatcher: Dispatcher, delivery: DeliverySettings, now: int) -> None:
    """Give a sender pace and volume guard as the store remembers them at `now` (µs)."""
    if dispatcher.clock is not None:
        dispatcher.pace = open_pace(dispatcher.store, delivery, now)
    if delivery.per_hour is not None:
        dispatcher.guard = VolumeGuard.open(dispatcher.store, delivery.per_hour, now)
