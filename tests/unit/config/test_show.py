"""Problems are shown with their line, as JSON, and as annotations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from relight.base.problems import Place, Problem
from relight.config.loader import load_project
from relight.config.places import settle_places
from relight.config.show import problems_as_json, show_github, show_problem, summary_line

HERE = Path(__file__).parent
PROBLEM = Problem(
    code="unknown-field",
    message="'inactve' is not a field of a trigger; did you mean 'inactive'?",
    place=Place(file="rules/winback.yaml", line=2, column=5, end_column=12),
    help="write it right",
    other=Place(file="rules/other.yaml", line=1),
)
SOURCES = {"rules/winback.yaml": "trigger:\n    inactve: 30 days\n"}


def test_show_problem() -> None:
    """A problem is its place, code and message, then the line, a caret, the other place and what to do."""
    assert show_problem(PROBLEM, SOURCES) == (
        "rules/winback.yaml:2:5: unknown-field: 'inactve' is not a field of a trigger; did you mean 'inactive'?\n"
        "    2 |     inactve: 30 days\n"
        "      |     ^^^^^^^\n"
        "   see rules/other.yaml:1\n"
        "   help: write it right"
    )


def test_a_long_line_is_cut_around_the_caret() -> None:
    """A very long line is shown around the place, with the caret still under it."""
    text = "a" * 500 + "X" + "b" * 500
    place = Place(file="f", line=1, column=501, end_column=502)
    lines = show_problem(Problem(code="c", message="m", place=place), {"f": text}).split("\n")
    assert len(lines[1]) < 200
    assert lines[1][lines[2].index("^")] == "X"


@pytest.mark.parametrize("line", [0, 9])
def test_a_line_that_is_not_there(line: int) -> None:
    """A place without a line, or beyond the file, is shown by its name alone."""
    problem = Problem(code="c", message="m", place=Place(file="f", line=line))
    assert "|" not in show_problem(problem, {"f": "x"})


def test_json() -> None:
    """The JSON form has its version, whether all is well, and every part of each problem."""
    found: dict[str, Any] = json.loads(json.dumps(problems_as_json([PROBLEM])))
    assert found["schema"] == "check/1"
    assert found["ok"] is False
    assert found["problems"][0]["line"] == 2
    assert found["problems"][0]["other"] == {"file": "rules/other.yaml", "line": 1, "column": None, "end_column": None}


def test_warnings_are_fine_unless_strict() -> None:
    """A warning alone leaves all well, unless asked to be strict."""
    warning = Problem(code="c", message="m", place=Place(file="f"), severity="warning")
    assert problems_as_json([warning])["ok"] is True
    assert problems_as_json([warning], strict=True)["ok"] is False


def test_github() -> None:
    """An annotation names file, line and columns; what could end it early is escaped."""
    problem = Problem(code="c", message="50%\nof it", place=Place(file="a,b:c", line=3, column=4, end_column=6))
    assert show_github(problem) == "::error file=a%2Cb%3Ac,line=3,col=4,endColumn=6,title=c::50%25%0Aof it"


def test_summary() -> None:
    """The last line counts errors and warnings, rules and templates."""
    project = load_project(HERE / "good", env={"SMTP_PASSWORD": "x", "RELIGHT_LINK_SECRET": "a secret of the tests"})
    assert summary_line(project, 0.214) == "no problems in 3 rules and 2 templates (0.21 s)"
    project = load_project(HERE / "good", env={"RELIGHT_LINK_SECRET": "a secret of the tests"})
    assert summary_line(project, 1.0) == "1 error in 3 rules and 2 templates (1.00 s)"


def test_a_condition_over_several_lines_is_shown_where_it_stands() -> None:
    """A place counted along a folded text is brought back to its own line."""
    text = "audience: >\n  ever(a)\n  and  b\n\n  and c\n"
    start = Place(file="f", line=2, column=3)
    for word, line, column in (("and  b", 3, 3), ("c", 5, 7)):
        offset = "ever(a) and  b and c".index(word)
        [found] = settle_places([Problem(code="c", message="m", place=start.shifted(offset, 1))], {"f": text})
        assert (found.place.line, found.place.column) == (line, column)
