"""docs/reference/conditions.md says nothing that the language does not do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from relight.customers.facts import Function
from relight.rules.conditions import (
    CONDITION_DEPTH_MAX,
    CONDITION_LENGTH_MAX,
    CONDITION_PARTS_MAX,
    LIST_LENGTH_MAX,
    SPELLED_DEPTH_MAX,
    check_event_pattern,
    parse_event_pattern,
)
from relight.rules.conditions.functions import TOP_SIZE_MAX
from relight.streams.expressions import parse_row_condition
from tests.unit.rules.conditions.shop import PLACE, SCOPE, check

PAGE = (Path(__file__).parents[4] / "docs/reference/conditions.md").read_text(encoding="utf-8")


def examples(kind: str) -> list[str]:
    blocks = re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


@pytest.mark.parametrize("text", examples("condition"))
def test_each_condition_of_the_page_is_one(text: str) -> None:
    """Each example is accepted without a problem."""
    checked, problems = check(text)
    assert not problems
    assert checked is not None


@pytest.mark.parametrize("text", examples("pattern"))
def test_each_pattern_of_the_page_is_one(text: str) -> None:
    """Each event pattern is accepted without a problem."""
    pattern, problems = parse_event_pattern(text, PLACE)
    assert pattern is not None, problems
    assert not check_event_pattern(pattern, SCOPE)[1]


@pytest.mark.parametrize("text", examples("row"))
def test_each_row_expression_of_the_page_is_one(text: str) -> None:
    """Each expression over a raw row is accepted."""
    assert not parse_row_condition(text, PLACE)[1]


@pytest.mark.parametrize("line", examples("refused"))
def test_each_refused_example_is_refused(line: str) -> None:
    """Each refused example has the problem that stands beside it."""
    text, code = line.rsplit(maxsplit=1)
    assert [problem.code for problem in check(text.rstrip())[1]] == [code]


def test_the_page_has_examples_of_each_kind() -> None:
    """The examples were found."""
    assert all(len(examples(kind)) > 2 for kind in ("condition", "pattern", "row", "refused"))


def test_each_function_is_on_the_page() -> None:
    """Each function of the language has its line in the table."""
    assert not [name for name in Function if f"`{name}(" not in PAGE]


def test_the_limits_of_the_page_are_those_of_the_code() -> None:
    """The table of limits tells the constants."""
    limits = PAGE.rsplit("| limit | |", 1)[1]
    found = [int(number.replace(",", "")) for number in re.findall(r"[\d,]*\d", limits)]
    assert found == [
        CONDITION_LENGTH_MAX,
        CONDITION_DEPTH_MAX,
        SPELLED_DEPTH_MAX,
        CONDITION_PARTS_MAX,
        LIST_LENGTH_MAX,
        TOP_SIZE_MAX,
    ]
