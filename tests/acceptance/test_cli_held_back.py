"""What did not leave, or would not, is said: by `run`, `explain`, `suppressions list` and `resume`, with its cause."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from relight.base.instants import MINUTE
from relight.cli.main import cli, run_and_exit
from tests.faults.small_project import SECRET, T0, add, line, write_project

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
