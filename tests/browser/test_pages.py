"""The pages of a run and of a simulation as Chromium draws them, at 390 and 1100 px, light and dark."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from relight.simulate.pages import write_index, write_report
from tests.unit.simulate.pages.sample import make_page

pytestmark = pytest.mark.browser

WIDTHS = (390, 1100)
#: Blink's numbers for a person's preferred colours.
SCHEMES = {"light": 1, "dark": 0}
#: What Chromium asks by itself, whatever it shows; the resolver finds nothing for anybody.
BROWSERS_OWN = (".google.com", ".googleapis.com", ".gvt1.com")
PAGES = ("index.html", "report.html", "single.html")


def draw(folder: Path, body: str, *, scheme: int = 1) -> tuple[str, set[str]]:
    """Return the page as it stands after loading, and the hosts it asked."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed")
    page, log = folder / "harness.html", folder / "net.json"
    page.write_text(f'<meta charset="utf-8">{body}', "utf-8")
    command = [
        chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        "--allow-file-access-from-files", "--host-resolver-rules=MAP * ~NOTFOUND",
        "--window-size=1200,1000", f"--log-net-log={log}",
        f"--user-data-dir={folder / 'profile'}", f"--blink-settings=preferredColorScheme={scheme}",
        "--virtual-time-budget=20000", "--dump-dom", page.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    hosts = set(re.findall(r'"url":"(?:https?|wss?)://([^/":]+)', log.read_text("utf-8", "replace")))
    return done.stdout, {host for host in hosts if not host.endswith(BROWSERS_OWN)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages of a made-up year, whose mails ask for a picture and a script from elsewhere."""
    made = tmp_path_factory.mktemp("pages")
    data = make_page()
    write_index(made, data)
    write_report(made / "report.html", make_page(seed=9, scale=1.2, caps=0.7), data)
    write_report(made / "single.html", data)
    return made


@pytest.fixture(scope="module", params=list(SCHEMES))
def drawn(request: pytest.FixtureRequest, folder: Path) -> tuple[list[dict[str, Any]], set[str]]:
    """What Chromium measured of every page at every width in one colour scheme, and the hosts it asked."""
    frames = "".join(
        f'<iframe data-page="{name}" width="{width}" height="20000" frameborder="0" src="{name}"></iframe>'
        for name in PAGES
        for width in WIDTHS
    )
    script = (Path(__file__).parent / "measure_pages.js").read_text("utf-8")
    made, hosts = draw(
        folder, f'<pre id="result"></pre>{frames}<script>{script}</script>', scheme=SCHEMES[request.param]
    )
    result = re.search(r'<pre id="result">(.*?)</pre>', made, re.DOTALL)
    assert result
    measured: list[dict[str, Any]] = json.loads(html.unescape(result[1]))
    assert len(measured) == len(PAGES) * len(WIDTHS)
    return measured, hosts


def test_nothing_scrolls_sideways(drawn: tuple[list[dict[str, Any]], set[str]]) -> None:
    """No page needs more than its width, and every one has a title."""
    assert not [(one["page"], one["width"], one["needs"]) for one in drawn[0] if one["needs"] > one["width"]]
    assert all(one["title"] for one in drawn[0])


def test_every_chart_is_drawn_and_named(drawn: tuple[list[dict[str, Any]], set[str]]) -> None:
    """Every chart has a size, a name and marks, and its marks stay inside."""
    for one in drawn[0]:
        assert len(one["charts"]) >= 2
        for chart in one["charts"]:
            assert chart["width"] > 0, one
            assert chart["height"] > 0
            assert chart["drawn"], chart
            assert chart["inside"], chart
            assert chart["name"].strip()


def test_text_stands_out(drawn: tuple[list[dict[str, Any]], set[str]]) -> None:
    """Every word has a contrast of at least 4.5 to 1 with what is behind it."""
    assert not [(one["page"], text) for one in drawn[0] for text in one["faint"]]


def test_headings_descend_without_gaps(drawn: tuple[list[dict[str, Any]], set[str]]) -> None:
    """A page has one first heading, and no heading skips a level."""
    for one in drawn[0]:
        levels = one["headings"]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(b <= a + 1 for a, b in pairwise(levels)), levels


def test_mails_are_seen(drawn: tuple[list[dict[str, Any]], set[str]]) -> None:
    """Every mail has a named frame of a size one can read."""
    for one in drawn[0]:
        if one["page"] == "index.html":
            assert one["mails"]
            assert all(name and width >= 300 and height >= 400 for name, width, height in one["mails"])


def test_no_other_host_is_asked(drawn: tuple[list[dict[str, Any]], set[str]]) -> None:
    """Not even for the pictures and scripts of the mails shown."""
    assert drawn[1] == set()


def test_without_its_policies_a_page_would_ask(folder: Path, tmp_path: Path) -> None:
    """The measure can fail: the same page without its policies asks for the pictures of its mails."""
    text = (folder / "index.html").read_text("utf-8")
    (tmp_path / "open.html").write_text(re.sub(r"(Content-Security)-Policy", r"\1", text), "utf-8")
    _made, hosts = draw(tmp_path, '<iframe width="1100" height="20000" src="open.html"></iframe>')
    assert "pixel.tidewater.example" in hosts
