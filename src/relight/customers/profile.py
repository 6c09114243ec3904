"""What we know of one customer: a fold of their own log in event-time order (H4). Plain data; encoded with a version.

The profile is truth for decide; timers are an index of it (H6). Instants are int µs UTC.
"""

from __future__ import annotations

import msgspec

from relight.base.instants import INSTANT_MAX, INSTANT_MIN
from relight.customers.series import Series

#: (event_time, stream, id): event-time order (H4).
Order = tuple[int, str, str]


class TraitWrite(msgspec.Struct, array_like=True, gc=False):
    """One write of a trait."""

    order: Order
    value: object
    #: When we learned it; a date made later than its deadline makes none.
    ingest_time: int


class Start(msgspec.Struct, array_like=True, gc=False):
    """One instant of activity that may start a silence (R1, H3)."""

    event_time: int
    #: Smallest ingest time of the activity at this instant.
    known_at: int
    #: All activity at this instant was late (H5).
    late: bool


class Trace(msgspec.Struct, array_like=True, gc=False):
    """A recent event that exits, goals or wait_for may look back on (E3)."""

    event_time: int
    stream: str
    id: str
    name: str
    #: Only the properties that a match compares.
    properties: dict[str, object]

    @property
    def order(self) -> Order:
        """Event-time order."""
        return (self.event_time, self.stream, self.id)


class Ask(msgspec.Struct, array_like=True, gc=False):
    """The earliest request of one value (R7)."""

    order: Order
    properties: dict[str, object]
    #: It arrived late (H5).
    late: bool
    #: Name of the requesting event, by which its properties are typed.
    event: str = ""


class Candidate(msgspec.Struct, array_like=True, gc=False):
    """A message that waits in its send step for its minute (G1, G2)."""

    #: When the send step was reached.
    born: int
    #: Not before this instant.
    ready: int
    #: The minute at which the gate runs.
    scheduled: int
    #: The first minute it was given; `when_capped` counts from it.
    first: int


class Entry(msgspec.Struct, array_like=True, gc=False):
    """A customer inside a rule (E2)."""

    rule: str
    #: Text of what happened; with rule and customer it is the occurrence (S1).
    occurrence: str
    #: When the entry was made.
    start: int
    #: Exit, goal and the first wait_for match events later than this, in event time (E3).
    anchor: int
    #: Identity of the triggering event, which never matches itself; empty for a deadline.
    trigger_stream: str
    trigger_id: str
    trigger_event: str
    #: Properties of the triggering event: `entry.<property>`.
    properties: dict[str, object]
    plan_version: str
    #: Step it is at; None when it has ended.
    step: str | None
    #: Instant at which it entered the step.
    entered: int
    #: A wait_for matches events later than this.
    since: int
    #: An edited wait is not over before this (E4).
    floor: int | None = None
    candidate: Candidate | None = None
    #: Send steps that have their row.
    sent: list[str] = msgspec.field(default_factory=list)
    #: Deadline that made the entry (silences, dates, schedules); None for records.
    deadline: int | None = None
    #: Name or length of the threshold, label of the milestone.
    threshold: int | None = None
    threshold_id: str | None = None
    milestone: str | None = None
    #: More for templates: the release or incident, by property.
    release: dict[str, object] = msgspec.field(default_factory=dict)
    #: Name of the global event in `release`.
    release_event: str = ""
    #: It has left a wait_for: the first one looks back to the trigger, later ones to their step (E3).
    has_awaited: bool = False
    #: Arm of the last split it went through.
    arm: str | None = None
    #: Code of its last mail that has one, as a control record told after it was drawn (S6): `entry.code`.
    code: str | None = None


class Place(msgspec.Struct, array_like=True, gc=False):
    """A place taken in the frequency caps (G2)."""

    scheduled: int
    rule: str
    occurrence: str
    step: str
    message_class: str


class Room(msgspec.Struct, array_like=True, gc=False):
    """What a control record said of a customer's account when a message of theirs stood before the gate (G2)."""

    #: The minute it holds for.
    minute: int
    #: Places that the account's other people have taken in the caps of the message's class (µs).
    taken: list[int]
    #: The same, of the same rule alone.
    same_rule: list[int]


