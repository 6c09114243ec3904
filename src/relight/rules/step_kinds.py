"""What a rule does, compiled flat: each step names where it goes on (E2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from relight.base.durations import Span
from relight.base.problems import Place
from relight.rules.compiled import Condition, EventMatch


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


#: Steps that put a message before the gate.
MESSAGE_KINDS = frozenset({StepKind.SEND, StepKind.WEBHOOK, StepKind.ALERT})


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
    #: send, alert, webhook: name of the template folder.
    template: str | None = None
    #: send: condition that skips this message with `unless`.
    unless: Condition | None = None
    #: send: local minute of the day at which it may leave.
    at_minute: int | None = None
    send_window: SendWindow | None = None
    #: send: the trait that names the person it comes from.
    sender: str | None = None
    #: send: the pool that `{{ code }}` is drawn from (S6).
    code: str | None = None
    #: alert: the team's address.
    address: str | None = None
    #: webhook: name of the web address in config.
    webhook: str | None = None
    #: set: the trait, and its new value in memory form; None makes it unknown.
    trait: str | None = None
    value: object = None
    #: wait: how long.
    span: Span | None = None
    #: wait: until a local time.
    until: Until | None = None
    #: wait: until a time inside this window; over at once where it is inside already.
    until_window: SendWindow | None = None
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
