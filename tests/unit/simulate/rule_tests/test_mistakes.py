"""Every mistake in a file of rule tests is a problem with its place, before anything runs."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from relight.config.rule_test_models import ExpectedRow, GivenCustomer, GivenEvent, RuleTest, RuleTestModel
from relight.simulate.rule_tests.controls import CONTROLS
from tests.unit.simulate.rule_tests.conftest import HEAD
from tests.unit.simulate.rule_tests.kit import read_folder_tests

Write = Callable[..., Path]
GIVEN = "{at: 0d, customer: elif, event: order_placed}"
EXPECT = "{at: 30d, customer: elif, sent: winback_30d}"


def _problems(folder: Path) -> list[str]:
    return [f"{one}" + (f" [{one.help}]" if one.help else "") for one in read_folder_tests(folder)[1].problems]


def _one(write_tests: Write, given: str = GIVEN, expect: str = EXPECT, more: str = "") -> str:
    text = f"tests:\n  - name: it\n{more}    given:\n      - {given}\n    expect:\n      - {expect}\n"
    (problem,) = _problems(write_tests(text))
    assert problem.startswith("tests/rules/some.yaml:"), problem
    return problem.removeprefix("tests/rules/some.yaml:")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("{at: 0d, customer: elif, event: order_plced}", "9:41: unknown-event: no stream declares the event 'order_plced'; did you mean 'order_placed'?"),
        ("{at: soon, customer: elif, event: order_placed}", "9:14: wrong-value: 'soon' is neither a length of time nor a time"),
        ("{at: 0d, event: order_placed}", "9:25: wrong-customer: 'order_placed' needs its 'customer'"),
        ("{at: 0d, customer: elif, event: order_placed, properties: {ttl: 3}}", "9:68: unknown-property: it has no property 'ttl'; did you mean 'total'?"),
        ("{at: 0d, customer: elif, event: order_placed, properties: {total: much}}", "9:75: wrong-type: 'total' is 'much', but a number was expected"),
        ("{at: 0d, customer: elif, event: identify, properties: {plan: gold}}", "9:70: wrong-type: 'plan' is 'gold', but one of free, club was expected"),
        ("{at: 0d, customer: elif, event: order_placed, stream: shp}", "9:63: unknown-stream: stream 'shp' has no 'order_placed'; did you mean 'shop'?"),
        ("{at: 2026-01-01, customer: elif, event: order_placed}", "9:14: wrong-value: it happens before the test starts"),
        ("{at: 2d, arrives: 1d, customer: elif, event: order_placed}", "9:27: wrong-value: it arrives before it happens"),
        ("{at: 0d, every: 2d, customer: elif, event: order_placed}", "9:9: wrong-value: 'every' and 'times' belong together"),
        ("{at: 0d, customer: elif, event: order_placed, propertis: {}}", "9:55: unknown-field: 'propertis' is not a field of a given event; did you mean 'properties'?"),
        ("{at: 0d, customer: elif, event: unsubscribe}", "9:41: missing-field: 'unsubscribe': needs properties: {topic: …}"),
        ("{at: 0d, customer: elif, event: consent, properties: {topic: ofers}}", "9:70: unknown-topic: 'consent': there is no topic 'ofers'; did you mean 'offers'?"),
        ("{at: 0d, event: bounce}", "9:25: missing-field: 'bounce': needs its 'customer'"),
        ("{at: 0d, event: pause, properties: {rule: winback}}", "9:51: unknown-rule: 'pause': there is no rule 'winback'; did you mean 'winback_30d'?"),
        ("{at: 0d, event: plan, properties: {winback_30d: {trigger: {inactve: 21 days}}}}", "9:25: unknown-field: with this edit: 'inactve' is not a field of a trigger; did you mean 'inactive'?"),
    ],
)  # fmt: skip
def test_what_is_given(write_tests: Write, given: str, told: str) -> None:
    """Unknown events, properties, traits, streams, topics and rules, wrong values and times are told with the nearest word."""
    found = _one(write_tests, given=given)
    assert found.startswith(told), found


@pytest.mark.parametrize(
    ("expect", "told"),
    [
        ("{at: 30d, customer: elif, sent: winback}", "11:41: unknown-rule: there is no rule 'winback'; did you mean 'winback_30d'?"),
        ("{at: 30d, customer: elif, sent: welcome}", "11:41: unnamed-rule: 'welcome' is none of the rules that this test names"),
        ("{at: 30d, customer: elfi, sent: winback_30d}", "11:29: unknown-customer: nothing is known of the customer 'elfi'; did you mean 'elif'?"),
        ("{at: 30d, customer: elif, suppressed: winback_30d}", "11:35: missing-field: what is suppressed needs its 'reason'"),
        ("{at: 30d, customer: elif, suppressed: winback_30d, reason: no_consnt}", "11:68: unknown-reason: there is no reason 'no_consnt'; did you mean 'no_consent'?"),
        ("{at: 30d, customer: elif, deferred: winback_30d}", "11:35: missing-field: what is deferred needs 'until'"),
        ("{at: 30d, customer: elif}", "11:9: missing-form: an expected row needs one of 'sent', 'suppressed', 'deferred', 'held_out', 'ended'"),
        ("{at: 30d, customer: elif, sent: winback_30d, held_out: winback_30d}", "11:9: two-forms: an expected row has 'sent' and 'held_out', but only one of them may stand"),
        ("{at: 30d, customer: elif, sent: winback_30d, subjct: x}", "11:54: unknown-field: 'subjct' is not a field of an expected row; did you mean 'subject'?"),
        ("{at: 30d, customer: elif, sent: winback_30d, golden: ../x}", "11:62: wrong-value: 'golden' is '../x', but another form was expected"),
    ],
)  # fmt: skip
def test_what_is_expected(write_tests: Write, expect: str, told: str) -> None:
    """Unknown rules, customers, reasons and keys, and rows without what they need, are told with the nearest word."""
    found = _one(write_tests, expect=expect)
    assert found.startswith(told), found


@pytest.mark.parametrize(
    ("head", "told"),
    [
        (HEAD.replace("until: 40d\n", ""), "missing-field: a test needs 'until', of its own or of the file"),
        (HEAD.replace("until: 40d", "until: late"), "wrong-value: 'late' is neither a length of time nor a time"),
        (HEAD.replace("2026-03-02 10:00 Europe/Istanbul", "monday"), "wrong-value: 'monday' is no time"),
        (HEAD.replace("[winback_30d]", "[winback_30d, 'nps*']"), "unknown-rule: there is no rule 'nps*'"),
        (HEAD.replace("plan: club", "plam: club"), "unknown-trait: no stream declares the trait 'plam'; did you mean 'plan'?"),
        (HEAD.replace("[offers]", "[news]"), "unknown-topic: there is no topic 'news'; expected one of 'offers'"),
        (HEAD + "holdout: [umut]\n", "unknown-customer: nothing is known of the customer 'umut'"),
        (HEAD + "compare: some\n", "wrong-value: 'compare' is 'some', but another form was expected"),
    ],
)  # fmt: skip
def test_what_holds_for_a_file(write_tests: Write, head: str, told: str) -> None:
    """The file's own keys are checked likewise, for each test that they hold for."""
    found = _problems(write_tests(f"tests:\n  - name: it\n    given: [{GIVEN}]\n    expect: [{EXPECT}]\n", head))
    assert any(told in one for one in found), found


