"""What a run tells of itself: how far it is, while it lasts, and what it did, at its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from relight.delivery.outgoing import Outcome
    from relight.streams.refusals import Counts


@dataclass(frozen=True, slots=True, kw_only=True)
class RunProgress:
    """How far a run is, for people."""

    events: int
    duplicates: int
    dead: int
    rows: int
    mails: int
    handed_over: int
    #: Instant that time has come to (µs).
    reached: int
    #: Why nothing leaves now: the provider is down, settings are wrong, the volume guard stopped; empty while it does.
    trouble: str = ""
    #: Tells how many decided mails are due and which limit holds them, the warm-up or the rate; empty where none does.
    #: It counts in the store: ask where the line is drawn, not after each batch.
    held: Callable[[], str] = str


@dataclass(slots=True, kw_only=True)
class RunSummary:
    """What a run did."""

    events: int = 0
    duplicates: int = 0
    differing: int = 0
    dead: int = 0
    rows: int = 0
    mails: int = 0
    handed_over: int = 0
    #: Records folded again after the last stop.
    recovered: int = 0
    #: Profiles that made room in memory for others.
    evictions: int = 0
    outcomes: dict[Outcome, int] = field(default_factory=dict)
    counts: Mapping[str, Counts] = field(default_factory=dict)
    #: Instant that time came to (µs).
    end: int = 0
    #: Ctrl-C ended it; a second start continues.
    stopped: bool = False
    #: The folder's version was rolled back; the one before it goes on.
    rolled_back: bool = False
    #: The folder was edited, and its config leaves it to `relight apply` to put that in force.
    unapplied: bool = False
    #: Rows that came into the recorded files before the place up to which they were read, taken as arriving now.
    caught_up: int = 0
    #: Version that is in force at the end.
    version: str = ""
    #: Why nothing leaves, where our settings are wrong.
    trouble: str = ""
    #: How many decided mails are due and which limit holds them; empty where none does.
    held: str = ""
    #: Mails that did not leave: past their time, or stopped after the gate (suppressed, paused, consent withdrawn).
    expired: int = 0
    held_back: int = 0
    #: Pools of codes that were found empty: mails that needed one were suppressed.
    empty_pools: tuple[str, ...] = ()
    #: Pool of codes that runs low -> how many it has left.
    low_pools: Mapping[str, int] = field(default_factory=dict)
