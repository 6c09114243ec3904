"""What a rule test says and what comes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from relight.cli.init import make_project
from relight.simulate.rule_tests.comparing import compare_case
from relight.simulate.rule_tests.running import run_case
from tests.unit.simulate.rule_tests.kit import read_folder_tests, run_folder, words

Write = Callable[[str], Path]
ORDER = "{at: 0d, customer: elif, event: order_placed}"
SENT = "{at: 30d, customer: elif, sent: winback_30d}"


def _test(given: str, expect: str, more: str = "") -> str:
    return f"tests:\n  - name: it\n{more}    given: [{given}]\n    expect: [{expect}]\n"


@pytest.mark.parametrize(
    "expect",
    [
        SENT,
        "{at: 2026-04-01 10:00 Europe/Istanbul, customer: elif, sent: winback_30d}",
        "{at: 2026-04-01T07:00Z, customer: elif, sent: winback_30d}",
        "{at: P30D, customer: elif, sent: winback_30d, step: 'send:0', channel: email, locale: en}",
        "{at: 29d, within: 1d 1h, customer: elif, sent: winback_30d, text_contains: Elif, html_contains: Elif}",
    ],
)
def test_a_message_is_expected_in_any_of_the_forms_of_time(write_tests: Write, expect: str) -> None:
    """`at` is a length from the start or a time, `within` gives it slack; step, channel, locale and content may be asked."""
    assert words(run_folder(write_tests(_test(ORDER, expect)))) == ["it: passed"]


@pytest.mark.parametrize(
    ("expect", "told"),
    [
        ("", "nothing <> sent in 'send:0' at 30d"),
        ("{at: 31d, customer: elif, sent: winback_30d}", "sent at 31d"),
        ("{at: 30d, customer: elif, suppressed: winback_30d, reason: no_consent}", "suppressed: no_consent at 30d"),
        ("{at: 30d, customer: elif, held_out: winback_30d}", "held_out at 30d"),
        (f"{SENT}, {SENT}", "sent at 30d"),
        (f"{SENT}, {{at: 30d, customer: elif, ended: winback_30d, reason: exit}}", "ended: exit at 30d"),
        ("{at: 30d, customer: elif, sent: winback_30d, step: other}", "sent in 'other' at 30d"),
        ("{at: 30d, customer: elif, sent: winback_30d, channel: sms}", "channel: sms <> channel: email"),
        ("{at: 30d, customer: elif, sent: winback_30d, locale: tr}", "locale: tr <> locale: en"),
        ("{at: 30d, customer: elif, sent: winback_30d, subject: No}", "subject: No <> subject:"),
        ("{at: 30d, customer: elif, sent: winback_30d, text_contains: Umut}", "text_contains: Umut <> text:"),
    ],
)
def test_what_differs_is_a_failure(write_tests: Write, expect: str, told: str) -> None:
    """A row that is not listed, one that does not come, another time, step, language or content fails."""
    (line,) = words(run_folder(write_tests(_test(ORDER, expect))))
    assert told in line


def test_sent_compares_messages_alone(write_tests: Write) -> None:
    """With `compare: sent` a suppressed row need not be listed; with `all`, the default, it must."""
    mute = "    customers: {mute: {email: mute@books.example, traits: {plan: club}}}\n"
    given = "{at: 0d, customer: mute, event: order_placed}"
    assert words(run_folder(write_tests(_test(given, "", mute)))) != ["it: passed"]
    assert words(run_folder(write_tests(_test(given, "", mute + "    compare: sent\n")))) == ["it: passed"]


def test_a_test_s_own_value_wins(write_tests: Write) -> None:
    """Rules, start, until, holdout and customers of a test take the place of the file's."""
    own = (
        "    rules: 'fifth_*'\n    until: 1d\n    start: 2026-05-01 09:30\n"
        "    customers: {elif: {email: other@books.example, locale: tr, traits: {first_name: Umut}, consent: offers}}\n"
    )
    own = own.replace("consent: offers", "consent: [offers]")
    given = "{at: 0d, every: 1h, times: 5, customer: elif, event: order_placed}"
    expect = "{at: 2026-05-01 13:30, customer: elif, sent: fifth_order, locale: tr, text_contains: Umut}"
    assert words(run_folder(write_tests(_test(given, expect, own)))) == ["it: passed"]


