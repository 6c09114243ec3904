"""Compiled conditions and event patterns: closures over a Reading, with the leaves that `explain` names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from relight.base.problems import Place

if TYPE_CHECKING:
    from relight.customers.reading import Reading


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
    #: Events whose history it reads, global ones included.
    events: frozenset[str] = frozenset()
    #: It reads all that counts as activity: `silent`, `active_days(W)`.
    reads_activity: bool = False
    #: Words in the names of global events that it lists: `release`, `incident`.
    news: frozenset[str] = frozenset()
    #: Time alone changes it without any fact to say when: `now`, `today`, `local_time`, `since(E)`, `silent`.
    reads_time: bool = False
    #: Each fact it reads notes the µs at which time alone changes it: no clock, no local days, no calendar window.
    notes_changes: bool = False
    #: Minutes of the day that `local_time` is compared with.
    clocks: tuple[int, ...] = ()
    #: Keys of what it counts the people of an account by.
    members: tuple[str, ...] = ()
    #: Truths inside `members(…)`: a leaf that counts turns where one of them does.
    within: tuple[Callable[[Reading], object], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnSource:
    """Python source of the test that a filter holds, for the code that a plan generates."""

    #: An expression over `get` of the event's own properties; each constant is its number in braces.
    text: str
    constants: tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventMatch:
    """`E` or `E where …`: an event pattern of a trigger, exit, goal or wait_for."""

    event: str
    #: Filter over the event's properties, `event.<property>`, and `entry.<property>`; None takes all.
    #: Called with a Reading whose `event` holds the event's properties and `entry` those of the entry's trigger.
    where: Condition | None = None
    #: Properties of the event that `where` compares: kept in the profile for look-back (E3).
    compares: tuple[str, ...] = ()
    #: The same as `where`, as source; None where it reads more than the event's own properties, or takes all.
    own: OwnSource | None = None
