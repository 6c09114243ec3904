"""Strings that break programs, and what a page is made of whatever it says."""

from __future__ import annotations

import json
import os
from html.parser import HTMLParser
from pathlib import Path

#: Naughty strings of one customer; a page shows that many in its time line.
NAUGHTY_EACH = 40


def naughty() -> list[str]:
    """Return the big list of naughty strings, where recorded data is at hand."""
    folder = os.environ.get("RELIGHT_DATA")
    return [] if not folder else json.loads((Path(folder) / "suites/blns/blns.json").read_text(encoding="utf-8"))


class Markup(HTMLParser):
    """The tags and attributes of a page, without what they say."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[tuple[str, str]] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found |= {(tag, name) for name, _ in attrs} | {(tag, "")}

    @classmethod
    def of(cls, page: str) -> set[tuple[str, str]]:
        reader = cls()
        reader.feed(page)
        return reader.found