def test_nobody_is_held_out_unless_named(write_tests: Write) -> None:
    """Of two hundred customers only those in `holdout` are held out, though the config keeps a tenth."""
    people = ", ".join(
        f"c{n}: {{email: c{n}@books.example, traits: {{plan: club}}, consent: [offers]}}" for n in range(200)
    )
    given = ", ".join(f"{{at: 0d, customer: c{n}, event: order_placed}}" for n in range(200))
    expect = ", ".join(
        f"{{at: 30d, customer: c{n}, {'held_out' if n in (7, 99) else 'sent'}: winback_30d}}" for n in range(200)
    )
    more = f"    customers: {{{people}}}\n    holdout: [c7, c99]\n"
    assert words(run_folder(write_tests(_test(given, expect, more)))) == ["it: passed"]


def test_what_waits_at_the_end_is_deferred(write_tests: Write) -> None:
    """A message that waits for the morning when the test ends is `deferred`, with its reason and until when."""
    more = "    until: 30d 13h\n"
    given = "{at: 12h, customer: elif, event: order_placed}"
    expect = "{at: 30d 12h, customer: elif, deferred: winback_30d, until: 30d 23h, reason: quiet_hours}"
    assert words(run_folder(write_tests(_test(given, expect, more)))) == ["it: passed"]
    wrong = expect.replace("23h", "22h")
    assert words(run_folder(write_tests(_test(given, wrong, more)))) != ["it: passed"]


# ---------------------------------------------------------------- what is no event
AGAIN = "{at: 31d, customer: elif, event: order_placed}"


@pytest.mark.parametrize(
    ("between", "expect"),
    [
        ("{at: 30d 1h, customer: elif, event: bounce}", "suppressed: winback_30d, reason: suppressed"),
        ("{at: 30d 1h, customer: elif, event: complaint}", "suppressed: winback_30d, reason: suppressed"),
        (
            "{at: 32d, customer: elif, event: unsubscribe, properties: {topic: offers}}",
            "suppressed: winback_30d, reason: no_consent",
        ),
        (
            "{at: 32d, customer: elif, event: consent, properties: {topic: offers, given: false}}",
            "suppressed: winback_30d, reason: no_consent",
        ),
        (
            "{at: 32d, customer: elif, event: trait, properties: {plan: free}}",
            "suppressed: winback_30d, reason: audience_false",
        ),
        ("{at: 32d, event: pause}", "suppressed: winback_30d, reason: rule_paused"),
        (
            "{at: 32d, event: pause, properties: {rule: winback_30d}}, {at: 33d, event: resume, properties: {rule: winback_30d}}",
            "sent: winback_30d",
        ),
        (
            '{at: 32d, event: plan, properties: {winback_30d: {audience: plan == "free"}}}',
            "suppressed: winback_30d, reason: audience_false",
        ),
    ],
)  # fmt: skip
def test_control_records_are_written_like_events(write_tests: Write, between: str, expect: str) -> None:
    """Bounce, complaint, unsubscribe, consent, trait, pause, resume and edited rules act on the next message."""
    told = run_folder(
        write_tests(
            _test(f"{ORDER}, {AGAIN}, {between}", f"{SENT}, {{at: 61d, customer: elif, {expect}}}", "    until: 70d\n")
        )
    )
    assert words(told) == ["it: passed"]


