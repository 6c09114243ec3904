"""What the rule tests say of each rule: run once, in the background, as `relight test --coverage` runs them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from relight.base.errors import RelightError
from relight.config.folder import FolderFiles
from relight.config.loader import load_files
from relight.simulate.rule_tests.coverage import coverage_of
from relight.simulate.rule_tests.goldens import Goldens
from relight.simulate.rule_tests.reading import read_rule_tests
from relight.simulate.rule_tests.suite import run_suite
from relight.web.desk.background import Background

if TYPE_CHECKING:
    from pathlib import Path

    from relight.config.loader import LoadedProject


@dataclass(frozen=True, slots=True, kw_only=True)
class TestedRule:
    """The tests of one rule."""

    #: (name, `file:line`, passed) of each test that names it.
    tests: tuple[tuple[str, str, bool], ...] = ()
    #: Outcomes that the rule can have and a test exercised, and those that none did.
    seen: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """The tests of a project."""

    rules: Mapping[str, TestedRule] = field(default_factory=dict)
    #: Why there is nothing to tell; None where there is.
    trouble: str | None = None
    #: Where that is, in a file of tests; empty where it is in none.
    place: str = ""


class RuleTests:
    """The rule tests of one project."""

    def __init__(self, loaded: LoadedProject, folder: Path, *, seconds: Callable[[], float]) -> None:
        """Start without a result; seconds: a clock that only grows."""
        self._loaded, self._folder = loaded, folder
        self._background: Background[Tested] = Background(make=self._run, seconds=seconds, ages=False)

    def latest(self) -> Tested | None:
        """Return what the tests said; None while they run."""
        return self._background.latest()

    def _run(self) -> Tested:
        try:
            return _tested(self._loaded, self._folder)
        except (RelightError, OSError) as error:
            return Tested(trouble=str(error))


def _tested(loaded: LoadedProject, folder: Path) -> Tested:
    def compile_texts(texts: Mapping[str, str]) -> LoadedProject:
        return load_files(FolderFiles.of_texts(texts), env=dict(os.environ), lint=False)

    assert loaded.plan is not None
    found = read_rule_tests(loaded, compile_texts)
    if found.problems:
        first = found.problems[0]
        return Tested(trouble=first.message, place=str(first.place))
    coverage = coverage_of(loaded.plan)
    goldens = Goldens(folder=folder, update=False)
    suite = run_suite(loaded.plan, found.cases, clock=time.perf_counter, goldens=goldens, coverage=coverage)
    missing = coverage.missing()
    return Tested(
        rules={
            rule: TestedRule(
                tests=tuple(
                    (one.case.name, f"{one.case.file}:{one.case.place.line}", not one.failures)
                    for one in suite.results
                    if rule in one.case.rules
                ),
                seen=tuple(one for one in possible if one not in missing.get(rule, ())),
                missing=tuple(missing.get(rule, ())),
            )
            for rule, possible in coverage.possible.items()
        }
    )
