"""`relight test`: the project's rule tests, in virtual time, with a difference and a timeline where one fails."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from relight.base.errors import ProjectError, UsageError
from relight.cli.exit_codes import ExitCode
from relight.cli.faults import NoProjectError
from relight.cli.output import count_of, marked, note, say, say_json
from relight.cli.problem_list import show_problems
from relight.cli.project import Project, find_folder, open_project, project_options

if TYPE_CHECKING:
    from relight.config.loader import LoadedProject
    from relight.simulate.rule_tests.case import Case
    from relight.simulate.rule_tests.coverage import Coverage
    from relight.simulate.rule_tests.reading import ReadTests
    from relight.simulate.rule_tests.suite import CaseResult, SuiteResult

#: Rules whose missing outcomes are told.
TOLD_MAX = 20


@click.command("test", short_help="Run the rule tests of the project.")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[PATH…]")
@click.option("--run", "pattern", metavar="REGEX", help="Only tests whose `file: name` it finds.")
@click.option("--coverage", "with_coverage", is_flag=True, help="Say which rules and outcomes no test exercised.")
@click.option(
    "--fail-under",
    type=click.FloatRange(0, 100),
    metavar="N",
    help="Fail where less than N percent of the outcomes were exercised.",
)
@click.option("--junit", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write JUnit XML there.")
@click.option("--update", is_flag=True, help="Take over the mails that tests call golden.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@project_options
def command(
    *,
    paths: tuple[Path, ...],
    pattern: str | None,
    with_coverage: bool,
    fail_under: float | None,
    junit: Path | None,
    update: bool,
    as_json: bool,
    project: Path | None,
    environment: str | None,
) -> int:
    """Run the rule tests: `tests/rules/*.yaml`, or only those of PATH, a file or folder there.

    Time is that of the test, the engine is the one that runs, and nothing can be sent. A test lists every row of the
    rules it names; `expect: []` means that nothing happens.
    """
    found = open_project(_around(paths, project), environment)
    tests = read_tests(found, environment)
    wanted = _chosen(found, tests, paths, pattern)
    began = time.monotonic()
    coverage = _coverage(found, with_coverage=with_coverage or fail_under is not None)
    suite = _run(found, wanted, coverage, update=update, quiet=as_json)
    seconds = time.monotonic() - began
    if junit is not None:
        from relight.simulate.rule_tests.junit import junit_xml

        junit.parent.mkdir(parents=True, exist_ok=True)
        junit.write_text(junit_xml(suite.results), encoding="utf-8")
    short = coverage is not None and fail_under is not None and coverage.percent < fail_under
    ok = not suite.failed and not short
    if as_json:
        say_json("test", {"ok": ok} | suite_as_json(suite, coverage, seconds))
    else:
        _say_coverage(coverage, fail_under, short=short)
        say(summary_of(suite, seconds))
    return ExitCode.FINE if ok else ExitCode.PROBLEMS


def read_tests(found: Project, environment: str | None) -> ReadTests:
    """Return a project's tests; raises ProjectError after saying every problem of their files."""
    from relight.simulate.rule_tests.reading import read_rule_tests

    tests = read_rule_tests(found.loaded, compiler_of(environment))
    if tests.problems:
        from relight.base.problems import sort_problems

        show_problems(sort_problems(tests.problems), found.loaded.sources)
        raise ProjectError(
            (), f"{count_of(len(tests.problems), 'problem')} in the rule tests of {found.folder.resolve().name}"
        )
    return tests


def compiler_of(environment: str | None) -> Callable[[Mapping[str, str]], LoadedProject]:
    """Return what compiles a project's texts by path under an environment."""
    from relight.config.folder import FolderFiles
    from relight.config.loader import load_files

    def compile_texts(texts: Mapping[str, str]) -> LoadedProject:
        files = FolderFiles.of_texts(texts)
        return load_files(files, environment=environment, env=dict(os.environ), lint=False)

    return compile_texts


def _around(paths: tuple[Path, ...], project: Path | None) -> Path | None:
    """Return the project: the one that was named, else the one around the first path."""
    for path in paths:
        if not path.exists():
            raise NoProjectError(f"there is no {path}")
    if project is not None or not paths:
        return project
    first = paths[0].absolute()
    return find_folder(None, first if first.is_dir() else first.parent)


