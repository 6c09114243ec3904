"""The shop's mails as Chromium draws them, at the width of a desktop pane and of a phone, light and dark."""

import html
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from relight.base.kinds import UNKNOWN, Kind
from relight.base.problems import Place
from relight.rules.plan import Condition
from relight.streams.schema import PropertyType
from relight.templates import Rendered, RenderPolicy, compile_letters, scan_letters
from relight.templates.samples import sample_letter

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
WIDTHS = (600, 390)
CONTRAST_MIN = 4.5
TARGET_PX_MIN = 44
#: Blink's numbers for a person's preferred colours.
SCHEMES = {"light": 1, "dark": 0}
POLICY = RenderPolicy(
    project="Tidewater Boards", zone="Europe/Istanbul", locale="en", currency="TRY",
    sender={
        "name": "Defne at Tidewater Boards", "reply_to": "hello@tidewater.example",
        "postal_address": "Kordon Caddesi 101, İzmir",
        "identity": "Tidewater Yazılım A.Ş., Kordon Caddesi 101, İzmir · MERSİS 0000000000000000 · hello@tidewater.example",
    },
    base_url="https://mail.tidewater.example", surveys={"csat": range(1, 6), "nps": range(11), "ces": range(1, 6)},
)  # fmt: skip
KINDS = {
    "last(order_placed.product)": Kind.TEXT,
    "last(order_placed.total)": Kind.MONEY,
    "recommended": Kind.LIST,
    "churn_score": Kind.NUMBER,
}
TRAITS = {"first_name": Kind.TEXT, "plan": Kind.TEXT, "team_size": Kind.INTEGER, "trial_ends_at": Kind.TIME}
PROPERTIES = {
    "cards": Kind.INTEGER, "quantity": Kind.INTEGER, "items": Kind.INTEGER, "total": Kind.MONEY, "began": Kind.TIME,
    "score": Kind.INTEGER, "url": Kind.URL, "expected": Kind.DATE, "left": Kind.INTEGER,
    "starts": Kind.TIME, "messages": Kind.INTEGER, "per_hour": Kind.INTEGER, "waiting": Kind.INTEGER, "stopped_at": Kind.TIME,
}  # fmt: skip


def _mails() -> Iterator[tuple[str, str]]:
    """Each letter in each language, for somebody who has everything and for somebody hostile."""
    folder = ROOT / "templates"
    sources = {path.relative_to(folder).as_posix(): path.read_text("utf-8") for path in folder.rglob("*.*")}
    scan = scan_letters(sources)
    expressions = {
        one.text: Condition(text=one.text, place=Place(file="-"), evaluate=lambda _reading: UNKNOWN)
        for one in scan.expressions
    }
    traits = {name: PropertyType(kind=kind) for name, kind in TRAITS.items()}
    letters, problems = compile_letters(scan, expressions=expressions, policy=POLICY, traits=traits)
    assert not [*scan.problems, *problems]
    for name, letter in letters.items():
        for language in letter.variants:
            for sample in sample_letter(letter, language or "en", kinds=KINDS, properties=PROPERTIES):
                mail = sample.letter.render(sample.reading, sample.extra)
                if isinstance(mail, Rendered):
                    yield f"{name} {language or 'en'} {sample.name}", mail.html


@pytest.fixture(scope="module", params=list(SCHEMES))
def drawn(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What Chromium measured in every mail at every width, in one colour scheme."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed")
    folder = tmp_path_factory.mktemp("mails")
    frames = "".join(
        f'<iframe data-mail="{name}" width="{width}" frameborder="0" srcdoc="{html.escape(mail)}"></iframe>'
        for name, mail in _mails()
        for width in WIDTHS
    )
    script = (Path(__file__).parent / "measure.js").read_text("utf-8")
    page = folder / "mails.html"
    page.write_text(f'<meta charset="utf-8"><pre id="result"></pre>{frames}<script>{script}</script>', "utf-8")
    command = [
        chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        f"--user-data-dir={folder / 'profile'}", f"--blink-settings=preferredColorScheme={SCHEMES[request.param]}",
        "--virtual-time-budget=20000", "--dump-dom", page.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    result = re.search(r'<pre id="result">(.*?)</pre>', done.stdout, re.DOTALL)
    assert result, done.stderr[-2000:]
    measured: list[dict[str, Any]] = json.loads(html.unescape(result[1]))
    return measured


def test_every_mail_is_drawn(drawn: list[dict[str, Any]]) -> None:
    """Every letter comes in both languages at both widths, each says its language, and no script gets in."""
    names = {one["mail"] for one in drawn if one["mail"].endswith("typical")}
    assert len({name.split()[0] for name in names}) == len(list((ROOT / "templates").glob("*/subject.txt")))
    assert all(one["language"] == one["mail"].split()[1] for one in drawn)
    assert not [one["mail"] for one in drawn if one["scripts"]]
    assert all(one["texts"] for one in drawn)


def test_text_stands_out(drawn: list[dict[str, Any]]) -> None:
    """Every word has a contrast of at least 4.5 to 1 with what is behind it."""
    faint = {
        (one["mail"], text["words"], round(text["contrast"], 2))
        for one in drawn
        for text in one["texts"]
        if text["contrast"] < CONTRAST_MIN
    }
    assert not faint


def test_targets_can_be_hit(drawn: list[dict[str, Any]]) -> None:
    """Every link that stands by itself is at least 44 px high."""
    small = {
        (one["mail"], t["words"], t["height"]) for one in drawn for t in one["targets"] if t["height"] < TARGET_PX_MIN
    }
    assert not small


def test_nothing_is_wider_than_the_pane(drawn: list[dict[str, Any]]) -> None:
    """No mail needs sideways scrolling, whatever the data are."""
    assert not {(one["mail"], one["width"], one["needs"]) for one in drawn if one["needs"] > one["width"]}
