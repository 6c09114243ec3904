"""All chosen cases, one after another, and what came of each."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from relight.simulate.rule_tests.comparing import compare_case
from relight.simulate.rule_tests.running import run_case
from relight.simulate.rule_tests.telling import tell_failure, tell_timeline

if TYPE_CHECKING:
    from relight.rules.plan import Plan
    from relight.simulate.rule_tests.case import Case
    from relight.simulate.rule_tests.comparing import Failure
    from relight.simulate.rule_tests.coverage import Coverage
    from relight.simulate.rule_tests.goldens import Goldens


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    """What came of one test."""

    case: Case
    failures: Sequence[Failure]
    #: The failures in words, with the timelines of the customers they concern; empty where there are none.
    text: Sequence[str]
    seconds: float


@dataclass(slots=True, kw_only=True)
class SuiteResult:
    """What came of all."""

    results: list[CaseResult] = field(default_factory=list)

    @property
    def failed(self) -> int:
        """Number of tests with a failure."""
        return sum(bool(one.failures) for one in self.results)

    @property
    def passed(self) -> int:
        """Number of tests without one."""
        return len(self.results) - self.failed


def run_suite(  # noqa: PLR0913 - one run, by keyword
    plan: Plan,
    cases: Iterable[Case],
    *,
    clock: Callable[[], float],
    goldens: Goldens | None = None,
    coverage: Coverage | None = None,
    on_result: Callable[[CaseResult], None] | None = None,
) -> SuiteResult:
    """Return what came of every case, in their order. clock: seconds, for how long each took."""
    suite = SuiteResult()
    for case in cases:
        began = clock()
        told = run_case(plan, case)
        failures = compare_case(case, told.seen, goldens)
        text = []
        for failure in failures:
            text += tell_failure(failure, case, told)
        for customer in dict.fromkeys(failure.customer for failure in failures):
            text += tell_timeline(customer, case, told)
        if coverage is not None:
            coverage.add(case, told)
        result = CaseResult(case=case, failures=failures, text=text, seconds=clock() - began)
        suite.results.append(result)
        if on_result is not None:
            on_result(result)
    return suite


def chosen(cases: Iterable[Case], *, pattern: re.Pattern[str] | None, files: frozenset[str] | None) -> list[Case]:
    """Return the cases of these files (None: all) whose `file: name` a pattern finds."""
    return [
        case
        for case in cases
        if (files is None or case.file in files)
        and (pattern is None or pattern.search(f"{case.file}: {case.name}") is not None)
    ]
