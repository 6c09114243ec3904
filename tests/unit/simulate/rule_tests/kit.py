"""Reads and runs the rule tests of a folder, for tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

from relight.config.folder import FolderFiles
from relight.config.loader import LoadedProject, load_files, load_project
from relight.simulate.rule_tests.goldens import Goldens
from relight.simulate.rule_tests.reading import ReadTests, read_rule_tests
from relight.simulate.rule_tests.suite import SuiteResult, run_suite


def compile_texts(texts: Mapping[str, str]) -> LoadedProject:
    return load_files(FolderFiles.of_texts(texts), env={}, lint=False)


@cache
def _loaded(folder: Path) -> LoadedProject:
    return load_project(folder, env={}, lint=False)


def read_folder_tests(folder: Path) -> tuple[LoadedProject, ReadTests]:
    """Read the tests as they stand now; the rest of the project is loaded once."""
    known = _loaded(folder)
    texts = {path: text for path, text in known.sources.items() if not path.startswith("tests/")}
    for path in sorted((folder / "tests" / "rules").glob("*.yaml")):
        texts[path.relative_to(folder).as_posix()] = path.read_text(encoding="utf-8")
    project = replace(known, sources=texts)
    return project, read_rule_tests(project, compile_texts)


def run_folder(folder: Path, *, update: bool = False) -> SuiteResult:
    project, tests = read_folder_tests(folder)
    assert [str(one) for one in tests.problems] == []
    assert project.plan is not None
    goldens = Goldens(folder=folder, update=update)
    return run_suite(project.plan, tests.cases, clock=lambda: 0.0, goldens=goldens)


def words(suite: SuiteResult) -> list[str]:
    """Return `name: passed`, or what differs of each test."""
    return [
        f"{one.case.name}: " + ("; ".join(f"{f.expected} <> {f.got}" for f in one.failures) or "passed")
        for one in suite.results
    ]
