"""What falls due, as data: a silence, a deadline, and its place in the order of one instant (H2)."""

from __future__ import annotations

from enum import IntEnum

import msgspec

from relight.customers.profile import Entry


class Silence(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One silence and threshold."""

    occurrence: str
    #: The start's text: µs, or `never`.
    start: str
    deadline: int
    #: Length of the threshold in µs, for `threshold` in conditions.
    length: int
    threshold_id: str
    late: bool


class Stage(IntEnum):
    """At one instant: deadlines, then the competition of the minute (H2)."""

    DEADLINE = 0
    MINUTE = 1


class Deadline(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Something that falls due: `judged` is j, `instant` is d."""

    judged: int
    stage: Stage
    instant: int
    rule: str
    key: str
    #: What it is about: a silence, an entry that waits, or None for a minute, a date, a schedule, a watch.
    silence: Silence | None = None
    entry: Entry | None = None
    kind: str = ""
