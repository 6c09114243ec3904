"""The scan: letters, what they read, and every mistake with its place."""

from __future__ import annotations

import pytest

from relight.templates import scan_letters
from tests.unit.templates.letters_kit import letter


def problems(sources: dict[str, str], **more: object) -> list[str]:
    return [str(p) for p in scan_letters(sources, **more).problems]  # type: ignore[arg-type]


def test_letters_and_languages_are_found() -> None:
    """A folder with a subject is a letter, at any depth; a language folder in it is a variant; layouts are none."""
    turkish = {f"winback/first/tr/{p}": "x" for p in ("subject.txt", "body.html", "body.txt", "preheader.txt")}
    sources = letter() | {"layouts/base.html": "x", "winback/first/subject.txt": "s", "winback/first/body.html": "b"}
    found = scan_letters(sources | turkish).letters
    assert {name: set(variants) for name, variants in found.items()} == {"hello": {""}, "winback/first": {"", "tr"}}


def test_who_prints_the_code_is_found() -> None:
    """A letter prints the code in any of its parts or in what they extend; one that sets the name itself does not,
    nor does one that prints it outside the blocks of what it extends. Languages that print none are told.
    """
    own = {
        f"own/{part}": source for part, source in (("subject.txt", "s"), ("body.html", "{% set code = 1 %}{{ code }}"))
    }
    based = {"based/subject.txt": "s", "based/body.html": "{% extends 'layouts/base.html' %}"}
    sources = letter(subject="Your {{ code }}") | own | based | {"layouts/base.html": "<p>{{ code }}</p>"}
    turkish = {f"hello/tr/{part}": "x" for part in ("subject.txt", "body.html")}
    outside = {"out/subject.txt": "s", "out/body.html": "{% extends 'layouts/plain.html' %}{{ code }}"}
    sources |= turkish | outside | {"layouts/plain.html": "x"}
    assert scan_letters(sources).coded == {"hello": ("hello/tr",), "based": ()}


def test_missing_parts_are_named() -> None:
    """A body or a subject that is not there is an error, a text part or preheader a warning."""
    assert problems({"a/subject.txt": "s"}) == [
        "templates/a/body.html: missing-part: this template has no body.html",
        "templates/a/body.txt: warning: missing-part: this template has no body.txt; it is made from the HTML then",
        (
            "templates/a/preheader.txt: warning: missing-part: this template has no preheader.txt; "
            "mail apps show body text instead"
        ),
    ]


