"""What a load finds of the templates, as far as it can be kept for the next one."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from relight.base.problems import Place, Problem


class Asked(Struct, frozen=True, kw_only=True):
    """What a template asks of a customer, as a text of the condition language, and where."""

    text: str
    place: Place


class LetterFacts(Struct, frozen=True, kw_only=True):
    """What rules and steps must know of the templates."""

    #: Folders that are a mail, and those that lack a part of one.
    letters: frozenset[str]
    incomplete: frozenset[str]
    #: Folders that are the body of a web request.
    bodies: frozenset[str]
    #: Letters with a code -> their languages that do not print it.
    coded: dict[str, tuple[str, ...]]
    #: What they ask of a customer.
    expressions: list[Asked]


class Occasion(Struct, frozen=True, order=True, kw_only=True):
    """A letter, and what one rule can give it."""

    #: Its name; the path of a web request's body.
    letter: str
    #: Properties of the event that made the entry, and of the release or incident; other names that exist.
    entry: tuple[str, ...]
    release: tuple[str, ...]
    names: tuple[str, ...]


class Missing(Struct, frozen=True, kw_only=True):
    """What a letter reads of an occasion that never gives it."""

    occasion: Occasion
    what: str
    #: The template's file and line.
    file: str
    line: int


class UsedLetters(Struct, frozen=True, kw_only=True):
    """All that the findings of templates take from rules."""

    #: Letters that marketing rules send.
    marketing: tuple[str, ...]
    occasions: tuple[Occasion, ...]


class LetterFindings(Struct, frozen=True, kw_only=True):
    """What is wrong with the templates."""

    problems: list[Problem]
    #: What is read of an occasion that never gives it.
    missing: list[Missing]


class KnownLetters(Protocol):
    """What earlier loads found of templates; whoever gives it answers for the texts being the same."""

    def facts(self) -> LetterFacts | None:
        """Return what rules must know, or None where nothing is kept."""

    def keep_facts(self, facts: LetterFacts) -> None:
        """Take it for later loads."""

    def findings(self, used: UsedLetters) -> LetterFindings | None:
        """Return what is wrong where rules use them so, or None where nothing is kept."""

    def keep_findings(self, used: UsedLetters, findings: LetterFindings) -> None:
        """Take it for later loads."""
