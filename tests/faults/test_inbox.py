"""The inbox and the engine: entries become records exactly once, whatever kills the engine between them (S4)."""

from __future__ import annotations

import dataclasses
import json
import signal
from contextlib import closing
from pathlib import Path

import pytest

from relight.base.instants import DAY, HOUR, SECOND, iso_utc
from relight.config.loader import load_project
from relight.engine.run import run_project
from relight.messages.identity import occurrence_digest
from relight.stores.inbox import Inbox
from relight.stores.inbox_interface import InboxKind, NewEntry
from relight.stores.inbox_words import Word, word_entry
from relight.stores.sqlite import SqliteStore
from relight.streams.envelope import Control, Event
from tests.faults.checker import mails_in
from tests.faults.small_project import QUIET, SECRET, T0, add, line, write_project
from tests.faults.test_live import live

RULE = QUIET.replace("send: hello", "send: hello\n")
HTTP_STREAM = """
source: {http: app}
id: id
time: {field: at}
customer: customer
name: event
traits: {email: email}
events:
  used: {}
"""
EVENTS = 12


def http_project(folder: Path) -> Path:
    """A project whose one stream comes through the inbox."""
    project = write_project(folder, {"quiet": RULE}, follow=True)
    (project / "streams/app.yaml").write_text(HTTP_STREAM)
    return project


def put(folder: Path, *entries: NewEntry) -> None:
    with closing(Inbox.open(folder / "data/relight.inbox.db")) as inbox:
        inbox.put(entries)


def row(number: int, received: int, customer: str = "ada") -> NewEntry:
    body = {"id": f"e{number}", "customer": customer, "event": "used", "at": iso_utc(received)}
    return NewEntry(kind=InboxKind.EVENT, name="app", body=json.dumps(body).encode(), received=received)


def consent(customer: str, received: int, *, given: bool) -> NewEntry:
    word = Word(kind="consent", customer=customer, subject="news", detail={"given": given})
    return word_entry(word, received=received)


def records(folder: Path) -> list[tuple[str, int]]:
    """Return what the log holds, plan and gap records left out: (id or kind, ingest time)."""
    with closing(SqliteStore.open(folder / "data/relight.db", read_only=True)) as store:
        found = [record for _, record in store.read_log()]
    return [
        (record.id if isinstance(record, Event) else record.kind, record.ingest_time)
        for record in found
        if isinstance(record, Event) or record.kind not in {"plan", "gap"}
    ]


@pytest.mark.parametrize(
    "point", ["before_inbox_batch:2", "inside_append:3", "before_append_commit:3", "after_inbox_batch:2"]
)
def test_entries_become_records_exactly_once(tmp_path: Path, point: str) -> None:
    """S4, H1: an engine that is killed on either side of the transaction that takes entries, or inside it, reads each
    entry once: rows and words stand in the log once, in the order and at the time they arrived.
    """
    folder = http_project(tmp_path)
    with live(folder, T0) as first:
        first.wait(lambda _: True)
        first.stop()
    entries = [row(n, T0 + n * SECOND) for n in range(EVENTS)]
    entries.insert(5, consent("ada", T0 + 4 * SECOND + 1, given=True))
    put(folder, *entries)
    with live(folder, T0 + HOUR, RELIGHT_CRASH_AT=point) as killed:
        assert killed.process.wait(timeout=90) == -signal.SIGKILL
    with live(folder, T0 + HOUR) as second:
        second.wait(lambda done: done["reached"] >= T0 + HOUR)
        second.stop()
    expected = [(f"e{n}", T0 + n * SECOND) for n in range(EVENTS)]
    expected.insert(5, ("consent", T0 + 4 * SECOND + 1))
    assert records(folder) == expected


def test_time_waits_for_the_inbox(tmp_path: Path) -> None:
    """H2, H9: what arrived while the engine was down is read before a silence that fell due meanwhile is judged, also
    where it is more than one batch: somebody who was active is not mailed.
    """
    folder = http_project(tmp_path)
    identify = json.dumps(
        {"id": "i", "customer": "ada", "event": "identify", "at": iso_utc(T0), "email": "a@b.example"}
    )
    entry = NewEntry(kind=InboxKind.EVENT, name="app", body=identify.encode(), received=T0)
    put(folder, entry, row(0, T0))
    with live(folder, T0) as before:
        before.wait(lambda done: done["events"] == 2)
        before.stop()
    others = [row(n, T0 + DAY + n, f"c{n}") for n in range(1, 40)]
    put(folder, *others, row(100, T0 + 6 * DAY))
    with live(folder, T0 + 7 * DAY + HOUR) as after:
        after.wait(lambda done: done["events"] == 40)
        after.set_clock(T0 + 7 * DAY + 2 * HOUR)
        done = after.wait(lambda done: done["reached"] >= T0 + 7 * DAY + 2 * HOUR)
        assert done["mails"] == 0
        after.stop()


