"""What a rule waits for, compiled (R1–R7). Lengths are int µs or spans of the wall clock."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from relight.base.durations import Span
from relight.rules.compiled import Condition, EventMatch


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
    #: For `streak`: the key under which profiles keep its days.
    days: str = ""
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