def test_questions_become_expressions_with_their_place() -> None:
    """Traits, values and questions are listed as texts of the condition language, where they stand."""
    source = (
        "{{ customer.first_name }}\n{{ customer.count('order_placed where total > 100', '30 days') }}\n"
        "{{ customer.sum('order_placed.total') }} {{ customer.top('feature_used.feature', 3, '30 days') }}"
        "{{ customer.sum('order_placed.total', '1 year', ago='1 year') }}\n{{ releases('30 days') }}"
    )
    found = {e.text: (e.place.file, e.place.line, e.place.column) for e in scan_letters(letter(source)).expressions}
    file = "templates/hello/body.html"
    assert found == {
        "first_name": (file, 1, 4),
        "count(order_placed where total > 100, 30 days)": (file, 2, 4),
        "sum(order_placed.total)": (file, 3, 4),
        "top(feature_used.feature, 3, 30 days)": (file, 3, 45),
        "sum(order_placed.total, 1 year, ago: 1 year)": (file, 3, 4),
        "releases(30 days)": (file, 4, 4),
    }


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{% if %}", "1: template-syntax: Expected an expression, got 'end of statement block'"),
        ("\n{{ x", "2: template-syntax: unexpected end of template"),
        ("{{ 'a'|lipsum }}", "1:8: unknown-filter: there is no filter 'lipsum'"),
        ("{{ 'a'|safe }}", "1:8: unknown-filter: there is no filter 'safe'"),
        ("{{ fist_name }}", "1:4:"),
        ("{{ lipsum() }}", "1:4: unknown-name: 'lipsum' is not declared anywhere"),
        ("{{ customer.fist_name }}", "1:4: unknown-name: 'customer.fist_name' is not declared anywhere"),
        ("{{ customer.cuont('a') }}", "1:4: unknown-name: 'customer.cuont()' is not declared anywhere"),
        ("{{ customer.count(entry.x) }}", "1:4: literal-needed: count: write the arguments of a question as literal"),
        ("{{ entry.totl }}", "1:4: unknown-name: 'entry.totl' is not declared anywhere"),
        ("{{ code | upper }}", "1:4: code-only-printed: the code is drawn only when the mail is sent"),
        ("{% if code %}x{% endif %}", "1:7: code-only-printed"),
        ("{% set mine = code %}{{ mine }}", "1:15: code-only-printed"),
        ("{% extends 'layouts/bse.html' %}", "unknown-template: there is no template 'layouts/bse.html'"),
        ("x" * 200_001, "template-size: a template of more than 200000 characters"),
        ("{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}", "template-syntax: this template is nested too deep"),
        ("{% for a in range(2) %}" * 25 + "{% endfor %}" * 25, "template-syntax: this template is nested too deep"),
    ],
)  # fmt: skip
def test_each_mistake_is_told_with_its_place(source: str, expected: str) -> None:
    """A mistake is one problem, with file, line and, where it can be known, column."""
    sources = letter(source) | {"layouts/base.html": "{% block main %}{% endblock %}"}
    found = problems(sources, names={"first_name"}, properties={"total", "x"})
    assert len(found) == 1, found
    assert expected in found[0]
    assert found[0].startswith("templates/hello/body.html")


def test_a_suggestion_helps() -> None:
    """A misspelt trait gets the nearest one that exists."""
    scan = scan_letters(letter("{{ customer.fist_name }}"), names={"first_name", "plan"})
    assert scan.problems[0].help == "did you mean 'first_name'?"


def test_a_filter_that_does_not_exist_is_told_with_its_place() -> None:
    """Jinja finds an unknown filter or test when it renders; the scan finds it in the source, with the nearest one."""
    sources = letter("<p>{{ customer.id | uper }}</p>{% if customer.id is knwon %}x{% endif %}")
    found = [p for p in scan_letters(sources).problems if p.severity == "error"]
    assert [(p.code, p.message, p.help) for p in found] == [
        ("unknown-filter", "there is no filter 'uper'", "did you mean 'upper'?"),
        ("unknown-test", "there is no test 'knwon'", "did you mean 'known'?"),
    ]
    assert str(found[0].place) == "templates/hello/body.html:1:21"


def test_what_a_file_declares_is_known_in_its_blocks() -> None:
    """Imports, macros and `set` at the top of a file may be used in its blocks."""
    sources = letter(
        '{% extends "layouts/base.html" %}{% from "layouts/parts.html" import button as go %}{% set a = 1 %}'
        '{% import "layouts/parts.html" as parts %}{% macro m(x) %}{{ x }}{% endmacro %}'
        "{% block main %}{{ go('x') }}{{ a }}{{ parts.button('x') }}{{ m(a) }}{% endblock %}"
    ) | {
        "layouts/base.html": "{% block main %}{% endblock %}",
        "layouts/parts.html": "{% macro button(u) %}{{ u }}{% endmacro %}",
    }
    assert problems(sources) == []


def test_reads_of_events_include_the_layouts() -> None:
    """What a letter reads of entry, event, request and release is listed, through layouts and includes."""
    sources = letter("{% extends 'layouts/base.html' %}{% block main %}{{ entry.total }}{% endblock %}") | {
        "layouts/base.html": "{% block main %}{% endblock %}{{ release.title }}"
    }
    reads = scan_letters(sources).reads["hello"]
    assert {(r.name, r.prop, r.place.file) for r in reads} == {
        ("entry", "total", "templates/hello/body.html"),
        ("release", "title", "templates/layouts/base.html"),
    }
