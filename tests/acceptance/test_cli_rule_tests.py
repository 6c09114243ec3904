"""`relight test` as a process: exit codes, words, files; and the page that explains it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from relight.config.markdown import yaml_blocks
from tests.acceptance.cli_kit import copy_project, edit, relight, relight_json

PAGE = Path(__file__).parents[2] / "docs" / "rule-tests.md"


@pytest.fixture
def project(new_project: Path, tmp_path: Path) -> Path:
    folder = copy_project(new_project, tmp_path / "shop")
    edit(folder / "rules/welcome.yaml", 'audience: plan == "club"\n', "")
    return folder


def test_passing_tests_leave_with_0(project: Path) -> None:
    """The last line counts, a coverage asked for stands before it, JUnit is written."""
    done = relight("test", "--coverage", "--fail-under", "40", "--junit", "out/junit.xml", cwd=project)
    assert re.search(r"Coverage: 3 of 3 rules, 9 of 20 outcomes \(45\.0 %\)\n10 passed in \d+\.\d\d s\n$", done.stdout)
    assert (project / "out/junit.xml").read_text(encoding="utf-8").count("<testcase ") == 10
    assert "less than the 50 %" in relight("test", "--fail-under", "50", cwd=project, code=1).stdout


def test_a_failing_test_leaves_with_1(project: Path) -> None:
    """A rule that was edited fails its test; `--json` tells the same."""
    edit(project / "rules/winback_30d.yaml", "inactive: 30 days", "inactive: 31 days")
    done = relight("test", "tests/rules/winback_30d.yaml", cwd=project, code=1)
    assert "  FAIL  thirty days after the last order, once" in done.stdout
    assert "- expected  sent at 35d" in done.stdout
    assert "+ got       sent in 'send:0' at 36d" in done.stdout
    assert done.stdout.rstrip().splitlines()[-1].startswith("1 passed, 3 failed in ")
    told = relight_json("test", "--run", "thirty days after", cwd=project, code=1)
    assert (told["schema"], told["ok"], told["passed"], told["failed"]) == ("test/1", False, 0, 1)
    assert told["tests"][0]["failures"][0]["rule"] == "winback_30d"


def test_mistakes_are_told_by_test_and_by_check(project: Path) -> None:
    """A mistake in a file of tests is an error of `test` (1) and of `check` (1), with place and nearest word."""
    edit(project / "tests/rules/welcome.yaml", "event: signed_up", "event: singed_up")
    told = relight("test", cwd=project, code=1).stderr
    assert "tests/rules/welcome.yaml:10:41: unknown-event: no stream declares the event 'singed_up'" in told
    assert "did you mean 'signed_up'?" in told
    checked = relight("check", cwd=project, code=1).stdout
    assert "unknown-event: no stream declares the event 'singed_up'; did you mean 'signed_up'?" in checked


def test_check_warns_of_a_rule_that_no_test_names(project: Path) -> None:
    """`missing-test` is a warning: 0, and 1 with --strict."""
    (project / "tests/rules/welcome.yaml").unlink()
    told = relight("check", cwd=project).stdout
    assert "rules/welcome.yaml:1: warning: missing-test: no test names the rule 'welcome'" in told
    relight("check", "--strict", cwd=project, code=1)


def test_wrong_usage(project: Path) -> None:
    """Nothing chosen, no such path and no regular expression are wrong usage or no project."""
    assert "no test is chosen" in relight("test", "--run", "nothing like it", cwd=project, code=64).stderr
    assert "no regular expression" in relight("test", "--run", "(", cwd=project, code=64).stderr
    assert "there is no nowhere" in relight("test", "nowhere", cwd=project, code=78).stderr


def test_the_page_s_tests_pass_and_its_commands_work(project: Path) -> None:
    """Each YAML block of docs/rule-tests.md is a file of tests that passes; each command runs."""
    text = PAGE.read_text(encoding="utf-8")
    commands = [line.removeprefix("$ ") for line in text.splitlines() if line.startswith("$ ")]
    assert len(commands) == 3
    blocks = [block.text for block in yaml_blocks(text)]
    assert len(blocks) == 2
    for block in blocks:
        (project / "tests/rules/winback_30d.yaml").write_text(block, encoding="utf-8")
        if block is blocks[0]:
            for command in commands:
                relight(*shlex.split(command)[1:], cwd=project)
        else:
            relight("test", "tests/rules/winback_30d.yaml", cwd=project)
