"""Every sentence that explain can say exists in each language, with the same places to fill, and none is left unsaid."""

from __future__ import annotations

import ast
import datetime as dt
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

from relight.base.instants import DAY, HOUR, MINUTE, SECOND, from_local
from relight.engine import explain_lines
from relight.engine.explain_gate import CHECK_LINES
from relight.engine.explain_ledger import ACTIVITY_AFTER, ledger_number, ledger_word
from relight.engine.explain_lines import (
    Ago,
    Because,
    Decimals,
    Exactly,
    Length,
    Line,
    Moment,
    OneOf,
    Part,
    Said,
    Share,
    Shown,
    Times,
    code,
    say,
)
from relight.engine.explain_telling import CATALOGUES, MONTHS, tell
from relight.messages.gate import CHECKS, SKIPS
from relight.messages.reasons import Reason
from relight.web.desk.texts import TEXTS

ENGINE = Path(explain_lines.__file__).parent
#: What writes leaf and number into rows: the gate, and what stands before it.
WRITERS = [
    ENGINE.parent / name
    for name in ("messages/gate.py", "decide/occurrences.py", "decide/entries.py", "decide/edits.py")
]
NOW = from_local(dt.datetime(2026, 3, 5, 9), "UTC")  # noqa: DTZ001 - the zone is named beside it
#: Comparisons of the gate that are names in the project, and need no words of ours.
NAMES = {"email", "templates/7/"}


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("language", sorted(CATALOGUES))
def test_a_language_has_every_sentence(language: str) -> None:
    """Each sentence is there, and has the places of the English one: nothing that decided is lost in translation."""
    catalogue = CATALOGUES[language]
    assert set(catalogue) == set(Line)
    assert all(text.strip() for text in catalogue.values())
    wrong = {line for line in Line if places(catalogue[line]) != places(CATALOGUES["en"][line])}
    assert wrong == set()
    assert len(MONTHS[language]) == 12


def test_languages_are_those_of_the_pages() -> None:
    """A page in a language that explain cannot speak would fall back on another; there is none."""
    assert set(CATALOGUES) == set(TEXTS)
    assert all(f"reason_{reason.value}" in texts for texts in TEXTS.values() for reason in Reason)


def test_no_sentence_is_unsaid() -> None:
    """Each is said somewhere: the catalogue holds nothing that no page can show."""
    catalogues = {"explain_lines.py", "explain_english.py", "explain_turkish.py"}
    said = {
        node.attr
        for path in ENGINE.glob("explain*.py")
        if path.name not in catalogues
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Line"
    }
    assert {line.name for line in Line} - said == set()


def test_what_classes_skip_has_a_name() -> None:
    """Each check that a class of messages skips is called something."""
    assert set().union(*SKIPS.values()) - {"audience"} <= set(CHECK_LINES)
    assert set(CHECK_LINES) <= {name for name, _ in CHECKS}


def test_what_the_gate_writes_has_words() -> None:
    """Each comparison and value that the gate names by itself, in the ledger for ever in English, is known here."""
    written = set(_written_by_the_gate())
    assert {"suppression list", "topic 7", "never given", "holdout 7.0%", "holdout 7.0% of accounts"} <= written
    assert {"group 7", "inside 7", "taken by 7", "starts 2026-01-06 00:00", "grace 7 µs"} <= written
    assert {text for text in written - NAMES if not isinstance(ledger_word(text), Said | Length | Exactly)} == set()


def _written_by_the_gate() -> Iterator[str]:
    """Yield the texts of refusals by the gate and before it; what is put into one at run time is a 7."""
    for node in (node for file in WRITERS for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))):
        values: list[ast.expr] = []
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            values += node.args[1:3] if node.func.id == "refuse" else []
            values += [word.value for word in node.keywords if word.arg in ("leaf", "number")]
            whys = [word.value for word in node.keywords if word.arg == "why"]
            values += [value for why in whys if isinstance(why, ast.Tuple) for value in why.elts]
        elif isinstance(node, ast.Assign):
            values += [node.value for name in node.targets if isinstance(name, ast.Name) and name.id == "leaf"]
        for value in values:
            yield from (text for text in _samples(value) if text != "7")


def _samples(node: ast.expr) -> list[str]:
    match node:
        case ast.Constant(value=str() as text):
            return [text]
        case ast.JoinedStr(values=values):
            return ["".join(str(part.value) if isinstance(part, ast.Constant) else _filling(node) for part in values)]
        case ast.IfExp(body=body, orelse=orelse):
            return [*_samples(body), *_samples(orelse)]
        case ast.BinOp(left=left, right=right):
            return [one + more for one in _samples(left) for more in _samples(right)]
        case _:
            return []


def _filling(node: ast.JoinedStr) -> str:
    """Return what stands in a place: a cap, a length, a share of a holdout, else a number."""
    text = "".join(str(part.value) for part in node.values if isinstance(part, ast.Constant))
    day = "2026-01-06 00:00"
    known = {" an account": "7 per 7 days", "silent > ": "7 days", "holdout ": "7.0%", "starts ": day, "ends ": day}
    return known.get(text, "7")


