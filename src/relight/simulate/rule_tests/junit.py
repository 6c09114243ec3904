"""Results of rule tests as JUnit XML, which continuous integration reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

if TYPE_CHECKING:
    from relight.simulate.rule_tests.suite import CaseResult


def junit_xml(results: Sequence[CaseResult]) -> str:
    """Return `<testsuites>` with a suite for each file."""
    by_file: dict[str, list[CaseResult]] = {}
    for one in results:
        by_file.setdefault(one.case.file, []).append(one)
    parts = ['<?xml version="1.0" encoding="UTF-8"?>', f"<testsuites {_counts(results)}>"]
    for file, of_file in by_file.items():
        parts.append(f"  <testsuite name={quoteattr(file)} {_counts(of_file)}>")
        parts += [line for one in of_file for line in _case(one)]
        parts.append("  </testsuite>")
    return "\n".join([*parts, "</testsuites>"]) + "\n"


def _counts(results: Sequence[CaseResult]) -> str:
    failed = sum(bool(one.failures) for one in results)
    return f'tests="{len(results)}" failures="{failed}" errors="0" time="{sum(one.seconds for one in results):.3f}"'


def _case(one: CaseResult) -> list[str]:
    case = one.case
    head = (
        f"    <testcase classname={quoteattr(case.file)} name={quoteattr(case.name)} file={quoteattr(case.file)} "
        f'line="{case.place.line}" time="{one.seconds:.3f}"'
    )
    if not one.failures:
        return [head + "/>"]
    first = one.failures[0]
    message = quoteattr(f"{first.customer}, {first.rule}: expected {first.expected}; got {first.got}")
    text = escape("".join(c if c >= " " or c in "\t\n" else "�" for c in "\n".join(one.text)))
    return [head + ">", f"      <failure message={message}>{text}</failure>", "    </testcase>"]
