"""Letters: what a customer reads, in which language, and why a letter is refused."""

from __future__ import annotations

from decimal import Decimal

import pytest

from relight.base.kinds import UNKNOWN
from relight.templates.letters import SUBJECT_CHARACTERS_MAX, choose_language
from relight.templates.values import is_person_name
from tests.unit.templates.letters_kit import letter, refused, rendered


def test_a_letter_renders_in_all_its_parts() -> None:
    """Subject, preheader, HTML and text come from their own files; values are escaped in HTML alone."""
    made = rendered(
        letter("<p>Hello {{ customer.first_name }}</p>", subject="Hi {{ customer.first_name }}",
               text="Hello {{ customer.first_name }}") | {"hello/preheader.txt": "For {{ customer.first_name }}"},
        {"first_name": "Ada & <b>"},
    )  # fmt: skip
    assert made.html == "<p>Hello Ada &amp; &lt;b&gt;</p>"
    assert (made.subject, made.preheader, made.text) == ("Hi Ada & <b>", "For Ada & <b>", "Hello Ada & <b>\n")


def test_a_missing_trait_refuses_with_its_place() -> None:
    """A missing variable suppresses with missing_data, naming the variable, the file and the line."""
    found = refused(letter("<p>\n{{ customer.first_name }}</p>"))
    assert (found.reason, found.what) == ("missing_data", "customer.first_name")
    assert (found.file, found.line) == ("templates/hello/body.html", 2)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{% if customer.first_name is known %}yes{% else %}no{% endif %}", "no"),
        ("{% if customer.first_name is unknown %}none{% endif %}", "none"),
        ("{% if customer.first_name is defined %}yes{% else %}no{% endif %}", "no"),
        ("{{ customer.first_name | default('you') }}", "you"),
        ("{{ release.title | default('news') if release is known else 'none' }}", "none"),
    ],
)
def test_a_missing_value_may_be_asked_about(source: str, expected: str) -> None:
    """`is known`, `is unknown`, `is defined` and `default` work on a missing value."""
    assert rendered(letter(source)).html == expected


@pytest.mark.parametrize(
    "source",
    [
        "{{ customer.first_name }}", "{% if customer.first_name %}x{% endif %}", "{{ customer.first_name ~ 'x' }}",
        "{% if customer.first_name == 'x' %}x{% endif %}", "{% for x in customer.first_name %}x{% endfor %}",
        "{{ customer.first_name | upper }}", "{{ customer.first_name | tr_upper }}", "{{ customer.count | money }}",
        "{{ entry.total }}", "{{ customer['first_name'] }}", "{{ [customer.first_name] | join(',') }}",
    ],
)  # fmt: skip
def test_no_other_use_of_a_missing_value_passes(source: str) -> None:
    """Whatever else is done with a missing value refuses; no broken sentence leaves."""
    assert refused(letter(source)).reason in {"missing_data", "template_error"}


def test_a_question_is_answered_by_its_compiled_expression() -> None:
    """`customer.count("E", "W")` gives what the expression `count(E, W)` gives."""
    made = rendered(
        letter("{{ customer.count('order_placed', '30 days') }} {{ customer.spent }}"),
        answers={"count(order_placed, 30 days)": 3, "spent": Decimal("12.50")},
    )
    assert made.html == "3 12.50"
    found = refused(letter("{{ customer.spent }}"), answers={"spent": UNKNOWN})
    assert found.what == "customer.spent"


def test_releases_are_a_list_of_events() -> None:
    """`releases("30 days")` lists what the expression gives; a property that one lacks is missing by name."""
    source = letter("{% for r in releases('30 days') %}{{ r.title }};{% endfor %}")
    made = rendered(source, answers={"releases(30 days)": ({"title": "A"}, {"title": "B"})})
    assert made.html == "A;B;"
    assert refused(source, answers={"releases(30 days)": ({"title": None},)}).reason == "missing_data"


