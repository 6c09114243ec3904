"""The compiled plan: what decide reads. Frozen; made by `config` from the project folder, never changed afterwards.

Closures in it are pure functions of a Reading. Instants and elapsed lengths are int µs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from relight.base.durations import Span
from relight.base.ids import share_of
from relight.base.instants import DAY, HOUR
from relight.base.problems import Place
from relight.rules.compiled import Condition, EventMatch, Leaf
from relight.rules.step_kinds import MESSAGE_KINDS, Program, SendWindow, Step, StepKind, Until
from relight.rules.trigger_kinds import (
    DateTrigger,
    DeclinedTrigger,
    EventTrigger,
    GlobalTrigger,
    InactiveTrigger,
    MilestoneKind,
    MilestoneTrigger,
    ReleasedTrigger,
    ScheduleTrigger,
    SegmentTrigger,
    Threshold,
    Trigger,
)

if TYPE_CHECKING:
    from relight.customers.layout import Layout
    from relight.customers.reading import Reading
    from relight.streams.schema import Schema
    from relight.streams.surveys import Survey

__all__ = [
    "EXPIRES_DEFAULT",
    "GRACE_DEFAULT",
    "MESSAGE_KINDS",
    "PRIORITY_DEFAULT",
    "AccountKey",
    "Cap",
    "Condition",
    "DateTrigger",
    "DeclinedTrigger",
    "EventMatch",
    "EventTrigger",
    "GlobalTrigger",
    "Goal",
    "InactiveTrigger",
    "Leaf",
    "Letter",
    "MessageClass",
    "MilestoneKind",
    "MilestoneTrigger",
    "Plan",
    "Policy",
    "Program",
    "Reentry",
    "ReentryKind",
    "ReleasedTrigger",
    "Rule",
    "ScheduleTrigger",
    "SegmentTrigger",
    "SendWindow",
    "Step",
    "StepKind",
    "Threshold",
    "Trigger",
    "Until",
    "account_drawn",
    "message_class_of",
    "split_subject",
]

#: Default of `expires` (µs): how long a deferred message stays worth sending.
EXPIRES_DEFAULT = 3 * DAY
#: Default of `grace` (µs): how late a missed deadline may still fire.
GRACE_DEFAULT = 24 * HOUR
#: Default of `priority`; higher first.
PRIORITY_DEFAULT = 50


class MessageClass(StrEnum):
    """What kind of mail a rule sends; decides which gates it passes (G5)."""

    MARKETING = "marketing"
    TRANSACTIONAL = "transactional"
    INTERNAL = "internal"


class ReentryKind(StrEnum):
    """How often one customer may enter a rule (E1)."""

    #: Once in a life.
    ONCE = "once"
    #: Once for each occurrence key: the default of all triggers but `event`.
    EACH = "each"
    EVERY = "every"
    AFTER = "after"
    PER = "per"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reentry:
    """The re-entry of a rule."""

    kind: ReentryKind
    #: AFTER: from the last entry.
    after: Span | None = None
    #: PER: the property whose value is the occurrence.
    per: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """Reaching it ends the entry with goal_met."""

    match: EventMatch
    #: µs from the entry's start in event time; None has no end.
    attribution: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule file, compiled."""

    id: str
    trigger: Trigger
    program: Program
    place: Place
    audience: Condition | None = None
    exits_on: tuple[EventMatch, ...] = ()
    exits_when: tuple[Condition, ...] = ()
    #: Before the first send of an inactive rule: activity after d suppresses it with `exit` (E3).
    exit_on_activity: bool = True
    goal: Goal | None = None
    reentry: Reentry = Reentry(kind=ReentryKind.EACH)
    group: str | None = None
    message_class: MessageClass = MessageClass.MARKETING
    topic: str | None = None
    priority: int = PRIORITY_DEFAULT
    #: µs.
    expires: int = EXPIRES_DEFAULT
    #: µs.
    grace: int = GRACE_DEFAULT
    #: µs.
    settle: int = 0
    #: None skips; µs to wait for room (G2).
    when_capped: int | None = None
    #: What the other people of the customer's account may have had of this rule (G2); None: any number.
    account_cap: Cap | None = None
    #: Share kept without messages, 0 to 1.
    holdout: float = 0.0
    #: Where the rule names its own; None where it is the config's.
    holdout_place: Place | None = None
    paused: bool = False
    #: Instants between which occurrences count; None is open.
    starts: int | None = None
    ends: int | None = None
    #: µs of ramp; None takes nobody from the past (E5).
    backfill: int | None = None
    name: str | None = None
    owner: str | None = None
    #: Canonical text of trigger, activity and settle: an edit of it restarts its thresholds (E4).
    trigger_shape: str = ""


