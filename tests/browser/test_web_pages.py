"""The pages behind a mail's links, in Chromium: 390 and 1100 px, light and dark, both languages, no script needed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from relight.messages.identity import answer_url, confirm_url, preferences_url, unsubscribe_url
from tests.support.pages import BASE, KEY, Pages, links_of, project_with_mail, serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

#: Language -> width and scheme of each visit; Turkish, whose words are longer, meets them all.
VISITS = {
    "tr": [(390, "light"), (390, "dark"), (1100, "light"), (1100, "dark")],
    "en": [(390, "dark"), (1100, "light")],
}
#: Folder that keeps the pictures, for people; nothing is kept without it.
PICTURES = os.environ.get("RELIGHT_PICTURES")


@pytest.fixture(scope="module", params=list(VISITS))
def pages(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    extra = "surveys: {nps: {scale: 0-10}, csat: {scale: 1-5, satisfied: 4}}\n"
    folder = project_with_mail(tmp_path_factory.mktemp("web"), extra=extra, locale=request.param)
    with serving(folder) as found:
        yield found


def links(pages: Pages) -> dict[str, str]:
    key = "a message whose store is away"
    return {
        "unsubscribe": links_of(pages.folder)["header"],
        "unsubscribe_all": unsubscribe_url("", KEY, key),
        "preferences": preferences_url("", KEY, key),
        "confirm": confirm_url("", KEY, key, "offers"),
        "answer": answer_url("", KEY, key, "nps", 9),
        "answer_of_five": answer_url("", KEY, key, "csat", 4),
        "missing": "/u/none",
    }


def look(page: Any, name: str) -> None:
    """Everything that holds of every page: axe finds nothing, nothing is cut off, targets are large enough."""
    from axe_playwright_python.sync_playwright import Axe  # noqa: PLC0415  # only where a browser is there

    if PICTURES:
        page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True)
    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]})
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    for box in page.evaluate(
        "[...document.querySelectorAll('button, label')].map(e => e.getBoundingClientRect().height)"
    ):
        assert box >= 44, name
    assert page.title()
    assert page.evaluate("getComputedStyle(document.querySelector('main')).borderRadius") == "12px", (
        "the style is there"
    )


def test_pages_are_clean(pages: Pages, browser: Browser) -> None:
    """Each page, before and after its button, with scripts off: no finding of axe, no request to another host, no report
    of the content policy, nothing wider than the screen.
    """
    for width, scheme in VISITS[pages_language(pages)]:
        visit(pages, browser, width, scheme)


def visit(pages: Pages, browser: Browser, width: int, scheme: Any) -> None:
    asked: list[str] = []
    said: list[str] = []
    base = f"http://127.0.0.1:{pages.port}"
    with browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme=scheme,
        base_url=base,
        locale=pages_language(pages),
        bypass_csp=False,
    ) as context:
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        for name, link in links(pages).items():
            answer = page.goto(link)
            assert answer is not None
            assert answer.status == (404 if name == "missing" else 200)
            shown = f"{name}-{pages_language(pages)}-{width}-{scheme}"
            look(page, shown)
            if name == "missing":
                continue
            if name == "preferences":
                page.locator("input[value=yes]").first.check()
            page.locator("button").first.click()
            page.wait_for_selector("[role=status]")
            look(page, f"{shown}-done")
    assert all(url.startswith((base, "data:")) for url in asked), asked
    assert [text for text in said if "404" not in text] == []


def pages_language(pages: Pages) -> str:
    return "tr" if "locale: tr" in (pages.folder / "config/default.yaml").read_text() else "en"


def test_pages_need_no_script(pages: Pages, browser: Browser) -> None:
    """With scripts off a person unsubscribes by keyboard alone, and the page says so."""
    with browser.new_context(java_script_enabled=False, base_url=f"http://127.0.0.1:{pages.port}") as context:
        page = context.new_page()
        page.goto(links_of(pages.folder)["header"])
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_selector("[role=status]")
        assert page.url.removeprefix(BASE).count("/u/") == 1


def test_five_scores_stand_in_one_row_on_a_phone(pages: Pages, browser: Browser) -> None:
    """At 390 px a scale of five is one row, and each circle is nearer to its own number than to the one before it."""
    with browser.new_context(
        viewport={"width": 390, "height": 900}, base_url=f"http://127.0.0.1:{pages.port}"
    ) as context:  # fmt: skip
        page = context.new_page()
        page.goto(links(pages)["answer_of_five"])
        boxes = page.evaluate(
            "[...document.querySelectorAll('.scores label')].map(label => { const range = document.createRange();"
            " range.selectNodeContents(label.lastChild); const text = range.getBoundingClientRect(),"
            " circle = label.querySelector('input').getBoundingClientRect();"
            " return [circle.top, circle.left, circle.right, text.left, text.right] })"
        )
    assert len(boxes) == 5
    assert len({top for top, *_ in boxes}) == 1
    for (_, _, right, own, end), (_, following, *_rest) in pairwise(boxes):
        assert own - right < following - end
