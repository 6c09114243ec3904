"""Brings places back onto their lines: a condition that a file writes over several lines is one line to its parser."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from relight.base.problems import Place, Problem


def settle_places(problems: Iterable[Problem], sources: Mapping[str, str]) -> list[Problem]:
    """Return the problems with places inside their files; sources: path -> text."""
    lines: dict[str, list[str]] = {}
    settled = []
    for problem in problems:
        file = problem.place.file
        if file in sources and file not in lines:
            lines[file] = sources[file].removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
        place = _settle(problem.place, lines.get(file, []))
        settled.append(problem if place is problem.place else replace(problem, place=place))
    return settled


def _settle(place: Place, lines: list[str]) -> Place:
    """Return the place, moved to the line on which the text really stands: a folded line break was one space."""
    line, column = place.line, place.column
    if not lines or not line or not column:
        return place
    width = place.end_column - column if place.end_column else 0
    while line <= len(lines) and column > len(lines[line - 1].rstrip()) + 1:
        column -= len(lines[line - 1].rstrip()) + 1
        line += 1
        while line <= len(lines) and not lines[line - 1].strip():
            line += 1
        if line > len(lines):
            return Place(file=place.file, line=place.line)
        column += len(lines[line - 1]) - len(lines[line - 1].lstrip())
    if line == place.line and column == place.column:
        return place
    end = min(column + width, len(lines[line - 1].rstrip()) + 1) if width else 0
    return Place(file=place.file, line=line, column=column, end_column=end)
