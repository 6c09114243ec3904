"""What is told of a failure, of coverage, and to continuous integration."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

from relight.cli.init import make_project
from relight.simulate.rule_tests.coverage import coverage_of
from relight.simulate.rule_tests.junit import junit_xml
from relight.simulate.rule_tests.suite import chosen, run_suite
from tests.unit.simulate.rule_tests.kit import read_folder_tests, run_folder, words

Write = Callable[[str], Path]
TWO = """
tests:
  - name: stays quiet without consent
    given:
      - {at: 0d, customer: elif, event: order_placed, properties: {order_id: o1}}
    expect:
      - {at: 30d, customer: elif, suppressed: winback_30d, reason: no_consent}
  - name: fires & again
    given:
      - {at: 0d, customer: elif, event: order_placed}
      - {at: 1d, every: 9d, times: 3, customer: elif, event: order_placed}
    expect:
      - {at: 30d, customer: elif, sent: winback_30d}
"""


def test_a_failure_tells_place_difference_why_and_timeline(write_tests: Write) -> None:
    """Expected and got stand below each other, with the consent that decided and everything that happened."""
    first, second = run_folder(write_tests(TWO)).results
    assert list(first.text) == [
        "at 30d, customer elif, rule winback_30d (tests/rules/some.yaml:12:9)",
        "- expected  suppressed: no_consent at 30d (2026-04-01 10:00 Europe/Istanbul)",
        "+ got       sent in 'send:0' at 30d (2026-04-01 10:00 Europe/Istanbul)",
        "why: elif had given topic 'offers' (tests/rules/some.yaml:5:99)",
        "elif from 2026-03-02 10:00 Europe/Istanbul:",
        "   0d  exists (locale: en, first_name: Elif, plan: club, consent: offers)",
        "   0d  order_placed (order_id: o1)",
        "  30d  winback_30d: enters",
        "  30d  winback_30d: sent in 'send:0'",
        "  40d  the test ends",
    ]
    assert "+ got       nothing" in second.text
    assert "why: silent for 11 days; needs 30 days (rules/winback_30d.yaml:3:1)" in second.text
    assert "   0d  order_placed, 4 times, last at 19d" in second.text


TIMES = """
rules: [welcome]
start: 2026-03-02 10:00 Europe/Istanbul
until: 40d
customers:
  elif: {email: elif@books.example, traits: {first_name: Elif, plan: club, trial_ends_at: "2026-04-20T09:00:00Z"}, consent: [offers]}
tests:
  - name: shows what happened
    given: [{at: 0d, customer: elif, event: signed_up}]
    expect: []
"""
EXPECTED = """expect:
      - {at: 0d, customer: elif, sent: welcome, step: 'send:0'}
      - {at: 0d, customer: elif, sent: welcome, step: 'alert:1'}
      - {at: 0d, customer: elif, deferred: welcome, until: 1m}
      - {at: 1m, customer: elif, sent: welcome, step: 'send:2'}
"""
TWO_SENDS = """
trigger: {event: signed_up}
steps: [{send: welcome}, {alert: {to: team, template: welcome}}, {send: winback}]
"""


def test_a_timeline_says_times_as_the_test_does_and_no_cap_where_none_bound(tmp_path: Path) -> None:
    """G2: a second mail of one entry leaves a minute later, an alert at once; neither waits for a cap.

    A trait that is a time stands in the timeline as it was written, not as a number. An alert behind a mail comes a µs after
    it, and is expected at its minute.
    """
    project = tmp_path / "shop"
    make_project(project)
    (project / "tests" / "rules" / "welcome.yaml").write_text(TIMES)
    streams = project / "streams" / "shop.yaml"
    streams.write_text(streams.read_text().replace("traits:\n", "traits:\n  trial_ends_at: time\n"))
    (project / "rules" / "welcome.yaml").write_text(TWO_SENDS)
    config = project / "config" / "default.yaml"
    text = config.read_text().replace("caps: [1 per day, 3 per 7 days]", "caps: [9 per 7 days]")
    config.write_text(text + "alerts: {team: team@books.example}\n")
    (told,) = [one for one in run_folder(project).results if one.case.name == "shows what happened"]
    assert (
        "   0d  exists (first_name: Elif, plan: club, trial_ends_at: 2026-04-20T09:00:00Z, consent: offers)"
        in told.text
    )
    lines = [line.split("welcome: ", 1)[1] for line in told.text if "d  welcome: " in line or "m  welcome: " in line]
    assert lines == [
        "enters", "sent in 'send:0'", "deferred in 'send:2' until 1m", "sent in 'alert:1'", "sent in 'send:2'",
    ]  # fmt: skip
    (project / "tests" / "rules" / "welcome.yaml").write_text(TIMES.replace("expect: []", EXPECTED))
    assert "shows what happened: passed" in words(run_folder(project))


SETS = """
trigger: {event: signed_up}
steps:
  - {set: {trait: plan, to: club}}
  - {set: {trait: trial_ends_at, to: "2026-04-01T09:00:00Z"}}
  - wait: 30 days
  - {set: {trait: plan, to: free}}