@pytest.mark.parametrize(
    ("wanted", "html", "locale"),
    [("tr-TR", "merhaba", "tr"), ("tr_TR", "merhaba", "tr"), ("tr", "merhaba", "tr"), ("de", "hello", "en"),
     ("en-GB", "hello", "en"), ("", "hello", "en"), ("x" * 50, "hello", "en")],
)  # fmt: skip
def test_language_falls_back(wanted: str, html: str, locale: str) -> None:
    """tr-TR takes tr; an unknown language takes the letter's own folder."""
    turkish = {f"hello/tr/{p}": "merhaba" for p in ("subject.txt", "body.html", "body.txt", "preheader.txt")}
    made = rendered(letter("hello") | turkish, {"locale": wanted})
    assert (made.html, made.locale) == (html, locale)


def test_the_nearest_language_wins() -> None:
    """A folder for the region comes before the one for the language."""
    assert choose_language("pt-BR", {"": 1, "pt": 1, "pt-BR": 1}) == "pt-BR"
    assert choose_language("pt-PT", {"": 1, "pt": 1, "pt-BR": 1}) == "pt"


@pytest.mark.parametrize(
    ("source", "english", "turkish"),
    [
        ("{{ entry.at | date }}", "November 22, 2026", "22 Kasım 2026"),
        ("{{ entry.at | date('d MMMM') }}", "22 November", "22 Kasım"),
        ("{{ entry.at | datetime }}", "November 22, 2026 1:30\u202fAM", "22 Kasım 2026 01:30"),
        ("{{ entry.total | money }}", "TRY\u00a01,234.50", "₺1.234,50"),
        ("{{ entry.total | money('USD') }}", "$1,234.50", "$1.234,50"),
        ("{{ entry.total | number }}", "1,234.5", "1.234,5"),
        ("{{ entry.total | number(0) }}", "1,234", "1.234"),
        ("{{ 0.2 | percent }}", "20%", "%20"),
        ("{{ 'izmir ışık' | tr_upper }}", "İZMİR IŞIK", "İZMİR IŞIK"),
        ("{{ 'IŞIK İZMİR' | tr_lower }}", "ışık izmir", "ışık izmir"),
    ],
)
def test_values_are_written_as_the_reader_writes_them(source: str, english: str, turkish: str) -> None:
    """Dates in the customer's zone (22:30 UTC is the next day in Istanbul), numbers, money and shares by language."""
    extra = {f"hello/tr/{p}": source for p in ("subject.txt", "body.html", "body.txt", "preheader.txt")}
    entry = {"at": 1_795_300_200_000_000, "total": Decimal("1234.50")}
    assert rendered(letter(source) | extra, {"locale": "en"}, entry=entry).html == english
    assert rendered(letter(source) | extra, {"locale": "tr"}, entry=entry).html == turkish


def test_a_time_prints_as_iso_where_no_filter_stands() -> None:
    """An instant without a filter is ISO 8601 in the customer's zone, never a number of µs."""
    made = rendered(letter("{{ customer.trial_ends_at }}"), {"trial_ends_at": 1_795_300_200_000_000})
    assert made.html == "2026-11-22T01:30:00+03:00"


@pytest.mark.parametrize("link", ["https://a.example/x?y=1&z=2", "mailto:a@b.example"])
def test_safe_links_pass(link: str) -> None:
    """Https and mailto links pass, escaped for the attribute."""
    made = rendered(letter('<a href="{{ customer.site | safe_url }}">x</a>'), {"site": link})
    assert made.html == f'<a href="{link}">x</a>'.replace("&z", "&amp;z")


@pytest.mark.parametrize(
    "link",
    ["javascript:alert(1)", "JaVaScRiPt:alert(1)", " javascript:x", "data:text/html,x", "http://a.example",
     "//a.example", "/relative", "https://", "https://a b", 'https://a.example/"onclick="x', "https://a.example/\njavascript:x",
     "java\tscript:alert(1)", "https://[", "mailto:nobody", "x" * 3000],
)  # fmt: skip
def test_unsafe_links_refuse(link: str) -> None:
    """A link of another kind suppresses the mail."""
    found = refused(letter('<a href="{{ customer.site | safe_url }}">x</a>'), {"site": link})
    assert found.reason == "missing_data"


