"""The content checks: each finds its mistake, and a good mail has none."""

from __future__ import annotations

import dataclasses

import pytest

from relight.base.kinds import Kind
from relight.templates import compile_letters, lint_letters, scan_letters
from relight.templates.page import contrast
from tests.unit.templates.letters_kit import POLICY, TRAITS, letter

HTML = (
    '<html lang="en"><body style="color: #222222; background-color: #ffffff"><p>Hello there, this is a mail.</p>%s'
    '<a href="{{ unsubscribe_url }}">Unsubscribe</a><p>{{ sender.postal_address }}</p></body></html>'
)
TEXT = "Hello there, this is a mail.\nUnsubscribe: {{ unsubscribe_url }}\n{{ sender.postal_address }}\n"


def lint(
    extra: str = "", *, html: str = HTML, subject: str = "A good mail", text: str = TEXT, **more: object
) -> list[str]:
    scan = scan_letters(letter(html.replace("%s", extra), subject=subject, text=text))
    letters, _ = compile_letters(scan, expressions={}, policy=POLICY, traits=TRAITS)
    found = lint_letters(scan, letters, properties={"total": Kind.MONEY, "url": Kind.URL}, **more)  # type: ignore[arg-type]
    return sorted({p.code for p in found})


def test_a_good_mail_is_silent() -> None:
    """A mail as it should be has no finding, also with data in text, money and links."""
    assert lint('<p>{{ entry.total | money }} {{ entry.name }}</p><a href="{{ entry.url | safe_url }}">x</a>') == []


@pytest.mark.parametrize(
    ("extra", "code"),
    [
        ("<img src='https://a.example/x.png'>", "no-alt"),
        ("<a href=''>x</a>", "bad-link"),
        ("<a href='#'>x</a>", "bad-link"),
        ("<a href='http://a.example'>x</a>", "bad-link"),
        ("<a href='/path'>x</a>", "bad-link"),
        ("<p>Lorem ipsum dolor</p>", "placeholder-text"),
        ("<p>TODO write this</p>", "placeholder-text"),
        ("<p>{{ '{{' }} name }}</p>", "placeholder-text"),
        ("<p style='color: #999999'>grey</p>", "low-contrast"),
        ("<p style='color: #eeeeee; background-color: #ffffff; font-size: 30px'>big</p>", "low-contrast"),
        ("<a href='{{ entry.url }}'>x</a>", "unsafe-link"),
        ("<p>" + "word " * 60 + "</p>", "text-differs"),
        ("<p>{{ entry.nothing + 1 }}</p>", "template-error"),
        ("<p>{{ customer.nobody }}</p>", "never-rendered"),
        ("<p>{{ entry.total }}</p>", "unformatted"),
        ("<p>{{now}}</p>", "unformatted"),
        ("<!-- " + "x" * (91 * 1024) + " -->", "mail-size"),
    ],
)
def test_each_mistake_of_a_page_is_found(extra: str, code: str) -> None:
    """One mistake, one code."""
    assert code in lint(extra)


@pytest.mark.parametrize(
    ("subject", "code"),
    [("BUY NOW PLEASE", "shouting-subject"), ("Party \U0001f389", "loud-subject"), ("Now!!", "loud-subject"),
     ("x" * 61, "long-subject"), ("p", "preheader-repeats"), ("TBD", "placeholder-text")],
)  # fmt: skip
def test_each_mistake_of_a_subject_is_found(subject: str, code: str) -> None:
    """Shouting, emoji, length, placeholders, a preheader that repeats it."""
    assert code in lint(subject=subject)


def test_marketing_needs_its_links_and_address() -> None:
    """Without unsubscribe link or postal address marketing is an error; transactional mail may go without."""
    html, text = "<html lang='en'><p>Hello there</p></html>", "Hello there"
    assert lint(html=html, text=text) == ["no-postal-address", "no-unsubscribe-link"]
    assert lint(html=html, text=text, marketing=()) == []


def test_the_part_that_lacks_the_address_is_named() -> None:
    """A text part without the postal address is told with its own file, and the HTML that has it is not."""
    scan = scan_letters(letter(HTML.replace("%s", ""), subject="A good mail", text=TEXT.partition("{{ sender")[0]))
    letters, _ = compile_letters(scan, expressions={}, policy=POLICY, traits=TRAITS)
    found = [p for p in lint_letters(scan, letters) if p.code == "no-postal-address"]
    assert [p.place.file.rpartition("/")[2] for p in found] == ["body.txt"]


@pytest.mark.parametrize(
    ("sender", "lacks"),
    [
        ({}, ["no-mersis"]),
        ({"postal_address": "Kordon 101, İzmir · MERSİS No: 0123456789012345"}, []),
        ({"mersis": "0123456789012345"}, ["no-contact", "no-mersis", "no-trade-name"]),
        ({"mersis": "0123456789012345", "title": "Tide A.Ş.", "reply_to": "a@tide.example",
          "postal_address": "Tide A.Ş., Kordon 101 · MERSİS 0123456789012345"}, ["no-contact"]),
        ({"mersis": "0123456789012345", "title": "Tide A.Ş.", "reply_to": "a@tide.example",
          "postal_address": "Tide A.Ş., Kordon 101 · MERSİS 0123456789012345 · a@tide.example"}, []),
    ],
)  # fmt: skip
def test_marketing_in_turkish_shows_who_sent_it(sender: dict[str, str], lacks: list[str]) -> None:
    """A Turkish marketing mail without MERSİS number, trade name or contact is warned of, each by its name; the same mail
    in English, or one that is no marketing, is not.
    """
    told = {**POLICY.sender, **sender}
    for language, marketing, expected in (("tr", None, lacks), ("tr", (), []), ("en", None, [])):
        policy = dataclasses.replace(POLICY, locale=language, sender=told)
        html = HTML.replace("%s", "").replace('lang="en"', f'lang="{language}"')
        scan = scan_letters(letter(html, subject="A good mail", text=TEXT))
        letters, _ = compile_letters(scan, expressions={}, policy=policy, traits=TRAITS)
        found = lint_letters(scan, letters, marketing=marketing)
        assert sorted({problem.code for problem in found}) == expected
        assert {problem.severity for problem in found} <= {"warning"}


def test_the_language_of_the_page_is_the_mails() -> None:
    """A page without `lang`, or with another language's, is found."""
    assert "page-language" in lint(html=HTML.replace('lang="en"', ""))
    assert "page-language" in lint(html=HTML.replace('lang="en"', 'lang="tr"'))


def test_a_suffix_after_a_name_is_found_in_turkish() -> None:
    """An apostrophe after a variable in a Turkish template is found, with line and column."""
    turkish = {f"hello/tr/{p}": "{{ customer.first_name }}'in panosu" for p in ("subject.txt", "body.html", "body.txt")}
    scan = scan_letters(letter() | turkish)
    found = [p for p in lint_letters(scan, {}) if p.code == "suffix-after-variable"]
    assert [str(p.place) for p in found] == [
        f"templates/hello/tr/{n}:1:24" for n in ("body.html", "body.txt", "subject.txt")
    ]
    assert not lint_letters(scan_letters(letter("{{ customer.first_name }}'s board")), {})


def test_contrast_is_the_one_of_wcag() -> None:
    """Black on white is 21, equal colours are 1, #777777 on white is just below 4.5."""
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#123456", "#123456") == pytest.approx(1)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
