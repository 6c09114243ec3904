"""Compiles the condition texts of one file: parses, checks against a scope, binds, and collects every problem."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeAlias

from relight.base.kinds import Kind
from relight.base.problems import Place, Problem
from relight.base.suggest import suggest_words
from relight.customers.layout import LayoutBuilder
from relight.rules.conditions import (
    Checked,
    Node,
    Scope,
    check_condition,
    check_event_pattern,
    compile_condition,
    compile_event_pattern,
    parse_condition,
    parse_event_pattern,
)
from relight.rules.plan import Condition, EventMatch
from relight.streams.expressions.nodes import Name, walk_nodes
from relight.streams.own_events import ASKED_FOR_BY
from relight.streams.schema import EventType, PropertyType

#: The way to a value in a file: keys and positions in lists.
Path: TypeAlias = tuple[str | int, ...]
_PATTERN = re.compile(r"\s*(\w+)\s*(?:where\b.*)?", re.DOTALL)
_PROPERTY = re.compile(r"(\s*)(\w+)\s*\.\s*(\w+)(?=\s|$)")


class PlaceOf(Protocol):
    """Gives the place of a value of a file, or of its key."""

    def __call__(self, path: Path, *, key: bool = False) -> Place:
        """Return the place; of what would hold it where it does not exist."""


@dataclass(slots=True, kw_only=True)
class Texts:
    """The texts of one file on their way to closures. A text that cannot be compiled gives None and problems."""

    scope: Scope
    binder: LayoutBuilder
    place_of: PlaceOf
    problems: list[Problem] = field(default_factory=list)
    #: Names that the texts use: values and segments among them are kept for templates and explain.
    names: set[str] = field(default_factory=set)

    def report(self, code: str, message: str, path: Path, help_text: str | None = None, *, key: bool = False) -> None:
        """Note an error at a path."""
        self.problems.append(Problem(code=code, message=message, place=self.place_of(path, key=key), help=help_text))

    def within(
        self, *, entry: Mapping[str, PropertyType] | None = None, event: Mapping[str, PropertyType] | None = None,
        allow: frozenset[str] | None = None, thresholds: tuple[int, ...] = (), arms: tuple[str, ...] = (),
    ) -> Texts:  # fmt: skip
        """Return the same texts with other names in scope; problems and names go to the same lists."""
        scope = self.scope
        if entry is not None or event is not scope.event or allow:
            scope = replace(
                scope,
                entry=scope.entry if entry is None else entry,
                event=event,
                allow=scope.allow | (allow or frozenset()),
                thresholds=thresholds or scope.thresholds,
                arms=arms or scope.arms,
            )
        return Texts(scope=scope, binder=self.binder, place_of=self.place_of, problems=self.problems, names=self.names)

    # ------------------------------------------------------------ conditions
    def parse(self, text: str, place: Place) -> Node | None:
        """Return the tree of a text."""
        node, problems = parse_condition(text, place)
        self.problems.extend(problems)
        if node is not None:
            self._note_names(node)
        return node

    def check(self, text: str, place: Place, *, want: Kind | None = Kind.BOOLEAN) -> Checked | None:
        """Return the typed tree of a text."""
        node = self.parse(text, place)
        if node is None:
            return None
        checked, problems = check_condition(node, self.scope, want=want)
        self.problems.extend(problems)
        return checked

    def condition(self, text: str | None, path: Path, *, want: Kind | None = Kind.BOOLEAN) -> Condition | None:
        """Return the compiled condition or expression at a path; None for no text."""
        if text is None:
            return None
        checked = self.check(text, self.place_of(path), want=want)
        return None if checked is None else compile_condition(checked, self.binder)

    def expression_of(self, text: str, place: Place, *, want: Kind | None = None) -> Condition | None:
        """Return the compiled form of a text that we made ourselves, or that stands in another file."""
        checked = self.check(text, place, want=want)
        return None if checked is None else compile_condition(checked, self.binder)

    # ------------------------------------------------------------ events
    def event(self, name: str, path: Path, *, is_global: bool = False) -> EventType | None:
        """Return a declared event, or None after reporting that it is unknown or of the other sort."""
        return self._sorted_event(name, self.place_of(path), is_global=is_global)

    def pattern(self, text: str, path: Path, *, is_global: bool = False) -> EventMatch | None:
        """Return the compiled `E` or `E where …`; its `where` reads `entry.` where the scope has one."""
        return self.pattern_at(text, self.place_of(path), is_global=is_global)

    def pattern_at(self, text: str, place: Place, *, is_global: bool = False) -> EventMatch | None:
        """Return the compiled pattern of a text that stands at a place."""
        parsed, problems = parse_event_pattern(text, place)
        self.problems.extend(problems)
        if parsed is None or self._sorted_event(parsed.event, parsed.place, is_global=is_global) is None:
            return None
        checked, problems = check_event_pattern(parsed, self.scope)
        self.problems.extend(problems)
        return None if checked is None else compile_event_pattern(checked, self.binder)

    def property_pattern(self, text: str, path: Path) -> tuple[EventMatch, str] | None:
        """Return the pattern and the property of `E.p` or `E.p where …`."""
        place = self.place_of(path)
        found = _PROPERTY.match(text)
        if found is None:
            self.problems.append(
                Problem(
                    code="wrong-value",
                    message=f"'{text}' names no property of an event",
                    place=place,
                    help="write it as order_placed.total",
                )
            )
            return None
        event, prop = found[2], found[3]
        blank = " " * (found.end() - found.end(2))
        match = self.pattern_at(text[: found.end(2)] + blank + text[found.end() :], place)
        if match is None:
            return None
        known = self.scope.schema.events[event].properties
        if prop not in known:
            here = place.shifted(found.start(3), len(prop))
            message = f"'{prop}' is not a property of '{event}'"
            self.problems.append(_unknown("unknown-property", message, here, prop, known))
            return None
        return match, prop

    def is_pattern(self, text: str) -> bool:
        """Return whether a text is meant as `E` or `E where …`, not as a condition."""
        found = _PATTERN.fullmatch(text)
        if found is None:
            return False
        word = found[1]
        scope = self.scope
        if word in scope.schema.events or text.strip() != word:
            return True
        known = {*scope.schema.traits, *scope.values, *scope.segments, *scope.lists, *scope.allow, "true", "false"}
        return word not in known

    def _sorted_event(self, name: str, place: Place, *, is_global: bool) -> EventType | None:
        events = self.scope.schema.events
        found = events.get(name)
        here = place.shifted(0, len(name)) if place.column else place
        if found is None:
            fitting = [n for n, e in events.items() if e.is_global is is_global]
            word = "global event" if is_global else "event"
            message = f"no stream declares the {word} '{name}'"
            own = ASKED_FOR_BY.get(name)
            if own is None:
                self.problems.append(_unknown("unknown-event", message, here, name, fitting or events))
            else:
                makes = f"the engine makes it where there is {own}"
                self.problems.append(Problem(code="unknown-event", message=message, place=here, help=makes))
            return None
        if found.is_global is not is_global:
            if found.is_global:
                message, advice = f"'{name}' is global, and an event of one customer is needed here", None
                advice = "a `global` or `released` trigger reads global events"
            else:
                message, advice = f"'{name}' is an event of one customer, and a global one is needed here", None
                advice = f"declare it with `global: true`, or use `event: {name}`"
            self.problems.append(
                Problem(code="wrong-event", message=message, place=here, help=advice, other=found.place)
            )
            return None
        return found

    def _note_names(self, node: Node) -> None:
        self.names.update(part.parts[0] for part in walk_nodes(node) if isinstance(part, Name))


def _unknown(code: str, message: str, place: Place, word: str, allowed: Mapping[str, object] | list[str]) -> Problem:
    advice = suggest_words(word, allowed)
    near = advice is not None and advice.startswith("did")
    return Problem(
        code=code, message=message + (f"; {advice}" if near else ""), place=place, help=None if near else advice
    )


def report_unknown(
    texts: Texts, code: str, message: str, path: Path, words: tuple[str, Mapping[str, object] | list[str]]
) -> None:
    """Report a word that is not among the allowed ones: `words` holds it and them."""
    texts.problems.append(_unknown(code, message, texts.place_of(path), words[0], words[1]))