class Told(msgspec.Struct, array_like=True, gc=False):
    """What the log said last of the people of a customer's account."""

    account: str
    #: Key of a condition -> of how many people it held; nothing of an account with too many.
    total: dict[str, int]
    #: Keys of those that held for this customer, who is counted in `total` by them.
    own: list[str]
    #: µs.
    at: int
    #: When the customer left the account; what was said is no longer theirs (µs). None: they belong to it.
    left: int | None = None


class Reach(msgspec.Struct, array_like=True, gc=False):
    """How often and when a customer entered a rule (E1)."""

    count: int
    last: int
    #: For inactive rules: the silence of the last entry and the last entry of another silence.
    silence: str = ""
    last_other: int = INSTANT_MIN
    other_count: int = 0


class Flag(msgspec.Struct, array_like=True, gc=False):
    """The last known truth of a segment, or of having declined."""

    #: True, False, or None for unknown.
    state: bool | None
    #: When to look again because time alone may change it.
    check_at: int = INSTANT_MAX


class Profile(msgspec.Struct, array_like=True, gc=False):
    """One customer."""

    customer: str
    #: The last ingest time of the customer's own log; a smaller one is raised to it (H1).
    now: int = INSTANT_MIN
    #: Position of the last own record folded, and the number of global records applied.
    position: int = -1
    world: int = 0
    #: Lower bound of the next judgement instant.
    wake: int = INSTANT_MAX
    first_on_time: int | None = None
    first_any: int | None = None
    account: str | None = None
    traits: dict[str, list[TraitWrite]] = msgspec.field(default_factory=dict)
    consent: dict[str, tuple[Order, bool]] = msgspec.field(default_factory=dict)
    #: Index of the layout's series -> state.
    series: dict[str, Series] = msgspec.field(default_factory=dict)
    #: Key of an activity set -> starts, sorted.
    starts: dict[str, list[Start]] = msgspec.field(default_factory=dict)
    #: Key of an activity set -> earliest activity ever.
    first_activity: dict[str, int] = msgspec.field(default_factory=dict)
    #: Silences judged, `rule␟occurrence` -> deadline; kept long enough that no edit repeats one.
    judged: dict[str, int] = msgspec.field(default_factory=dict)
    #: Things by id: key of the spec -> id -> [(event_time, tie, opened)], sorted.
    things: dict[str, dict[str, list[tuple[int, str, bool]]]] = msgspec.field(default_factory=dict)
    #: Quarter hours with activity: key -> quarter -> (first, last).
    slots: dict[str, dict[int, tuple[int, int]]] = msgspec.field(default_factory=dict)
    trail: list[Trace] = msgspec.field(default_factory=list)
    #: rule -> running total of a milestone: number, or values seen.
    totals: dict[str, object] = msgspec.field(default_factory=dict)
    #: rule -> value asked for -> the earliest request.
    asks: dict[str, dict[str, Ask]] = msgspec.field(default_factory=dict)
    #: Occurrences that are done for ever: rule -> texts.
    done: dict[str, set[str]] = msgspec.field(default_factory=dict)
    reach: dict[str, Reach] = msgspec.field(default_factory=dict)
    flags: dict[str, Flag] = msgspec.field(default_factory=dict)
    #: rule -> last judged instant of a schedule or date.
    cursors: dict[str, int] = msgspec.field(default_factory=dict)
    entries: list[Entry] = msgspec.field(default_factory=list)
    places: list[Place] = msgspec.field(default_factory=list)
    #: Zone by which waiting candidates were scheduled; a new one moves them.
    zone: str = ""
    #: Version of the plan this profile follows.
    plan_version: str = ""
    #: Measures served by a control record (C1–C14).
    measures: dict[str, object] = msgspec.field(default_factory=dict)
    #: Place in event-time order of the event that `account` is from.
    account_order: Order | None = None
    #: Occurrence key of a message before the gate -> what its account's other people had.
    rooms: dict[str, Room] = msgspec.field(default_factory=dict)
    #: What the log said of the people of the customer's account; None where it said nothing yet.
    members: Told | None = None
