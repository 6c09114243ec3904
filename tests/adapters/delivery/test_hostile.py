"""Hostile values go through subject, body, text, link and header and come out as words, or not at all."""

from __future__ import annotations

import datetime as dt
import email
import email.policy
import json
import os
from html.parser import HTMLParser
from pathlib import Path

import pytest

from relight.delivery.headers import HeaderError
from relight.delivery.mime import build_mime
from relight.templates import Rendered
from relight.templates.samples import HOSTILE_TEXT
from tests.adapters.delivery.mail_kit import message
from tests.unit.templates.letters_kit import Customer, compile_sources, letter

HTML = (
    '<p title="{{ customer.city }}">{{ customer.city }}</p>'
    '{% if customer.site is known %}<a href="{{ customer.site | safe_url }}">x</a>{% endif %}'
)
OWN = [HOSTILE_TEXT, "\r\nBcc: x@y.example", "=?utf-8?q?=0D=0ABcc=3A_x=40y?=", "<img src=x onerror=alert(1)>",
       "javascript:alert(1)", "\x00\x01\x1b[31m", "\ud800", "{{ 7*7 }}", "' onmouseover='x", "-->", "]]>",
       "</title><script>", "\u202egnp.exe"]  # fmt: skip


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, tuple[str, ...]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, tuple(name for name, _ in attrs)))
        if tag == "a":
            assert (dict(attrs)["href"] or "").startswith(("https:", "mailto:"))

    def handle_comment(self, data: str) -> None:
        self.found.append(("comment", (data,)))


def check(values: list[str]) -> int:
    """Return how many values left in a mail; every one of them left as words."""
    one = compile_sources(letter(HTML, subject="For {{ customer.city }}", text="{{ customer.city }}"))["hello"]
    sent = 0
    for value in values:
        made = one.render(Customer(traits={"city": value, "site": value}), {})
        if not isinstance(made, Rendered):
            made = one.render(Customer(traits={"city": value}), {})
        if not isinstance(made, Rendered):
            continue
        tags = Tags()
        tags.feed(made.html)
        tags.close()
        assert tags.found[0] == ("p", ("title",)), value
        assert tags.found[1:] in ([], [("a", ("href",))]), value
        try:
            raw = build_mime(
                message(subject=made.subject, to_name=value, html=made.html, text=made.text),
                date=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
            )
        except HeaderError:
            raw = build_mime(
                message(subject=made.subject, html=made.html, text=made.text),
                date=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
            )
        parsed = email.message_from_bytes(raw, policy=email.policy.default)
        assert parsed.keys() == [
            "Message-ID", "From", "To", "Reply-To", "Subject", "List-Unsubscribe", "List-Unsubscribe-Post", "Date",
            "MIME-Version", "Content-Type",
        ]  # fmt: skip
        assert len(parsed["To"].addresses) == 1, value
        assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
        sent += 1
    return sent


def test_our_own_hostile_values() -> None:
    """Markup, header breaks, encoded words, controls, Jinja and lone surrogates make no tag, attribute or header."""
    assert check(OWN) >= len(OWN) - 3


@pytest.mark.recorded
@pytest.mark.skipif("RELIGHT_DATA" not in os.environ, reason="RELIGHT_DATA is not set")
def test_the_big_list_of_naughty_strings() -> None:
    """All of the big list of naughty strings likewise, and most of them are still mailed."""
    values = json.loads((Path(os.environ["RELIGHT_DATA"]) / "suites/blns/blns.json").read_text(encoding="utf-8"))
    assert len(values) > 500
    assert check(values) > 450
