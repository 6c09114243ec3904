"""The documentation as a site: complete, without a request to anybody, readable on a phone, by day and by night."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urldefrag, urlsplit

import pytest

from docsite import build as site
from docsite import contents
from docsite.contents import DocumentationError
from tests.browser.conftest import browser

if TYPE_CHECKING:
    from playwright.sync_api import Browser

__all__ = ["browser"]

#: Pages that are drawn in a browser: links, commands, wide tables, and one that is long.
LOOKED_AT = ("index", "tutorial", "delivery", "reference/cli")


class _Links(HTMLParser):
    """Collects what a page links to, loads, and offers as anchors."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.anchors |= {found["id"]} if "id" in found else set()
        if tag == "a":
            self.links.append(found["href"])
        elif "src" in found or "href" in found:
            self.loaded.append(found.get("src") or found["href"])
        assert tag not in ("script", "iframe", "object", "form"), tag
        assert "style" not in found, "the policy of the page would drop it"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    site.build(folder)
    return folder


def test_every_page_is_in_the_navigation_of_every_page(built: Path) -> None:
    """Whatever page of docs/ there is can be reached from each other page, and the page itself is marked."""
    addresses = {contents.address_of(name) for _, name in contents.pages()}
    found = {path.relative_to(built).as_posix() for path in built.rglob("*.html")}
    assert found == addresses
    for address in addresses:
        text = (built / address).read_text(encoding="utf-8")
        listed = re.findall(r'href="([^"]+)"', text[text.index('<nav id="contents"') :])
        assert {_target(built, built / address, link)[0] for link in listed} == {built / one for one in addresses}
        assert text.count('aria-current="page"') == 1


def test_every_link_leads_somewhere_and_nothing_is_loaded_from_elsewhere(built: Path) -> None:
    """Links inside resolve to a page and a heading; style and pictures are the site's own, as the policy says."""
    pages = {path: _Links(path.read_text(encoding="utf-8")) for path in built.rglob("*.html")}
    for path, page in pages.items():
        assert "default-src 'none'; style-src 'self'; img-src 'self'" in path.read_text(encoding="utf-8")
        for loaded in page.loaded:
            assert not urlsplit(loaded).netloc, f"{path}: {loaded}"
            assert (path.parent / loaded).resolve().is_file(), f"{path}: {loaded}"
        for link in page.links:
            if urlsplit(link).scheme:
                continue
            target, anchor = _target(built, path, link)
            assert target in pages, f"{path}: {link}"
            assert not anchor or anchor in pages[target].anchors, f"{path}: {link}"


def _target(built: Path, page: Path, link: str) -> tuple[Path, str]:
    path, anchor = urldefrag(link)
    found = (page.parent / path).resolve() if path else page
    assert found.is_relative_to(built.resolve())
    return built / found.relative_to(built.resolve()) if path else page, anchor


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("# A\n\n[b](nowhere.md)\n", "the link nowhere.md leads nowhere"),
        ("# A\n\n[b](semantics.md#no-such)\n", "semantics.html#no-such"),
        ("# A\n\n![b](https://pictures.example/b.png)\n", "is not in docs/images"),
        ("# A\n\n```fortran90x\nx\n```\n", "no lexer"),
    ],
    ids=["file", "heading", "picture", "language"],
)
def test_what_leads_nowhere_stops_the_build(
    text: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A link to a file or heading that is not there, a picture of another host and an unknown language are refused."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/semantics.md").write_text("# Semantics\n", encoding="utf-8")
    (tmp_path / "docs/a.md").write_text(text, encoding="utf-8")
    for module in (site, contents):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(contents, "CONTENTS", {"All": ("docs/a.md", "docs/semantics.md")})
    with pytest.raises(DocumentationError, match=re.escape(said)):
        site.build(tmp_path / "site")


def test_a_page_without_a_place_comes_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new page cannot be left out; one that went stops the build."""
    monkeypatch.setattr(contents, "CONTENTS", {"Begin": ("docs/README.md",)})
    headings = {name: heading for heading, name in contents.pages()}
    assert (headings["docs/README.md"], headings["docs/how-to/write-a-rule.md"]) == ("Begin", contents.REST)
    monkeypatch.setattr(contents, "CONTENTS", {"Begin": ("docs/gone.md",)})
    with pytest.raises(DocumentationError, match=r"docs/gone.md"):
        list(contents.pages())


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1100])
def test_pages_as_they_are_drawn(built: Path, browser: Browser, width: int, scheme: Any) -> None:
    """No page scrolls sideways or asks another host; the background is that of the scheme; axe finds nothing."""
    from axe_playwright_python.sync_playwright import Axe  # noqa: PLC0415  # only where a browser is there

    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for name in LOOKED_AT:
        page.goto((built / f"{name}.html").as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        if width == 390:
            found = Axe().run(page, options={"resultTypes": ["violations"]})
            assert found.violations_count == 0, (name, found.generate_report())
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == ("rgb(251, 251, 249)" if scheme == "light" else "rgb(15, 21, 24)")
    assert {urlsplit(url).scheme for url in asked} == {"file"}
    context.close()
