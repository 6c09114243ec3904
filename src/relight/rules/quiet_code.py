"""Code that a plan generates: for each event name, whether a customer's event leaves all its rules with nothing to say.

Most events that rules read set nothing off: their filter does not hold, a count stays between its marks, a value was
seen before. One function for a name asks all its rules at once, with the rules' values written into it; it lets the
totals of milestones grow where it says yes, and changes nothing where it says no: then `decide` looks at each rule.

What is generated is Python source, shown in tracebacks like any other.
"""

from __future__ import annotations

import linecache
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

from relight.rules.trigger_kinds import EventTrigger, MilestoneKind, MilestoneTrigger, ReleasedTrigger

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import CodeType

    from relight.rules.compiled import EventMatch, OwnSource
    from relight.rules.plan import Rule

#: Compiled sources that are kept: plans of one folder, and rule tests, ask for the same ones again.
SOURCES_KEPT_MAX = 1_024
#: (running totals by rule, the event's properties) -> whether nothing follows; then the totals have grown.
IsQuiet: TypeAlias = "Callable[[dict[str, object], Mapping[str, object]], bool]"


class QuietCode(dict[str, "IsQuiet | None"]):
    """Event name -> its function, made when the first such event comes; None where a rule may always have a say."""

    def __init__(self, by_event: Mapping[str, Sequence[Rule]], *, never: frozenset[str]) -> None:
        """Stand for the rules by the event that their triggers read. never: events that say more than to triggers."""
        super().__init__()
        self._by_event, self._never = by_event, never

    def __missing__(self, event: str) -> IsQuiet | None:
        """Make the function of one name."""
        found = None if event in self._never else make_quiet(event, self._by_event.get(event, ()))
        self[event] = found
        return found


def make_quiet(event: str, rules: Sequence[Rule]) -> IsQuiet | None:
    """Return the function for the events of a name that these rules read; None where one may always have a say."""
    source, constants = quiet_source(rules)
    if source is None:
        return None
    scope: dict[str, Any] = dict(constants)
    exec(_compiled(source, f"<quiet {event}>"), scope)  # noqa: S102 - our own source; what rules say enters it as values
    found: IsQuiet = scope["is_quiet"]
    return found


@lru_cache(maxsize=SOURCES_KEPT_MAX)
def _compiled(source: str, filename: str) -> CodeType:
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    return compile(source, filename, "exec")


def quiet_source(rules: Sequence[Rule]) -> tuple[str | None, dict[str, Any]]:
    """Return the source of `is_quiet`, None where a rule asks more than it can say, and the values it names."""
    writer = _Writer()
    for rule in rules:
        if not writer.add(rule):
            return None, {}
    return writer.source(), writer.constants


class _Writer:
    """Collects the tests that must fail, and then what grows."""

    def __init__(self) -> None:
        self.constants: dict[str, Any] = {}
        self._tests: list[str] = []
        self._growth: list[str] = []
        self._asked: set[tuple[str, tuple[Any, ...]]] = set()

    def source(self) -> str:
        lines = [
            "def is_quiet(totals, properties):",
            "get = properties.get",
            *self._tests,
            *self._growth,
            "return True",
        ]
        return "\n    ".join(lines) + "\n"

    def add(self, rule: Rule) -> bool:
        """Add a rule; return False where it may always have something to say."""
        match rule.trigger:
            case EventTrigger(match=match) | ReleasedTrigger(asked=match):
                return self._add_filter(match)
            case MilestoneTrigger(match=match) if match is not None and match.where is not None:
                return self._add_filter(match)
            case MilestoneTrigger(kind=MilestoneKind.COUNT) as trigger:
                self._add_count(rule, trigger)
            case MilestoneTrigger(kind=MilestoneKind.DISTINCT) as trigger:
                self._add_distinct(rule, trigger)
            case _:
                return False
        return True

    def _add_filter(self, match: EventMatch) -> bool:
        """A rule with a filter says nothing where it does not hold; equal filters are asked once."""
        own = match.own
        if own is None:
            return False
        if (own.text, own.constants) not in self._asked:
            self._asked.add((own.text, own.constants))
            self._refuse_if(self._named(own))
        return True

    def _add_count(self, rule: Rule, trigger: MilestoneTrigger) -> None:
        """A count grows; it says something where it comes to a mark."""
        total, name = f"n{len(self._tests)}", self._constant(rule.id)
        marks = self._constant(trigger.at[0] if len(trigger.at) == 1 else frozenset(trigger.at))
        self._tests.append(f"{total} = totals.get({name}, 0)")
        reaches = f"{total} + 1 {'==' if len(trigger.at) == 1 else 'in'} {marks}"
        self._refuse_if(f"type({total}) is not int or {reaches}")
        self._growth.append(f"totals[{name}] = {total} + 1")

    def _add_distinct(self, rule: Rule, trigger: MilestoneTrigger) -> None:
        """A value that was seen before changes no number of distinct ones."""
        value, seen = f"get({self._constant(trigger.prop)})", f"totals.get({self._constant(rule.id)})"
        self._refuse_if(f"(v := {value}) is not None and (type(w := {seen}) is not set or str(v) not in w)")

    def _refuse_if(self, test: str) -> None:
        self._tests += [f"if {test}:", "    return False"]

    def _named(self, own: OwnSource) -> str:
        return own.text.format(*[self._constant(value) for value in own.constants])

    def _constant(self, value: Any) -> str:
        name = f"k{len(self.constants)}"
        self.constants[name] = value
        return name