def _chosen(found: Project, tests: ReadTests, paths: tuple[Path, ...], pattern: str | None) -> list[Case]:
    from relight.simulate.rule_tests.suite import chosen

    try:
        compiled = None if pattern is None else re.compile(pattern)
    except re.error as error:
        raise UsageError(f"--run: '{pattern}' is no regular expression: {error}") from None
    files = None
    if paths:
        inside = [path.absolute() for path in paths]
        files = frozenset(
            case.file
            for case in tests.cases
            if any((found.folder / case.file).absolute().is_relative_to(path) for path in inside)
        )
    wanted = chosen(tests.cases, pattern=compiled, files=files)
    if not wanted:
        where = "tests/rules/ has no test" if not tests.cases else "no test is chosen"
        raise UsageError(where, help_text="a test is written in tests/rules/<rule>.yaml; docs/rule-tests.md says how")
    return wanted


def _coverage(found: Project, *, with_coverage: bool) -> Coverage | None:
    if not with_coverage:
        return None
    from relight.simulate.rule_tests.coverage import coverage_of

    return coverage_of(found.plan)


def _run(found: Project, cases: list[Case], coverage: Coverage | None, *, update: bool, quiet: bool) -> SuiteResult:
    from relight.simulate.rule_tests.goldens import Goldens
    from relight.simulate.rule_tests.suite import run_suite

    goldens = Goldens(folder=found.folder, update=update)
    last_file = ""

    def show(result: CaseResult) -> None:
        nonlocal last_file
        if result.case.file != last_file:
            last_file = result.case.file
            say(last_file)
        _say_result(result)

    suite = run_suite(
        found.plan,
        cases,
        clock=time.perf_counter,
        goldens=goldens,
        coverage=coverage,
        on_result=None if quiet else show,
    )
    for name in goldens.written:
        note(f"wrote tests/rules/golden/{name}.txt")
    return suite


# ---------------------------------------------------------------- words
def _say_result(result: CaseResult) -> None:
    case = result.case
    if not result.failures:
        say(f"  {marked('ok')}  {case.name}  {result.seconds * 1_000:.0f} ms")
        return
    say(f"  {marked('FAIL')}  {case.name}    {result.failures[0].place}")
    for line in result.text:
        color = {"-": "green", "+": "red"}.get(line[:1])
        say("        " + (click.style(line, fg=color) if color else line))


def summary_of(suite: SuiteResult, seconds: float) -> str:
    """Return `6 passed, 1 failed in 0.3 s`."""
    failed = f", {suite.failed} failed" if suite.failed else ""
    return f"{suite.passed} passed{failed} in {seconds:.2f} s"


def _say_coverage(coverage: Coverage | None, fail_under: float | None, *, short: bool) -> None:
    if coverage is None:
        return
    missing = coverage.missing()
    for rule, outcomes in list(missing.items())[:TOLD_MAX]:
        say(f"Never exercised: {rule} ({coverage.places[rule]}): {', '.join(outcomes)}")
    if len(missing) > TOLD_MAX:
        say(f"… and of {len(missing) - TOLD_MAX} more rules; --json tells all")
    of_rules = f"{coverage.rules_seen} of {count_of(len(coverage.possible), 'rule')}"
    of_outcomes = f"{coverage.outcomes_seen} of {count_of(coverage.outcomes, 'outcome')}"
    under = f", less than the {fail_under:g} % that --fail-under asks" if short else ""
    say(f"Coverage: {of_rules}, {of_outcomes} ({coverage.percent:.1f} %){under}")


# ---------------------------------------------------------------- JSON
def suite_as_json(suite: SuiteResult, coverage: Coverage | None, seconds: float) -> dict[str, object]:
    """Return the results as plain values."""
    return {
        "passed": suite.passed,
        "failed": suite.failed,
        "seconds": round(seconds, 3),
        "tests": [_result_as_json(one) for one in suite.results],
        "coverage": None
        if coverage is None
        else {
            "rules": len(coverage.possible),
            "rules_exercised": coverage.rules_seen,
            "outcomes": coverage.outcomes,
            "outcomes_exercised": coverage.outcomes_seen,
            "percent": round(coverage.percent, 2),
            "never_exercised": coverage.missing(),
        },
    }


def _result_as_json(one: CaseResult) -> dict[str, object]:
    from relight.base.instants import iso_utc

    return {
        "file": one.case.file,
        "line": one.case.place.line,
        "name": one.case.name,
        "ok": not one.failures,
        "ms": round(one.seconds * 1_000, 2),
        "failures": [
            {
                "place": str(failure.place),
                "at": iso_utc(failure.at),
                "customer": failure.customer,
                "rule": failure.rule,
                "expected": failure.expected,
                "got": failure.got,
            }
            for failure in one.failures
        ],
        "text": list(one.text),
    }
