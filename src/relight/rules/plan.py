"""The compiled plan: what decide reads. Frozen; made by `config` from the project folder, never changed afterwards.

Closures in it are pure functions of a Reading. Instants and elapsed lengths are int µs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from relight.base.durations import Span
from relight.base.instants import DAY, HOUR
from relight.base.problems import Place

if TYPE_CHECKING:
    from relight.customers.layout import Layout
    from relight.customers.reading import Reading
    from relight.streams.schema import Schema

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """One comparison or question of a condition, for `explain` and the ledger."""

    #: As written: `count(order_placed, 30 days) >= 3`.
    text: str
    place: Place
    #: The truth of this leaf: True, False or UNKNOWN.
    test: Callable[[Reading], object]
    #: The left value that decided, for people (`2`, `34 days`); UNKNOWN where a trait is missing.
    value: Callable[[Reading], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A compiled condition or expression.

    `evaluate` gives a value or UNKNOWN; a condition holds when it `is True` (R5).
    """

    text: str
    place: Place
    evaluate: Callable[[Reading], object]
    leaves: tuple[Leaf, ...] = ()
    #: The first leaf that makes the condition not true for a reading, found by walking the tree; None when it holds.
    blame: Callable[[Reading], Leaf | None] = lambda _reading: None
    #: Traits it reads, by name: a change of one of them can change the condition.
    traits: frozenset[str] = frozenset()
    #: Events whose history it reads.
    events: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class EventMatch:
    """`E` or `E where …`: an event pattern of a trigger, exit, goal or wait_for."""

    event: str
    #: Filter over the event's properties, `event.<property>`, and `entry.<property>`; None takes all.
    #: Called with a Reading whose `event` holds the event's properties and `entry` those of the entry's trigger.
    where: Condition | None = None
    #: Properties of the event that `where` compares: kept in the profile for look-back (E3).
    compares: tuple[str, ...] = ()


# ---------------------------------------------------------------- triggers (notes: semantics R1–R7)
@dataclass(frozen=True, slots=True, kw_only=True)
class EventTrigger:
    """At the event."""

    match: EventMatch


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """One threshold of an inactive rule."""

    #: Name the rule gives it; else its position while the number stands; else its value (R2).
    id: str
    position: int
    name: str | None
    #: Fixed length; None where `personal` is set. Calendar spans are added on the customer's wall clock.
    span: Span | None = None
    #: Expression giving elapsed µs, evaluated as of the silence's start.
    personal: Condition | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InactiveTrigger:
    """When nothing that counts as activity happened for a threshold (R1, R2)."""

    thresholds: tuple[Threshold, ...]
    #: Event names that count; all declared activity where the rule names none.
    activity: frozenset[str]
    #: The rule listed them itself (a change is an edit of the trigger, E4).
    include_never_active: bool = False


class MilestoneKind(StrEnum):
    """What a milestone counts."""

    COUNT = "count"
    SUM = "sum"
    DISTINCT = "distinct"
    STREAK = "streak"
    VALUE = "value"


@dataclass(frozen=True, slots=True, kw_only=True)
class MilestoneTrigger:
    """When a total first crosses a value, once for ever for each (R3)."""

    kind: MilestoneKind
    #: None only for `value`.
    match: EventMatch | None
    prop: str | None = None
    #: For `value`: the expression.
    value: Condition | None = None
    #: Ascending; int, Decimal, or days of a streak.
    at: tuple[Any, ...] = ()
    #: The text of each, as it stands in the occurrence key.
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasedTrigger:
    """For each person who asked, when what they asked for ships (R7, H8)."""

    asked: EventMatch
    #: Name of the global event.
    shipped: str
    shipped_where: Condition | None
    #: Property that both carry.
    by: str
    #: Read with `event` = the global event's properties; True suppresses with `unless`.
    unless: Condition | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalTrigger:
    """For each person a global event affects."""

    event: str
    where: Condition | None
    #: Read with `event` = the global event's properties; anything but True: no occurrence.
    affects: Condition | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DateTrigger:
    """Relative to a date or time trait, at a local time."""

    trait: str
    #: Positive before, negative after the trait's instant.
    before: Span | None = None
    after: Span | None = None
    yearly: bool = False
    #: Local minute of the day; None keeps the trait's own time (midnight for a date).
    at_minute: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleTrigger:
    """By cron, in the customer's zone."""

    cron: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclinedTrigger:
    """When the window falls below a share of the person's own mean, once until it recovers."""

    of: EventMatch
    #: µs.
    window: int
    #: µs; the comparison period ends where the window begins.
    against: int
    #: Share of the mean that must be lost: 0.5 for 50 %.
    by: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentTrigger:
    """When a segment's truth changes; unknown is neither."""

    segment: str
    condition: Condition
    enters: bool


