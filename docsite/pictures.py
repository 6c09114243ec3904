"""Draws the pictures of README.md from the demo: `make pictures`, after which they lie in docs/images.

Needs Chromium and what `make run` left.
"""

from __future__ import annotations

import shutil
import socket
import sys
import threading
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from docsite.contents import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Page

#: Size of a picture (CSS pixels): what a page shows first.
WIDTH, HEIGHT = 1000, 780
#: The rule whose page is shown.
RULE = "onboarding"
#: Longest wait for the pages (s).
WAIT_SECONDS_MAX = 60


def main(demo: Path = ROOT) -> None:
    """Draw every picture; demo: the project folder that the demo ran in."""
    index = demo / "outbox" / "index.html"
    if not index.is_file():
        sys.exit("error: there are no mails to look at yet: make run")
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only where pictures are drawn

    images = ROOT / "docs" / "images"
    images.mkdir(exist_ok=True)
    desk = _serve_desk(demo)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        for name, address in (("mails", index.as_uri()), ("rule", f"{desk}/rules/{RULE}")):
            page.goto(address)
            if name == "rule":
                _await_goal(page)
            page.screenshot(path=images / f"{name}.png")
            print(images / f"{name}.png")
        browser.close()


def _await_goal(page: Page) -> None:
    """Look again until the figures are there, which are computed while pages are shown: the goal is one of them."""
    until = time.monotonic() + WAIT_SECONDS_MAX
    while page.locator("table.funnel a[href$='/people/goal']").count() == 0:
        if time.monotonic() > until:
            sys.exit("error: the figures did not come; see what `relight metrics` says")
        page.wait_for_timeout(500)
        page.reload()


def _serve_desk(demo: Path) -> str:
    """Serve the desk of the demo on a free port until this process ends; return its address."""
    from relight.cli.project import open_project  # noqa: PLC0415 - only where pictures are drawn
    from relight.web.serve import serve  # noqa: PLC0415 - likewise

    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    project = open_project(demo, None)
    settings = replace(project.settings, web=replace(project.settings.web, host="127.0.0.1", port=port))
    is_up = threading.Event()
    loaded = replace(project.loaded, settings=settings)
    threading.Thread(target=serve, args=(loaded, project.folder, is_up.set), daemon=True).start()
    if not is_up.wait(WAIT_SECONDS_MAX):
        sys.exit("error: the desk did not come up; see what `relight web` says")
    return f"http://127.0.0.1:{port}/desk"


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
