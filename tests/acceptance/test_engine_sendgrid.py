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
from relight.delivery.sendgrid_faults import KEEPS, Fault
from relight.engine.run import run_project
from relight.messages.addresses import address_hash
from relight.stores.sqlite import SqliteStore
from tests.faults.evidence import read_tables
from tests.faults.small_project import SECRET, T0, add, line, write_project
from tests.support.programs import Program, run_program

KEY = "SG.made-up.key"
PEOPLE = ("ada", "bounce1", "blocked1", "dropped1", "spam1", "unsubscribe1")


@contextmanager
def standing_in(log: Path, *options: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    arguments = [sys.executable, "-m", "relight", "dev", "sendgrid", "--port", "0", "--log", str(log), "--key", KEY]
    process = Program([*arguments, *options], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().split(" at ")[1].split(";")[0], process
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)


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


def test_at_every_point_at_which_the_line_may_break(tmp_path: Path) -> None:
    """I3, I6: at each point at which the provider may drop the line, with the message kept or not, it is unknown and held;
    over three starts nothing is handed over twice, and the store calls nothing accepted that the provider does not have.
    """
    broken = [
        f
        for f in Fault
        if f not in {Fault.RATE_LIMIT, Fault.ERROR, Fault.UNAVAILABLE, Fault.UNAUTHORISED, Fault.FORBIDDEN}
    ]
    people = tuple(f"p{n}" for n in range(len(broken) + 2))
    with standing_in(tmp_path / "log", *(word for f in broken for word in ("--fault", f.value))) as (url, _):
        folder = project_of(tmp_path / "desk", url, people, more=", connections: 1")
        for hour in (1, 2, 3):
            run(folder, T0 + hour * HOUR)
    found = states(folder)
    assert Counter(found.values()) == {"unknown": len(broken), "accepted": 2}
    kept = Counter(json.loads(one)["to"][0].partition("@")[0] for one in (tmp_path / "log").read_bytes().splitlines())
    assert max(kept.values()) == 1
    assert len(kept) == 2 + sum(f in KEEPS for f in broken)
    assert {who for who, state in found.items() if state == "accepted"} <= set(kept)


def test_the_guard_stops_and_an_operator_releases(tmp_path: Path) -> None:
    """S5: beyond the hour's number sending stops and both arms of every rule are paused; `relight release` lets them go on."""
    with standing_in(tmp_path / "log") as (url, _):
        folder = project_of(tmp_path / "desk", url)
        config = folder / "config/default.yaml"
        config.write_text(config.read_text() + "volume: {per_hour: 4}\n")
        assert "volume guard" in run(folder, T0 + HOUR)
        assert Counter(states(folder).values()) == {"accepted": 4, "pending": 2}
        controls = [c[0] for c in read_tables(folder / "data/relight.db").controls]
        assert controls.count("pause") == 1
        assert "volume guard" in run(folder, T0 + 9 * HOUR)
        program = [sys.executable, "-m", "relight"]
        told = run_program([*program, "doctor", "--project", str(folder)], env=environment(), check=False,
                              capture_output=True, text=True).stdout  # fmt: skip
        assert "relight release" in told
        assert "the key may send" in told
        run_program([*program, "release", "--project", str(folder)], env=environment(), check=True)
        run(folder, T0 + 10 * HOUR)
        assert run(folder, T0 + 11 * HOUR) == ""
        assert set(states(folder).values()) == {"accepted"}
        controls = [c[0] for c in read_tables(folder / "data/relight.db").controls]
        assert (controls.count("pause"), controls.count("resume")) == (1, 1)


def test_mails_that_the_warm_up_holds_are_named(tmp_path: Path) -> None:
    """A run that the warm-up ends says how many mails wait and for what, and `explain` says it of one of them."""
    with standing_in(tmp_path / "log") as (url, _):
        folder = project_of(tmp_path / "desk", url)
        config = folder / "config/default.yaml"
        config.write_text(
            config.read_text().replace("sendgrid:", "rate: 10 per second, warm_up: {start: 2, days: 14}, sendgrid:", 1)
        )
        rule = folder / "rules/welcome.yaml"
        rule.write_text(rule.read_text() + "expires: 36500 days\n")
        program = [sys.executable, "-m", "relight"]
        told = run_program([*program, "run", "--project", str(folder)], env=environment(), check=True,
                           capture_output=True, text=True).stdout  # fmt: skip
        assert "Mails wait: 4 decided, the warm-up has let today's 2 mails leave" in told
        assert Counter(states(folder).values()) == {"accepted": 2, "pending": 4}
        explained = [
            run_program([*program, "explain", who, "welcome", "--project", str(folder)], env=environment(), check=True,
                        capture_output=True, text=True).stdout
            for who in PEOPLE
        ]  # fmt: skip
        assert sum("The warm-up has let today's 2 mails leave" in one for one in explained) == 4


def test_a_test_mail_goes_by_the_project_s_way(tmp_path: Path) -> None:
    """`send-test` sends the rule's mail through SendGrid, marked, and leaves no trace in a ledger."""
    with standing_in(tmp_path / "log") as (url, _):
        folder = project_of(tmp_path / "desk", url)
        program = [sys.executable, "-m", "relight", "send-test", "welcome", "--project", str(folder), "--to"]
        done = run_program(
            [*program, "you@mail.example"], env=environment(), check=True, capture_output=True, text=True
        )
        assert done.stdout.startswith("accepted: '[test] ")
        wrong = run_program([*program, "nobody"], env=environment(), check=False, capture_output=True, text=True)
        assert wrong.returncode == 64
        refused = run_program([*program, "you@mail.example"], env=environment(SENDGRID_API_KEY="SG.x"), check=False,
                                 capture_output=True, text=True)  # fmt: skip
        assert refused.returncode != 0
        assert "401" in refused.stdout
    (one,) = [json.loads(line) for line in (tmp_path / "log").read_bytes().splitlines()]
    assert one["to"] == ["you@mail.example"]
    assert not (folder / "data/relight.db").exists()


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
        web = Program([sys.executable, "-m", "relight", "web", "--project", str(folder)], env=known,
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
            web.wait(timeout=90)
    assert states(folder) == wanted
    told = run_program([sys.executable, "-m", "relight", "doctor", "--offline", "--project", str(folder)], env=known,
                       check=False, capture_output=True, text=True).stdout  # fmt: skip
    assert "outbox: 0 waiting, 0 accepted, 2 delivered, 3 bounced, 1 complained" in told
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


def test_a_restored_backup_sends_nothing_again(tmp_path: Path) -> None:
    """I3, I14: the store of before the mails left is put back: what may have left is unknown and held, and in the
    stand-in's log nobody has a second mail; what is decided later leaves.
    """
    with standing_in(tmp_path / "log") as (url, _):
        folder = project_of(tmp_path / "desk", url, PEOPLE[:3])
        lines = (folder / "data/app.ndjson").read_text().splitlines(keepends=True)
        (folder / "data/app.ndjson").write_text("".join(lines[:3]))
        run(folder, T0)
        backup = (folder / "data/relight.db").read_bytes()
        (folder / "data/app.ndjson").write_text("".join(lines))
        run(folder, T0 + HOUR)
        assert Counter(states(folder).values()) == {"accepted": 3}
        for name in ("relight.db-wal", "relight.db-shm"):
            (folder / "data" / name).unlink(missing_ok=True)
        (folder / "data/relight.db").write_bytes(backup)
        add(folder, *(line(500 + n, "later", event, T0 + 2 * HOUR + n * MINUTE, arrives=T0 + 2 * HOUR + n * MINUTE,
                           **({"email": "later@mail.example"} if event == "identify" else {}))
                      for n, event in ((0, "identify"), (1, "used"), (9, "identify"))))  # fmt: skip
        for hour in (3, 4):
            run(folder, T0 + hour * HOUR)
    assert states(folder) == {**dict.fromkeys(PEOPLE[:3], "unknown"), "later": "accepted"}
    kept = [json.loads(one) for one in (tmp_path / "log").read_bytes().splitlines()]
    assert Counter(one["to"][0].partition("@")[0] for one in kept) == {**dict.fromkeys(PEOPLE[:3], 1), "later": 1}


def test_a_batch_loses_nobody_and_repeats_nobody(tmp_path: Path) -> None:
    """I3, I6, I19: mails that say the same share a request: one that is refused leaves the others alone, a lost answer
    makes its request unknown, and in the stand-in's log each has their own address, key and unsubscribe link, once.
    """
    people = ("ada", "bob", "refused1", "cem", "ege")
    with standing_in(tmp_path / "log") as (url, _):
        folder = project_of(tmp_path / "desk", url, people, more=", batch: 10")
        for hour in (1, 2):
            run(folder, T0 + hour * HOUR)
        assert states(folder) == {who: "rejected" if who == "refused1" else "accepted" for who in people}
    lines = [json.loads(one) for one in (tmp_path / "log").read_bytes().splitlines()]
    assert Counter(one["to"][0].partition("@")[0] for one in lines) == dict.fromkeys(set(people) - {"refused1"}, 1)
    assert len({one["id"] for one in lines}) < len(lines)  # some shared a request
    keys = {one["custom_args"]["relight_key"] for one in lines}
    links = {one["payload"]["personalizations"][0]["headers"]["List-Unsubscribe"] for one in lines}
    assert (len(keys), len(links)) == (4, 4)
    with standing_in(tmp_path / "lost", "--fault", "close") as (url, _):
        folder = project_of(tmp_path / "other", url, people[:2], more=", batch: 10")
        for hour in (1, 2):
            run(folder, T0 + hour * HOUR)
        assert set(states(folder).values()) == {"unknown"}
    assert len((tmp_path / "lost").read_bytes().splitlines()) == 2
