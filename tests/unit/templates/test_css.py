"""CSS is inlined at load, into sources, with the result that inlining the rendered page would have."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import css_inline

from relight.base.problems import Place
from relight.rules.plan import Condition
from relight.templates import LetterScan, Rendered, compile_letters, scan_letters
from relight.templates.css import split_rules
from relight.templates.samples import sample_letter
from relight.templates.sandbox import LetterEnvironment
from relight.templates.values import RENDER, RenderState
from tests.unit.templates.letters_kit import POLICY, TRAITS, letter, refused, rendered

STYLE = (
    "<style>p { color: #111111 } .main .button { color: #222222 } #one { margin: 0 }\n"
    "table.t td { padding: 1px }\n@media (max-width: 480px) { p { color: #333333 } }\n"
    "@font-face { font-family: x; src: local(y) }</style>"
)
LAYOUT = {
    "layouts/base.html": "<!DOCTYPE html><html><head>"
    + STYLE
    + "</head><body><div class='main'>{% block main %}<p>old</p>"
    "{% endblock %}</div>{% include 'layouts/foot.html' %}</body></html>",
    "layouts/foot.html": "<p id=one>foot {{ project.name }}</p>",
    "layouts/parts.html": '{% macro button(url) %}<a class="button" href="{{ url | safe_url }}">{{ caller() }}</a>'
    "{% endmacro %}"
    '{% macro row(a) %}<tr><td class="{{ a }}">{{ a }}</td></tr>{% endmacro %}',
}
BODY = (
    '{% extends "layouts/base.html" %}{% import "layouts/parts.html" as parts %}{% block main %}{{ super() }}'
    '<p style="color: #abcdef">own</p><table class="t">{% for x in ["a", "b"] %}{{ parts.row(x) }}{% endfor %}</table>'
    '{% call parts.button("https://a.example/?x=1") %}'
    '<p {% if milestone is known %}class="x"{% endif %}>Go</p>{% endcall %}'
    '<p class="{{ "a>b" }}" title="1 > 0">x</p>{% block main2 %}<td>{% endblock %}{% endblock %}'
)


def styles(html: str) -> list[tuple[str, dict[str, str]]]:
    found: list[tuple[str, dict[str, str]]] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            if tag == "tbody":  # put in by the parser
                return
            text = (dict(attrs).get("style") or "").replace('"', "'")
            pairs = (one.partition(":") for one in text.split(";") if one.strip())
            found.append((tag, {name.strip(): value.strip() for name, _, value in pairs}))

    Reader().feed(html[html.index("<body") :])
    return found


def plainly_inlined(html: str) -> list[tuple[str, dict[str, str]]]:
    inliner = css_inline.CSSInliner(load_remote_stylesheets=False, keep_at_rules=True)
    return styles(inliner.inline(html))


def test_styles_reach_layout_block_macro_and_include() -> None:
    """Rules reach tags in the layout, in the child's block, in a macro by its place of call, in an include."""
    html = rendered(letter(BODY) | LAYOUT).html
    assert '<p style="color: #111111;">old</p>' in html
    assert '<p style="color: #111111; color: #abcdef">own</p>' in html
    assert re.search(r'<td style="padding: 1px;" class="a">a</td>', html)
    assert '<a style="color: #222222;" class="button" href="https://a.example/?x=1">' in html
    assert '<p style="color: #111111;margin: 0;" id=one>foot Tide</p>' in html
    assert '<p style="color: #111111;" class="a&gt;b" title="1 > 0">x</p>' in html


def test_at_rules_stay() -> None:
    """@media stays in the page, what was inlined does not."""
    html = rendered(letter(BODY) | LAYOUT).html
    assert "@media (max-width: 480px) { p { color: #333333 } }" in html
    assert "@font-face" in html
    assert "#one" not in html


def test_line_numbers_stay() -> None:
    """An error after a style element still names the line of the author's file."""
    sources = letter("<head>" + STYLE + "</head>\n<p>\n{{ customer.first_name }}</p>")
    assert refused(sources).line == STYLE.count("\n") + 3


def test_sources_without_css_keep_every_byte() -> None:
    """Where there is no style element nothing is touched."""
    source = "<p CLASS=x   >a<br/>&nbsp;{# c #}</P>"
    assert rendered(letter(source)).html == "<p CLASS=x   >a<br/>&nbsp;</P>"


def test_a_style_with_variables_is_left_alone() -> None:
    """A style element that Jinja fills in is not inlined and not lost."""
    source = "<head><style>p { color: {{ 'red' }} }</style></head><p>x</p>"
    assert rendered(letter(source)).html == "<head><style>p { color: red }</style></head><p>x</p>"


def test_remote_stylesheets_are_not_loaded() -> None:
    """A link to a stylesheet stays a link: nothing is asked of the network, even on this machine."""
    source = '<head><link rel="stylesheet" href="http://127.0.0.1:9/x.css"><style>p{margin:0}</style></head><p>x</p>'
    assert '<p style="margin: 0;">x</p>' in rendered(letter(source)).html


def test_rules_are_split() -> None:
    """Nested at-rules, comments and imports come apart as top-level rules."""
    css = "/* a { } */ @import 'x'; p { a: b } @media x { p { c: d } q { e: f } } q{}"
    assert split_rules(css) == ("@import 'x';", "p { a: b }", "@media x { p { c: d } q { e: f } }", "q{}")


def test_inlining_sources_equals_inlining_pages() -> None:
    """The styles of every letter that ships are those that inlining the finished page would give."""
    folder = Path(__file__).parents[3] / "templates"
    sources = {str(p.relative_to(folder)): p.read_text(encoding="utf-8") for p in folder.rglob("*.*")}
    scan = scan_letters(sources)
    texts = {e.text for e in scan.expressions} - set(TRAITS)
    expressions = {t: Condition(text=t, place=Place(file="t"), evaluate=lambda _r: 1) for t in texts}
    letters, _ = compile_letters(scan, expressions=expressions, policy=POLICY, traits=TRAITS)
    compared = 0
    for name, one in letters.items():
        sample = next(iter(sample_letter(one, "en", kinds={}, properties={})))
        made = sample.letter.render(sample.reading, sample.extra)
        if isinstance(made, Rendered):
            page = _rendered_plainly(scan, name, sample.letter.names(sample.reading, sample.extra), made)
            assert styles(made.html) == plainly_inlined(page), name
            compared += 1
    assert compared >= 5 or not letters


def _rendered_plainly(scan: LetterScan, name: str, names: dict[str, object], made: Rendered) -> str:
    environment = LetterEnvironment(scan.sources, escapes=True, root="templates")
    given = {**names, "locale": "en", "lang": "en", "subject": made.subject, "preheader": made.preheader}
    token = RENDER.set(RenderState(locale="en", zone="Europe/Istanbul", currency="TRY", base_url=POLICY.base_url))
    try:
        return environment.get_template(f"{name}/body.html").render(given)
    finally:
        RENDER.reset(token)