@pytest.mark.parametrize(
    ("part", "english", "turkish"),
    [
        (Moment(NOW, "Europe/Istanbul"), "5 Mar 2026 12:00", "5 Mar 2026 12:00"),
        (Moment(NOW + 160 * DAY, "UTC"), "12 Aug 2026 09:00", "12 Ağu 2026 09:00"),
        (Ago(NOW - 3 * DAY, NOW, "UTC"), "3 days ago (2 Mar 2026 09:00)", "3 gün önce (2 Mar 2026 09:00)"),
        (Ago(NOW + HOUR, NOW, "UTC"), "in 1 hour (5 Mar 2026 10:00)", "1 saat sonra (5 Mar 2026 10:00)"),
        (Length(40 * HOUR), "40 hours", "40 saat"),
        (Length(5 * MINUTE), "5 minutes", "5 dakika"),
        (Length(SECOND), "less than a minute", "bir dakikadan az"),
        (Exactly(DAY), "1 day", "1 gün"),
        (Exactly(45 * SECOND), "45 seconds", "45 saniye"),
        (Times(1), "once", "bir kez"),
        (Times(2), "twice", "iki kez"),
        (Times(1200), "1,200 times", "1.200 kez"),
        (OneOf(()), "activity", "etkinlik"),
        (OneOf(("a", "b", "c")), "a, b or c", "a, b ya da c"),
        (Decimals(5.25), "5.2", "5,2"),
        (Share(0.05), "5.0%", "%5,0"),
        (Shown("34 days 2 hours"), "34 days 2 hours", "34 gün 2 saat"),
        (Shown("34 days late"), "34 days late", "34 days late"),
        (Because("no_consent"), "no_consent", "no_consent"),
        (code("plan == 'pro'"), "plan == 'pro'", "plan == 'pro'"),
        (say(Line.CAME, event="order", times=Times(1), ago="x"), "order came once, last x", "order bir kez geldi, sonuncusu x"),
    ],
)  # fmt: skip
def test_each_language_writes_times_and_numbers_its_own_way(part: Part, english: str, turkish: str) -> None:
    """Instants, lengths, counts and shares follow the language; names and conditions are the project's in all of them."""
    said = say(Line.CODE, text=part)
    assert (tell(said), tell(said, "tr")) == (english, turkish)


def test_reasons_are_told_in_the_words_of_who_tells() -> None:
    """Pages have words for reasons; the command line says their names, which rules, logs and the docs use."""
    said = say(Line.REASON, reason=Because("no_consent"))
    assert tell(said, "tr", {"no_consent": "onay yok"}) == "onay yok"


@pytest.mark.parametrize(
    ("text", "reason", "turkish"),
    [
        ("3 per 7 days", Reason.FREQUENCY_CAP, "7 gün içinde 3"),
        ("1 per day", Reason.FREQUENCY_CAP, "gün başına 1"),
        ("3 per 7 days an account", Reason.ACCOUNT_CAP, "hesap başına: 7 gün içinde 3"),
        ("holdout 5.0%", Reason.HOLDOUT, "ayrılan pay %5,0"),
        ("expires after 172800000000 µs", Reason.EXPIRED, "değeri 2 gün sürer"),
        ("reentry after 30 days", Reason.REENTRY_GAP, "yeniden girmek için gereken ara: 30 gün"),
        ("reentry once", Reason.ALREADY_ENTERED, "yalnızca bir kez girilir"),
        ("one entry at a time", Reason.ALREADY_ENTERED, "aynı anda tek giriş"),
        ("group life", Reason.GROUP, "life grubu"),
        ("inside cart", Reason.GROUP, "cart içinde"),
        ("taken by cart", Reason.GROUP, "cart devraldı"),
        ("starts 2026-01-06 00:00", Reason.OUTSIDE_DATES, "kural 2026-01-06 00:00 tarihinde başlar"),
        ("ends 2026-01-07 23:59", Reason.OUTSIDE_DATES, "kural 2026-01-07 23:59 tarihinde bitti"),
        ("grace 86400000000 µs", Reason.EXPIRED, "hoşgörü süresi 1 gün"),
        ("no later step", Reason.RULE_REMOVED, "müşterinin durduğu yerden sonra adım kalmadı"),
        ("withdrawn", Reason.NO_CONSENT, "geri alındı"),
        # Where a condition of the project decided, the same word is somebody's own.
        ("withdrawn", Reason.AUDIENCE_FALSE, "withdrawn"),
        ("unknown", Reason.AUDIENCE_FALSE, "bilinmiyor"),
        ("364 days 9 hours", Reason.AUDIENCE_FALSE, "364 gün 9 saat"),
    ],
)
def test_rows_are_told_in_the_reader_s_language(text: str, reason: Reason, turkish: str) -> None:
    """The ledger keeps its words for ever; who reads of them hears their own."""
    assert tell(say(Line.CODE, text=ledger_word(text, reason)), "tr") == turkish


@pytest.mark.parametrize(
    ("number", "english", "turkish"), [("False", "no", "hayır"), ("True", "yes", "evet"), ("7", "7", "7")]
)
def test_a_truth_in_a_row_is_yes_or_no(number: str, english: str, turkish: str) -> None:
    """A condition's value is kept as a program writes it; who reads of it hears yes or no."""
    said = say(Line.CODE, text=ledger_number("never(order)", number, Reason.AUDIENCE_FALSE, "UTC"))
    assert (tell(said), tell(said, "tr")) == (english, turkish)


def test_what_a_template_failed_at_is_told_in_the_reader_s_language() -> None:
    """A row keeps the template's own words; a name that was missing stays a name."""
    said = say(Line.CODE, text=ledger_word("a text of more than 4000 characters", Reason.TEMPLATE_ERROR))
    assert (tell(said), tell(said, "tr")) == ("a text of more than 4000 characters", "4000 karakterden uzun bir metin")
    assert tell(say(Line.CODE, text=ledger_word("customer.name", Reason.MISSING_DATA)), "tr") == "customer.name"


def test_an_activity_that_came_in_between_is_told_with_its_time() -> None:
    """The row keeps µs; nobody reads those."""
    said = ledger_number(ACTIVITY_AFTER, str(NOW), Reason.EXIT, "UTC")
    assert tell(say(Line.CODE, text=said)) == "5 Mar 2026 09:00"
