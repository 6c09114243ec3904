"""What an operator orders: pauses, suppressions, settlements and replays, with and without a running engine."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from relight.base.instants import DAY
from relight.messages.addresses import address_hash
from relight.messages.life import MessageState
from relight.stores.sqlite import SqliteStore
from relight.streams.envelope import Control
from tests.acceptance.cli_kit import relight
from tests.faults.checker import mails_in
from tests.faults.small_project import QUIET, SECRET, T0, add, line, write_project
from tests.faults.test_live import live

ENV = {"LINK_SECRET": SECRET}


def store_of(folder: Path) -> SqliteStore:
    return SqliteStore.open(folder / "data/relight.db", read_only=True)


def controls(folder: Path) -> list[Control]:
    with closing(store_of(folder)) as store:
        return [r for _, r in store.read_log() if isinstance(r, Control) and r.kind not in {"plan", "gap"}]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project of a growing file, with two people who have been silent since T0."""
    project = write_project(tmp_path, {"quiet": QUIET}, follow=True)
    for number, who in enumerate(("ada", "bob")):
        add(project, line(number, who, "identify", T0, email=f"{who}@mail.example"))
        add(project, line(10 + number, who, "used", T0))
    return project


def test_a_pause_reaches_the_running_engine(folder: Path) -> None:
    """`relight pause` is read by the running engine at once: what comes due then is not mailed, with its reason; after
    `relight resume` the next silence is.
    """
    with live(folder, T0) as engine:
        engine.wait(lambda done: done["events"] == 4)
        told = relight("pause", "quiet", cwd=folder, env=ENV).stdout
        assert "The running engine has read it." in told
        assert "relight resume quiet" in told
        engine.set_clock(T0 + 8 * DAY)
        engine.wait(lambda done: done["rows"] >= 2)
        relight("resume", "--all", cwd=folder, env=ENV)
        engine.stop()
    assert mails_in(folder / "outbox") == {}
    assert [(c.kind, c.subject) for c in controls(folder)] == [("pause", "quiet"), ("resume", "*")]
    with closing(store_of(folder)) as store:
        assert {row.reason for row in store.ledger() if row.state == "suppressed"} == {"rule_paused"}


def test_a_pause_waits_for_an_engine(folder: Path) -> None:
    """Without an engine the order stands in the inbox, and the next run obeys it from its first message on."""
    told = relight("pause", "--all", cwd=folder, env=ENV).stdout
    assert "It holds for every mail that has not left" in told
    with live(folder, T0) as engine:
        engine.wait(lambda done: done["events"] == 4)
        engine.set_clock(T0 + 8 * DAY)
        engine.wait(lambda done: done["rows"] >= 2)
        engine.stop()
    assert mails_in(folder / "outbox") == {}


def test_wrong_orders_are_told(folder: Path) -> None:
    """A rule that is none, an order without a rule, and a message that is not unknown are refused with what to do."""
    assert "did you mean 'quiet'" in relight("pause", "quite", cwd=folder, code=64, env=ENV).stderr
    assert "say --all" in relight("pause", cwd=folder, code=64, env=ENV).stderr
    assert "say --all" in relight("resume", "quiet", "--all", cwd=folder, code=64, env=ENV).stderr


def test_a_list_is_imported(folder: Path) -> None:
    """Every address of a list is suppressed as a hash; a line that is none is told and stops nothing; the same list again
    changes nothing; nobody on it is mailed.
    """
    (folder / "list.txt").write_text("ADA@mail.example\n\nno address\nzoe@mail.example\n")
    done = relight("suppressions", "import", "list.txt", "--cause", "old list", cwd=folder, code=1, env=ENV)
    assert "list.txt:3: no address" in done.stdout
    assert "2 addresses suppressed (marketing: old list), 1 line passed over" in done.stdout
    relight("suppressions", "import", "list.txt", "--cause", "old list", cwd=folder, code=1, env=ENV)
    with live(folder, T0) as engine:
        engine.wait(lambda done: done["events"] == 4)
        engine.set_clock(T0 + 8 * DAY)
        engine.wait(lambda done: done["mails"] == 1)
        engine.stop()
    (mail,) = mails_in(folder / "outbox").values()
    assert b"bob@mail.example" in mail
    assert len(controls(folder)) == 2
    listed = json.loads(relight("suppressions", "list", "--json", cwd=folder, env=ENV).stdout)["suppressions"]
    assert {(one["hash"], one["scope"], one["cause"]) for one in listed} == {
        (address_hash("ada@mail.example"), "marketing", "old list"),
        (address_hash("zoe@mail.example"), "marketing", "old list"),
    }
    asked = relight("suppressions", "list", "--address", "Ada@MAIL.example", cwd=folder, env=ENV).stdout
    assert "1 suppressed" in asked
    assert "not suppressed" in relight("suppressions", "list", "--address", "x@y.example", cwd=folder, env=ENV).stdout


