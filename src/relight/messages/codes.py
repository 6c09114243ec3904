"""Codes of a pool in a mail (S6): what stands where the code will, and the mail with the code in its place.

The decision renders and hashes the placeholder; the sender, which draws the code, puts it in.
"""

from __future__ import annotations

from html import escape
from typing import Final

import msgspec

from relight.messages.ledger import OutboxMessage

#: What `{{ code }}` prints until the code is drawn. Of characters that no escaping and no folding of lines touches.
CODE_PLACEHOLDER: Final = "CODE_FROM_THE_POOL"


def with_code(message: OutboxMessage, code: str) -> OutboxMessage:
    """Return the message with its code in place of the placeholder in subject, HTML (escaped) and text.

    Args:
        message: as it was decided.
        code: empty for a message that needs none, which stays as it is.
    """
    if not code:
        return message
    return msgspec.structs.replace(
        message,
        subject=message.subject.replace(CODE_PLACEHOLDER, code),
        html=message.html.replace(CODE_PLACEHOLDER, escape(code)),
        text=message.text.replace(CODE_PLACEHOLDER, code),
    )
