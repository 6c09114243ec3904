"""Turns Markdown into pages; refuses a link, an anchor or an image that leads nowhere."""

from __future__ import annotations

import posixpath
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from urllib.parse import urldefrag, urlsplit

import jinja2
from markdown_it import MarkdownIt
from markdown_it.token import Token
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

from docsite.contents import ROOT, DocumentationError, address_of, contents, pages

HERE = Path(__file__).parent
#: Pages with so many second headings, or more, list them at their top.
HEADINGS_LISTED_MIN = 4
#: Languages of our fences that Pygments calls otherwise.
LANGUAGES = {
    "jinja": "html+jinja",
    "condition": "text",
    "csv": "text",
    "pattern": "text",
    "refused": "text",
    "row": "text",
}
_COMMENT = re.compile(r"^<!--.*?-->\n", re.MULTILINE | re.DOTALL)


@dataclass(slots=True, kw_only=True)
class Page:
    """One page on its way."""

    #: Path in the repository, and in the site.
    name: str
    address: str
    title: str = ""
    body: str = ""
    #: (anchor, text) of the second headings.
    headings: list[tuple[str, str]] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)
    #: (page of the site, anchor) that it links to.
    links: list[tuple[str, str]] = field(default_factory=list)


def build(target: Path) -> int:
    """Write the whole site into a folder, which is emptied first; return how many pages it has.

    Raises DocumentationError for a page that is not there, and for a link that leads nowhere.
    """
    names = [name for _, name in pages()]
    built = [_read(name, frozenset(names)) for name in names]
    _check_links(built)
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE), autoescape=True, undefined=jinja2.StrictUndefined
    )
    template = environment.get_template("page.html")
    titles = {page.name: page for page in built}
    for number, page in enumerate(built):
        path = target / page.address
        path.parent.mkdir(parents=True, exist_ok=True)
        here = posixpath.dirname(page.address)
        navigation = [
            (heading, [(titles[one], posixpath.relpath(titles[one].address, here or ".")) for one in listed])
            for heading, listed in contents().items()
        ]
        around = [built[at] if 0 <= at < len(built) else None for at in (number - 1, number + 1)]
        path.write_text(
            template.render(
                page=page,
                navigation=navigation,
                root=posixpath.relpath(".", here or "."),
                listed=page.headings if len(page.headings) >= HEADINGS_LISTED_MIN else [],
                around=[(one, one and posixpath.relpath(one.address, here or ".")) for one in around],
            ),
            encoding="utf-8",
        )
    code = HtmlFormatter(style="xcode").get_style_defs(".code")
    dark = HtmlFormatter(style="github-dark").get_style_defs(".code")
    sheet = (HERE / "style.css").read_text(encoding="utf-8")
    at_night = f"@media (prefers-color-scheme: dark) {{\n{_plain(dark)}\n}}"
    sheet += f"\n{_plain(code)}\n{at_night}\n.code .go {{ color: var(--soft); }}\n"
    (target / "style.css").write_text(sheet, encoding="utf-8")
    if (ROOT / "docs" / "images").is_dir():
        shutil.copytree(ROOT / "docs" / "images", target / "images")
    return len(built)


def _plain(sheet: str) -> str:
    """Return Pygments' colours without its backgrounds and line numbers, which the page decides."""
    lines = [line for line in sheet.split("\n") if line.startswith(".code .")]
    return "\n".join(re.sub(r"background-color: #\w+;?", "", line) for line in lines)


def _read(name: str, known: frozenset[str]) -> Page:
    page = Page(name=name, address=address_of(name))
    markdown = MarkdownIt("commonmark", {"html": False, "highlight": _highlighted}).enable("table")
    text = _COMMENT.sub("", (ROOT / name).read_text(encoding="utf-8"))
    tokens = markdown.parse(text)
    _mark_headings(page, tokens)
    for token in tokens:
        opened: list[Token] = []
        for child in token.children or ():
            if child.type == "link_open":
                _point(page, child, known)
                opened.append(child)
            elif child.type == "link_close":
                child.tag = opened.pop().tag
            elif child.type == "image":
                child.attrSet("src", _image(page, str(child.attrGet("src"))))
    page.body = _scrollable(markdown.renderer.render(tokens, markdown.options, {}))
    return page


def _highlighted(text: str, language: str, _attributes: str) -> str:
    name = LANGUAGES.get(language, language or "text")
    try:
        lexer = get_lexer_by_name(name)
    except ClassNotFound as error:
        raise DocumentationError(f"there is no lexer for a block of '{language}'") from error
    return f'<pre class="code" tabindex="0">{highlight(text, lexer, HtmlFormatter(nowrap=True))}</pre>'


def _mark_headings(page: Page, tokens: Sequence[Token]) -> None:
    """Give each heading its anchor, as GitHub makes them."""
    for token, inside in pairwise(tokens):
        if token.type != "heading_open":
            continue
        text = "".join(child.content for child in inside.children or () if child.type in ("text", "code_inline"))
        slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        number = 0
        while (anchor := f"{slug}-{number}" if number else slug) in page.anchors:
            number += 1
        page.anchors.add(anchor)
        token.attrSet("id", anchor)
        if token.tag == "h1":
            page.title = text
        elif token.tag == "h2":
            page.headings.append((anchor, text))


def _point(page: Page, link: Token, known: frozenset[str]) -> None:
    """Turn a link to a file of the repository into one to its page; what has no page is no link."""
    target = str(link.attrGet("href"))
    if urlsplit(target).scheme:
        link.attrSet("rel", "noreferrer")
        return
    path, anchor = urldefrag(target)
    name = posixpath.normpath(posixpath.join(posixpath.dirname(page.name), path)) if path else page.name
    place = ROOT / name
    if not place.exists():
        raise DocumentationError(f"{page.name}: the link {target} leads nowhere")
    if place.is_dir():
        name = posixpath.join(name, "README.md")
    if name not in known:
        link.tag, link.attrs = "span", {}
        return
    address = address_of(name)
    page.links.append((address, anchor))
    here = posixpath.dirname(page.address) or "."
    link.attrSet("href", posixpath.relpath(address, here) + (f"#{anchor}" if anchor else ""))


def _image(page: Page, source: str) -> str:
    name = posixpath.normpath(posixpath.join(posixpath.dirname(page.name), source))
    if urlsplit(source).scheme or not name.startswith("docs/images/") or not (ROOT / name).is_file():
        raise DocumentationError(f"{page.name}: the image {source} is not in docs/images")
    return posixpath.relpath(name.removeprefix("docs/"), posixpath.dirname(page.address) or ".")


def _scrollable(body: str) -> str:
    """Return the body with tables that scroll by themselves where they are wider than the page.

    A heading of a table that says nothing is none.
    """
    body = re.sub(r"<thead>\s*<tr>\s*(?:<th></th>\s*)+</tr>\s*</thead>\n", "", body).replace("<th></th>", "<td></td>")
    body = body.replace("<table>", '<div class="table" tabindex="0"><table>')
    return body.replace("</table>", "</table></div>")


def _check_links(built: Sequence[Page]) -> None:
    anchors = {page.address: page.anchors for page in built}
    lost = [
        f"{page.name}: {address}#{anchor}"
        for page in built
        for address, anchor in page.links
        if anchor and anchor not in anchors[address]
    ]
    if lost:
        raise DocumentationError("links to headings that are not there: " + ", ".join(lost))
