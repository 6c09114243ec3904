"""The pages about meaning say what the code says and name tests that exist."""

from __future__ import annotations

import ast
import re
import textwrap
from pathlib import Path

import pytest

from relight.decide.entry_life import draw_entry_life
from relight.messages.reasons import Reason

ROOT = Path(__file__).parents[3]
SEMANTICS = (ROOT / "docs/semantics.md").read_text(encoding="utf-8")
NUMBERS = [
    f"{letter}{n}"
    for letter, most in {"H": 9, "V": 5, "R": 8, "E": 5, "G": 6, "S": 6, "I": 19}.items()
    for n in range(1, most + 1)
]


def test_the_page_of_an_entrys_life_is_drawn_from_the_table() -> None:
    """E2: docs/entry-life.md shows the transition table, no other one."""
    page = (ROOT / "docs/entry-life.md").read_text(encoding="utf-8")
    drawn = textwrap.indent(draw_entry_life(), "    ", lambda line: bool(line.strip()))
    assert drawn in page


@pytest.mark.parametrize("number", NUMBERS)
def test_every_number_of_the_semantics_stands_once_with_its_tests(number: str) -> None:
    """Every sentence has its number, and the tests that the table names for it exist and name it in their docstrings."""
    begin = rf"^{number}\. " if number[0] != "I" else rf"(?:  |· ){number} "
    assert len(re.findall(begin, SEMANTICS.replace("\n", " ") if number[0] == "I" else SEMANTICS, re.MULTILINE)) == 1
    row = re.search(rf"^\| {number} \| (.*) \|$", SEMANTICS, re.MULTILINE)
    assert row is not None
    for cell in row[1].split("<br>") if row[1] != "-" else []:
        names = re.findall(r"`([^`]+)`", cell)
        tree = ast.parse((ROOT / names[0]).read_text(encoding="utf-8"))
        docs = {n.name: ast.get_docstring(n) or "" for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}
        for name in names[1:]:
            assert number in docs[name].split(":")[0].split(", "), name


def test_the_reasons_of_the_page_are_those_of_the_code() -> None:
    """G6: the page's closed list of reasons is the code's."""
    paragraph = re.search(r"^G6\. (.*?)\n\n", SEMANTICS, re.MULTILINE | re.DOTALL)
    assert paragraph is not None
    assert set(re.findall(r"`(\w+)`", paragraph[1])) == set(Reason)
