"""The body of a web request: JSON that no value of a customer can break."""

from __future__ import annotations

import json
from collections.abc import Mapping

from relight.base.kinds import Kind
from relight.streams.schema import PropertyType
from relight.templates import Rendered, RenderPolicy, RenderRefusal, compile_bodies, scan_letters
from relight.templates.bodies import RENDERED_BODY_MAX
from tests.unit.templates.letters_kit import Customer

TRAITS = {"first_name": PropertyType(kind=Kind.TEXT), "locale": PropertyType(kind=Kind.LOCALE)}


def body(sources: Mapping[str, str], **traits: object) -> Rendered | RenderRefusal:
    scan = scan_letters({f"chat/new/{path}": text for path, text in sources.items()})
    assert not scan.problems
    made = compile_bodies(scan, expressions={}, policy=RenderPolicy(), traits=TRAITS)["chat/new"]
    return made.render(Customer(traits=traits), {"milestone": "10"})


def test_a_value_stays_inside_its_string() -> None:
    """A19: quotation marks, line ends and backslashes of a value stay what they are, and add nothing to the JSON."""
    nasty = 'a "quote", a \\ and\nan end"}, {"x": "'
    found = body(
        {"body.json": '{"text": "{{ customer.first_name }} is here", "n": {{ milestone }} }'}, first_name=nasty
    )
    assert isinstance(found, Rendered)
    assert json.loads(found.text) == {"text": f"{nasty} is here", "n": 10}
    assert (found.subject, found.html) == ("", "")


def test_what_is_no_json_is_a_template_error_and_a_missing_value_is_missing_data() -> None:
    """B1, G6: a body that is no JSON is refused, and so is one that lacks a value."""
    broken = body({"body.json": '{"text": {{ milestone }} '})
    assert isinstance(broken, RenderRefusal)
    assert broken.reason == "template_error"
    missing = body({"body.json": '{"text": "{{ customer.first_name }}"}'})
    assert isinstance(missing, RenderRefusal)
    assert (missing.reason, missing.file, missing.line) == ("missing_data", "templates/chat/new/body.json", 1)


def test_a_filter_that_does_not_exist_is_told_and_the_body_left_out() -> None:
    """A body with a filter that is not there is a problem at its place, as in a mail, and stops nothing else."""
    scan = scan_letters({"chat/new/body.json": '{"text": {{ milestone | tojson }}}', "chat/old/body.json": "{}"})
    assert [(p.code, str(p.place)) for p in scan.problems] == [("unknown-filter", "templates/chat/new/body.json:1:25")]
    assert (scan.problems[0].help or "").startswith("write the value between quotation marks")
    assert set(compile_bodies(scan, expressions={}, policy=RenderPolicy(), traits=TRAITS)) == {"chat/old"}


def test_a_body_has_languages_and_a_most() -> None:
    """B6: a body has language folders as a mail has; one that is too long is refused."""
    sources = {"body.json": '{"text": "hello"}', "tr/body.json": '{"text": "merhaba"}'}
    turkish = body(sources, locale="tr-TR")
    assert isinstance(turkish, Rendered)
    assert (turkish.text, turkish.locale) == ('{"text":"merhaba"}', "tr")
    long = body({"body.json": '"' + "x" * RENDERED_BODY_MAX + '"'})
    assert isinstance(long, RenderRefusal)
