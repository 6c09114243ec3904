"""The starter project with tests written into it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from relight.cli.init import make_project

#: What every test here begins with.
HEAD = """
rules: [winback_30d]
start: 2026-03-02 10:00 Europe/Istanbul
until: 40d
customers:
  elif: {email: elif@books.example, locale: en, traits: {first_name: Elif, plan: club}, consent: [offers]}
"""


@pytest.fixture(scope="session")
def starter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("starter") / "shop"
    make_project(folder)
    for path in (folder / "tests" / "rules").glob("*.yaml"):
        path.unlink()
    return folder


@pytest.fixture
def write_tests(starter: Path) -> Callable[[str], Path]:
    """Write the one file of tests of the starter project and return the project."""

    def write(tests: str, head: str = HEAD) -> Path:
        path = starter / "tests" / "rules" / "some.yaml"
        path.write_text(head.lstrip() + tests, encoding="utf-8")
        return starter

    return write
