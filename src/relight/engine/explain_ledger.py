"""What the gate and the ledger call a comparison and its value, for people.

Rows keep them as text, which is hashed and never changes; whatever is not one of the words below is written in the
project, and is told as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from relight.base.durations import parse_span
from relight.base.instants import DAY
from relight.engine.explain_lines import Exactly, Length, Line, Moment, Reworded, Share, Shown, say
from relight.messages.reasons import Reason

if TYPE_CHECKING:
    from relight.engine.explain_lines import Part

#: The comparison whose value is an instant (µs).
ACTIVITY_AFTER: Final = "activity after the deadline"
#: Reasons for which a condition of the project decides, and the words that stand beside one all the same.
_CONDITIONS: Final = frozenset({
    Reason.AUDIENCE_FALSE, Reason.EXIT, Reason.GOAL_MET, Reason.SENSITIVE_HOLD, Reason.UNLESS,
})  # fmt: skip
_IN_CONDITIONS: Final = frozenset({ACTIVITY_AFTER, "unknown"})
#: Reasons for which a template says what is wrong.
_RENDERED: Final = frozenset({Reason.TEMPLATE_ERROR, Reason.MISSING_DATA})
#: What a condition's value is called in a row -> the word for it.
_TRUTHS: Final = MappingProxyType({"True": Line.YES, "False": Line.NO})
_PHRASES: Final[Mapping[str, Line]] = MappingProxyType({
    ACTIVITY_AFTER: Line.ACTIVITY_AFTER,
    "suppression list": Line.SUPPRESSION_LIST,
    "no minute is allowed": Line.NO_MINUTE,
    "unknown": Line.UNKNOWN,
    "not an address": Line.NOT_AN_ADDRESS,
    "withdrawn": Line.WITHDRAWN,
    "never given": Line.NEVER_GIVEN,
    "all": Line.SCOPE_ALL,
    "marketing": Line.CLASS_MARKETING,
    "missing": Line.MISSING,
    "arrived late": Line.LATENESS,
    "reentry once": Line.REENTRY_ONCE,
    "one entry at a time": Line.ONE_ENTRY,
    "no later step": Line.NO_LATER_STEP,
})  # fmt: skip
_CALENDAR: Final = MappingProxyType({"day": Line.UNIT_DAY, "week": Line.UNIT_WEEK, "month": Line.UNIT_MONTH})


def _span(text: str) -> Part:
    span = parse_span(text)
    return text if span is None or span.is_calendar else Exactly(span.elapsed)


def _share(found: re.Match[str]) -> Share:
    return Share(float(found[1]) / 100)


def _cap(found: re.Match[str]) -> Part:
    if found[2] in _CALENDAR:
        return say(Line.CAP_CALENDAR, most=found[1], unit=say(_CALENDAR[found[2]]))
    return say(Line.CAP_ELAPSED, most=found[1], span=_span(found[2]))


_PATTERNS: Final[tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Part]], ...]] = (
    (re.compile(r"topic (\S+)"), lambda found: say(Line.TOPIC, topic=found[1])),
    (re.compile(r"silent > (\d+ \w+)"), lambda found: say(Line.SILENT_OVER, span=_span(found[1]))),
    (re.compile(r"sender: (.+)"), lambda found: say(Line.SENDER, sender=found[1])),
    (re.compile(r"holdout ([\d.]+)%"), lambda found: say(Line.HOLDOUT_SHARE, share=_share(found))),
    (re.compile(r"holdout ([\d.]+)% of accounts"), lambda found: say(Line.HOLDOUT_ACCOUNTS, share=_share(found))),
    (re.compile(r"reentry after (.+)"), lambda found: say(Line.REENTRY_AFTER, span=Shown(found[1]))),
    (re.compile(r"(.+) an account"), lambda found: say(Line.AN_ACCOUNT, cap=ledger_word(found[1]))),
    (re.compile(r"expires after (\d+) µs"), lambda found: say(Line.EXPIRES_AFTER, span=Length(int(found[1])))),
    (re.compile(r"grace (\d+) µs"), lambda found: say(Line.GRACE_IS, span=Length(int(found[1])))),
    (re.compile(r"group (\S+)"), lambda found: say(Line.GROUP_IS, group=found[1])),
    (re.compile(r"inside (\S+)"), lambda found: say(Line.INSIDE_RULE, rule=found[1])),
    (re.compile(r"taken by (\S+)"), lambda found: say(Line.TAKEN_BY, rule=found[1])),
    (re.compile(r"starts ([-\d]+ [:\d]+)"), lambda found: say(Line.STARTS_ON, when=found[1])),
    (re.compile(r"ends ([-\d]+ [:\d]+)"), lambda found: say(Line.ENDS_ON, when=found[1])),
    (re.compile(r"(\d+) µs"), lambda found: Length(int(found[1]))),
    (re.compile(r"(\d+) per (\d+ \w+|day|week|month)"), _cap),
    (re.compile(r"(\d+) days"), lambda found: Exactly(int(found[1]) * DAY)),
)


def ledger_word(text: str, reason: str | None = None) -> Part:
    """Return what a row or the gate calls a comparison or its value, in words; what a rule wrote comes back as it is.

    reason: of the row; where a condition decided, the value is somebody's own and no word of ours.
    """
    if text in _PHRASES and (reason not in _CONDITIONS or text in _IN_CONDITIONS):
        return say(_PHRASES[text])
    if reason in _CONDITIONS:
        return Shown(text)
    untold = Reworded(text, reason) if reason in _RENDERED else text
    return next((made(found) for pattern, made in _PATTERNS if (found := pattern.fullmatch(text))), untold)


def ledger_number(leaf: str, number: str, reason: str | None, zone: str) -> Part:
    """Return the value of a comparison in words; zone: the customer's, for instants."""
    if leaf == ACTIVITY_AFTER and number.isdecimal():
        return Moment(int(number), zone)
    if reason in _CONDITIONS and number in _TRUTHS:
        return say(_TRUTHS[number])
    return ledger_word(number, reason)