def test_a_list_of_refusals_is_read_by_its_columns(folder: Path) -> None:
    """A list in the form of İYS: only refusals of mails count; quotes, semicolons and a byte order mark are read."""
    rows = [
        "recipient;recipientType;source;status;type;consentDate",
        '"ret@mail.example";BIREYSEL;HS_WEB;RET;EPOSTA;2026-01-01',
        '"onay@mail.example";BIREYSEL;HS_WEB;ONAY;EPOSTA;2026-01-01',
        '"+905000000000";BIREYSEL;HS_WEB;RET;MESAJ;2026-01-01',
        '"none";BIREYSEL;HS_WEB;RET;EPOSTA;2026-01-01',
    ]
    (folder / "iys.csv").write_text("\ufeff" + "\r\n".join(rows), encoding="utf-8")
    done = relight("suppressions", "import", "iys.csv", "--json", cwd=folder, code=1, env=ENV)
    told = json.loads(done.stdout)
    assert (told["taken"], told["bad_lines"]) == (1, [5])
    assert "cause of people's own links" in relight(
        "suppressions", "import", "iys.csv", "--cause", "unsubscribe", cwd=folder, code=64, env=ENV
    ).stderr  # fmt: skip


def test_an_unknown_message_is_settled(folder: Path) -> None:
    """S3: an operator's word on an unknown message moves it, by way of the inbox; one that is not unknown is refused."""
    with live(folder, T0) as engine:
        engine.wait(lambda done: done["events"] == 4)
        engine.set_clock(T0 + 8 * DAY)
        engine.wait(lambda done: done["mails"] == 2)
        engine.stop()
    store = SqliteStore.open(folder / "data/relight.db")
    first, second = [one.message.occurrence_key for one in store.messages()]
    with store._connection.transaction("before_note_commit", "after_note_commit") as cursor:
        cursor.execute("UPDATE outbox SET state = 'unknown' WHERE key = ?", (first,))
    store.close()
    assert first in relight("settle", cwd=folder, env=ENV).stdout
    assert "not unknown" in relight("settle", second, "accepted", cwd=folder, code=64, env=ENV).stderr
    assert "there is no message" in relight("settle", "x", "accepted", cwd=folder, code=64, env=ENV).stderr
    relight("settle", first, "rejected", cwd=folder, env=ENV)
    with live(folder, T0 + 8 * DAY) as engine:
        engine.wait(lambda _: state_of(folder, first) is MessageState.REJECTED)
        engine.stop()
    outcomes = [c for c in controls(folder) if c.kind == "outcome"]
    assert [(c.subject, c.detail["state"]) for c in outcomes] == [(first, "rejected")]


def state_of(folder: Path, key: str) -> MessageState:
    with closing(store_of(folder)) as store:
        status = store.message(key)
    assert status is not None
    return status.state


def test_the_running_engine_reads_dead_letters_again(folder: Path) -> None:
    """V2: `dead-letters replay` works while the engine runs: it reads them itself, what can be read becomes events once,
    what cannot stays, until `dead-letters dismiss`, which the engine carries out, too.
    """
    stream = folder / "streams/app.yaml"
    whole = stream.read_text()
    stream.write_text(whole.replace("id: id\n", "id: number\n"))
    with live(folder, T0) as engine:
        engine.wait(lambda done: done["dead"] == 4)
        engine.stop()
    stream.write_text(whole)
    add(folder, "{broken\n")
    with live(folder, T0) as engine:
        engine.wait(lambda done: done["dead"] == 1)
        done = relight("dead-letters", "replay", cwd=folder, code=1, env=ENV)
        assert "the running engine has read 4 dead letters again, 1 still cannot be read" in done.stdout
        assert "app.ndjson:5" in done.stdout
        assert relight("dead-letters", "dismiss", "5", cwd=folder, env=ENV).stdout.startswith("1 dead letter dismissed")
        assert relight("dead-letters", "list", cwd=folder, env=ENV).stdout == "no dead letters\n"
        engine.stop()
    with closing(store_of(folder)) as store:
        assert len([record for _, record in store.read_log() if not isinstance(record, Control)]) == 4
