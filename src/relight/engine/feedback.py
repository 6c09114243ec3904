"""Feedback-ID: what Gmail groups complaints by, `rule:template:topic:sender`; nothing of a recipient."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from relight.base.ids import digest

if TYPE_CHECKING:
    from relight.messages.ledger import OutboxMessage

#: Characters that the last part, the sender's, must have at least and may have at most.
SENDER_ID_CHARACTERS_MIN, SENDER_ID_CHARACTERS_MAX = 5, 15
#: Characters of a part before it that stand as they are.
PART_CHARACTERS_MAX = 64
_DIGEST_CHARACTERS = 6
_PLAIN = re.compile(rf"[A-Za-z0-9_./-]{{1,{PART_CHARACTERS_MAX}}}")


def sender_id(project: str) -> str:
    """Return the sender's part: the letters and digits of the project's name, the same as long as it is called so."""
    bare = unicodedata.normalize("NFKD", project).encode("ascii", "ignore").decode("ascii").lower()
    plain = re.sub(r"[^a-z0-9]", "", bare)
    if SENDER_ID_CHARACTERS_MIN <= len(plain) <= SENDER_ID_CHARACTERS_MAX:
        return plain
    return plain[: SENDER_ID_CHARACTERS_MAX - _DIGEST_CHARACTERS] + digest(project)[:_DIGEST_CHARACTERS]


def feedback_id(message: OutboxMessage, sender: str) -> str:
    """Return the value for a message; a name that no part may hold is told by its hash. sender: of `sender_id`."""
    parts = (message.rule, message.template, message.topic or message.message_class)
    return ":".join([*(part if _PLAIN.fullmatch(part) else digest(part)[:12] for part in parts), sender])
