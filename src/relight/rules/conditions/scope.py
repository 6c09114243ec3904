"""What a condition may name where it stands, and the state of one check. Decides nothing itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from relight.base.problems import Place, Problem
from relight.rules.conditions.checked import Checked
from relight.rules.conditions.types import Type
from relight.streams.expressions.nodes import Node
from relight.streams.schema import PropertyType, Schema

#: Most parts of one condition, its values and segments spelled out.
CONDITION_PARTS_MAX = 2_000
#: Most levels of one condition inside each other, its values and segments spelled out.
SPELLED_DEPTH_MAX = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What may be named."""

    schema: Schema
    #: Shared values and segments by name, parsed.
    values: Mapping[str, Node] = field(default_factory=dict)
    segments: Mapping[str, Node] = field(default_factory=dict)
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    #: Measures of a customer that can be computed, by name; None for one that cannot, with no source for it.
    measures: Mapping[str, Type | None] = field(default_factory=dict)
    #: Properties of the entry's triggering event; None: there is no entry here.
    entry: Mapping[str, PropertyType] | None = None
    #: Properties of the event at hand; None: there is none here.
    event: Mapping[str, PropertyType] | None = None
    #: Properties of the event at hand that a bare name reads, before traits; None: bare names are traits.
    row: Mapping[str, PropertyType] | None = None
    #: Of `threshold`, `arm`, `milestone`, those that exist here.
    allow: frozenset[str] = frozenset()
    #: What `threshold` can be (µs) and `arm` can say here; empty: anything.
    thresholds: tuple[int, ...] = ()
    arms: tuple[str, ...] = ()
    #: The config says what names the account somebody belongs to.
    has_accounts: bool = False
    #: Inside `members(…)`.
    in_members: bool = False


class Mode(Enum):
    """What a name means."""

    #: Traits, values, segments, facts.
    CONDITION = "condition"
    #: Inside the `where` of an event function: the event's own properties alone.
    FILTER = "filter"
    #: The `where` of an event pattern: own properties, `entry.` and `event.`.
    PATTERN = "pattern"


@dataclass(slots=True)
class Spent:
    """How much of its limits one check has used."""

    #: Parts met so far.
    parts: int = 0
    #: Levels below the outermost node now.
    depth: int = 0


@dataclass(slots=True, kw_only=True)
class Walk:
    """One check on its way through a tree."""

    scope: Scope
    problems: list[Problem]
    #: Checks a node inside this one, in the mode of the walk given.
    check_node: Callable[[Node, Walk], Checked | None]
    mode: Mode = Mode.CONDITION
    #: In FILTER and PATTERN: the name of the event whose properties bare names read.
    event: str = ""
    own: Mapping[str, PropertyType] = field(default_factory=dict)
    #: Values and segments being spelled out, outermost first.
    expanding: tuple[str, ...] = ()
    #: Shared by all walks of one check.
    spent: Spent = field(default_factory=Spent)

    def check(self, node: Node) -> Checked | None:
        """Return the typed tree of a node inside, or None after reporting what is wrong."""
        return self.check_node(node, self)

    def report(self, code: str, message: str, place: Place, help_text: str | None = None) -> None:
        """Note a problem."""
        self.problems.append(Problem(code=code, message=message, place=place, help=help_text))

    def wrong_argument(self, node: Node, message: str, form: str) -> None:
        """Note that a function is not called the way `form` shows."""
        self.report("wrong-argument", message, node.place, f"Write '{form}'.")

    def inside(
        self,
        *,
        scope: Scope | None = None,
        mode: Mode = Mode.CONDITION,
        event: str = "",
        own: Mapping[str, PropertyType] | None = None,
        expanding: tuple[str, ...] | None = None,
    ) -> Walk:
        """Return the walk that goes on in another mode, reporting to the same list."""
        return Walk(
            scope=scope or self.scope,
            problems=self.problems,
            check_node=self.check_node,
            mode=mode,
            event=event,
            own=own or {},
            expanding=self.expanding if expanding is None else expanding,
            spent=self.spent,
        )
