"""The example projects are sound, whether their data are there or not."""

from __future__ import annotations

from pathlib import Path

import pytest

from relight.config.loader import load_project
from relight.rules.plan import InactiveTrigger

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
NAMES = sorted(file.parent.parent.name for file in EXAMPLES.glob("*/config/default.yaml"))
#: Who these people are is not known: nobody has an address, nobody was asked, and nothing is to be capped.
MEANT = {"no-address", "no-cap", "opted-in"}


def test_there_are_examples() -> None:
    """The four recorded sets have their project folders, each with a page."""
    assert set(NAMES) >= {"cdnow", "httpwg", "onlineretail", "udacity"}
    assert all((EXAMPLES / name / "README.md").is_file() for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_an_example_loads_without_errors(name: str, tmp_path: Path) -> None:
    """`load_project` finds a plan and no error, and warns only of what is meant; the folder of data may be empty."""
    project = load_project(EXAMPLES / name, env={"RELIGHT_DATA": str(tmp_path)})
    assert [problem for problem in project.problems if problem.severity == "error"] == []
    assert {problem.code for problem in project.problems} <= MEANT
    assert project.plan is not None
    assert len(project.streams) == 1
    assert all(stream.source.is_finished for stream in project.streams.values())
    quiet = project.plan.rules["quiet"].trigger
    assert isinstance(quiet, InactiveTrigger)
    assert [str(threshold.span) for threshold in quiet.thresholds] == [f"{n} days" for n in (3, 7, 14, 30, 60, 90)]


@pytest.mark.parametrize("name", NAMES)
def test_an_example_says_that_it_needs_data(name: str) -> None:
    """Without RELIGHT_DATA the one error names the variable and the stream's file."""
    project = load_project(EXAMPLES / name, env={})
    (error,) = [problem for problem in project.problems if problem.severity == "error"]
    assert error.code == "missing-variable"
    assert "RELIGHT_DATA" in error.message
    assert str(error.place).startswith("streams/")
