"""Every sentence that explain can say, by name, and what it puts into one: data, in no language yet.

`explain_telling.py` makes text of it; the sentences stand in `explain_english.py` and `explain_turkish.py`. What is
written in a project (rules, conditions, ids, names of reasons) goes in as it is: no language changes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum, auto


class Line(StrEnum):
    """The name of one sentence, or of a word that stands inside one; every language has all of them."""

    # ------------------------------------------------ what became of it
    GOT = auto()
    HELD_OUT = auto()
    NOT_GOT = auto()
    NOT_GOT_AGAIN = auto()
    INSIDE = auto()
    INSIDE_AGAIN = auto()
    NOT_GOT_YET = auto()
    MAYBE_GOT = auto()
    COMPLAINED = auto()
    TO_BE_SENT = auto()
    SENT_AT = auto()
    WENT_THROUGH = auto()
    SENT_AFTER_START = auto()
    BEING_SENT = auto()
    BOUNCED = auto()
    REFUSED = auto()
    STOPPED = auto()
    TOO_LATE = auto()
    LINE_BROKE = auto()
    POOL_EMPTY = auto()
    PAUSED_THEN = auto()
    CONSENT_GONE = auto()
    ADDRESS_GONE = auto()
    NOT_TAKEN = auto()
    STOPS_FOR_ADDRESS = auto()
    STOPS_FOR_CONSENT = auto()
    STOPS_FOR_PAUSE = auto()
    WARM_UP_USED = auto()
    GUARD_STOPPED = auto()
    # ------------------------------------------------ why
    CODE = auto()
    WITH_NEEDS = auto()
    WITH_PLACE = auto()
    TOGETHER = auto()
    REASON = auto()
    REASON_LEAF = auto()
    REASON_WAS = auto()
    REASON_IS = auto()
    DECIDED_AT = auto()
    AT_EVENT = auto()
    LEAF_IS = auto()
    # ------------------------------------------------ what comes next
    GATE_AT = auto()
    GATE_AT_UNLESS = auto()
    WAITS = auto()
    WAITS_UNLESS = auto()
    WAITS_FOR = auto()
    WAITS_FOR_UNLESS = auto()
    NEXT_THRESHOLD = auto()
    NEXT_DUE = auto()
    # ------------------------------------------------ events
    CAME = auto()
    NEVER_CAME = auto()
    NONE_WHERE = auto()
    LAST_ONE_WAS = auto()
    MISSED = auto()
    MISSED_LEAF = auto()
    MISSED_WAS = auto()
    # ------------------------------------------------ milestones
    COUNT_OF = auto()
    SUM_OF = auto()
    DISTINCT_OF = auto()
    STREAK_OF = auto()
    OF_WHERE = auto()
    IS_UNKNOWN = auto()
    REACHED_BEFORE = auto()
    REACHED = auto()
    TOTAL_IS = auto()
    NEXT_MILESTONE = auto()
    # ------------------------------------------------ requests and what concerns everybody
    NEVER_ASKED = auto()
    ASKED = auto()
    ASKED_TOO_LATE = auto()
    ASKED_AND_SHIPPED = auto()
    NOT_SHIPPED = auto()
    CONCERNED = auto()
    NOT_CONCERNED = auto()
    # ------------------------------------------------ silences
    LAST_ACTIVITY = auto()
    NO_ACTIVITY = auto()
    SILENCE_BEGINS = auto()
    INCLUDE_NEVER = auto()
    FIRST_SEEN = auto()
    THRESHOLD_UNKNOWN = auto()
    SILENT_FOR = auto()
    NEEDS_SILENCE = auto()
    DUE_UNLESS_ACTIVE = auto()
    FELL_DUE = auto()
    ARRIVED_LATE = auto()
    JUDGED_AFTER_GAP = auto()
    JUDGED_WHEN_SETTLED = auto()
    NO_DEADLINE = auto()
    EDITED_SINCE = auto()
    # ------------------------------------------------ dates, schedules, watched conditions
    DATE_UNKNOWN = auto()
    DATE_IS = auto()
    DATE_CAME = auto()
    DATE_TOO_LATE = auto()
    FALLS_DUE = auto()
    SCHEDULE = auto()
    FIRST_EVENT = auto()
    NEXT_RUN = auto()
    HABIT = auto()
    NO_HABIT = auto()
    FIRES_BELOW = auto()
    SEGMENT_INSIDE = auto()
    SEGMENT_OUTSIDE = auto()
    SEGMENT_UNKNOWN = auto()
    FIRES_ON_ENTER = auto()
    FIRES_ON_LEAVE = auto()
    # ------------------------------------------------ the gate
    NOTHING_SENDS = auto()
    CLASS_SKIPS = auto()
    RENDER_NEEDS_EVENT = auto()
    NO_ADDRESS_TO_LOOK_UP = auto()
    LEAVES_AT_ONCE = auto()
    LEAVES_AT = auto()
    LEAVES_AT_QUIET = auto()
    RULE_ACTIVE = auto()
    NO_EXIT = auto()
    ADDRESS_THERE = auto()
    NOT_SUPPRESSED = auto()
    NO_CONSENT_NEEDED = auto()
    CONSENT_BY_DEFAULT = auto()
    CONSENT_GIVEN = auto()
    NOT_SENSITIVE = auto()
    NOTHING_SENSITIVE = auto()
    SIGN_OF_LIFE = auto()
    RENDERS = auto()
    NOT_EXPIRED = auto()
    NO_CAP = auto()
    ROOM = auto()
    ROOM_OF = auto()
    ACCOUNT_LATER = auto()
    NOT_HELD_OUT = auto()
    ACCOUNTS_HELD_OUT = auto()
    NOBODY_HELD_OUT = auto()
    CAP_FULL = auto()
    CONSENT_WAS = auto()
    SUPPRESSED_SINCE = auto()
    SUPPRESSED_BY = auto()
    EVERY_MAIL = auto()
    EVERY_MARKETING_MAIL = auto()
    BY_UNSUBSCRIBE_LINK = auto()
    BY_COMPLAINT = auto()
    BY_BOUNCE = auto()
    BY_SOFT_BOUNCES = auto()
    BY_ERASURE = auto()
    DRAWN = auto()
    WOULD_BE_LATE = auto()
    HOLDS_PLACE = auto()
    NEXT_ROOM = auto()
    # ------------------------------------------------ checks of the gate, and classes of messages
    CHECK_SUPPRESSION = auto()
    CHECK_CONSENT = auto()
    CHECK_SUNSET = auto()
    CHECK_SENSITIVE = auto()
    CHECK_QUIET_HOURS = auto()
    CHECK_EXPIRES = auto()
    CHECK_FREQUENCY_CAP = auto()
    CHECK_ACCOUNT_CAP = auto()
    CHECK_HOLDOUT = auto()
    CLASS_MARKETING = auto()
    CLASS_TRANSACTIONAL = auto()
    CLASS_INTERNAL = auto()
    # ------------------------------------------------ words that the gate writes into the ledger
    ACTIVITY_AFTER = auto()
    SUPPRESSION_LIST = auto()
    NO_MINUTE = auto()
    TOPIC = auto()
    SILENT_OVER = auto()
    SENDER = auto()
    HOLDOUT_SHARE = auto()
    HOLDOUT_ACCOUNTS = auto()
    CAP_ELAPSED = auto()
    CAP_CALENDAR = auto()
    AN_ACCOUNT = auto()
    EXPIRES_AFTER = auto()
    GRACE_IS = auto()
    NO_ACCOUNT = auto()
    ACCOUNT_TOO_LARGE = auto()
    GROUP_IS = auto()
    INSIDE_RULE = auto()
    TAKEN_BY = auto()
    STARTS_ON = auto()
    ENDS_ON = auto()
    LATENESS = auto()
    REENTRY_ONCE = auto()
    ONE_ENTRY = auto()
    NO_LATER_STEP = auto()
    UNKNOWN = auto()
    NOT_AN_ADDRESS = auto()
    WITHDRAWN = auto()
    NEVER_GIVEN = auto()
    SCOPE_ALL = auto()
    MISSING = auto()
    # ------------------------------------------------ small words
    YES = auto()
    NO = auto()
    ANY_ACTIVITY = auto()
    OR = auto()
    ONCE = auto()
    TWICE = auto()
    TIMES = auto()
    AGO = auto()
    IN = auto()
    DAYS = auto()
    HOURS = auto()
    MINUTES = auto()
    DAY = auto()
    HOUR = auto()
    MINUTE = auto()
    SECOND = auto()
    SECONDS = auto()
    UNDER_A_MINUTE = auto()
    MONTHS = auto()
    YEARS = auto()
    REENTRY_AFTER = auto()
    UNIT_DAY = auto()
    UNIT_WEEK = auto()
    UNIT_MONTH = auto()


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant (µs) on the wall clock of a zone: `19 Oct 2026 14:02`."""

    instant: int
    zone: str


