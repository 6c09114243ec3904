"""What did not leave, or would not, is said: by `run`, `explain`, `suppressions list` and `resume`, with its cause."""

from __future__ import annotations

import socket
from contextlib import closing
from pathlib import Path

import pytest

from relight.base.errors import StoreError
from relight.base.instants import HOUR, MINUTE
from relight.cli.main import cli, run_and_exit
from relight.config.secret import Secret
from relight.config.settings import StoreSettings
from relight.messages.identity import occurrence_digest
from relight.stores.inbox import Inbox, inbox_path
from relight.stores.inbox_words import Word, word_entry
from relight.stores.opening import open_inbox, open_inbox_to_read
from relight.stores.postgres import PostgresStore
from relight.stores.postgres_inbox import PostgresInbox
from relight.stores.sqlite import SqliteStore
from tests.faults.small_project import SECRET, T0, add, line, write_project
from tests.support.postgres_server import PostgresServer

RULES = {
    "gone": "trigger: {event: used}\nsend: hello\n",
    "kept": "trigger: {event: used}\nexpires: 36500 days\nsend: hello\n",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose mail server is away, and one customer whom two rules want to mail."""
    monkeypatch.setenv("LINK_SECRET", SECRET)
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    delivery = f"{{smtp: {{host: 127.0.0.1, port: {port}, security: none}}}}"
    project = write_project(tmp_path / "desk", RULES, delivery=delivery)
    add(project, line(1, "ada", "identify", T0, arrives=T0, email="ada@mail.example"))
    add(project, *(line(n, "ada", "used", T0 + n * MINUTE, arrives=T0 + n * MINUTE) for n in (2, 9)))
    monkeypatch.chdir(project)
    return project


def said(capfd: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run a command in this process and return everything it says."""
    with pytest.raises(SystemExit) as left:
        run_and_exit(cli, list(arguments))
    told = capfd.readouterr()
    assert left.value.code == 0, told.err
    return " ".join((told.out + told.err).split())


def test_what_did_not_leave_is_told_with_its_cause(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A mail that expired before it could leave and one that a pause stopped are counted by `run`, and `explain` names
    the pause.
    """
    del folder
    assert "`relight run` reads it" in said(capfd, "pause", "kept")
    told = said(capfd, "run")
    assert "1 mail had expired before it could leave" in told
    assert "1 mail did not leave (suppressed, paused or without consent since its decision)" in told
    assert "the rule was paused when the mail was to leave" in said(capfd, "explain", "ada", "kept")
    assert "expired before it could be sent" in said(capfd, "explain", "ada", "gone")


def test_orders_that_wait_count(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What stands in the inbox alone is on the list, and a rule does not go on while everything is paused."""
    (folder / "list.txt").write_text("ada@mail.example\n")
    said(capfd, "suppressions", "import", "list.txt")
    assert "1 suppressed" in said(capfd, "suppressions", "list", "--address", "Ada@mail.example")
    assert "NO suppressed" in said(capfd, "explain", "ada", "kept")
    assert "goes on; take it back" in said(capfd, "resume", "kept")
    said(capfd, "pause", "--all")
    assert "every rule is paused until relight resume --all" in said(capfd, "resume", "kept")
    said(capfd, "run")  # nothing is decided to be sent, so no server is asked
    assert "every rule is paused until relight resume --all" in said(capfd, "resume", "kept")
    said(capfd, "resume", "--all")
    assert "goes on; take it back" in said(capfd, "resume", "kept")


def test_a_reader_who_has_just_unsubscribed_is_named_before_the_engine_starts(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """While no engine runs, `explain` says of a mail that waits that it will not be sent, once its own link was used, and
    says so still when the log has learned of it.
    """
    with pytest.raises(SystemExit):
        run_and_exit(cli, ["run"])  # the server is away: the mail of `kept` waits
    capfd.readouterr()
    assert "Not sent:" not in said(capfd, "explain", "ada", "kept")
    store_file = folder / "data/relight.db"
    with closing(SqliteStore.open(store_file, read_only=True)) as store:
        (waiting,) = [one.message for one in store.messages() if one.message.rule == "kept"]
    word = Word(kind="consent", subject=waiting.topic, detail={"given": False, "source": "link"})
    with closing(Inbox.open(inbox_path(store_file))) as inbox:
        inbox.put([word_entry(word, received=T0 + HOUR, token=occurrence_digest(waiting.occurrence_key))])
    told = said(capfd, "explain", "ada", "kept")
    assert "Not sent: it will not be sent: its reader has unsubscribed since" in told
    assert "ada did NOT get kept" in told
    said(capfd, "run")  # the log knows it now, and the mail waits still: the server was away a moment ago
    assert "reader has unsubscribed since" in said(capfd, "explain", "ada", "kept")


def test_with_postgresql_too_a_reader_who_has_just_unsubscribed_is_named(
    folder: Path, capfd: pytest.CaptureFixture[str], postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the inbox is a table of the server, `explain` reads there what no engine has read yet, and changes nothing."""
    url = postgres.new_schema()
    monkeypatch.setenv("DATABASE_URL", url)
    config = folder / "config/default.yaml"
    config.write_text(config.read_text().replace("{sqlite: data/relight.db}", '{postgres: "${DATABASE_URL}"}'))
    with pytest.raises(SystemExit):
        run_and_exit(cli, ["run"])  # the server is away: the mail of `kept` waits
    capfd.readouterr()
    assert "Not sent:" not in said(capfd, "explain", "ada", "kept")
    with closing(PostgresStore.open(url, read_only=True)) as store:
        (waiting,) = [one.message for one in store.messages() if one.message.rule == "kept"]
    word = Word(kind="consent", subject=waiting.topic, detail={"given": False, "source": "link"})
    with closing(PostgresInbox.open(url)) as inbox:
        inbox.put([word_entry(word, received=T0 + HOUR, token=occurrence_digest(waiting.occurrence_key))])
    assert "Not sent: it will not be sent: its reader has unsubscribed since" in said(capfd, "explain", "ada", "kept")
    with closing(PostgresInbox.open(url)) as inbox:
        assert [one.name for one in inbox.read_after(0)] == ["consent"]


def test_what_is_opened_to_read_the_inbox_cannot_write(postgres: PostgresServer, tmp_path: Path) -> None:
    """An inbox that is opened to be read makes no schema, puts nothing, and is None where a project has no file yet."""
    settings = StoreSettings(postgres=Secret(postgres.new_schema()))
    with pytest.raises(StoreError, match="no store of relight yet"):
        open_inbox_to_read(settings, tmp_path)
    open_inbox(settings, tmp_path).close()
    inbox = open_inbox_to_read(settings, tmp_path)
    assert inbox is not None
    with closing(inbox), pytest.raises(StoreError, match="read-only"):
        inbox.put([word_entry(Word(kind="pause", subject="kept"), received=T0)])
    assert open_inbox_to_read(StoreSettings(), tmp_path) is None
