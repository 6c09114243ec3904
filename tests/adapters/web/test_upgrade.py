"""`relight web` goes on with the version it began with while the package is replaced beneath it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import relight
from tests.adapters.web.test_desk import PATHS, ordered
from tests.support.desk import TOKEN, desk_project
from tests.support.pages import Pages, await_pages, port_of

#: Longest wait for the pages to end (s).
END_SECONDS = 60


def test_pages_answer_while_the_package_is_replaced(tmp_path: Path) -> None:
    """With every file of the package gone, each page, its style, an order, and a page for links of mails are as before:
    all that they need was loaded at the start.
    """
    package = tmp_path / "site/relight"
    shutil.copytree(Path(relight.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    folder = desk_project(tmp_path / "shop", token=True)
    env = {**os.environ, "PYTHONPATH": str(package.parent), "LINK_SECRET": "s" * 20, "DESK_TOKEN": TOKEN}
    log = tmp_path / "log"
    log.write_text("")
    # A process of its own, from the copy: none that has this package imported already.
    process = subprocess.Popen(
        [sys.executable, "-m", "relight", "web"],
        cwd=folder,
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        pages = Pages(folder=folder, port=port_of(folder), process=process, log=log)
        await_pages(pages)
        package.rename(tmp_path / "gone")
        authorization = f"Bearer {TOKEN}"
        for path in PATHS:
            for form, accept in (("", "text/html"), (".json", "*/*")):
                name, mark, query = path.partition("?")
                answer = pages.ask(f"/desk/{name}{form}{mark}{query}", accept=accept, authorization=authorization)
                assert answer.status == 200, (path, form, answer.text[:300])
        assert pages.ask("/desk/-/desk.css").status == pages.ask("/-/style.css").status == 200
        assert pages.ask("/desk/none", accept="text/html", authorization=authorization).status == 404
        assert pages.ask("/u/none", accept="text/html").status in (400, 404)
        for order, subject in (("pause", "welcome"), ("dismiss", "1")):
            assert 'role="status"' in ordered(pages, "/desk/system", order, subject=subject)[1]
        told = ordered(pages, "/desk/rules/welcome", "send-test", subject="welcome", to="team@shop.example")[1]
        assert 'role="status"' in told
        preview = pages.ask("/desk/rules/welcome/preview/welcome", accept="text/html", authorization=authorization)
        assert preview.status == 200
    finally:
        process.terminate()
        process.wait(timeout=END_SECONDS)
