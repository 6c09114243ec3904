"""What is handed to a transport and what comes back. Every transport speaks these words and no other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Outcome(StrEnum):
    """What became of one attempt (S2, S3)."""

    #: The provider answered in full that it has the message.
    ACCEPTED = "accepted"
    #: Surely not accepted, or not begun; the same call may succeed later.
    RETRY = "retry"
    #: A full answer that it will never be taken.
    REJECTED = "rejected"
    #: The body had begun to leave and no full answer came.
    UNKNOWN = "unknown"
    #: Our own settings are wrong: no attempt is spent, an operator is needed.
    CONFIGURATION = "configuration"


class Concern(StrEnum):
    """Whom a `retry` is about: it says whose attempts are spent and who waits."""

    #: This message alone: a full mailbox. An attempt is spent.
    MESSAGE = "message"
    #: The provider: no connection, a rate limit. No attempt is spent, and everything waits.
    PROVIDER = "provider"
    #: Either of them: an error of the server. Everything waits, and an attempt is spent while others get through.
    EITHER = "either"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingMessage:
    """One mail, ready to leave. Subject, body and address belong to the same customer (I19)."""

    #: Names the message for ever; Message-ID, boundary and file name derive from it (S1).
    occurrence_key: str
    to_address: str
    to_name: str | None = None
    from_address: str
    from_name: str | None = None
    reply_to: str | None = None
    subject: str
    html: str
    text: str
    #: `<…@domain>`, equal on every retry.
    message_id: str
    #: URIs, HTTPS first; empty for transactional mail.
    list_unsubscribe: tuple[str, ...] = ()
    feedback_id: str | None = None
    transactional: bool = False
    #: What the provider may group by: the rule's id; no personal data.
    category: str = ""
    #: `email`, or `webhook`: `to_address` is then a name of config's `webhooks` and `text` the body.
    channel: str = "email"
    #: Scheduled instant (µs UTC): the day a file is filed under, and its Date.
    scheduled: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """The outcome of one attempt."""

    #: The message's occurrence key.
    key: str
    outcome: Outcome
    #: What the provider said, or what went wrong, for people; at most 500 characters.
    provider_text: str = ""
    #: The provider's own name for the message; empty where it gave none.
    provider_id: str = ""
    #: The provider's word on when to come back (µs UTC); None where it gave none.
    retry_at: int | None = None
    #: With `retry`: whom it is about.
    concern: Concern = Concern.MESSAGE
    #: False where the call was not made at all, which says nothing about the provider.
    begun: bool = True


#: Asked right before a message's body leaves: whether the sender still owns it long enough for an answer (S5).
MayBegin = Callable[[], bool]


def always() -> bool:
    """Return True: nobody else can own the message."""
    return True


class Transport(Protocol):
    """A way out."""

    @property
    def idempotent(self) -> bool:
        """Whether handing over the same message twice makes one."""

    @property
    def batch_max(self) -> int:
        """Messages worth claiming together; where handing over twice makes two, a kill leaves as many unknown."""

    async def deliver(self, batch: Sequence[OutgoingMessage], *, may_begin: MayBegin = always) -> list[Delivery]:
        """Return one delivery for each message, in order. Raises nothing that a provider does.

        Whatever has not begun when `may_begin` says no comes back as `not_begun`.
        """

    async def look_up(self, keys: Sequence[str]) -> Mapping[str, Delivery]:
        """Return what is known of these occurrence keys; a transport that cannot ask returns nothing."""

    async def close(self) -> None:
        """Give connections back."""


#: Characters of a provider's answer that are kept.
PROVIDER_TEXT_CHARACTERS_MAX = 500


def not_begun(message: OutgoingMessage) -> Delivery:
    """Return the delivery of a message that was left alone because its lease would run out before an answer."""
    text = "not begun: the lease would have run out before an answer"
    return Delivery(key=message.occurrence_key, outcome=Outcome.RETRY, provider_text=text, begun=False)


def outcome_of(  # noqa: PLR0913 - one delivery, by keyword
    message: OutgoingMessage,
    outcome: Outcome,
    text: str,
    provider_id: str = "",
    *,
    retry_at: int | None = None,
    concern: Concern = Concern.MESSAGE,
) -> Delivery:
    """Return the delivery of a message, its text printable and bounded."""
    printable = text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)
    shown = printable[:PROVIDER_TEXT_CHARACTERS_MAX].strip()
    return Delivery(
        key=message.occurrence_key,
        outcome=outcome,
        provider_text=shown,
        provider_id=provider_id,
        retry_at=retry_at,
        concern=concern,
    )
