"""What rules and templates may ask of a customer's history, as plain specs.

The compiled plan lists them; only these are kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from relight.base.durations import Span
    from relight.base.kinds import Kind

#: People of an account who are told of each other; in a larger one `members(…)` is unknown.
MEMBERS_TOLD_MAX = 1_000


class Function(StrEnum):
    """The functions of the condition language that read history, by their names there."""

    COUNT = "count"
    SUM = "sum"
    AVERAGE = "average"
    MIN = "min"
    MAX = "max"
    DISTINCT = "distinct"
    TOP = "top"
    FIRST = "first"
    LAST = "last"
    EVER = "ever"
    NEVER = "never"
    SINCE = "since"
    ACTIVE_DAYS = "active_days"
    STREAK = "streak"
    USUAL_INTERVAL = "usual_interval"
    OPEN = "open"
    MISSING = "missing"
    SILENT = "silent"
    RELEASES = "releases"
    INCIDENTS = "incidents"
    UPCOMING = "upcoming"
    #: Of the account's people, this customer among them; what others are reaches the log as control records.
    MEMBERS = "members"


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """Which events count: a declared name and, canonical, the filter on their properties."""

    event: str
    #: Canonical text of the filter on the event's own properties; empty for all.
    where: str = ""
    #: Properties that the filter compares for equality with a value known only when it is read
    #: (`where feature == event.feature`); their values are kept with each entry, in this order.
    keyed_by: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return the form of the language."""
        keys = " and ".join(f"{k} == …" for k in self.keyed_by)
        where = " and ".join(part for part in (self.where, keys) if part)
        return f"{self.event} where {where}" if where else self.event


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One question to the history. Equal facts share one state."""

    function: Function
    #: None for active_days, silent without an event, releases, incidents.
    selector: Selector | None = None
    #: Property that is summed, counted distinct, compared …; None where the function reads none.
    prop: str | None = None
    #: The type of `prop`.
    prop_kind: Kind | None = None
    #: (now − window, now]; None is the whole life (R4).
    window: Span | None = None
    #: Moves the window back.
    ago: Span | None = None
    #: `top`: how many values.
    size: int | None = None
    #: `open`, `upcoming`: what closes a thing, and the property that names it in both.
    closed_by: Selector | None = None
    by: str | None = None
    #: `missing`: the whole list.
    of: tuple[str, ...] = ()
    #: `count … >= k`: more than this need not be told apart (R4); None keeps all.
    enough: int | None = None


#: A filter on one event's properties: True, False or UNKNOWN.
if TYPE_CHECKING:
    Filter = Callable[[Mapping[str, object]], object]
