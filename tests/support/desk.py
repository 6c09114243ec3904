"""The starter project after one run, and its desk served by the real `relight web`."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.faults.conftest import ROOT
from tests.faults.small_project import SECRET
from tests.support.pages import Pages, free_port
from tests.support.programs import run_program

TOKEN = "a token of the desk"
#: A rule with a goal, in which people still wait at the end.
CARE = """\
name: A first hello
trigger: {event: signed_up}
goal: {event: order_placed, attribution: 20 days}
steps: [{send: welcome}, {wait: 300 days}]
"""

#: A board, a funnel and a target that the project calls by names of its own, one of them in English alone.
TITLED = """  own:
    title: {en: What is ours, tr: Bize ait olan}
    shows: [first_order, {funnel: begun}, {funnel: plain}, {target: first_poll}]
funnels:
  begun: {title: {en: Begun with us, tr: Bizimle başlayan}, steps: [signed_up, order_placed]}
  plain: {title: Two orders, steps: [signed_up, order_placed]}
"""


def desk_project(
    folder: Path, *, token: bool = False, hostile: str = "", more: Sequence[Mapping[str, object]] = ()
) -> Path:
    """Return the project; hostile: the trait of a customer `evil` who tries everything; more: further events."""
    _relight("init", str(folder))
    config = folder / "config/default.yaml"
    web = ', token: "${DESK_TOKEN}"' if token else ""
    config.write_text(
        config.read_text().replace(
            'web: {base_url: "https://mail.cornerbooks.example"}',
            'web: {base_url: "https://mail.cornerbooks.example", secret: "${LINK_SECRET}",'
            f' listen: "127.0.0.1:{free_port()}"{web}}}',
        )
    )
    (folder / "rules/first_hello.yaml").write_text(CARE)
    measures = folder / "config/measures.yaml"
    text = measures.read_text().replace(
        "  first_order: {from", "  first_order: {title: {en: Days to the first order, tr: İlk siparişe dek}, from"
    )
    poll = "targets:\n  first_poll: {title: {en: The first poll, tr: İlk anket}, done: false}\n"
    measures.write_text(text.replace("targets:\n", poll) + TITLED)
    rows = [
        {"id": "h1", "event": "identify", "customer": hostile or "evil", "first_name": hostile, "at": "2026-03-02T08:00:00Z"},
        {"id": "h2", "event": "order_placed", "customer": hostile or "evil", "order_id": hostile, "title": hostile,
         "total": 9, "at": "2026-03-02T09:00:00Z"},
        {"id": "bad", "event": "order_placed", "customer": "evil", "total": "much", "at": "2026-03-02T09:00:00Z"},
    ]  # fmt: skip
    with (folder / "events.ndjson").open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in [*rows, *more])
    _relight("run", "--project", str(folder), DESK_TOKEN=TOKEN)
    _relight("simulate", "--project", str(folder), DESK_TOKEN=TOKEN)
    return folder


def run_again(folder: Path) -> None:
    """Let an engine read what the inbox holds."""
    _relight("run", "--project", str(folder), DESK_TOKEN=TOKEN)


def until(pages: Pages, path: str, is_there: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Return a page's facts once something in the background has come."""
    ends = time.monotonic() + 120
    while time.monotonic() < ends:
        page: dict[str, Any] = json.loads(pages.ask(path).text)
        if is_there(page):
            return page
        time.sleep(0.1)
    raise AssertionError(path)


def await_figures(pages: Pages) -> None:
    """Wait until measures are computed and the rule tests have run, which pages show as soon as they are there."""
    until(pages, "/desk/metrics.json", lambda page: page["missing"] is None)
    until(pages, "/desk/rules/welcome.json", lambda page: page["tests"]["state"] == "done")


def _relight(*arguments: str, **env: str) -> None:
    environment = {**os.environ, "LINK_SECRET": SECRET, **env}
    run_program(
        [sys.executable, "-m", "relight", *arguments], cwd=ROOT, env=environment, capture_output=True, check=True
    )
