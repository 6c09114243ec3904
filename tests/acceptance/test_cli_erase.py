"""`relight export` and `relight erase`: what is known of a customer is shown, then taken out, and it stays out (V5)."""

from __future__ import annotations

import json
import signal
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from relight.base.instants import DAY, iso_utc
from relight.engine.erasing import EraseOrder, erase_entry, read_answer
from relight.messages.identity import occurrence_digest
from relight.stores.erasure_key import ERASED_PREFIX, erasure_key_path, read_erasure_key
from relight.stores.inbox import Inbox
from relight.stores.inbox_words import Word, word_entry
from relight.stores.postgres import PostgresStore
from relight.stores.sqlite import SqliteStore
from relight.streams.envelope import Control, Event
from tests.acceptance.cli_kit import relight
from tests.faults.checker import mails_in
from tests.faults.small_project import QUIET, SECRET, T0, add, line, write_project
from tests.faults.test_live import live
from tests.support.pages import Pages, free_port, serving
from tests.support.postgres_server import PostgresServer

ENV = {"LINK_SECRET": SECRET}
WHO, ADDRESS = "customer-ada", "ada.lovelace@mail.example"


def files_hold(folder: Path, *words: str) -> list[str]:
    """Return the words that stand in the bytes of the store's and the inbox's files."""
    paths = [p for p in (folder / "data").iterdir() if p.name.startswith("relight.")]
    text = b"".join(path.read_bytes() for path in paths)
    return [word for word in words if word.encode() in text]


def consents(folder: Path) -> int:
    with closing(SqliteStore.open(folder / "data/relight.db", read_only=True)) as store:
        return sum(isinstance(r, Control) and r.kind == "consent" for _, r in store.read_log())


