"""What a refusal says about an address (notes on RFC 3463): is it dead, or is it us, the content or the moment. Pure.

An address is suppressed only where the answer says that it does not exist, never for a block, a full mailbox, a policy.
"""

from __future__ import annotations

import re

#: Enhanced status code of RFC 3463: class, subject, detail.
_ENHANCED = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
_BASIC = re.compile(r"\s*(\d{3})(?!\d)")
#: Subject 1 is the address; its details 7 and 8 speak of the sender's.
_ADDRESSING, _OF_THE_SENDER = "1", frozenset({"7", "8"})
#: Without an enhanced code: mailbox unavailable, not local, its name not allowed (RFC 5321 4.2.3).
_NO_MAILBOX = frozenset({"550", "551", "553"})
#: Words of refusals that carry such a code and mean something else.
_ABOUT_US = re.compile(
    r"spam|block|policy|reputation|blacklist|black list|denylist|listed|dmarc|spf|dkim|relay|content|virus|rate|quota",
    re.IGNORECASE,
)


def is_dead_address(answer: str) -> bool:
    """Return whether a mail server's answer says that the recipient's address does not exist."""
    enhanced = _ENHANCED.search(answer)
    if enhanced is not None:
        return enhanced[1] == "5" and enhanced[2] == _ADDRESSING and enhanced[3] not in _OF_THE_SENDER
    basic = _BASIC.match(answer)
    return basic is not None and basic[1] in _NO_MAILBOX and _ABOUT_US.search(answer) is None