Trigger = (
    EventTrigger
    | InactiveTrigger
    | MilestoneTrigger
    | ReleasedTrigger
    | GlobalTrigger
    | DateTrigger
    | ScheduleTrigger
    | DeclinedTrigger
    | SegmentTrigger
)


# ---------------------------------------------------------------- steps
class StepKind(StrEnum):
    """The kinds of step (E2)."""

    SEND = "send"
    WAIT = "wait"
    WAIT_FOR = "wait_for"
    BRANCH = "branch"
    SPLIT = "split"
    SET = "set"
    WEBHOOK = "webhook"
    ALERT = "alert"
    STOP = "stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Until:
    """`next monday 09:00`, `09:00`: the first such local time strictly after (V3)."""

    #: 0 is Monday; None is any day.
    weekday: int | None
    minute: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SendWindow:
    """Local times in which a send may leave; minutes of the day [start, end), on these weekdays (0 Monday)."""

    weekdays: frozenset[int]
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a rule, compiled flat: `next` is where it goes on, None ends the entry."""

    id: str
    kind: StepKind
    next: str | None
    place: Place
    #: send, alert: name of the template folder.
    template: str | None = None
    #: send: condition that skips this message with `unless`.
    unless: Condition | None = None
    #: send: local minute of the day at which it may leave.
    at_minute: int | None = None
    send_window: SendWindow | None = None
    #: wait: how long.
    span: Span | None = None
    #: wait: until a local time.
    until: Until | None = None
    #: wait: until an instant, an expression over traits (`trial_ends_at - 3 days`).
    until_expression: Condition | None = None
    #: wait_for: the event, its time-out, and where each outcome goes.
    awaited: EventMatch | None = None
    up_to: Span | None = None
    then: str | None = None
    otherwise: str | None = None
    #: branch: conditions in order with the step each leads to; condition None is `else`.
    arms: tuple[tuple[Condition | None, str | None], ...] = ()
    #: split: (arm, share, first step).
    shares: tuple[tuple[str, float, str | None], ...] = ()
    #: What the step is configured with, canonical: an edit is a change of this text (E4).
    shape: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """The steps of a rule by id, and the first one."""

    steps: Mapping[str, Step]
    start: str | None


# ---------------------------------------------------------------- rules
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
    #: Share kept without messages, 0 to 1.
    holdout: float = 0.0
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
        from relight.base.durations import Span as _Span  # noqa: PLC0415 - a cycle-free leaf, kept out of the hot import

        return f"{self.most} per {self.calendar or _Span(elapsed=self.window or 0)}"


class Letter(Protocol):
    """What decide needs of a compiled template: `templates` provides it."""

    def render(self, reading: Reading, extra: Mapping[str, object]) -> Any:
        """Return the rendered mail, or a refusal with `missing_data` or `template_error`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What the config lays down for all rules."""

    project: str = "project"
    zone: str = "UTC"
    locale: str = "en"
    currency: str = "EUR"
    #: topic -> consent where a customer said nothing.
    topics: Mapping[str, bool] = field(default_factory=dict)
    caps: Mapping[MessageClass, tuple[Cap, ...]] = field(default_factory=dict)
    #: Local minutes [from, to) that are quiet; None for none.
    quiet: tuple[int, int] | None = None
    #: True holds marketing back with sensitive_hold.
    sensitive: Condition | None = None
    salt: str = ""
    #: µs for which marketing is held so that a better message can overtake it.
    arbitration: int = 0
    #: µs after a start in which late senders deliver (H9).
    catch_up: int = 5 * 60 * 1_000_000
    #: µs without any activity after which marketing stops (B4); None for never.
    sunset: int | None = None
    #: (occurrence key, topic) -> (one-click unsubscribe link, preferences link); None writes none.
    links: Callable[[str, str], tuple[str, str]] | None = None
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
