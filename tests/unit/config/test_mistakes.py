"""Each mistake has a fixture named for it: a file put into a sound project, and everything that `check` says then."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import pytest

from relight.config.folder import FolderFiles, read_folder
from relight.config.loader import load_files
from relight.config.show import show_problem, summary_line

HERE = Path(__file__).parent
MISTAKES = sorted(path.name.removesuffix(".bad.yaml") for path in (HERE / "bad").glob("*.bad.yaml"))
ENV = {"SMTP_PASSWORD": "hush-hush", "RELIGHT_LINK_SECRET": "a secret of the tests", "WEB_TOKEN": "let me in"}


@pytest.fixture(scope="module")
def good() -> FolderFiles:
    return read_folder(HERE / "good")


def with_file(files: FolderFiles, path: str, text: str) -> FolderFiles:
    folder = path.split("/", 1)[0]
    changed: dict[str, Any] = {folder: {**getattr(files, folder), path: text}}
    return dataclasses.replace(files, **changed)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake(mistake: str, good: FolderFiles) -> None:
    """A mistake is told with its place, its line and what to do, and nothing else is."""
    text = (HERE / "bad" / f"{mistake}.bad.yaml").read_text(encoding="utf-8")
    path = text.split("\n", 1)[0].removeprefix("# file: ")
    project = load_files(with_file(good, path, text), env=ENV)
    shown = [show_problem(problem, project.sources) for problem in project.problems]
    found = "\n".join([*shown, summary_line(project, 0.0)]) + "\n"
    expected = HERE / "bad" / f"{mistake}.expected"
    if os.environ.get("RELIGHT_UPDATE_EXPECTED") == "1":
        expected.write_text(found, encoding="utf-8")
    assert found == expected.read_text(encoding="utf-8")
    errors = any(problem.severity == "error" for problem in project.problems)
    assert project.problems
    assert (project.plan is None) is errors
    assert "hush-hush" not in found


def test_a_template_without_its_subject_is_told_as_that(good: FolderFiles) -> None:
    """The folder is there, so the rule that names it is not at fault; the part that lacks is named, once. A bare name
    leads to the trait that was meant.
    """
    files = with_file(good, "rules/half.yaml", "trigger: {event: signed_up}\nsend: half\n")
    templates = {**files.templates, "half/body.html": "<p>{{ timezon }} {{ projct }} {{ zzz }} {{ sorce }}</p>"}
    project = load_files(dataclasses.replace(files, templates=templates), env=ENV)
    errors = [problem for problem in project.problems if problem.severity == "error"]
    assert [(str(problem.place), problem.code, problem.help) for problem in errors] == [
        ("templates/half/body.html:1:7", "unknown-name", "did you mean 'customer.timezone'?"),
        ("templates/half/body.html:1:21", "unknown-name", "did you mean 'project'?"),
        ("templates/half/body.html:1:34", "unknown-name", "write `customer.NAME` for a trait or value of the customer"),
        ("templates/half/body.html:1:44", "unknown-name", "did you mean 'event.source'?"),
        (
            "templates/half/subject.txt",
            "missing-part",
            "each template folder, and each language folder in it, needs subject.txt and body.html",
        ),
    ]


def test_templates_are_counted_where_streams_are_wrong(good: FolderFiles) -> None:
    """A stream that cannot be read takes no template out of the summary."""
    project = load_files(with_file(good, "streams/shop.yaml", "source: {fil: x}\n"), env=ENV)
    assert project.templates_found == load_files(good, env=ENV).templates_found > 0


def test_there_are_enough_mistakes() -> None:
    """At least forty mistakes have a fixture, and each says what is expected of it."""
    assert len(MISTAKES) >= 40
    assert [name for name in MISTAKES if not (HERE / "bad" / f"{name}.expected").exists()] == []
