"""What a refusal says about an address (notes on RFC 3463): is it dead, or is it us, the content or the moment. Pure.

An address is suppressed at once only where the answer says that it does not exist, never for a block or a policy. A
mailbox that is full or not there for now is a soft bounce: several on different days suppress the address for a while.
"""

from __future__ import annotations

import re

from relight.base.instants import DAY

#: Soft bounces on so many different days (UTC) within the window, nothing delivered in between, suppress an address.
SOFT_BOUNCE_DAYS_MAX = 3
#: The window (µs).
SOFT_BOUNCE_WINDOW = 30 * DAY

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
#: The same without what says that a mailbox is full.
_NOT_THE_MAILBOX = re.compile(
    r"spam|block|policy|reputation|blacklist|black list|denylist|listed|dmarc|spf|dkim|relay|content|virus|\brate",
    re.IGNORECASE,
)
_MAILBOX, _FULL, _SECURITY = "2", "2", "7"


def is_dead_address(answer: str) -> bool:
    """Return whether a mail server's answer says that the recipient's address does not exist."""
    enhanced = _ENHANCED.search(answer)
    if enhanced is not None:
        return enhanced[1] == "5" and enhanced[2] == _ADDRESSING and enhanced[3] not in _OF_THE_SENDER
    basic = _BASIC.match(answer)
    return basic is not None and basic[1] in _NO_MAILBOX and _ABOUT_US.search(answer) is None


def is_hard_bounce(answer: str) -> bool:
    """Return whether an answer says that the address is dead, in a server's words or in SendGrid's classification."""
    return is_dead_address(answer) or "invalid address" in answer.lower()


def is_soft_bounce(answer: str, *, is_final: bool) -> bool:
    """Return whether an answer says that the recipient's mailbox takes nothing for now.

    Args:
        answer: what the mail server or the provider said.
        is_final: nothing of this message is tried any more; else only an answer about the mailbox itself counts, since
            a server in trouble says 4.3.x of everybody.
    """
    if is_dead_address(answer) or _NOT_THE_MAILBOX.search(answer):
        return False
    enhanced = _ENHANCED.search(answer)
    if enhanced is not None and enhanced[2] == _MAILBOX and (enhanced[1] == "4" or enhanced[3] == _FULL):
        return True
    if enhanced is not None and enhanced[1] == "4":
        return is_final and enhanced[2] != _SECURITY
    return is_final and "mailbox unavailable" in answer.lower()
