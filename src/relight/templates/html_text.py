"""A plain text made from rendered HTML, for letters without a hand-written body.txt. Links become `words (address)`."""

from __future__ import annotations

import re
from html.parser import HTMLParser

_BLOCKS = frozenset(
    "address article blockquote div footer h1 h2 h3 h4 h5 h6 header li ol p section table td th tr ul".split()
)
_HIDDEN = frozenset({"head", "style", "script", "title"})
_VOID = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"})


class _TextMaker(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.links: list[tuple[str, int]] = []
        #: Open tags inside a hidden one; the first is the hidden one.
        self.hidden: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        style = (found.get("style") or "").replace(" ", "").lower()
        if (self.hidden or tag in _HIDDEN or "display:none" in style) and tag not in _VOID:
            self.hidden.append(tag)
            return
        if self.hidden:
            return
        if tag == "br":
            self.parts.append("\n")
        elif tag == "img":
            self.parts.append(found.get("alt") or "")
        elif tag == "a":
            self.links.append((found.get("href") or "", len(self.parts)))
        elif tag in _BLOCKS:
            self.parts.append("\n\n" if tag != "li" else "\n- ")

    def handle_endtag(self, tag: str) -> None:
        if self.hidden:
            if tag in self.hidden:
                del self.hidden[len(self.hidden) - 1 - self.hidden[::-1].index(tag) :]
            return
        if tag == "a" and self.links:
            address, start = self.links.pop()
            words = "".join(self.parts[start:]).strip()
            if address and address != words:
                self.parts.append(f" ({address})")
        elif tag in _BLOCKS:
            self.parts.append("\n\n" if tag != "li" else "\n")

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.parts.append(re.sub(r"\s+", " ", data))


def html_to_text(html: str) -> str:
    """Return the readable text of a page, paragraphs apart by one empty line, ending in a line feed."""
    maker = _TextMaker()
    maker.feed(html)
    maker.close()
    lines = [re.sub(r"[ \t\xa0]+", " ", line).strip() for line in "".join(maker.parts).split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"
