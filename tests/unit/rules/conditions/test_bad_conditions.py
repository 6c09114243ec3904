"""Each mistake in bad/*.txt is reported with exactly these words, at this column, with this help."""

from __future__ import annotations

from pathlib import Path

import pytest

from relight.base.problems import Problem
from relight.rules.conditions import check_event_pattern, parse_event_pattern
from tests.unit.rules.conditions.shop import PLACE, SCOPE, check

FIXTURES = sorted((Path(__file__).parent / "bad").glob("*.txt"))


def problems_of(name: str, text: str) -> list[Problem]:
    if not name.startswith("pattern_"):
        return check(text)[1]
    pattern, problems = parse_event_pattern(text, PLACE)
    return problems if pattern is None else check_event_pattern(pattern, SCOPE)[1]


def outline(problems: list[Problem]) -> str:
    lines: list[str] = []
    for problem in problems:
        first = problem.place.column - PLACE.column
        here = problem.place.file == PLACE.file
        where = f"{first}-{problem.place.end_column - PLACE.column}" if here else str(problem.place)
        word = "warning: " if problem.severity == "warning" else ""
        lines.append(f"{where}: {word}{problem.code}: {problem.message}")
        if problem.help:
            lines.append(f"help: {problem.help}")
    return "\n".join(lines)


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_a_mistake_is_reported_with_its_columns_and_help(path: Path) -> None:
    """The report of a mistake names its characters [first-after), counted from 0 in the condition, and its mending."""
    text, expected = path.read_text(encoding="utf-8").rstrip("\n").split("\n---\n")
    assert outline(problems_of(path.stem, text)) == expected


def test_there_are_enough_mistakes() -> None:
    """The folder of mistakes was found."""
    assert len(FIXTURES) > 30