@dataclass(frozen=True, slots=True)
class Ago:
    """How far an instant (µs) lies from another, and when it is: `34 days ago (19 Oct 2026 14:02)`."""

    instant: int
    now: int
    zone: str


@dataclass(frozen=True, slots=True)
class Length:
    """A length (µs) as a person says it, rounded down: `34 days`, `5 hours`, `12 minutes`."""

    span: int


@dataclass(frozen=True, slots=True)
class Exactly:
    """A length (µs) that somebody wrote down, to the unit: `7 days`, `90 minutes`, `45 seconds`."""

    span: int


@dataclass(frozen=True, slots=True)
class Shown:
    """A value as rules show it: a length among them (`34 days 2 hours`) is said in the language, all else as it is."""

    text: str


@dataclass(frozen=True, slots=True)
class Reworded:
    """A sentence that the ledger keeps in English, and the reason that says which sentences it can be."""

    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class Because:
    """The name of a reason; who tells may have words for it."""

    reason: str


@dataclass(frozen=True, slots=True)
class Times:
    """How often: `once`, `twice`, `5 times`."""

    count: int


@dataclass(frozen=True, slots=True)
class Count:
    """A number of things, thousands apart."""

    count: int


@dataclass(frozen=True, slots=True)
class OneOf:
    """Names of which each will do: `a`, `a or b`, `a, b or c`; none is any activity."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Decimals:
    """A number with one digit behind the point."""

    number: float | Decimal


@dataclass(frozen=True, slots=True)
class Share:
    """A part of one in percent, with one digit behind the point."""

    part: float


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence of the catalogue with what it is about."""

    line: Line
    values: Mapping[str, Part]


#: What can stand in a sentence; text and numbers stand there as they are.
Part = (
    str
    | int
    | Moment
    | Ago
    | Length
    | Exactly
    | Shown
    | Reworded
    | Because
    | Count
    | Times
    | OneOf
    | Decimals
    | Share
    | Said
)


def say(line: Line, **values: Part) -> Said:
    """Return a sentence with what stands in it, by the names that the catalogue gives the places."""
    return Said(line, values)


def code(text: str) -> Said:
    """Return what is written in the project, as it is."""
    return Said(Line.CODE, {"text": text})