def test_a_damaged_file_is_told_and_the_others_still_run(write_tests: Write, starter: Path) -> None:
    """What is no YAML, or empty, or no file of tests is a problem of that file alone."""
    write_tests(f"tests:\n  - name: it\n    given: [{GIVEN}]\n    expect: [{EXPECT}]\n")
    bad = starter / "tests" / "rules" / "bad.yaml"
    for text, code in (("tests: [", "yaml-syntax"), ("", "empty-file"), ("tests: []\n", "wrong-value")):
        bad.write_text(text, encoding="utf-8")
        tests = read_folder_tests(starter)[1]
        assert [one.place.file for one in tests.problems] == ["tests/rules/bad.yaml"]
        assert [one.code for one in tests.problems] == [code]
        assert len(tests.cases) == 1
    bad.unlink()


def test_the_page_names_every_key() -> None:
    """docs/rule-tests.md explains each key of a file, a test, what is given and what is expected, and each control."""
    page = (Path(__file__).resolve().parents[4] / "docs" / "rule-tests.md").read_text(encoding="utf-8")
    words = set(re.findall(r"`([a-z_]+)`|^ *-? ?\{?([a-z_]+):", page, re.MULTILINE))
    told = {word for pair in words for word in pair if word} | set(re.findall(r"[{ ]([a-z_]+):", page))
    keys = {
        key for model in (RuleTestModel, RuleTest, GivenEvent, GivenCustomer, ExpectedRow) for key in model.model_fields
    }
    assert (keys | set(CONTROLS)) - told == set()
