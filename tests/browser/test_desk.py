"""The desk in Chromium: every page light and dark, 1100 and 390 px, both languages; clean, whole, and without scripts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.desk import TOKEN, await_figures, desk_project
from tests.support.pages import Pages, serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

PATHS = {
    "overview": "/desk/overview",
    "rules": "/desk/rules",
    "rule": "/desk/rules/winback_30d",
    "people": "/desk/rules/first_hello/people/goal",
    "messages": "/desk/messages?rule=winback_30d",
    "customers": "/desk/customers",
    "customer": "/desk/customers?id=b00012",
    "metrics": "/desk/metrics",
    "boards": "/desk/boards",
    "board": "/desk/boards/shop",
    "simulation": "/desk/simulation",
    "system": "/desk/system",
    "missing": "/desk/rules/none",
}
VISITS = [
    ("en", 1100, "light"),
    ("en", 390, "dark"),
    ("tr", 1100, "dark"),
    ("tr", 390, "light"),
]
#: Folder that keeps the pictures, for people; nothing is kept without it.
PICTURES = os.environ.get("RELIGHT_PICTURES")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    with serving(desk_project(tmp_path_factory.mktemp("desk") / "shop")) as found:
        await_figures(found)
        yield found


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    with serving(desk_project(tmp_path_factory.mktemp("locked") / "shop", token=True), DESK_TOKEN=TOKEN) as found:
        yield found


@pytest.mark.parametrize(("language", "width", "scheme"), VISITS)
def test_pages_are_clean(pages: Pages, browser: Browser, language: str, width: int, scheme: Any) -> None:
    """No finding of axe, no request to another host, no report of the content policy, nothing wider than the screen, and
    every chart has a size and a name.
    """
    asked: list[str] = []
    said: list[str] = []
    base = f"http://127.0.0.1:{pages.port}"
    with browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, base_url=base, locale=language
    ) as context:
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        for name, path in PATHS.items():
            answer = page.goto(path)
            assert answer is not None
            assert answer.status == (404 if name == "missing" else 200), path
            look(page, f"{name}-{language}-{width}-{scheme}")
        page.goto(PATHS["rule"])
        with page.expect_navigation():
            page.locator("form.inline button").first.click()  # "Pause this rule": asks before it does anything
        assert "/desk/order/" in page.url
        look(page, f"ask-{language}-{width}-{scheme}")
    assert all(url.startswith((base, "data:")) for url in asked), asked
    assert [text for text in said if "404" not in text] == []


@pytest.mark.parametrize(("language", "width", "scheme"), VISITS)
def test_signing_in_is_clean(locked: Pages, browser: Browser, language: str, width: int, scheme: Any) -> None:
    """The page that asks for the token, before and after a wrong one, is as clean as those behind it."""
    base = f"http://127.0.0.1:{locked.port}"
    with browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, base_url=base, locale=language
    ) as context:
        page = context.new_page()
        page.goto("/desk/overview")
        look(page, f"sign_in-{language}-{width}-{scheme}")
        page.locator("input[name=token]").fill("not this")
        with page.expect_navigation():
            page.locator("main button").click()
        assert page.locator(".wrong").count() == 1
        look(page, f"sign_in_wrong-{language}-{width}-{scheme}")
        assert page.url.endswith("/desk/sign-in")


def look(page: Any, name: str) -> None:
    from axe_playwright_python.sync_playwright import Axe  # noqa: PLC0415  # only where a browser is there

    if PICTURES:
        page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True)
    rules = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]
    found = Axe().run(page, options={"runOnly": rules, "iframes": False})
    assert found.violations_count == 0, f"{name}\n{found.generate_report()}"
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), name
    charts = page.evaluate(
        "[...document.querySelectorAll('svg[role=img]')].map(e => [e.getBoundingClientRect().width,"
        " e.getBoundingClientRect().height, document.getElementById((e.getAttribute('aria-labelledby') || '').split(' ')[0])"
        "?.textContent || e.getAttribute('aria-label') || ''])"
    )
    assert all(wide > 20 and high > 10 and label for wide, high, label in charts), (name, charts)
    if name.startswith(("overview", "rule-", "board-")):
        assert charts, name
    assert page.evaluate("getComputedStyle(document.querySelector('header')).maxWidth") == "1120px", (
        "the style is there"
    )


def test_the_same_facts_without_scripts(pages: Pages, browser: Browser) -> None:
    """No page has a script, and with scripts off the same text stands on it."""
    base = f"http://127.0.0.1:{pages.port}"
    texts = []
    for enabled in (True, False):
        with browser.new_context(java_script_enabled=enabled, base_url=base, locale="en") as context:
            page = context.new_page()
            found = []
            for path in PATHS.values():
                page.goto(path)
                assert page.locator("script").count() == 0
                found.append(page.locator("main").text_content())
            texts.append(found)
    assert texts[0] == texts[1]


def test_a_rule_is_paused_by_hand(pages: Pages, browser: Browser) -> None:
    """Two clicks pause a rule: the second after a page that asks; the word is in the inbox and in the audit log."""
    before = len(pages.inbox())
    with browser.new_context(base_url=f"http://127.0.0.1:{pages.port}", locale="en") as context:
        page = context.new_page()
        page.goto("/desk/rules/welcome")
        page.get_by_role("button", name="Pause this rule").click()
        assert len(pages.inbox()) == before
        page.get_by_role("button", name="Yes, do it").click()
        page.wait_for_selector("[role=status]")
    assert [entry.name for entry in pages.inbox()[before:]] == ["pause"]
    assert '"order": "pause"' in (pages.folder / "data/audit.ndjson").read_text()


def test_a_rule_is_paused_by_the_keyboard_alone(pages: Pages, browser: Browser) -> None:
    """Tab reaches every link, field and button of the page in the order of the text, each with a ring to see; Enter does it."""
    before = len(pages.inbox())
    with browser.new_context(base_url=f"http://127.0.0.1:{pages.port}", locale="en") as context:
        page = context.new_page()
        page.goto("/desk/rules/winback_30d")
        wanted = page.evaluate(
            "[...document.querySelectorAll('a[href], button, input:not([type=hidden]), summary, .scroll, iframe')].length"
        )
        reached: list[list[Any]] = []
        for _ in range(2 * wanted):
            page.keyboard.press("Tab")
            at = page.evaluate(
                "(e => [[...document.querySelectorAll('*')].indexOf(e), e.tagName, getComputedStyle(e).outlineStyle])"
                "(document.activeElement)"
            )
            if at[1] == "BODY" or (reached and at[0] == reached[0][0]):
                break
            if not reached or at[0] != reached[-1][0]:  # the links of a mail are inside one frame
                reached.append(at)
        assert [at[0] for at in reached] == sorted(at[0] for at in reached)
        assert len(reached) == wanted
        assert {at[2] for at in reached if at[1] != "IFRAME"} == {"solid"}
        page.goto("/desk/rules/winback_30d")
        for name in ("Pause this rule", "Yes, do it"):
            while page.evaluate("document.activeElement.textContent") != name:
                page.keyboard.press("Tab")
            with page.expect_navigation():
                page.keyboard.press("Enter")
        page.wait_for_selector("[role=status]")
    assert [entry.name for entry in pages.inbox()[before:]] == ["pause"]


def test_a_rules_mail_is_shown_in_a_sealed_frame(pages: Pages, browser: Browser) -> None:
    """The preview is a document of its own without scripts; the frame shows the mail's words."""
    with browser.new_context(base_url=f"http://127.0.0.1:{pages.port}", locale="en") as context:
        page = context.new_page()
        page.goto("/desk/rules/winback_30d")
        frame = page.frame_locator("iframe.mail")
        assert "Corner Books" in (frame.locator("body").text_content() or "")
        assert page.locator("iframe.mail").get_attribute("sandbox") == ""
