"""Sending what the outbox holds: claim durably, hand over, settle (S1-S5).

With `way_out` the only module of the engine that knows delivery. Time is an argument: recorded runs send at the instant
their time has come to; live ones hand in the wall clock, which is read again before each claim and each call.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from relight.base.ids import share_of
from relight.base.instants import DAY, INSTANT_MAX, INSTANT_MIN, MINUTE, SECOND
from relight.delivery.backoff import backoff, may_try_again
from relight.delivery.outgoing import Concern, Delivery, Outcome, Transport, always
from relight.engine.circuit import Circuit
from relight.engine.handing_over import SenderIdentity, outgoing_message
from relight.engine.open_pace import WARM_UP_NOTE
from relight.engine.volume_guard import VolumeGuard, told
from relight.messages.codes import with_code
from relight.messages.life import MessageCause
from relight.rules.plan import MessageClass
from relight.stores.crash import crash_point
from relight.stores.interface import Claim, Claimed, LookAgain, Settlement, Store

if TYPE_CHECKING:
    from relight.engine.pace import Pace

#: How long a sender may hold a message (µs) where the config says nothing.
LEASE_DEFAULT = 2 * MINUTE
#: How long a provider may take (µs) where the config says nothing; shorter than the lease.
ANSWER_DEFAULT = 30 * SECOND
#: How long to wait after a fault of our own settings (µs).
CONFIGURATION_WAIT = 60 * SECOND
#: Name under which the store keeps until when a restored backup's messages may have left already (µs).
DOUBT_NOTE = "doubtful_until"
#: Longest sleep for the rate inside one drain (µs); a longer wait returns to the caller.
SLEEP_MAX = SECOND

#: Outcomes after which a message is no longer ours to hand over.
_LEFT = frozenset({Outcome.ACCEPTED, Outcome.REJECTED, Outcome.UNKNOWN})
#: Outcomes after which a mailbox may have it.
_MAY_HAVE_LEFT = frozenset({Outcome.ACCEPTED, Outcome.UNKNOWN})


@dataclass(slots=True, kw_only=True)
class Dispatcher:
    """One sender."""

    store: Store
    transport: Transport
    sender: SenderIdentity
    owner: str
    lease: int = LEASE_DEFAULT
    #: Time from the first byte of a call to its answer (µs); no call begins that could outlive its lease.
    answer: int = ANSWER_DEFAULT
    #: Marketing whose fate is unknown is sent again (`on_unknown: retry`), not held (S3).
    retries_unknown: bool = False
    #: How long mails wait while our settings are wrong (µs); 0 where time passes only with records.
    configuration_wait: int = CONFIGURATION_WAIT
    #: The wall clock (µs); None where the time of a drain stands still, as in recorded runs.
    clock: Callable[[], int] | None = None
    #: How long one drain may go on (s of this process); None until nothing is due.
    slice_seconds: float | None = None
    pace: Pace | None = None
    guard: VolumeGuard | None = None
    #: Told of each claim before anything of it leaves: what a restored backup is noticed by.
    on_claim: Callable[[int, int], None] = lambda _claims, _now: None
    #: Whether to end before the next claim, asked between claims: Ctrl-C waits for one of them, not for a backlog.
    is_stopped: Callable[[], bool] = lambda: False
    #: What is asked about due messages in the transaction that takes them (S4).
    look: LookAgain | None = None
    circuit: Circuit = field(default_factory=Circuit)
    #: Pools of codes that were found empty, in order: their mails are suppressed (S6), which the operator is told.
    empty_pools: dict[str, None] = field(default_factory=dict)
    #: Pools that a code was drawn from, or should have been, since somebody last took this set to look at them.
    used_pools: set[str] = field(default_factory=set)
    #: Mails that were due and did not leave: past their time, or stopped after the gate.
    expired: int = 0
    stopped: int = 0
    #: Outcomes so far.
    sent: dict[Outcome, int] = field(default_factory=dict)
    #: When to drain again because something due may not leave yet (µs); None where nothing waits for time.
    wait_until: int | None = None
    #: Which limit lets nothing leave though nothing is wrong, for people: the warm-up, the rate; empty for none.
    limit: str = ""
    #: Messages scheduled up to here may have left before the store was restored (µs); None until the store was asked.
    _doubtful_until: int | None = None
    _doubted: set[str] = field(default_factory=set)

    @property
    def trouble(self) -> str:
        """Why nothing leaves: a provider that takes nothing, settings that are wrong, the volume guard; else empty."""
        if self.guard is not None and self.guard.stop is not None:
            return told(self.guard.stop)
        return self.circuit.trouble

    def drain(self, now: int) -> int:
        """Send what is due at `now` (µs) and return how many messages were handed over."""
        return asyncio.run(self.drain_async(now))

    async def drain_async(self, now: int) -> int:
        """The same on a running loop."""
        try:
            await self.settle_expired(self._now(now))
            return await self._send_due(now)
        finally:
            # A connection belongs to the loop it was opened on, and a server does not wait between two drains.
            await self.transport.close()

    def _now(self, drained_at: int) -> int:
        return drained_at if self.clock is None else max(drained_at, self.clock())

    # ------------------------------------------------------------ one drain
    async def _send_due(self, drained_at: int) -> int:
        handed, began = 0, time.monotonic()
        self.wait_until = None
        while not self.is_stopped() and self._has_time(began):
            now = self._now(drained_at)
            most = self._room(now)
            if most == 0:
                if await self._may_sleep(now, began):
                    continue
                break
            only = None if self.guard is None else self.guard.only
            claimed = self.store.claim(now, most, owner=self.owner, lease=self.lease, look=self.look, only=only)
            if not (claimed.ready or claimed.suppressed or claimed.expired):
                break
            self.empty_pools |= dict.fromkeys(claimed.empty_pools)
            self.used_pools.update(claimed.empty_pools, (one.message.pool for one in claimed.ready if one.code))
            self.expired += len(claimed.expired)
            self.stopped += len(claimed.suppressed)
            if claimed.ready:
                self.on_claim(len(claimed.ready), now)
                handed += await self._hand_over(claimed, now)
            if not self.circuit.is_closed:
                self.wait_until = self.circuit.open_until
                break
        return handed

    def _has_time(self, began: float) -> bool:
        return self.slice_seconds is None or time.monotonic() - began < self.slice_seconds

    def _room(self, now: int) -> int:
        """Return how many messages may be claimed now; says in `wait_until` when there is room again."""
        self.limit = ""
        room = self.circuit.room(now, self.transport.batch_max)
        if room == 0:
            self.wait_until = self.circuit.open_until
            return 0
        if self.guard is not None:
            room = self.guard.may_claim(self.store, now, room)
            if room == 0:
                return 0
        if self.pace is not None:
            room = self.pace.room(now, room)
            self.wait_until = self.pace.next_room(now) if room == 0 else None
            self.limit = self.pace.limit(now) if room == 0 else ""
        return room

    async def _may_sleep(self, now: int, began: float) -> bool:
        """Wait for the rate inside a slice of a live drain; return whether to go on."""
        if self.wait_until is None or self.slice_seconds is None or not self.circuit.is_closed:
            return False
        wait = self.wait_until - now
        left = self.slice_seconds - (time.monotonic() - began)
        if wait > SLEEP_MAX or wait / SECOND > left:
            return False
        await asyncio.sleep(wait / SECOND)
        return True

    async def _hand_over(self, claimed: Claimed, now: int) -> int:
        claims = self._put_back(claimed.ready, now)
        if not claims:
            return 0
        crash_point("before_handing_over")
        messages = [outgoing_message(with_code(c.message, c.code), self.sender) for c in claims]
        until = min(c.lease_until for c in claims) - self.answer
        may_begin = always if self.clock is None else lambda: self._now(0) < until
        deliveries = await self.transport.deliver(messages, may_begin=may_begin)
        crash_point("after_handing_over")
        answered = self._now(now)
        was_closed = self.circuit.is_closed
        self._note_provider(deliveries, answered)
        self._settle(claims, deliveries, answered, was_closed=was_closed)
        begun = sum(d.begun for d in deliveries)
        left = sum(d.outcome in _MAY_HAVE_LEFT for d in deliveries)
        self._count(begun, left, answered)
        return sum(d.outcome in _LEFT for d in deliveries)

    def _put_back(self, claims: Sequence[Claim], now: int) -> list[Claim]:
        """Return the claims that may go on; the others are settled: too many in an hour, a domain's turn, a doubt."""
        kept: list[Claim] = []
        back: list[Settlement] = []
        room = len(claims) if self.guard is None else self.guard.fits(now, len(claims))
        for claim in claims:
            slot = None if self.pace is None else self.pace.slot(
                claim.message.occurrence_key, claim.message.address, now
            )  # fmt: skip
            if self._is_doubtful(claim):
                back += self._doubt(claim, now)
            elif len(kept) >= room:
                back.append(_word(claim, MessageCause.RETRY, now, text="the volume guard stopped it", spends=False))
            elif slot is not None:
                text = "the domain takes no more for now"
                back.append(_word(claim, MessageCause.RETRY, now, text=text, retry_at=slot, spends=False))
            else:
                kept.append(claim)
        if back:
            self.store.settle(back)
        if self.guard is not None and room < len(claims):
            self.guard.trip(self.store, now)
        return kept

    def _is_doubtful(self, claim: Claim) -> bool:
        """Return whether a message may have left before the store was restored from a backup (I14)."""
        if self._doubtful_until is None:
            self._doubtful_until = int(self.store.note(DOUBT_NOTE) or INSTANT_MIN)
        is_old = claim.message.scheduled <= self._doubtful_until and not self.transport.idempotent
        return is_old and claim.message.occurrence_key not in self._doubted

    def _doubt(self, claim: Claim, now: int) -> list[Settlement]:
        key = claim.message.occurrence_key
        self._doubted.add(key)
        text = "the store was restored from a backup: it may have left before"
        found = [_word(claim, MessageCause.LEASE_RAN_OUT, now, text=text)]
        if self._may_send_again(claim):
            found.append(
                Settlement(occurrence_key=key, token=None, cause=MessageCause.SEND_AGAIN, at=now, retry_at=now)
            )
        return found

    def _count(self, calls: int, handed: int, now: int) -> None:
        if self.guard is not None:
            self.guard.add(handed, now)
        if self.pace is not None:
            is_first = self.pace.began is None
            self.pace.take(calls, handed, now)
            if is_first and self.pace.began is not None and self.pace.settings.warm_up is not None:
                self.store.set_note(WARM_UP_NOTE, str(self.pace.began))

    def _note_provider(self, deliveries: Sequence[Delivery], now: int) -> None:
        """Open or close the circuit by what a batch was told."""
        begun = [d for d in deliveries if d.begun]
        wrong = next((d for d in begun if d.outcome is Outcome.CONFIGURATION), None)
        down = [d for d in begun if d.outcome is Outcome.RETRY and d.concern is Concern.PROVIDER]
        maybe = [d for d in begun if d.outcome is Outcome.RETRY and d.concern is Concern.EITHER]
        answered = any(d.outcome in {Outcome.ACCEPTED, Outcome.REJECTED} for d in begun) or any(
            d.outcome is Outcome.RETRY and d.concern is Concern.MESSAGE for d in begun
        )
        if wrong is not None:
            self.circuit.hold(now, wrong.provider_text, self.configuration_wait)
        elif down or (maybe and not answered):
            one = (down or maybe)[0]
            uniform = share_of(self.owner, str(now), one.key)
            later = max((d.retry_at for d in (*down, *maybe) if d.retry_at is not None), default=None)
            self.circuit.fail(now, one.provider_text, uniform, retry_at=later)
        elif answered:
            self.circuit.succeed()

    # ------------------------------------------------------------ leases that ran out
    def take_over(self, now: int) -> None:
        """Settle what an earlier process was sending, before its leases run out.

        Only for the holder of a store's one lock: that process is gone, nobody else can settle its claims.
        """
        asyncio.run(self.settle_expired(now, ran_out_before=INSTANT_MAX))

    async def settle_expired(self, now: int, *, ran_out_before: int | None = None) -> None:
        """A lease that ran out is unknown; a transport that can look the message up settles it at once (S2, S3)."""
        expired = self.store.expired_leases(now if ran_out_before is None else ran_out_before)
        if not expired:
            return
        self.store.settle([_word(c, MessageCause.LEASE_RAN_OUT, now) for c in expired])
        await self.look_up(expired, now)

    async def look_up(self, claims: Sequence[Claim], now: int) -> None:
        """Ask the transport what became of unknown messages."""
        known: Mapping[str, Delivery] = await self.transport.look_up([c.message.occurrence_key for c in claims])
        settled = []
        for claim in claims:
            key = claim.message.occurrence_key
            found = known.get(key)
            if found is not None and found.outcome is Outcome.ACCEPTED:
                cause = MessageCause.PROVIDER_ACCEPTED
                settled.append(
                    Settlement(occurrence_key=key, token=None, cause=cause, text=found.provider_text,
                               provider_id=found.provider_id or None, at=now)
                )  # fmt: skip
            elif self.transport.idempotent or self._may_send_again(claim):
                # Handing it over again makes no second one, or a second one is preferred to none (S3).
                settled.append(
                    Settlement(occurrence_key=key, token=None, cause=MessageCause.SEND_AGAIN, at=now, retry_at=now)
                )
        if settled:
            self.store.settle(settled)

    def _may_send_again(self, claim: Claim) -> bool:
        is_marketing = claim.message.message_class == MessageClass.MARKETING.value
        return (self.retries_unknown or not is_marketing) and may_try_again(claim.attempts + 1)

    # ------------------------------------------------------------ what became of them
    def _settle(
        self, claims: Sequence[Claim], deliveries: Sequence[Delivery], now: int, *, was_closed: bool
    ) -> None:  # fmt: skip
        by_key = {d.key: d for d in deliveries}
        settlements = []
        for claim in claims:
            delivery = by_key[claim.message.occurrence_key]
            self.sent[delivery.outcome] = self.sent.get(delivery.outcome, 0) + 1
            settlements.append(self._judge(claim, delivery, now, was_closed=was_closed))
            if delivery.outcome is Outcome.UNKNOWN and self._may_send_again(claim):
                key = claim.message.occurrence_key
                again = now + self._wait(claim)
                settlements.append(
                    Settlement(occurrence_key=key, token=None, cause=MessageCause.SEND_AGAIN, at=now, retry_at=again)
                )
        self.store.settle(settlements)

    def _judge(self, claim: Claim, delivery: Delivery, now: int, *, was_closed: bool) -> Settlement:
        match delivery.outcome:
            case Outcome.ACCEPTED:
                return _told(claim, MessageCause.PROVIDER_ACCEPTED, delivery, now)
            case Outcome.REJECTED:
                return _told(claim, MessageCause.PROVIDER_REJECTED, delivery, now)
            case Outcome.UNKNOWN:
                return _told(claim, MessageCause.NO_ANSWER, delivery, now)
            case Outcome.CONFIGURATION:
                again = now + self.configuration_wait
                return _told(claim, MessageCause.RETRY, delivery, now, retry_at=again, spends=False)
            case Outcome.RETRY:
                return self._retry(claim, delivery, now, was_closed=was_closed)

    def _retry(self, claim: Claim, delivery: Delivery, now: int, *, was_closed: bool) -> Settlement:
        if not delivery.begun:
            return _told(claim, MessageCause.RETRY, delivery, now, spends=False)
        if delivery.concern is Concern.PROVIDER:
            return _told(claim, MessageCause.RETRY, delivery, now, retry_at=self.circuit.open_until, spends=False)
        # An error that may be this message's own counts where the provider was well until then; behind the others it
        # goes in any case, so that the next probe is another message (I13).
        spends = delivery.concern is Concern.MESSAGE or was_closed or self.circuit.is_closed
        if spends and not may_try_again(claim.attempts + 1):
            return _told(claim, MessageCause.RETRIES_EXHAUSTED, delivery, now)
        again = max(now + self._wait(claim), delivery.retry_at or 0, self.circuit.open_until)
        return _told(claim, MessageCause.RETRY, delivery, now, retry_at=again, spends=spends)

    def _wait(self, claim: Claim) -> int:
        attempts = claim.attempts + 1
        return backoff(attempts, share_of(self.owner, str(attempts), claim.message.occurrence_key))

    # ------------------------------------------------------------ what need not stay
    def shed(self, now: int) -> int:
        """Take the bodies from messages that were settled long ago; return how many."""
        return self.store.shed_bodies(now - BODY_KEPT, SHED_MESSAGES_MAX)


#: How long a settled message keeps its subject and text (µs), for people who ask what was sent.
BODY_KEPT = 30 * DAY
#: Messages whose bodies are taken in one transaction.
SHED_MESSAGES_MAX = 500


def _word(  # noqa: PLR0913 - one settlement, by keyword
    claim: Claim, cause: MessageCause, now: int, *, text: str = "", retry_at: int | None = None, spends: bool = True
) -> Settlement:
    return Settlement(
        occurrence_key=claim.message.occurrence_key, token=claim.token, cause=cause, text=text, at=now,
        retry_at=retry_at, spends=spends,
    )  # fmt: skip


def _told(  # noqa: PLR0913 - one settlement, by keyword
    claim: Claim,
    cause: MessageCause,
    delivery: Delivery,
    now: int,
    *,
    retry_at: int | None = None,
    spends: bool = True,
) -> Settlement:
    return Settlement(
        occurrence_key=claim.message.occurrence_key, token=claim.token, cause=cause, text=delivery.provider_text,
        provider_id=delivery.provider_id or None, at=now, retry_at=retry_at, spends=spends,
    )  # fmt: skip
