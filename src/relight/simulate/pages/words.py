"""Numbers, days and reasons as people read them, in English. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from relight.base.instants import to_local
from relight.messages.reasons import Reason

#: What each reason means, one sentence.
REASON_WORDS: Final[Mapping[str, str]] = MappingProxyType({
    Reason.AUDIENCE_FALSE: "The person is not in the rule's audience, or what it asks about is not known.",
    Reason.ALREADY_ENTERED: "The person is in this rule, or was, and it takes nobody twice.",
    Reason.REENTRY_GAP: "The person was in this rule too recently.",
    Reason.GROUP: "Another rule of the same group has the person.",
    Reason.HOLDOUT: "Held out by lot, to compare with those who get the message.",
    Reason.SUPPRESSED: "The address is on the suppression list: it bounced, complained or was put there.",
    Reason.NO_CONSENT: "The person has not agreed to this topic, or has left it.",
    Reason.NO_ADDRESS: "No address that mail could go to.",
    Reason.SENSITIVE_HOLD: "Not the moment: something sensitive is open, such as a support ticket.",
    Reason.FREQUENCY_CAP: "The person has had as many messages as the config allows.",
    Reason.ACCOUNT_CAP: "The people of the account have had as many messages together as is allowed.",
    Reason.QUIET_HOURS: "Quiet hours in the person's zone.",
    Reason.EXIT: "The rule's reason went away before the message could leave.",
    Reason.GOAL_MET: "The rule's goal was reached; nothing is left to ask for.",
    Reason.TEMPLATE_ERROR: "The template failed to render.",
    Reason.MISSING_DATA: "The mail would have had a hole where a value belongs.",
    Reason.LATE_EVENT: "The event came in too late to act on.",
    Reason.EXPIRED: "Its time had passed before it could leave.",
    Reason.RULE_PAUSED: "The rule is paused.",
    Reason.RULE_REMOVED: "The rule, or the step the person was at, is gone.",
    Reason.POOL_EMPTY: "No code was left in the pool.",
    Reason.SUNSET: "The person has been away for so long that marketing stopped.",
    Reason.UNLESS: "The rule's own unless condition held.",
    Reason.OUTSIDE_DATES: "Before the rule starts or after it ends.",
    Reason.REJECTED: "The provider will never take this message.",
    Reason.RETRIES_EXHAUSTED: "The provider kept refusing for now, as often as allowed.",
    Reason.UNKNOWN_OUTCOME: "Whether the provider took it is not known.",
    Reason.VOLUME_GUARD: "More messages than the volume guard lets through.",
})  # fmt: skip

#: From this share on a percentage needs no decimal.
_WHOLE_PERCENT_MIN = 0.1995


def count_text(number: float) -> str:
    """Return `1,912`."""
    return f"{number:,.0f}"


def share_text(part: float, whole: float) -> str:
    """Return `4.1 %`, `61 %` from 20 % on, `<0.1 %`; `–` of nothing."""
    if not whole:
        return "–"
    share = part / whole
    if 0 < share < 0.0005:  # noqa: PLR2004 - what one decimal of a percent can show
        return "<0.1 %"
    return f"{share:.0%}".replace("%", " %") if share >= _WHOLE_PERCENT_MIN else f"{share:.1%}".replace("%", " %")


def change_text(now: float, new: float) -> str:
    """Return `+20.6 %`, `-34.1 %`, `0`, or `new` where there was nothing."""
    if now == new:
        return "0"
    if not now:
        return "new"
    return f"{(new - now) / now:+.1%}".replace("%", " %")


def reason_name(reason: str) -> str:
    """Return `frequency cap`."""
    return reason.replace("_", " ")


def reason_words(reason: str) -> str:
    """Return what a reason means; its name where it is none of the closed list."""
    return REASON_WORDS.get(reason, reason_name(reason))


def day_text(day: int, *, year: bool = True) -> str:
    """Return `24 Nov 2026` of a proleptic ordinal."""
    date = dt.date.fromordinal(day)
    return f"{date.day} {date:%b %Y}" if year else f"{date.day} {date:%b}"


def weekday_text(day: int) -> str:
    """Return `Tue 24 Nov 2026` of a proleptic ordinal."""
    return f"{dt.date.fromordinal(day):%a} {day_text(day)}"


def moment_text(instant: int, zone: str) -> str:
    """Return `24 Nov 2026 09:00` on the wall clock of a zone."""
    local = to_local(instant, zone)
    return f"{local.day} {local:%b %Y %H:%M}"


def period_text(began: int | None, ended: int | None, zone: str) -> str:
    """Return `24 Aug to 22 Nov 2026`; empty where nothing happened."""
    if began is None or ended is None:
        return ""
    first, last = (to_local(instant, zone).date() for instant in (began, ended))
    if first == last:
        return day_text(first.toordinal())
    return f"{day_text(first.toordinal(), year=first.year != last.year)} to {day_text(last.toordinal())}"


def plural(number: int, one: str, many: str = "") -> str:
    """Return `1 rule`, `1,200 rules`."""
    return f"{count_text(number)} {one if number == 1 else many or one + 's'}"
