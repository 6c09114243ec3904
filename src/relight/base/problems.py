"""A problem is a value: where, what was found, what was expected, how to mend it.

Collected, sorted, printed at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable

Severity = Literal["error", "warning"]


class Place(Struct, frozen=True, kw_only=True, order=True):
    """Where something stands in a project folder. Lines and columns count from 1; 0 means unknown."""

    file: str
    line: int = 0
    column: int = 0
    #: Column just after the last character on the same line; 0 when unknown.
    end_column: int = 0

    def __str__(self) -> str:
        """Return `file:line:col`, leaving out what is unknown."""
        parts = [self.file]
        if self.line:
            parts.append(str(self.line))
            if self.column:
                parts.append(str(self.column))
        return ":".join(parts)

    def shifted(self, start: int, length: int) -> Place:
        """Return the place of `length` characters that begin `start` characters into a one-line text standing here."""
        column = self.column + start
        return Place(file=self.file, line=self.line, column=column, end_column=column + max(1, length))


class Problem(Struct, frozen=True, kw_only=True):
    """One finding of `check`, or one refusal at load."""

    #: Kebab-case, stable; each has a page in the docs (`unknown-field`).
    code: str
    message: str
    place: Place
    severity: Severity = "error"
    #: What to write instead, one sentence.
    help: str | None = None
    #: A second place that disagrees with the first.
    other: Place | None = None

    def __str__(self) -> str:
        """Return the one-line form `file:line:col: code: message`."""
        word = "warning: " if self.severity == "warning" else ""
        return f"{self.place}: {word}{self.code}: {self.message}"


def sort_problems(problems: Iterable[Problem]) -> list[Problem]:
    """Return the problems by file, line, column, code, each once."""
    unique = dict.fromkeys(problems)
    return sorted(unique, key=lambda p: (p.place, p.code, p.message))
