"""The rule tests that ship: of the repository's own rules, and of what `relight init` writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from relight.cli.init import make_project
from relight.simulate.rule_tests.case import Kind
from relight.simulate.rule_tests.untested import untested_rules
from tests.unit.simulate.rule_tests.kit import read_folder_tests, run_folder

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture(scope="module", params=["repository", "starter"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if request.param == "repository":
        return ROOT
    made = tmp_path_factory.mktemp("init") / "shop"
    make_project(made)
    return made


def test_they_pass(folder: Path) -> None:
    """Every shipped rule test passes."""
    failed = [line for one in run_folder(folder).results for line in one.text]
    assert failed == []


def test_every_rule_fires_somewhere_and_keeps_silent_elsewhere(folder: Path) -> None:
    """Each rule has a test in which it sends, one of its own in which it does not, and one beside a neighbour."""
    project, tests = read_folder_tests(folder)
    assert project.plan is not None
    assert untested_rules(project.plan, tests.named) == []
    for rule in project.plan.rules:
        own = [case for case in tests.cases if rule in case.rules and case.file == f"tests/rules/{rule}.yaml"]
        sends = [any(e.rule == rule and e.kind is Kind.SENT for e in case.expected) for case in own]
        assert any(sends), f"{rule} never fires"
        assert not all(sends), f"{rule} always fires"
        assert any(len(case.rules) > 1 for case in own), f"{rule} has no neighbour"