def message_class_of(rule: Rule, step: Step) -> MessageClass:
    """Return the class of the message that a step makes: an alert is internal whatever its rule is (G5)."""
    return MessageClass.INTERNAL if step.kind is StepKind.ALERT else rule.message_class


def split_subject(rule: str, step: str) -> str:
    """Return what is drawn for at a split: each split of a rule divides people anew (E2)."""
    return f"{rule}\x1f{step}"


def account_drawn(account: str) -> str:
    """Return what the holdout draws where it is by account: no customer's id is the same text (G4)."""
    return f"account\x1f{account}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """At most `most` messages in a length of time: `3 per 7 days` slides, `1 per day` is the local day (G2)."""

    most: int
    #: Elapsed µs of a sliding cap; None for a calendar unit.
    window: int | None
    #: `day`, `week` (from Monday) or `month` for a calendar unit.
    calendar: str | None = None
    place: Place | None = None

    def __str__(self) -> str:
        """Return the form of the config."""
        return f"{self.most} per {self.calendar or Span(elapsed=self.window or 0)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountKey:
    """What names the account somebody belongs to."""

    #: A trait; None: the field that streams read as `account`.
    trait: str | None


class Letter(Protocol):
    """What decide needs of a compiled template: `templates` provides it."""

    def render(self, reading: Reading, extra: Mapping[str, object]) -> Any:
        """Return the rendered mail, or a refusal with `missing_data` or `template_error`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Whom mails come from, as it stands in their headers."""

    name: str = ""
    address: str = ""
    #: Where answers go; None: to the address.
    reply_to: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What the config lays down for all rules."""

    project: str = "project"
    zone: str = "UTC"
    locale: str = "en"
    currency: str = "EUR"
    sender: Sender = field(default_factory=Sender)
    #: topic -> consent where a customer said nothing.
    topics: Mapping[str, bool] = field(default_factory=dict)
    caps: Mapping[MessageClass, tuple[Cap, ...]] = field(default_factory=dict)
    #: Where people belong to accounts: which account somebody is of.
    account: AccountKey | None = None
    #: Caps of all people of one account together, by class.
    account_caps: Mapping[MessageClass, tuple[Cap, ...]] = field(default_factory=dict)
    #: Local minutes [from, to) that are quiet; None for none.
    quiet: tuple[int, int] | None = None
    #: True holds marketing back with sensitive_hold.
    sensitive: Condition | None = None
    salt: str = ""
    #: People are held out by their account, all of it or nobody; who has none is drawn alone.
    holdout_by_account: bool = False
    #: (salt, subject, customer) -> the share in [0, 1) that decides who is held out, and which arm of a split (G4);
    #: a rule test says itself who is.
    draw: Callable[[str, str, str], float] = share_of
    #: µs for which marketing is held so that a better message can overtake it.
    arbitration: int = 0
    #: µs after a start in which late senders deliver (H9).
    catch_up: int = 5 * 60 * 1_000_000
    #: µs without any activity after which marketing stops (B4); None for never.
    sunset: int | None = None
    #: Time since the last activity, for `sunset`.
    silent: Condition | None = None
    #: (occurrence key, topic) -> (one-click unsubscribe link, preferences link); None writes none.
    links: Callable[[str, str], tuple[str, str]] | None = None
    #: (occurrence key, `confirm_url` or `click_url`, topic or address) -> link.
    page_links: Callable[[str, str, str], str] | None = None
    #: (occurrence key, survey) -> (score, link to its page with that score chosen), for `survey("csat")`.
    survey_links: Callable[[str, str], Sequence[tuple[int, str]]] | None = None
    #: Surveys by name.
    surveys: Mapping[str, Survey] = field(default_factory=dict)
    #: Where quiet hours, caps and sensitive stand, for explain.
    places: Mapping[str, Place] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything decide reads."""

    #: Digest of the whole folder's meaning.
    version: str
    schema: Schema
    rules: Mapping[str, Rule]
    policy: Policy
    #: What a profile keeps.
    layout: Layout
    #: Compiled templates by name.
    letters: Mapping[str, Letter] = field(default_factory=dict)
    #: Compiled values and segments by name, for templates and explain.
    values: Mapping[str, Condition] = field(default_factory=dict)
    segments: Mapping[str, Condition] = field(default_factory=dict)
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    #: What rules and templates count people of an account by, each by its key.
    members: Mapping[str, Condition] = field(default_factory=dict)
