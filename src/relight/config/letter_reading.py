"""The templates of one load, in two steps: what rules must know of them, then what is wrong with them.

Where somebody keeps what an earlier load found of the same texts, nothing is read again, and Jinja2 is not imported.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from relight.base.problems import Problem
from relight.config.letter_expressions import compile_expressions
from relight.config.letter_facts import Asked, KnownLetters, LetterFacts, LetterFindings
from relight.config.letter_uses import never_given, used_letters
from relight.rules.plan import Rule

if TYPE_CHECKING:
    from relight.config.letters import CompiledLetters
    from relight.config.models import ConfigModel
    from relight.rules.definitions import Definitions
    from relight.rules.texts import Texts
    from relight.streams.schema import Schema
    from relight.templates import LetterScan


class _UnreadLetters(Mapping[str, Any]):
    """The letters of a plan that was made to tell problems alone."""

    def __getitem__(self, name: str) -> Any:
        raise AssertionError(f"the letter '{name}' was not read: this plan is for telling problems alone")

    def __iter__(self) -> Iterator[str]:
        raise AssertionError("no letter was read: this plan is for telling problems alone")

    __len__ = __iter__  # type: ignore[assignment]  # neither is answered


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownFindings:
    """What is wrong with letters that were not read."""

    problems: list[Problem]
    letters: Mapping[str, Any] = field(default_factory=_UnreadLetters)


class LetterReading:
    """The templates of one load."""

    def __init__(
        self, sources: Mapping[str, str], schema: Schema, definitions: Definitions, known: KnownLetters | None
    ) -> None:
        """Look at the texts, or at what is known of them."""
        self._sources, self._schema, self._definitions, self._known = sources, schema, definitions, known
        self._scan: LetterScan | None = None
        found = None if known is None else known.facts()
        if found is None:
            scan = self._scanned()
            found = LetterFacts(
                letters=frozenset(scan.letters),
                incomplete=scan.incomplete,
                bodies=frozenset(scan.bodies),
                coded=dict(scan.coded),
                expressions=[Asked(text=one.text, place=one.place) for one in scan.expressions],
            )
            if known is not None:
                known.keep_facts(found)
        self.facts = found

    def _scanned(self) -> LetterScan:
        if self._scan is None:
            from relight.config.letters import scan_all_letters  # noqa: PLC0415 - not where all is known

            self._scan = scan_all_letters(self._sources, self._schema, self._definitions)
        return self._scan

    def compile(
        self, texts: Texts, rules: Mapping[str, Rule], config: ConfigModel | None, *, lint: bool
    ) -> CompiledLetters | KnownFindings:
        """Return the compiled letters, or only what is wrong with them where that is known already.

        What is wrong with their expressions, and what rules never give them, goes to the texts.
        """
        # Anew each time: what they need decides what profiles keep, which rule tests and other checks look at.
        asked = compile_expressions(self.facts.expressions, texts)
        used = used_letters(rules, self._schema)
        known = None if self._known is None else self._known.findings(used)
        if known is not None:
            texts.problems.extend(never_given(rules, self._schema, known.missing))
            return KnownFindings(problems=known.problems)
        from relight.config.letters import compile_all_letters  # noqa: PLC0415 - not where all is known

        compiled = compile_all_letters(self._scanned(), asked, used=used, config=config, lint=lint)
        if self._known is not None:
            self._known.keep_findings(used, LetterFindings(problems=compiled.problems, missing=compiled.missing))
        texts.problems.extend(never_given(rules, self._schema, compiled.missing))
        return compiled
