"""A project that sends through SendGrid's stand-in, and hears what became of each mail: the real programs, on loopback."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from relight.base.instants import HOUR, MINUTE, SECOND
from relight.config.loader import load_project
from relight.engine.run import run_project
from relight.messages.addresses import address_hash
from relight.stores.sqlite import SqliteStore
from tests.faults.evidence import read_tables
from tests.faults.small_project import SECRET, T0, add, line, write_project

KEY = "SG.made-up.key"
PEOPLE = ("ada", "bounce1", "blocked1", "dropped1", "spam1", "unsubscribe1")


@contextmanager
def standing_in(log: Path, *options: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    arguments = [sys.executable, "-m", "relight", "dev", "sendgrid", "--port", "0", "--log", str(log), "--key", KEY]
    process = subprocess.Popen([*arguments, *options], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().split(" at ")[1].split(";")[0], process
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)


def project_of(folder: Path, url: str, people: tuple[str, ...] = PEOPLE, more: str = "") -> Path:
    delivery = (
        f"{{sendgrid: {{key: '${{SENDGRID_API_KEY}}', url: '{url}'{more}}}, timeout: 2 seconds, lease: 10 seconds}}"
    )
    rules = {"welcome": "trigger: {event: used}\nreentry: every\nsend: hello\n"}
    written = write_project(folder, rules, delivery=delivery)
    lines = [line(n, who, "identify", T0, arrives=T0, email=f"{who}@mail.example") for n, who in enumerate(people)]
    for turn, event in enumerate(("used", "identify")):
        at = T0 + turn * 10 * MINUTE + SECOND
        lines += [line(100 * (turn + 1) + n, who, event, at, arrives=at) for n, who in enumerate(people)]
    add(written, *lines)
    return written


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "LINK_SECRET": SECRET, "SENDGRID_API_KEY": KEY, **more}


def run(folder: Path, now: int, **more: str) -> str:
    return run_project(load_project(folder, env=environment(**more)), clock=lambda: now).trouble


def states(folder: Path) -> dict[str, str]:
    tables = read_tables(folder / "data/relight.db")
    return {tables.fields[key][2]: state for key, state in tables.messages.items()}


@pytest.mark.parametrize("fault", ["", "close", "hang", "gateway", "503"])
def test_what_the_provider_did_is_what_the_store_says(tmp_path: Path, fault: str) -> None:
    """S3, I3, I6: an accepted mail is accepted, one whose answer was lost is unknown and, being marketing, held; an error
    of the provider's is tried again; read from the stand-in's log nobody got one twice.
    """
    options = ("--fault", fault) if fault else ()
    with standing_in(tmp_path / "log", *options) as (url, _):
        folder = project_of(tmp_path / "desk", url, PEOPLE[:3])
        run(folder, T0 + HOUR)
        lost = {"close": 1, "hang": 1, "gateway": 1}.get(fault, 0)
        for hour in (2, 3):
            run(folder, T0 + hour * HOUR)
        assert Counter(states(folder).values()) == Counter(
            {"accepted": 3 - lost, "unknown": lost} if lost else {"accepted": 3}
        )
    lines = [json.loads(one) for one in (tmp_path / "log").read_bytes().splitlines()]
    assert Counter(one["to"][0] for one in lines) == dict.fromkeys((f"{who}@mail.example" for who in PEOPLE[:3]), 1)
    assert {one["payload"]["tracking_settings"]["subscription_tracking"]["enable"] for one in lines} == {False}
    for one in lines:
        assert one["custom_args"].keys() == {"relight_key"}
        assert one["to"][0] not in json.dumps(one["custom_args"])


def test_a_wrong_key_waits_for_an_operator(tmp_path: Path) -> None:
    """401 spends nothing, says what is wrong, and with the right key everything leaves."""
    with standing_in(tmp_path / "log") as (url, _):
        folder = project_of(tmp_path / "desk", url)
        assert "401" in run(folder, T0 + HOUR, SENDGRID_API_KEY="SG.other")
        assert set(states(folder).values()) == {"pending"}
        assert run(folder, T0 + 2 * HOUR) == ""
        assert set(states(folder).values()) == {"accepted"}


def test_reports_move_messages_and_suppress_addresses(tmp_path: Path) -> None:
    """The event webhook, signed, twice, through `relight web` into the inbox: each message is where the provider says, and
    hard bounces, refusals, complaints and unsubscribes are on the suppression list; a block is not (I5).
    """
    port = _free_port()
    hooks = f"http://127.0.0.1:{port}/hooks/sendgrid"
    with standing_in(tmp_path / "log", "--events", hooks) as (url, process):
        assert process.stdout is not None
        public = process.stdout.readline().strip().partition("SENDGRID_WEBHOOK_KEY=")[2]
        folder = project_of(tmp_path / "desk", url, more=", webhook_key: '${SENDGRID_WEBHOOK_KEY}'")
        with (folder / "config/default.yaml").open("r+") as config:
            text = config.read()
            assert "web: {" in text
            config.seek(0)
            config.write(text.replace("web: {", f'web: {{listen: "127.0.0.1:{port}", ', 1))
        known = environment(SENDGRID_WEBHOOK_KEY=public)
        web = subprocess.Popen([sys.executable, "-m", "relight", "web", "--project", str(folder)], env=known,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
        try:
            run(folder, T0 + HOUR, SENDGRID_WEBHOOK_KEY=public)
            wanted = {"ada": "delivered", "bounce1": "bounced", "blocked1": "bounced", "dropped1": "bounced",
                      "spam1": "complained", "unsubscribe1": "delivered"}  # fmt: skip
            for hour in range(2, 40):
                run(folder, T0 + hour * HOUR, SENDGRID_WEBHOOK_KEY=public)
                if states(folder) == wanted:
                    break
                time.sleep(0.5)  # the programs are real, and so is the time that posts take
        finally:
            web.terminate()
            web.wait(timeout=20)
    assert states(folder) == wanted
    store = SqliteStore.open(folder / "data/relight.db", read_only=True)
    scopes = {who: store.suppression(address_hash(f"{who}@mail.example")) for who in PEOPLE}
    assert {who: None if one is None else one.scope for who, one in scopes.items()} == {
        "ada": None, "bounce1": "all", "blocked1": None, "dropped1": "all", "spam1": "marketing",
        "unsubscribe1": "marketing",
    }  # fmt: skip
    moves = Counter((a.occurrence_key, a.state) for a in store.attempts())
    assert max(moves.values()) == 1  # every post came twice
    store.close()


def _free_port() -> int:
    import socket  # noqa: PLC0415 - only here

    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])