@contextmanager
def pages_of(folder: Path) -> Iterator[Pages]:
    """Serve the project's pages."""
    config = folder / "config/default.yaml"
    text = config.read_text()
    config.write_text(text.replace('secret: "', f'listen: "127.0.0.1:{free_port()}", secret: "'))
    try:
        with serving(folder) as pages:
            yield pages
    finally:
        config.write_text(text)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project that has mailed two people, one of whom said something by a link, with a dead letter of each."""
    project = write_project(tmp_path, {"quiet": QUIET}, follow=True)
    for number, (who, address) in enumerate(((WHO, ADDRESS), ("customer-bob", "bob@mail.example"))):
        add(project, line(number, who, "identify", T0, email=address), line(10 + number, who, "used", T0))
        add(project, json.dumps({"customer": who, "event": "used", "at": iso_utc(T0)}) + "\n")
    with live(project, T0) as engine:
        engine.wait(lambda done: done["reached"] >= T0)
        engine.set_clock(T0 + 8 * DAY)
        engine.wait(lambda done: done["mails"] >= 2 and len(mails_in(project / "outbox")) == 2)
        with closing(SqliteStore.open(project / "data/relight.db", read_only=True)) as store:
            key = next(one.message.occurrence_key for one in store.messages() if one.message.customer == WHO)
        word = Word(kind="consent", subject="news", detail={"given": False})
        with closing(Inbox.open(project / "data/relight.inbox.db")) as inbox:
            inbox.put([word_entry(word, received=T0 + 8 * DAY, token=occurrence_digest(key))])
            inbox.put([word_entry(Word(kind="consent", customer=WHO, subject="news"), received=T0 + 8 * DAY)])
        engine.wait(lambda _: consents(project) == 2)
        engine.set_clock(T0 + 9 * DAY)
        engine.wait(lambda done: done["reached"] >= T0 + 9 * DAY)
        engine.stop()
    return project


def run(folder: Path, until: int) -> None:
    with live(folder, T0) as engine:
        engine.wait(lambda done: done["reached"] >= T0)
        engine.set_clock(T0 + until)
        engine.wait(lambda done: done["reached"] >= T0 + until)
        engine.stop()


def test_export_shows_everything(folder: Path) -> None:
    """B5: the export holds the customer's log, decisions, mails and attempts, and nobody else's."""
    told = json.loads(relight("export", WHO, cwd=folder, env=ENV).stdout)
    assert [record.get("name", record.get("kind")) for record in told["log"]] == [
        "identify", "used", "consent", "consent",
    ]  # fmt: skip
    assert [(mail["state"], mail["address"]) for mail in told["mails"]] == [("accepted", ADDRESS)]
    assert len(told["attempts"]) == 1
    assert {row["customer"] for row in told["decisions"]} == {WHO}
    assert "bob" not in json.dumps(told)
    assert "there is no customer" in relight("export", "nobody", cwd=folder, code=64, env=ENV).stderr


def test_erase_leaves_tombstones_and_proof(folder: Path) -> None:
    """V5: afterwards the store's bytes hold neither id nor address; each record is a tombstone with (stream, keyed hash,
    id); others are untouched; the key is the owner's alone.
    """
    assert files_hold(folder, WHO, ADDRESS) == [WHO, ADDRESS]
    assert "say --yes" in relight("erase", WHO, cwd=folder, code=64, env=ENV).stderr
    told = json.loads(relight("erase", WHO, "--yes", "--json", cwd=folder, env=ENV).stdout)
    assert {k: told[k] for k in ("records", "messages", "dead_letters", "addresses", "words", "found")} == {
        "records": 4, "messages": 1, "dead_letters": 1, "addresses": 1, "words": 2, "found": 0,
    }  # fmt: skip
    assert files_hold(folder, WHO, ADDRESS) == []
    assert files_hold(folder, "customer-bob", "bob@mail.example") == ["customer-bob", "bob@mail.example"]
    key = erasure_key_path(folder / "data/relight.db")
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    with closing(SqliteStore.open(folder / "data/relight.db", read_only=True)) as store:
        records = [record for _, record in store.read_log()]
        assert {row.customer for row in store.ledger()} == {"customer-bob"}
        assert [one.letter.raw for one in store.dead_letters() if WHO.encode() in one.letter.raw] == []
    stones = [r for r in records if isinstance(r, Control) and r.kind == "erased"]
    assert [(r.subject, r.detail.get("id")) for r in stones] == [("app", "e0"), ("app", "e10"), ("", None), ("", None)]
    assert {r.customer for r in stones} == {told["name"]}
    assert told["name"].startswith(ERASED_PREFIX)
    assert {r.customer for r in records if isinstance(r, Event)} == {"customer-bob"}


def test_the_same_events_again_are_known(folder: Path) -> None:
    """V1, V5: the very events of somebody erased, delivered again, are copies: nobody comes back by them."""
    relight("erase", WHO, "--yes", cwd=folder, env=ENV)
    add(folder, line(0, WHO, "identify", T0, email=ADDRESS), line(10, WHO, "used", T0))
    add(folder, line(30, "customer-eve", "used", T0 + 9 * DAY))
    run(folder, 10 * DAY)
    with closing(SqliteStore.open(folder / "data/relight.db", read_only=True)) as store:
        events = [record for _, record in store.read_log() if isinstance(record, Event)]
    assert {event.customer for event in events} == {"customer-bob", "customer-eve"}
    assert files_hold(folder, WHO, ADDRESS) == []


def test_who_was_erased_is_not_mailed_again(folder: Path) -> None:
    """V5: the address comes back with a new customer: the keyed suppression refuses marketing at the gate, and the list
    knows neither the address nor its plain hash.
    """
    relight("erase", WHO, "--yes", cwd=folder, env=ENV)
    before = len(mails_in(folder / "outbox"))
    add(folder, line(40, "somebody", "identify", T0 + 9 * DAY, email=ADDRESS.upper()))
    add(folder, line(41, "somebody", "used", T0 + 9 * DAY))
    run(folder, 10 * DAY)
    assert "from an erasure" in relight("explain", "somebody", "quiet", cwd=folder, env=ENV).stdout
    with pages_of(folder) as pages:
        assert "from an erasure" in pages.ask("/desk/customers/somebody").text
    run(folder, 17 * DAY)
    assert len(mails_in(folder / "outbox")) == before
    with closing(SqliteStore.open(folder / "data/relight.db", read_only=True)) as store:
        reasons = {row.reason for row in store.ledger(customer="somebody") if row.state == "suppressed"}
        assert reasons == {"suppressed"}
    assert "not suppressed" in relight("suppressions", "list", "--address", ADDRESS, cwd=folder, env=ENV).stdout
    told = json.loads(relight("replay", "--json", cwd=folder, env=ENV).stdout)
    assert (told["ok"], told["extra"]) == (True, 0)


def test_a_running_engine_takes_somebody_out(folder: Path) -> None:
    """V5: while the engine runs it carries the order out between two batches: no byte of the person is left, the inbox
    and the order itself included; the engine knows the same events again, mails everybody else and not the address.
    """
    before = len(mails_in(folder / "outbox"))
    with live(folder, T0 + 9 * DAY) as engine:
        engine.wait(lambda _: True)
        told = json.loads(relight("erase", WHO, "--yes", "--json", cwd=folder, env=ENV).stdout)
        assert (told["ok"], told["records"], told["messages"], told["words"], told["found"]) == (True, 4, 1, 2, 0)
        assert files_hold(folder, WHO, ADDRESS) == []
        add(folder, line(0, WHO, "identify", T0, email=ADDRESS), line(10, WHO, "used", T0))
        for number, (who, address) in enumerate((("eve", "eve@mail.example"), ("again", ADDRESS))):
            add(folder, line(50 + number, who, "identify", T0 + 9 * DAY, email=address))
            add(folder, line(60 + number, who, "used", T0 + 9 * DAY))
        engine.wait(lambda done: done["events"] >= 4)
        engine.set_clock(T0 + 17 * DAY)
        engine.wait(lambda done: done["reached"] >= T0 + 17 * DAY and done["mails"] >= 1)
        engine.stop()
    assert len(mails_in(folder / "outbox")) == before + 1
    with closing(SqliteStore.open(folder / "data/relight.db", read_only=True)) as store:
        assert {r.customer for _, r in store.read_log() if isinstance(r, Event)} == {"customer-bob", "eve", "again"}
        assert {row.reason for row in store.ledger(customer="again") if row.state == "suppressed"} == {"suppressed"}


def test_a_kill_before_the_order_is_done_with_changes_nothing(folder: Path) -> None:
    """V5: killed when the person is gone and the place in the inbox is not kept yet, the engine carries the order out
    again: to the same answer, and then nothing names them.
    """
    with closing(Inbox.open(folder / "data/relight.inbox.db")) as inbox:
        (place,) = inbox.put([erase_entry(EraseOrder(customer=WHO), T0)])
    with live(folder, T0 + 9 * DAY, RELIGHT_CRASH_AT="before_inbox_batch:1") as killed:
        assert killed.process.wait(timeout=60) == -signal.SIGKILL
    assert files_hold(folder, WHO) == [WHO]  # the order
    with closing(SqliteStore.open(folder / "data/relight.db", read_only=True)) as store:
        first = read_answer(store, place)
        assert first is not None
        assert (first.records, first.words) == (4, 2)
    run(folder, 9 * DAY)
    with closing(SqliteStore.open(folder / "data/relight.db", read_only=True)) as store:
        assert read_answer(store, place) == first
    assert files_hold(folder, WHO, ADDRESS) == []


def test_a_server_s_tables_keep_nobody(tmp_path: Path, postgres: PostgresServer) -> None:
    """V1, V5: on PostgreSQL, beside a running engine and without one: no table holds the person, the same events again
    are copies, the address stays suppressed, and without the key the store is not opened.
    """
    env = {**ENV, "DATABASE_URL": postgres.new_schema()}
    project = write_project(tmp_path, {"quiet": QUIET}, follow=True)
    config = project / "config/default.yaml"
    config.write_text(config.read_text().replace("{sqlite: data/relight.db}", '{postgres: "${DATABASE_URL}"}'))
    people = {WHO: ADDRESS, "customer-bob": "bob.example@mail.example", "customer-eve": "eve@mail.example"}
    rows = [(line(n, who, "identify", T0, email=address), line(10 + n, who, "used", T0))
            for n, (who, address) in enumerate(people.items())]  # fmt: skip
    add(project, *(one for pair in rows for one in pair))
    add(project, json.dumps({"customer": WHO, "event": "used", "at": iso_utc(T0)}) + "\n")
    with live(project, T0, DATABASE_URL=env["DATABASE_URL"]) as engine:
        engine.wait(lambda done: done["events"] >= 6)
        engine.set_clock(T0 + 8 * DAY)
        engine.wait(lambda done: done["mails"] >= 3)
        told = json.loads(relight("erase", WHO, "--yes", "--json", cwd=project, env=env).stdout)
        assert (told["ok"], told["records"], told["messages"], told["dead_letters"]) == (True, 2, 1, 1)
        engine.stop()
    told = json.loads(relight("erase", "customer-bob", "--yes", "--json", cwd=project, env=env).stdout)
    assert (told["ok"], told["records"], told["addresses"]) == (True, 2, 1)
    add(project, *rows[0], line(90, "again", "identify", T0 + 9 * DAY, email=ADDRESS))
    add(project, line(91, "again", "used", T0 + 9 * DAY))
    with live(project, T0 + 9 * DAY, DATABASE_URL=env["DATABASE_URL"]) as engine:
        engine.wait(lambda done: done["events"] >= 2)
        engine.set_clock(T0 + 17 * DAY)
        engine.wait(lambda done: done["reached"] >= T0 + 17 * DAY)
        engine.stop()
    with closing(PostgresStore.open(env["DATABASE_URL"], read_only=True)) as store:
        assert {r.customer for _, r in store.read_log() if isinstance(r, Event)} == {"customer-eve", "again"}
        assert store.count_words([WHO, "bob.example@mail.example"]) == 0
        assert store.count_words(["customer-eve"]) > 0
        assert {row.reason for row in store.ledger(customer="again") if row.state == "suppressed"} == {"suppressed"}
    erasure_key_path(project / "data/relight.db").unlink()
    assert "is missing" in relight("export", "again", cwd=project, code=69, env=env).stderr


def test_erase_says_what_is_in_its_way(folder: Path) -> None:
    """Without --yes, or while the inbox holds what no engine has read, nothing is erased; without its key a store whose
    erased people could be mailed again is refused.
    """
    assert "for ever" in relight("erase", WHO, cwd=folder, code=64, env=ENV).stderr
    with closing(Inbox.open(folder / "data/relight.inbox.db")) as inbox:
        inbox.put([word_entry(Word(kind="pause", subject="*"), received=T0)])
    assert "no engine has read" in relight("erase", WHO, "--yes", cwd=folder, code=64, env=ENV).stderr
    assert files_hold(folder, ADDRESS) == [ADDRESS]
    key = erasure_key_path(folder / "data/relight.db")
    assert read_erasure_key(folder / "data/relight.db") is None
    key.write_bytes(b"short")
    assert "no erasure key" in relight("export", WHO, cwd=folder, code=69, env=ENV).stderr
    key.unlink()
    run(folder, 10 * DAY)
    relight("erase", WHO, "--yes", cwd=folder, env=ENV)
    key.unlink()
    assert "is missing" in relight("export", "customer-bob", cwd=folder, code=69, env=ENV).stderr
