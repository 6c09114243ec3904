"""What a rendered page shows, read back for the content checks: links, pictures, language, colours, visible text."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"})
_COLOUR = re.compile(r"#([0-9a-f]{3}|[0-9a-f]{6})\b", re.IGNORECASE)
_FONT_SIZE = re.compile(r"(\d+(?:\.\d+)?)px")
#: Pixels from which text is large, and from which bold text is (WCAG 2.2, 1.4.3).
LARGE_PIXELS, LARGE_BOLD_PIXELS = 24.0, 18.66


@dataclass(frozen=True, slots=True, kw_only=True)
class Colours:
    """A stretch of text with both its colours known."""

    text: str
    colour: str
    background: str
    large: bool


@dataclass(slots=True, kw_only=True)
class Page:
    """What was found."""

    lang: str | None = None
    links: list[str] = field(default_factory=list)
    pictures_without_alt: list[str] = field(default_factory=list)
    colours: list[Colours] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All visible words."""
        return " ".join(self.texts)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    tag: str
    colour: str | None = None
    background: str | None = None
    pixels: float = 16.0
    bold: bool = False
    hidden: bool = False


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.page = Page()
        self.stack: list[_Look] = [_Look(tag="")]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "html":
            self.page.lang = found.get("lang")
        if tag == "a":
            self.page.links.append(found.get("href", ""))
        if tag == "img" and "alt" not in found:
            self.page.pictures_without_alt.append(found.get("src", ""))
        if tag not in _VOID:
            self.stack.append(_look(tag, found, self.stack[-1]))

    def handle_endtag(self, tag: str) -> None:
        for at in range(len(self.stack) - 1, 0, -1):
            if self.stack[at].tag == tag:
                del self.stack[at:]
                return

    def handle_data(self, data: str) -> None:
        words, look = " ".join(data.split()), self.stack[-1]
        if not words or look.hidden:
            return
        self.page.texts.append(words)
        if look.colour and look.background:
            large = look.pixels >= LARGE_PIXELS or (look.bold and look.pixels >= LARGE_BOLD_PIXELS)
            self.page.colours.append(
                Colours(text=words, colour=look.colour, background=look.background, large=large)
            )  # fmt: skip


def _look(tag: str, found: dict[str, str], outer: _Look) -> _Look:
    style = {
        name.strip().lower(): value.replace("!important", "").strip()
        for name, _, value in (one.partition(":") for one in found.get("style", "").split(";"))
        if value
    }
    font = style.get("font", "")
    size = _FONT_SIZE.search(style.get("font-size", "") or font.partition("/")[0])
    weight = style.get("font-weight", "") or font
    bold = tag in {"b", "strong", "h1", "h2", "h3"} or outer.bold
    if weight:
        bold = "bold" in weight or bool(re.search(r"\b[6-9]00\b", weight))
    background = _hex(style.get("background-color") or style.get("background") or found.get("bgcolor", ""))
    return _Look(
        tag=tag,
        colour=_hex(style.get("color", "")) or outer.colour,
        background=background or outer.background,
        pixels=float(size[1]) if size else outer.pixels,
        bold=bold,
        hidden=outer.hidden or tag in {"head", "style", "title", "script"} or style.get("display") == "none",
    )


def _hex(text: str) -> str | None:
    found = _COLOUR.search(text)
    if not found:
        return None
    digits = found[1].lower()
    return "#" + (digits if len(digits) == 6 else "".join(2 * d for d in digits))  # noqa: PLR2004


def read_page(html: str) -> Page:
    """Return what a page shows."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.page


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two `#rrggbb` colours, 1 to 21 (WCAG 2.2)."""
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]  # noqa: PLR2004 - sRGB
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
