"""Sending what the outbox holds: claim durably, hand over, settle (S1-S5).

The only module of the engine that knows delivery.

Time is an argument: recorded runs send at the instant their time has come to, live ones at the wall clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from relight.base.ids import share_of
from relight.base.instants import INSTANT_MAX, MINUTE, SECOND
from relight.delivery.backoff import backoff, may_try_again
from relight.delivery.outgoing import Delivery, Outcome, OutgoingMessage, Transport
from relight.engine.outgoing import FROM_NAME, LIST_UNSUBSCRIBE, REPLY_TO
from relight.messages.identity import message_id
from relight.messages.life import MessageCause
from relight.rules.plan import MessageClass
from relight.stores.crash import crash_point
from relight.stores.interface import Claim, LookAgain, Settlement, Store

if TYPE_CHECKING:
    from relight.messages.ledger import OutboxMessage

#: Messages of one claim where handing one over twice makes one.
CLAIM_MESSAGES_MAX = 200
#: The same elsewhere: a kill leaves as many unknown, though most of them had not begun to leave.
CLAIM_MESSAGES_ONCE_MAX = 10
#: How long a sender may hold a message (µs); longer than any transport's time-outs together.
LEASE_DEFAULT = 10 * MINUTE
#: How long to wait after a fault of our own settings (µs).
CONFIGURATION_WAIT = 60 * SECOND

#: Outcomes after which a message is no longer ours to hand over.
_LEFT = frozenset({Outcome.ACCEPTED, Outcome.REJECTED, Outcome.UNKNOWN})


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderIdentity:
    """Who the mails are from."""

    name: str
    address: str
    reply_to: str | None = None

    @property
    def domain(self) -> str:
        """The domain of Message-IDs."""
        return self.address.rpartition("@")[2]


@dataclass(slots=True, kw_only=True)
class Dispatcher:
    """One sender."""

    store: Store
    transport: Transport
    sender: SenderIdentity
    owner: str
    lease: int = LEASE_DEFAULT
    #: Marketing whose fate is unknown is sent again (`on_unknown: retry`), not held (S3).
    retries_unknown: bool = False
    #: How long mails wait while our settings are wrong (µs); 0 where time passes only with records.
    configuration_wait: int = CONFIGURATION_WAIT
    #: Whether to end before the next claim, asked between claims: Ctrl-C waits for one of them, not for a backlog.
    is_stopped: Callable[[], bool] = lambda: False
    #: What is asked about due messages in the transaction that takes them (S4).
    look: LookAgain | None = None
    #: Outcomes so far.
    sent: dict[Outcome, int] = field(default_factory=dict)
    #: The last word on our settings, when they are wrong.
    trouble: str = ""

    def drain(self, now: int) -> int:
        """Send everything that is due at `now` (µs) and return how many messages were handed over."""
        return asyncio.run(self.drain_async(now))

    async def drain_async(self, now: int) -> int:
        """The same on a running loop."""
        try:
            await self.settle_expired(now)
            return await self._send_due(now)
        finally:
            # A connection belongs to the loop it was opened on, and a server does not wait between two drains.
            await self.transport.close()

    async def _send_due(self, now: int) -> int:
        handed = 0
        most = CLAIM_MESSAGES_MAX if self.transport.idempotent else CLAIM_MESSAGES_ONCE_MAX
        while not self.is_stopped():
            claimed = self.store.claim(now, most, owner=self.owner, lease=self.lease, look=self.look)
            if not (claimed.ready or claimed.suppressed or claimed.expired):
                break
            if claimed.ready:
                crash_point("before_handing_over")
                deliveries = await self._hand_over(claimed.ready)
                crash_point("after_handing_over")
                self._settle(claimed.ready, deliveries, now)
                handed += sum(d.outcome in _LEFT for d in deliveries)
                if any(d.outcome is Outcome.CONFIGURATION for d in deliveries):
                    break
        return handed

    async def _hand_over(self, claims: Sequence[Claim]) -> list[Delivery]:
        """Return one delivery for each claim, in order."""
        mails = [c for c in claims if c.message.channel == "email"]
        delivered = iter(await self.transport.deliver([self._outgoing(c.message) for c in mails]) if mails else [])
        return [next(delivered) if c.message.channel == "email" else _kept_webhook(c) for c in claims]

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
        self.store.settle(
            [
                Settlement(
                    occurrence_key=c.message.occurrence_key, token=c.token, cause=MessageCause.LEASE_RAN_OUT, at=now
                )
                for c in expired
            ]
        )
        await self.look_up(expired, now)

    async def look_up(self, claims: Sequence[Claim], now: int) -> None:
        """Ask the transport what became of unknown messages."""
        known: Mapping[str, Delivery] = await self.transport.look_up([c.message.occurrence_key for c in claims])
        settled = []
        for claim in claims:
            key = claim.message.occurrence_key
            found = known.get(key)
            if found is not None and found.outcome is Outcome.ACCEPTED:
                settled.append(self._settlement(claim, MessageCause.PROVIDER_ACCEPTED, found, now, token=None))
            elif self.transport.idempotent or self._may_send_again(claim):
                # Handing it over again makes no second one, or a second one is preferred to none (S3).
                settled.append(
                    Settlement(occurrence_key=key, token=None, cause=MessageCause.SEND_AGAIN, at=now, retry_at=now)
                )
        if settled:
            self.store.settle(settled)

    def _may_send_again(self, claim: Claim) -> bool:
        is_marketing = claim.message.message_class == MessageClass.MARKETING.value
        return (self.retries_unknown or not is_marketing) and may_try_again(claim.token)

    def _outgoing(self, message: OutboxMessage) -> OutgoingMessage:
        link = message.headers.get(LIST_UNSUBSCRIBE)
        return OutgoingMessage(
            occurrence_key=message.occurrence_key,
            to_address=message.address,
            from_address=self.sender.address,
            from_name=message.headers.get(FROM_NAME) or self.sender.name or None,
            reply_to=message.headers.get(REPLY_TO) or self.sender.reply_to,
            subject=message.subject,
            html=message.html,
            text=message.text,
            message_id=message_id(message.occurrence_key, self.sender.domain),
            list_unsubscribe=(link,) if link else (),
            transactional=message.message_class == MessageClass.TRANSACTIONAL.value,
            scheduled=message.scheduled,
        )

    def _settle(self, claims: Sequence[Claim], deliveries: Sequence[Delivery], now: int) -> None:
        by_key = {d.key: d for d in deliveries}
        settlements = []
        for claim in claims:
            delivery = by_key[claim.message.occurrence_key]
            self.sent[delivery.outcome] = self.sent.get(delivery.outcome, 0) + 1
            settlements.append(self._judge(claim, delivery, now))
            if delivery.outcome is Outcome.UNKNOWN and self._may_send_again(claim):
                again = now + self._wait(claim)
                cause = MessageCause.SEND_AGAIN
                settlements.append(self._settlement(claim, cause, delivery, now, token=None, retry_at=again))
        self.store.settle(settlements)

    def _judge(self, claim: Claim, delivery: Delivery, now: int) -> Settlement:
        match delivery.outcome:
            case Outcome.ACCEPTED:
                return self._settlement(claim, MessageCause.PROVIDER_ACCEPTED, delivery, now)
            case Outcome.REJECTED:
                return self._settlement(claim, MessageCause.PROVIDER_REJECTED, delivery, now)
            case Outcome.UNKNOWN:
                return self._settlement(claim, MessageCause.NO_ANSWER, delivery, now)
            case Outcome.CONFIGURATION:
                self.trouble = delivery.provider_text
                again = now + self.configuration_wait
                return self._settlement(claim, MessageCause.RETRY, delivery, now, retry_at=again)
            case Outcome.RETRY:
                # The token counts the claims of a message: its attempts.
                if not may_try_again(claim.token):
                    return self._settlement(claim, MessageCause.RETRIES_EXHAUSTED, delivery, now)
                return self._settlement(claim, MessageCause.RETRY, delivery, now, retry_at=now + self._wait(claim))

    def _wait(self, claim: Claim) -> int:
        return backoff(claim.token, share_of(self.owner, str(claim.token), claim.message.occurrence_key))

    def _settlement(  # noqa: PLR0913 - one settlement, by keyword
        self,
        claim: Claim,
        cause: MessageCause,
        delivery: Delivery,
        now: int,
        *,
        retry_at: int | None = None,
        token: int | None = -1,
    ) -> Settlement:
        return Settlement(
            occurrence_key=claim.message.occurrence_key,
            token=claim.token if token == -1 else token,
            cause=cause,
            text=delivery.provider_text,
            provider_id=delivery.provider_id or None,
            at=now,
            retry_at=retry_at,
        )


def _kept_webhook(claim: Claim) -> Delivery:
    """A web request waits for the version that makes them; it is no mail, and must not leave as one."""
    text = f"requests to the webhook '{claim.message.address}' are not made by this version; they wait in the outbox"
    return Delivery(key=claim.message.occurrence_key, outcome=Outcome.CONFIGURATION, provider_text=text)
