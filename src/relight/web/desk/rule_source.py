"""How a rule is written: its file in the version in force, and beneath it what the folder says instead."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from relight.engine.plan_versions import kept_sources

if TYPE_CHECKING:
    from collections.abc import Sequence

    from relight.rules.plan import Rule
    from relight.stores.interface import Store
    from relight.web.desk.desk import Desk

#: Lines of a rule's file that its page shows.
SOURCE_LINES_MAX = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a difference."""

    #: ` ` in both, `-` in force only, `+` in the folder only.
    sign: str
    #: Its number in the folder; None where it is not there.
    number: int | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSource:
    """A rule's file."""

    #: (number, text) of the lines in force; empty where the rule is not in force.
    in_force: Sequence[tuple[int, str]]
    #: Empty where the folder says the same.
    difference: Sequence[Line] = ()


def rule_source(desk: Desk, rule: Rule) -> RuleSource:
    """Return how a rule is written; as the folder writes it where nothing else is in force, or is not kept."""
    folder = _lines(desk.loaded.sources.get(rule.place.file, ""))

    def read(store: Store) -> dict[str, str] | None:
        return kept_sources(store, desk.everybody.in_force) if desk.not_in_force() else None

    kept = desk.ask(read)
    in_force = folder if kept is None else _lines(kept.get(rule.place.file, ""))
    difference = () if in_force == folder else tuple(_difference(in_force, folder))
    return RuleSource(in_force=list(enumerate(in_force, 1)), difference=difference)


def _lines(text: str) -> list[str]:
    return text.splitlines()[:SOURCE_LINES_MAX]


def _difference(old: Sequence[str], new: Sequence[str]) -> list[Line]:
    found: list[Line] = []
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag != "equal":
            found += [Line(sign="-", number=None, text=text) for text in old[i1:i2]]
        sign = " " if tag == "equal" else "+"
        found += [Line(sign=sign, number=at + 1, text=new[at]) for at in range(j1, j2)]
    return found
