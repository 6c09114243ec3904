"""The line by which a mail says who sent it: CAN-SPAM asks for the postal address, Turkish law for name and number."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from relight.config.models import SenderModel


def identity_line(sender: SenderModel) -> str:
    """Return what `{{ sender.identity }}` shows, the same in every language.

    Trade name, postal address, MERSİS number and a contact: the phone, or the address that answers go to. A sender that
    gives only its postal address shows that alone.
    """
    if not (sender.title or sender.mersis or sender.phone):
        return sender.postal_address
    who = ", ".join(part for part in (sender.title, sender.postal_address) if part)
    number = f"MERSİS {sender.mersis}" if sender.mersis else ""
    contact = sender.phone or sender.reply_to or sender.address
    return " · ".join(part for part in (who, number, contact) if part)
