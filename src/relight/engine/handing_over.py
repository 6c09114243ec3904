"""From an outbox row to what a transport is handed. Apart from `outgoing`: simulations use that and cannot send."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from relight.delivery.outgoing import OutgoingMessage
from relight.engine.feedback import feedback_id
from relight.engine.outgoing import FROM_NAME, LIST_UNSUBSCRIBE, REPLY_TO
from relight.messages.identity import message_id
from relight.rules.plan import MessageClass

if TYPE_CHECKING:
    from relight.messages.ledger import OutboxMessage


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderIdentity:
    """Who the mails are from."""

    name: str
    address: str
    reply_to: str | None = None
    #: The last part of Feedback-ID; empty for no such header.
    feedback: str = ""

    @property
    def domain(self) -> str:
        """The domain of Message-IDs."""
        return self.address.rpartition("@")[2]


def outgoing_message(message: OutboxMessage, sender: SenderIdentity) -> OutgoingMessage:
    """Return what a transport is handed for an outbox row."""
    is_marketing = message.message_class == MessageClass.MARKETING.value
    link = message.headers.get(LIST_UNSUBSCRIBE)
    return OutgoingMessage(
        occurrence_key=message.occurrence_key,
        to_address=message.address,
        from_address=sender.address,
        from_name=message.headers.get(FROM_NAME) or sender.name or None,
        reply_to=message.headers.get(REPLY_TO) or sender.reply_to,
        subject=message.subject,
        html=message.html,
        text=message.text,
        message_id=message_id(message.occurrence_key, sender.domain),
        list_unsubscribe=(link,) if link else (),
        feedback_id=feedback_id(message, sender.feedback) if is_marketing and sender.feedback else None,
        transactional=message.message_class == MessageClass.TRANSACTIONAL.value,
        category=message.rule,
        channel=message.channel,
        scheduled=message.scheduled,
    )
