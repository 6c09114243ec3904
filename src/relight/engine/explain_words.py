"""What explain finds: findings with a mark, stories of rules, each with the sentences it says (`explain_lines.py`).

Data only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from relight.base.kinds import UNKNOWN
from relight.customers.facts import MEMBERS_TOLD_MAX
from relight.engine.explain_lines import Line, Said, Shown, code, say

if TYPE_CHECKING:
    from relight.base.problems import Place
    from relight.customers.reading import Reading
    from relight.engine.explain_lines import Part
    from relight.messages.ledger import LedgerRow
    from relight.rules.plan import Leaf


class Mark(StrEnum):
    """What a finding says about the message."""

    YES = "yes"
    #: This is why not.
    NO = "NO"
    #: Not true, but not what decides: a part of an `or` that holds.
    OFF = "no"
    #: A value is missing.
    UNKNOWN = "??"
    #: Not looked at.
    SKIPPED = "--"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of an explanation."""

    mark: Mark
    text: Said
    #: What would have been needed; None where the text says it.
    needs: Said | None = None
    #: Where it stands in the project; empty for what no file says.
    place: str = ""
    #: Further lines below it.
    more: tuple[Said, ...] = ()
    #: The comparison and the value that decided, for machines.
    leaf: str | None = None
    number: str | None = None
    #: Reason of the closed list where it is one (G6).
    reason: str | None = None

    @property
    def stops(self) -> bool:
        """Return whether this keeps the message back."""
        return self.mark in (Mark.NO, Mark.UNKNOWN)

    @property
    def whole(self) -> Said:
        """Return the text with what would have been needed."""
        return self.text if self.needs is None else say(Line.WITH_NEEDS, text=self.text, needs=self.needs)


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerStory:
    """What the trigger says."""

    findings: tuple[Finding, ...]
    #: Properties of the event that a message now would be about, and of the release or incident.
    properties: dict[str, object] = field(default_factory=dict)
    release: dict[str, object] = field(default_factory=dict)
    event: str = ""
    #: Nearest instant at which it may fire by the passing of time alone (µs).
    due: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleStory:
    """What became of one customer in one rule, and what stands in the way now."""

    rule: str
    title: str
    place: str
    #: `sent`, `held_out`, `waiting`, `not_sent`, or `unknown` where the provider never answered.
    outcome: str
    #: One sentence.
    headline: Said
    #: Ledger rows of this customer and rule, in the order they were decided.
    rows: tuple[LedgerRow, ...] = ()
    #: What the rule waits for, its audience, and the gate as it would judge now, in this order.
    trigger: tuple[Finding, ...] = ()
    audience: tuple[Finding, ...] = ()
    gate: tuple[Finding, ...] = ()
    #: What decided; None where a message was sent or waits.
    why: Finding | None = None
    #: What happens next; None for nothing.
    next: Said | None = None
    #: Instant at which asking again tells more (µs); None for none.
    ask_again: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A rule that the customer is inside of, and where in it they wait."""

    rule: str
    #: Id of the step; None where the version of then has it no more.
    step: str | None
    #: When they came to it (µs).
    since: int
    #: When it goes on by itself (µs); None for no such instant.
    until: int | None
    #: Their mail waits for its minute; else the step is a wait.
    is_mail: bool
    #: The event that is waited for; empty for none.
    awaits: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """One customer, as of one instant."""

    customer: str
    #: µs.
    at: int
    #: The customer's own.
    zone: str
    records: int
    #: Of the rules that were in force then.
    plan_version: str
    stories: tuple[RuleStory, ...]
    #: Where they wait, in the order of the entries.
    standing: tuple[Standing, ...] = ()
    #: What is known of them at that instant.
    traits: Mapping[str, object] = field(default_factory=dict)
    #: Topic -> given or withdrawn, as they said it.
    consent: Mapping[str, bool] = field(default_factory=dict)


def shown(value: object) -> str:
    """Return a value as machines and rules write it."""
    if value is UNKNOWN or value is None:
        return "unknown"
    if value is True or value is False:
        return "yes" if value else "no"
    return str(value)


def told_value(value: object) -> Part:
    """Return a value for people."""
    if value is UNKNOWN or value is None:
        return say(Line.UNKNOWN)
    if value is True or value is False:
        return say(Line.YES if value else Line.NO)
    return Shown(str(value))


def place_text(place: Place | None) -> str:
    """Return a place as text; empty for none."""
    return "" if place is None else str(place)


def leaf_finding(leaf: Leaf, reading: Reading, *, decides: bool, reason: str | None = None) -> Finding:
    """Return what one comparison says of a customer now. decides: it is what makes the condition not true."""
    truth = leaf.test(reading)
    value = shown(leaf.value(reading))
    if truth is True and not decides:
        mark = Mark.YES
    elif truth is UNKNOWN:
        mark = Mark.UNKNOWN if decides else Mark.OFF
    else:
        mark = Mark.NO if decides else Mark.OFF
    # What is true and stands in the way can only stand under a `not`.
    asked = f"not ({leaf.text})" if truth is True and decides else leaf.text
    truth_only = value in ("yes", "no") and not any(sign in leaf.text for sign in "<>=")
    if truth_only and truth is not UNKNOWN:
        text = code(asked)
    else:
        text = say(Line.LEAF_IS, leaf=asked, number=told_value(leaf.value(reading)))
    return Finding(
        mark=mark, text=text, place=str(leaf.place), more=_why_unknown(leaf, reading) if truth is UNKNOWN else (),
        leaf=leaf.text, number=value, reason=reason if decides else None,
    )  # fmt: skip


def _why_unknown(leaf: Leaf, reading: Reading) -> tuple[Said, ...]:
    """Return why nobody counts the people of an account: it is too large, or there is none."""
    if "members(" not in leaf.text:
        return ()
    told = reading.profile.members
    if told is None or told.left is not None:
        return (say(Line.NO_ACCOUNT),)
    return () if told.total else (say(Line.ACCOUNT_TOO_LARGE, most=f"{MEMBERS_TOLD_MAX:,}"),)
