"""`relight check`: every problem of a project in one run. Needs no network, no clock and no store."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec.structs import replace

from relight.cli.exit_codes import ExitCode
from relight.cli.faults import NoProjectError
from relight.cli.output import say
from relight.cli.project import CONFIG_FILE, find_folder, project_options, refuse_missing, without_cycle_search

if TYPE_CHECKING:
    from relight.base.problems import Problem
    from relight.config.check_cache import CheckCache, ProjectFindings
    from relight.config.folder import FolderFiles
    from relight.config.loader import LoadedProject

_MARKDOWN = (".md", ".markdown")
#: Folders of a project that hold no documentation of it.
_SKIPPED = frozenset({"node_modules", "venv", "build", "dist"})


@dataclass(slots=True, kw_only=True)
class _Found:
    """What was checked."""

    problems: list[Problem]
    sources: dict[str, str]
    rules: int = 0
    templates: int = 0
    documents: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Looking:
    """How to look."""

    #: The folder to look at where no path is given; None: the one around us.
    project: Path | None
    environment: str | None
    #: Answers are kept in the project's folder, and taken from there.
    keeps: bool


@click.command("check", short_help="Read the project and report every problem at once.")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[PATH…]")
@click.option("--strict", is_flag=True, help="Warnings fail too.")
@click.option("--format", "form", type=click.Choice(["text", "json", "github"]), default="text", help="How to print.")
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--no-cache", is_flag=True, help="Check everything anew, and keep nothing in .relight_cache/.")
@project_options
def command(
    *,
    paths: tuple[Path, ...],
    strict: bool,
    form: str,
    as_json: bool,
    no_cache: bool,
    project: Path | None,
    environment: str | None,
) -> int:
    """Read a project and report every problem at once.

    PATH is a project folder, or something inside one: then only its problems are shown. Markdown files have their
    YAML blocks checked. What is found is kept in the project's .relight_cache/: of what nobody touched since, the next
    check says the same without reading it anew.
    """
    with without_cycle_search():
        looking = _Looking(project=project, environment=environment, keeps=not no_cache)
        code = _check_and_say(paths, looking, strict=strict, form="json" if as_json else form)
        # Python ends soon, and would look for cycles among all of this once more.
        gc.freeze()
    return code


def _check_and_say(paths: tuple[Path, ...], looking: _Looking, *, strict: bool, form: str) -> int:
    began = time.perf_counter()
    found = _check_all(paths, looking)
    from relight.base.problems import sort_problems

    problems = sort_problems(found.problems)
    failed = any(p.severity == "error" or strict for p in problems)
    if form == "json":
        from relight.cli.output import say_json
        from relight.config.show import problems_as_json

        body = problems_as_json(problems, strict=strict)
        say_json("check", {key: value for key, value in body.items() if key != "schema"})
    elif form == "github":
        from relight.config.show import show_github

        for problem in problems:
            say(show_github(problem))
        say(_summary(found, problems, time.perf_counter() - began))
    else:
        _say_text(found, problems, time.perf_counter() - began)
    return ExitCode.PROBLEMS if failed else ExitCode.FINE


def _say_text(found: _Found, problems: list[Problem], seconds: float) -> None:
    from relight.config.show import show_problem

    lines = []
    for problem in problems:
        head, _, rest = show_problem(problem, found.sources).partition("\n")
        lines.append(click.style(head, fg="red" if problem.severity == "error" else "yellow"))
        if rest:
            lines.append(rest)
    say("\n".join([*lines, _summary(found, problems, seconds)]))


def _summary(found: _Found, problems: list[Problem], seconds: float) -> str:
    from relight.cli.output import count_of

    errors = sum(p.severity == "error" for p in problems)
    warnings = len(problems) - errors
    parts = [count_of(n, word) for n, word in ((errors, "error"), (warnings, "warning")) if n]
    where = [count_of(found.rules, "rule"), count_of(found.templates, "template")]
    if found.documents:
        where.append(count_of(found.documents, "document"))
    return f"{', '.join(parts) or 'no problems'} in {', '.join(where[:-1])} and {where[-1]} ({seconds:.2f} s)"


# ---------------------------------------------------------------- what to look at
def _check_all(paths: tuple[Path, ...], looking: _Looking) -> _Found:
    found = _Found(problems=[], sources={})
    if not paths:
        _add_project(found, find_folder(looking.project), looking, only=None)
        return found
    inside: dict[Path, list[Path]] = {}
    for path in paths:
        if not path.exists():
            raise NoProjectError(f"there is no {path}")
        if path.suffix in _MARKDOWN:
            _add_markdown(found, path, str(path), None)
        elif (path / CONFIG_FILE).is_file():
            inside.setdefault(path, [])
        else:
            inside.setdefault(_project_around(path), []).append(path)
    for folder, only in inside.items():
        _add_project(found, folder, looking, only=only or None)
    return found


def _project_around(path: Path) -> Path:
    absolute = path.absolute()
    return find_folder(None, absolute if absolute.is_dir() else absolute.parent)


def _add_project(found: _Found, folder: Path, looking: _Looking, *, only: list[Path] | None) -> None:
    from relight.config.check_cache import CheckCache
    from relight.config.folder import read_folder

    files = read_folder(folder)
    cache = CheckCache(folder, looking.environment, os.environ) if looking.keeps else None
    findings = (None if cache is None else cache.project(files)) or _findings(folder, files, looking, cache)
    prefix = "" if folder == Path() or only is not None else f"{folder.as_posix()}/"
    problems = findings.problems
    found.rules += findings.rules
    found.templates += findings.templates
    if only is None:
        for path in _documents(folder):
            _add_markdown(found, path, prefix + path.relative_to(folder).as_posix(), cache)
    else:
        problems = [p for p in problems if _is_in(folder / p.place.file, only)]
    found.problems += [_moved(problem, prefix) for problem in problems]
    found.sources |= {prefix + file: text for file, text in files.texts().items()}
    if cache is not None:
        cache.save()


def _findings(folder: Path, files: FolderFiles, looking: _Looking, cache: CheckCache | None) -> ProjectFindings:
    """Return what is wrong with a project, read anew but for what the cache knows of its templates, and keep it there.

    Raises NoProjectError for a folder that holds none.
    """
    from relight.config.check_cache import ProjectFindings
    from relight.config.loader import load_files, with_codes

    variables = dict(os.environ) if cache is None else cache.variables
    known = None if cache is None else cache.letters
    loaded = load_files(files, environment=looking.environment, env=variables, known=known)
    pools = () if loaded.settings is None else loaded.settings.codes.values()
    codes = {} if cache is None else cache.codes_marks(pools)
    loaded = with_codes(loaded, folder)
    refuse_missing(loaded, folder)
    findings = ProjectFindings(
        problems=[*loaded.problems, *_test_problems(loaded, looking.environment)],
        rules=loaded.rules_found,
        templates=loaded.templates_found,
        variables={} if cache is None else cache.variable_marks(),
        codes=codes,
    )
    # A file of codes that changed while it was read may have been judged by other bytes.
    if cache is not None and codes == cache.codes_marks(pools):
        cache.keep_project(files, findings)
    return findings


def _test_problems(loaded: LoadedProject, environment: str | None) -> list[Problem]:
    """Return what is wrong with the rule tests, and which rules no test names."""
    from relight.simulate.rule_tests.untested import TESTS_FOLDER, untested_rules

    problems: list[Problem] = []
    named: set[str] = set()
    if any(path.startswith(TESTS_FOLDER) for path in loaded.sources):
        from relight.cli.rule_tests import compiler_of
        from relight.simulate.rule_tests.reading import read_rule_tests

        tests = read_rule_tests(loaded, compiler_of(environment))
        problems, named = tests.problems, tests.named
    return problems if loaded.plan is None else [*problems, *untested_rules(loaded.plan, named)]


def _is_in(file: Path, only: list[Path]) -> bool:
    return any(file.absolute().is_relative_to(path.absolute()) for path in only)


def _moved(problem: Problem, prefix: str) -> Problem:
    if not prefix:
        return problem
    other = problem.other and replace(problem.other, file=prefix + problem.other.file)
    return replace(problem, place=replace(problem.place, file=prefix + problem.place.file), other=other)


# ---------------------------------------------------------------- Markdown
def _documents(folder: Path) -> Iterable[Path]:
    """Return the Markdown files of a project, hidden and installed folders and other projects inside it left out."""
    pending, found = [folder], []
    while pending:
        here = pending.pop()
        with os.scandir(here) as entries:
            for entry in entries:
                if entry.name.startswith(".") or entry.is_symlink():
                    continue
                if entry.is_dir():
                    if entry.name not in _SKIPPED and not (here / entry.name / CONFIG_FILE).is_file():
                        pending.append(here / entry.name)
                elif entry.name.endswith(_MARKDOWN):
                    found.append(here / entry.name)
    return sorted(found)


def _add_markdown(found: _Found, path: Path, name: str, cache: CheckCache | None) -> None:
    text = path.read_text(encoding="utf-8", errors="replace")
    problems = None if cache is None else cache.document(name, text)
    if problems is None:
        from relight.config.markdown import check_markdown

        problems = check_markdown(text, name)
        if cache is not None:
            cache.keep_document(name, text, problems)
    found.documents += 1
    found.problems += problems
    found.sources[name] = text
