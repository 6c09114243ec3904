"""One rule test, read and resolved: instants, records, expectations, each with its place. Data only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from relight.base.problems import Place

if TYPE_CHECKING:
    from relight.config.rule_test_models import ExpectedRow
    from relight.rules.plan import Plan
    from relight.streams.envelope import Record


class Kind(StrEnum):
    """What became of an occurrence, in the words of a test."""

    SENT = "sent"
    SUPPRESSED = "suppressed"
    HELD_OUT = "held_out"
    DEFERRED = "deferred"
    ENDED = "ended"


#: Kinds that a strict test must list; the others are compared where they are listed.
STRICT_KINDS = frozenset({Kind.SENT, Kind.SUPPRESSED, Kind.HELD_OUT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """Something that happens, in log order."""

    #: When it is taken (µs).
    instant: int
    #: In words, for the timeline.
    text: str
    place: Place
    #: Whom it concerns; None for everybody.
    customer: str | None
    #: What goes into the log; None for what the provider says and for a plan.
    record: Record | None = None
    #: `bounce` or `complaint`: what the provider says of the customer's last message; `code`: what was drawn for it.
    provider: str = ""
    #: A plan that comes into force.
    plan: Plan | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """One expected row."""

    kind: Kind
    rule: str
    customer: str
    #: µs, and slack after it (µs).
    at: int
    within: int
    #: deferred: until when (µs).
    until: int | None
    #: What else is asked of it.
    row: ExpectedRow
    place: Place
    #: Places of the row's keys.
    places: Mapping[str, Place]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One test."""

    file: str
    name: str
    place: Place
    #: Where `expect` stands.
    expect_place: Place
    #: Rules whose rows are compared.
    rules: frozenset[str]
    #: µs; both ends included.
    start: int
    until: int
    zone: str
    given: Sequence[Given]
    expected: Sequence[Expected]
    holdout: frozenset[str] = frozenset()
    #: customer -> step -> arm.
    split: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    #: Only messages are compared.
    sent_only: bool = False
    #: (customer, topic) -> where its consent was given at the start.
    consents: Mapping[tuple[str, str], Place] = field(default_factory=dict)