def test_a_bounce_acts_on_everybody_with_the_address(write_tests: Write) -> None:
    """H1: a second customer with the address of a bounced mail gets nothing either."""
    more = "    customers: {twin: {email: ELIF@books.example, traits: {plan: club}, consent: [offers]}}\n"
    given = f"{ORDER}, {{at: 30d 1h, customer: elif, event: bounce}}, {{at: 2d, customer: twin, event: order_placed}}"
    expect = f"{SENT}, {{at: 32d, customer: twin, suppressed: winback_30d, reason: suppressed}}"
    assert words(run_folder(write_tests(_test(given, expect, more)))) == ["it: passed"]


def test_a_lowered_threshold_takes_only_those_who_are_not_past_it(write_tests: Write) -> None:
    """E4: an edit from 30 to 21 days on day 25: who is 25 days silent is left out, who is 15 days silent is mailed."""
    more = "    customers: {umut: {email: umut@books.example, traits: {plan: club}, consent: [offers]}}\n"
    edit = "{at: 25d, event: plan, properties: {winback_30d: {trigger: {inactive: 21 days, activity: [order_placed]}}}}"
    given = f"{ORDER}, {{at: 10d, customer: umut, event: order_placed}}, {edit}"
    expect = "{at: 31d, customer: umut, sent: winback_30d}"
    assert words(run_folder(write_tests(_test(given, expect, more)))) == ["it: passed"]


def test_a_removed_rule_writes_to_nobody(write_tests: Write) -> None:
    """`winback_30d: null` in a plan removes the rule, and the silence it waited for makes no row."""
    edit = "{at: 25d, event: plan, properties: {winback_30d: null}}"
    assert words(run_folder(write_tests(_test(f"{ORDER}, {edit}", "")))) == ["it: passed"]


def test_late_duplicate_and_early_arrivals(write_tests: Write) -> None:
    """The same id twice is one event, and an event that arrives after the deadline comes too late to stop it."""
    copies = (
        "{at: 0d, customer: elif, event: order_placed, id: o}, {at: 9d, customer: elif, event: order_placed, id: o}"
    )
    assert words(run_folder(write_tests(_test(copies, SENT)))) == ["it: passed"]
    late = f"{ORDER}, {{at: 29d, arrives: 30d 1h, customer: elif, event: order_placed}}"
    assert words(run_folder(write_tests(_test(late, SENT)))) == ["it: passed"]


# ---------------------------------------------------------------- golden mails
def test_a_golden_mail_is_compared_whole(write_tests: Write, starter: Path) -> None:
    """Without a golden mail the test fails; `--update` writes it; another letter of it fails with the lines that differ."""
    told = write_tests(_test(ORDER, "{at: 30d, customer: elif, sent: winback_30d, golden: winback}"))
    assert "there is no tests/rules/golden/winback.txt yet" in words(run_folder(told))[0]
    assert words(run_folder(told, update=True)) == ["it: passed"]
    assert words(run_folder(told)) == ["it: passed"]
    golden = starter / "tests/rules/golden/winback.txt"
    text = golden.read_text(encoding="utf-8")
    assert text.startswith("Subject: ")
    assert "Elif" in text
    golden.write_text(text.replace("Elif", "Umut"), encoding="utf-8")
    (line,) = words(run_folder(told))
    assert "another mail; --update takes it over" in line
    assert "Umut" in line
    assert words(run_folder(told, update=True)) == ["it: passed"]
    golden.unlink()


# ---------------------------------------------------------------- sequences
def test_arms_of_a_split_are_named(write_tests: Write) -> None:
    """`split: {elif: {half: b}}` puts somebody into an arm; an arm or a step that is not there is a mistake."""
    edit = (
        "{at: 0d, event: plan, properties: {winback_30d: {send: null, steps: "
        "[{split: {a: 50%, b: 50%}, id: half, steps_a: [{send: winback, id: sa}], steps_b: [{send: welcome, id: sb}]}]}}}"
    )
    for arm, step in (("a", "sa"), ("b", "sb")):
        folder = write_tests(_test(f"{ORDER}, {edit}", f"{{at: 30d, customer: elif, sent: winback_30d, step: {step}}}"))
        project, tests = read_folder_tests(folder)
        assert project.plan is not None
        (case,) = tests.cases
        told = run_case(project.plan, replace(case, split={"elif": {"half": arm}}))
        assert [one.got for one in compare_case(case, told.seen)] == []


