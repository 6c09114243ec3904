"""Shows problems: as lines for people with the source and a caret, as JSON, as annotations of a pull request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from relight.base.problems import Place, Problem

if TYPE_CHECKING:
    from relight.config.loader import LoadedProject

#: Longest source line that is shown in full (characters).
LINE_MAX = 160


def show_problem(problem: Problem, sources: Mapping[str, str]) -> str:
    """Return a problem with its line, a caret and what to do; without the line where its file is not known."""
    parts = [str(problem), *_source_lines(problem.place, sources)]
    if problem.other is not None:
        parts.append(f"   see {problem.other}")
    if problem.help is not None:
        parts.append(f"   help: {problem.help}")
    return "\n".join(parts)


def _source_lines(place: Place, sources: Mapping[str, str]) -> list[str]:
    text = sources.get(place.file)
    if text is None or not place.line:
        return []
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if place.line > len(lines):
        return []
    line = lines[place.line - 1].rstrip()
    number = str(place.line).rjust(5)
    shown = line.replace("\t", " ")
    start = max(0, place.column - 1)
    end = place.end_column - 1 if place.end_column else start + 1
    if len(shown) > LINE_MAX:
        cut = max(0, min(start - LINE_MAX // 2, len(shown) - LINE_MAX))
        shown, start, end = shown[cut : cut + LINE_MAX], start - cut, end - cut
    found = [f"{number} | {shown}"]
    if place.column:
        found.append(f"{' ' * len(number)} | {' ' * start}{'^' * max(1, min(end, len(shown)) - start)}")
    return found


def summary_line(project: LoadedProject, seconds: float) -> str:
    """Return `3 errors, 1 warning in 14 rules and 9 templates (0.21 s)`."""
    errors = sum(problem.severity == "error" for problem in project.problems)
    warnings = len(project.problems) - errors
    found = ", ".join(
        part
        for part in (_count(errors, "error") if errors else "", _count(warnings, "warning") if warnings else "")
        if part
    )
    rules, templates = _count(project.rules_found, "rule"), _count(project.templates_found, "template")
    return f"{found or 'no problems'} in {rules} and {templates} ({seconds:.2f} s)"


def _count(number: int, word: str) -> str:
    return f"{number} {word}" + ("" if number == 1 else "s")


def problems_as_json(problems: Sequence[Problem], *, strict: bool = False) -> dict[str, object]:
    """Return the object that `check --json` prints; strict: warnings count as errors."""
    ok = not any(problem.severity == "error" or strict for problem in problems)
    return {"schema": "check/1", "ok": ok, "problems": [_as_json(problem) for problem in problems]}


def _as_json(problem: Problem) -> dict[str, object]:
    shown: dict[str, object] = {
        "code": problem.code,
        "severity": problem.severity,
        "message": problem.message,
        **_place_as_json(problem.place),
        "help": problem.help,
    }
    shown["other"] = _place_as_json(problem.other) if problem.other is not None else None
    return shown


def _place_as_json(place: Place) -> dict[str, object]:
    return {
        "file": place.file,
        "line": place.line or None,
        "column": place.column or None,
        "end_column": place.end_column or None,
    }


def show_github(problem: Problem) -> str:
    """Return a problem as a workflow command of GitHub Actions (docs, November 2026): it appears beside the line."""
    place = problem.place
    parts = [f"file={_property(place.file)}"]
    if place.line:
        parts.append(f"line={place.line}")
    if place.column:
        parts.append(f"col={place.column}")
        if place.end_column:
            parts.append(f"endColumn={place.end_column}")
    parts.append(f"title={_property(problem.code)}")
    message = problem.message + (f"\n{problem.help}" if problem.help else "")
    return f"::{problem.severity} {','.join(parts)}::{_escape(message)}"


def _escape(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _escape(text).replace(":", "%3A").replace(",", "%2C")