def test_a_recorded_project_reads_its_inbox_too(tmp_path: Path) -> None:
    """An unsubscribe in the inbox of a project of finished files becomes a record at the instant its time has come to,
    and the mail that waits is not written.
    """
    folder = write_project(tmp_path, {"quiet": RULE})
    add(
        folder,
        line(0, "ada", "identify", T0, arrives=T0, email="ada@mail.example"),
        line(1, "ada", "used", T0, arrives=T0),
        line(2, "bob", "identify", T0, arrives=T0, email="bob@mail.example"),
        line(3, "bob", "used", T0, arrives=T0),
        line(4, "eve", "used", T0 + 8 * DAY, arrives=T0 + 8 * DAY),
    )
    put(folder, consent("ada", T0 + 300 * DAY, given=False))
    with live(folder, T0 + 300 * DAY) as run:
        run.process.wait(timeout=60)
    assert [address for text in mails_in(folder / "outbox").values() for address in addressees(text)] == [
        "bob@mail.example"
    ]
    assert ("consent", T0 + 8 * DAY) in records(folder)


def test_what_arrived_keeps_its_time_behind_recorded_files(tmp_path: Path) -> None:
    """H1: where a project has finished files and events over HTTP, what arrived while nothing ran stands in the log at the
    time it arrived, not where the files end: it is not from the future there, and its mail is not long expired.
    """
    folder = write_project(tmp_path, {"quiet": RULE})
    add(folder, line(0, "ada", "used", T0, arrives=T0))
    (folder / "streams/site.yaml").write_text(HTTP_STREAM.replace("http: app", "http: site"))
    arrived = T0 + 300 * DAY
    event = dataclasses.replace(row(7, arrived), name="site")
    put(folder, consent("ada", arrived, given=True), event, consent("ada", arrived + SECOND, given=False))
    project = load_project(folder, env={"LINK_SECRET": SECRET})
    summary = run_project(project, clock=lambda: arrived + HOUR, once=True)
    assert summary.dead == 0
    assert records(folder) == [
        ("e0", T0),
        ("consent", T0),  # a word takes effect as soon as it is read
        ("e7", arrived),
        ("consent", arrived + SECOND),
    ]


def addressees(mail: bytes) -> list[str]:
    return [text[4:].decode() for text in mail.splitlines() if text.startswith(b"To: ")]


def test_a_word_by_a_link_finds_its_customer(tmp_path: Path) -> None:
    """An unsubscribe that came by the link of a mail becomes the consent record of the mail's customer; one whose link
    belongs to no message is a dead letter, and blocks nothing.
    """
    folder = write_project(tmp_path, {"quiet": RULE}, follow=True)
    add(folder, line(0, "ada", "identify", T0, email="ada@mail.example"), line(1, "ada", "used", T0))
    with live(folder, T0) as run:
        run.wait(lambda done: done["events"] == 2)
        run.set_clock(T0 + 7 * DAY + HOUR)
        run.wait(lambda done: done["mails"] == 1)
        run.stop()
    with closing(SqliteStore.open(folder / "data/relight.db", read_only=True)) as store:
        key = next(store.messages()).message.occurrence_key
    word = Word(kind="consent", subject="news", detail={"given": False})
    gone = Word(kind="suppression", detail={"scope": "marketing", "cause": "unsubscribe"})
    now = T0 + 8 * DAY
    put(
        folder,
        word_entry(gone, received=now, token="0" * 32),
        word_entry(word, received=now, token=occurrence_digest(key)),
        word_entry(gone, received=now, token=occurrence_digest(key)),
        NewEntry(kind=InboxKind.COMMAND, name="no-such", body=b"", received=now),
    )
    with live(folder, now) as run:
        run.wait(lambda done: done["dead"] == 2)
        run.stop()
    with closing(SqliteStore.open(folder / "data/relight.db", read_only=True)) as store:
        controls = [r for _, r in store.read_log() if isinstance(r, Control) and r.kind in {"consent", "suppression"}]
        assert [(c.kind, c.customer, c.detail.get("given")) for c in controls] == [
            ("consent", "ada", False),
            ("suppression", None, None),
        ]
        found = store.suppression(controls[1].subject)
        assert found is not None
        assert (found.scope, found.cause) == ("marketing", "unsubscribe")
        letters = [(one.letter.stream, one.letter.code) for one in store.dead_letters()]
    assert letters == [("inbox", "word-refused"), ("inbox", "command-refused")]