def test_unknown_arms_are_mistakes(write_tests: Write) -> None:
    """A step that splits nobody is told, before anything runs."""
    more = "    split: {elif: {half: a}}\n"
    problems = read_folder_tests(write_tests(_test(ORDER, SENT, more)))[1].problems
    assert [one.message for one in problems] == ["no rule of this test splits at 'half'"]


def test_gaps_pauses_and_what_comes_in_them(write_tests: Write) -> None:
    """H9: a deadline inside a gap is judged at its end, after what arrived in it."""
    gap = "{at: 29d, event: gap, properties: {until: 30d 4h}}"
    late = "{at: 30d 4h, customer: elif, sent: winback_30d}"
    assert words(run_folder(write_tests(_test(f"{ORDER}, {gap}", late)))) == ["it: passed"]
    came = "{at: 29d 12h, arrives: 30d 2h, customer: elif, event: order_placed}"
    assert words(run_folder(write_tests(_test(f"{ORDER}, {gap}, {came}", "")))) == ["it: passed"]


def test_measures_are_given(write_tests: Write) -> None:
    """A measure that no rule reads is a mistake, told before anything runs."""
    given = "{at: 1d, customer: elif, event: measures, properties: {clv: 12}}"
    problems = read_folder_tests(write_tests(_test(f"{ORDER}, {given}", SENT)))[1].problems
    assert [one.message for one in problems] == ["'measures': no rule reads the measure 'clv'"]


@pytest.mark.parametrize("field", ["account: company\n", ""], ids=["field", "trait"])
def test_people_of_one_account(tmp_path: Path, field: str) -> None:
    """G2, G4: a test says who belongs to which account, and sees what the account's cap keeps back; where whole accounts
    are held out, naming one of its people holds out all, and the ghost takes the place of a mail.
    """
    folder = tmp_path / "shop"
    make_project(folder)
    for path in (folder / "tests" / "rules").glob("*.yaml"):
        path.unlink()
    config, stream = folder / "config/default.yaml", folder / "streams/shop.yaml"
    capped = config.read_text().replace("3 per 7 days]", "3 per 7 days], account_caps: [1 per 7 days]")
    capped = capped.replace("salt: first}", "salt: first, by: account}")
    config.write_text(capped + "accounts: {key: company}\n")
    text = stream.read_text()
    stream.write_text(field + text if field else text.replace("traits:\n", "traits:\n  company: text\n"))
    someone = "email: {0}@books.example, account: books, traits: {{first_name: Elif, plan: club}}, consent: [offers]"
    (folder / "tests/rules/some.yaml").write_text(
        "rules: [winback_30d]\nstart: 2026-03-02 10:00 Europe/Istanbul\nuntil: 40d\ncustomers:\n"
        + "".join(f"  {one}: {{{someone.format(one)}}}\n" for one in ("elif", "mert"))
        + _test(
            f"{ORDER}, {{at: 1h, customer: mert, event: order_placed}}",
            f"{SENT}, {{at: 30d 1h, customer: mert, suppressed: winback_30d, reason: account_cap}}",
        )
        + "  - name: all of it\n    holdout: [mert]\n    given: ["
        + f"{ORDER}, {{at: 1h, customer: mert, event: order_placed}}"
        + "]\n    expect: [{at: 30d, customer: elif, held_out: winback_30d}, "
        + "{at: 30d 1h, customer: mert, suppressed: winback_30d, reason: account_cap}]\n"
    )
    assert words(run_folder(folder)) == ["it: passed", "all of it: passed"]