@pytest.mark.parametrize(
    "name", ["a@b.example", "12345", "https://x.example", "www.x.example", "x" * 41, " ", "=?utf-8?q?x?="]
)
def test_what_is_no_name_counts_as_missing(name: str) -> None:
    """A name that is an address, digits, a link or over 40 characters counts as missing."""
    assert not is_person_name(name)
    assert refused(letter("{{ customer.first_name }}"), {"first_name": name}).reason == "missing_data"


@pytest.mark.parametrize("value", ["=?utf-8?q?hi=0D=0ABcc=3A_x=40y?=", "a =? b"])
def test_a_subject_that_could_become_a_header_refuses(value: str) -> None:
    """An encoded word from data reaches no subject."""
    assert refused(letter(subject="{{ customer.city }}"), {"city": value}).reason == "missing_data"


def test_line_feeds_in_a_subject_become_spaces() -> None:
    """Whatever the data hold, a subject is one line; other controls vanish."""
    made = rendered(letter(subject="Hi {{ customer.city }}"), {"city": "a\r\nBcc: x@y.example\x00\x07"})
    assert made.subject == "Hi a Bcc: x@y.example"


def test_a_long_subject_refuses() -> None:
    """A subject of more than 200 characters is no subject."""
    source = letter(subject="{{ customer.city }}")
    assert rendered(source, {"city": "x" * SUBJECT_CHARACTERS_MAX}).subject
    assert refused(source, {"city": "x" * (SUBJECT_CHARACTERS_MAX + 1)}).reason == "template_error"


def test_data_are_never_compiled() -> None:
    """Jinja in a value stays what it is, in every part."""
    value = "{{ 7 * 7 }}{% raw %}"
    made = rendered(
        letter("{{ customer.city }}", subject="{{ customer.city }}", text="{{ customer.city }}"), {"city": value}
    )
    assert (made.html, made.subject, made.text) == (value, value, value + "\n")


@pytest.mark.parametrize(
    "source", ["{{ true }}", "{{ none }}", "{{ [1] }}", "{{ {'a': 1} }}", "{{ releases }}", "{{ customer }}"]
)
def test_what_nobody_wants_to_read_is_refused(source: str) -> None:
    """A truth, nothing, a list or an object is not printed."""
    assert refused(letter(source)).reason == "template_error"


def test_a_text_part_is_made_where_none_was_written() -> None:
    """Without body.txt the words and links of the HTML make the text part; hidden words stay out."""
    html = '<head><title>t</title></head><div style="display:none">pre</div><h1>Hi</h1><p>Go <a href="https://a.example">there</a>.</p>'
    sources = {k: v for k, v in letter(html).items() if not k.endswith("body.txt")}
    assert rendered(sources).text == "Hi\n\nGo there (https://a.example).\n"


def test_what_the_rule_gives_can_be_printed() -> None:
    """A milestone is a number, a threshold a length of time, a release has properties."""
    made = rendered(
        letter("{{ milestone + 1 }} {{ threshold }} {{ release.title }} {{ project.name }} {{ sender.name }}"),
        extra={"milestone": "10", "threshold": 30 * 86_400_000_000, "release": {"title": "Forms"}},
    )
    assert made.html == "11 30 days Forms Tide Defne"


def test_layout_and_preheader() -> None:
    """A layout gets the preheader and the language; blocks and macros work across files."""
    more = {
        "layouts/base.html": '<html lang="{{ lang }}">{{ preheader }}|{% block main %}{% endblock %}</html>',
        "layouts/parts.html": '{% macro button(url) %}<a href="{{ url | safe_url }}">{{ caller() }}</a>{% endmacro %}',
    }
    body = (
        '{% extends "layouts/base.html" %}{% from "layouts/parts.html" import button %}'
        '{% block main %}{% call button("https://a.example") %}Go & see{% endcall %}{% endblock %}'
    )
    made = rendered(letter(body) | more)
    assert made.html == '<html lang="en">p|<a href="https://a.example">Go & see</a></html>'