"""


def test_a_timeline_tells_the_traits_that_a_rule_sets(tmp_path: Path) -> None:
    """E2: each set step stands at its instant with the trait and its new value, also long before the test ends; a time is
    on the test's clock.
    """
    project = tmp_path / "shop"
    make_project(project)
    (project / "tests" / "rules" / "welcome.yaml").write_text(
        TIMES.replace("expect: []", "expect: [{at: 1d, customer: elif, sent: welcome}]")
    )
    streams = project / "streams" / "shop.yaml"
    streams.write_text(streams.read_text().replace("traits:\n", "traits:\n  trial_ends_at: time\n"))
    (project / "rules" / "welcome.yaml").write_text(SETS)
    (told,) = [one for one in run_folder(project).results if one.case.name == "shows what happened"]
    assert [line.strip() for line in told.text if "welcome: sets" in line] == [
        "0d  welcome: sets plan to club in 'set:0'",
        "0d  welcome: sets trial_ends_at to 2026-04-01 12:00 Europe/Istanbul in 'set:1'",
        "30d  welcome: sets plan to free in 'set:3'",
    ]


def test_coverage_counts_what_came_up(write_tests: Write) -> None:
    """A rule covers what became of it in tests that name it; the rest is told by rule."""
    project, tests = read_folder_tests(write_tests(TWO))
    assert project.plan is not None
    coverage = coverage_of(project.plan)
    run_suite(project.plan, tests.cases, clock=lambda: 0.0, coverage=coverage)
    assert coverage.possible["winback_30d"] == (
        "sent", "audience_false", "no_consent", "sensitive_hold", "quiet_hours", "frequency_cap", "holdout",
    )  # fmt: skip
    assert coverage.missing()["winback_30d"] == [
        "audience_false", "no_consent", "sensitive_hold", "quiet_hours", "frequency_cap", "holdout",
    ]  # fmt: skip
    assert (coverage.rules_seen, coverage.outcomes_seen, coverage.outcomes) == (1, 1, 20)
    assert coverage.percent == 5.0


def test_junit_is_what_ci_reads(write_tests: Write) -> None:
    """One suite a file, one case a test, the failure with its text; characters of XML are escaped."""
    root = ET.fromstring(junit_xml(run_folder(write_tests(TWO)).results))  # noqa: S314 - our own text
    (suite,) = root
    assert (suite.get("name"), suite.get("tests"), suite.get("failures")) == ("tests/rules/some.yaml", "2", "2")
    assert [case.get("name") for case in suite] == ["stays quiet without consent", "fires & again"]
    failure = suite[0].find("failure")
    assert failure is not None
    assert "no_consent" in (failure.get("message") or "")
    assert "the test ends" in (failure.text or "")


def test_tests_are_chosen_by_file_and_name(write_tests: Write) -> None:
    """A pattern is looked for in `file: name`; a file alone takes all of it."""
    _, tests = read_folder_tests(write_tests(TWO))
    assert [c.name for c in chosen(tests.cases, pattern=re.compile("quiet"), files=None)] == [tests.cases[0].name]
    assert len(chosen(tests.cases, pattern=re.compile("some.yaml: "), files=None)) == 2
    assert chosen(tests.cases, pattern=None, files=frozenset({"tests/rules/other.yaml"})) == []
