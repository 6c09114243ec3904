"""From a message that passed the gate to its outbox row, and from there to what a transport is handed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relight.messages.ledger import OutboxMessage
from relight.rules.plan import MessageClass

if TYPE_CHECKING:
    from relight.decide import Mail
    from relight.rules.plan import Policy

#: Header by which the one-click link travels from the outbox to the transport.
LIST_UNSUBSCRIBE = "List-Unsubscribe"
#: Names by which a sender of its own travels: the name in From, and where answers go.
FROM_NAME, REPLY_TO = "From-Name", "Reply-To"


def outbox_message(mail: Mail, policy: Policy, *, expires: bool = True) -> OutboxMessage:
    """Return the outbox row of a mail.

    Expires: False where sending keeps the time of the records and is never behind.
    """
    headers: dict[str, str] = {}
    if policy.links is not None and mail.message_class is MessageClass.MARKETING and mail.step.webhook is None:
        link, _ = policy.links(mail.row.occurrence_key, mail.rule.topic or "")
        headers[LIST_UNSUBSCRIBE] = link
    if mail.sender.name != policy.sender.name:
        headers[FROM_NAME] = mail.sender.name
    if mail.sender.reply_to is not None and mail.sender.reply_to != policy.sender.reply_to:
        headers[REPLY_TO] = mail.sender.reply_to
    scheduled = mail.row.scheduled if mail.row.scheduled is not None else mail.row.judged
    return OutboxMessage(
        occurrence_key=mail.row.occurrence_key,
        rule=mail.rule.id,
        customer=mail.row.customer,
        step=mail.step.id,
        address=mail.step.webhook or mail.address,
        message_class=mail.message_class.value,
        scheduled=scheduled,
        expires_at=mail.expires_at if expires else None,
        subject=mail.rendered.subject,
        html=mail.rendered.html,
        text=mail.rendered.text,
        headers=headers,
        content_hash=mail.row.content_hash or "",
        template=mail.step.template or "",
        locale=mail.rendered.locale,
        channel="email" if mail.step.webhook is None else "webhook",
        topic=mail.rule.topic or "",
        pool=mail.step.code or "",
    )
