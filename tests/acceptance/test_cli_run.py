"""`init`, `check`, `run`, `replay` and Ctrl-C, with the real program."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from tests.acceptance.cli_kit import (
    COMMAND_SECONDS,
    ENVIRONMENT,
    copy_project,
    edit,
    ledger_of,
    mails_of,
    relight,
    relight_json,
)
from tests.support.programs import Program

#: Batches that are durable before Ctrl-C comes.
BATCHES_BEFORE = 6


def test_init_makes_a_sound_project(new_project: Path, tmp_path: Path) -> None:
    """A new project has no problem, knows its editor, and `init` never writes into a folder that holds something."""
    assert relight_json("check", "--strict", cwd=new_project) == {"schema": "check/1", "ok": True, "problems": []}
    for name in (".schema/rule.json", ".schema/stream.json", ".vscode/settings.json", ".gitignore", "events.ndjson"):
        assert (new_project / name).is_file()
    first = (new_project / "rules/winback_30d.yaml").read_text(encoding="utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=../.schema/rule.json"
    (tmp_path / "kept").write_text("mine")
    assert "not empty" in relight("init", str(tmp_path), cwd=tmp_path, code=64).stderr


def test_check_reports_everything_at_once(new_project: Path, tmp_path: Path) -> None:
    """Mistakes in several files come in one run, sorted by place, each with its column and the nearest word."""
    project = copy_project(new_project, tmp_path / "shop")
    edit(project / "rules/winback_30d.yaml", "inactive: 30 days", "inactve: 30 days")
    edit(project / "rules/fifth_order.yaml", "count: order_placed", "count: order_plced")
    edit(project / "templates/winback/body.txt", "customer.first_name is known", "customer.first_nme is known")
    done = relight("check", cwd=project, code=1)
    lines = done.stdout.splitlines()
    heads = [line for line in lines if line.startswith(("rules/", "templates/"))]
    assert [line.split(":")[0] for line in heads] == [
        "rules/fifth_order.yaml",
        "rules/winback_30d.yaml",
        "templates/winback/body.txt",
    ]
    assert "did you mean 'order_placed'?" in done.stdout
    assert "did you mean 'inactive'?" in done.stdout
    assert "did you mean 'first_name'?" in done.stdout
    assert heads[1].startswith("rules/winback_30d.yaml:3:11: ")
    assert lines[-1].startswith("3 errors in 3 rules, 3 templates and 1 document")
    narrowed = relight("check", "rules/winback_30d.yaml", cwd=project, code=1)
    assert narrowed.stdout.count("error") == 1
    github = relight("check", "--format", "github", cwd=project, code=1)
    assert "::error file=rules/winback_30d.yaml,line=3,col=11" in github.stdout


def test_a_second_run_continues(run_project: Path, tmp_path: Path) -> None:
    """A second run reads nothing twice, sends nothing twice, and takes what was appended meanwhile, and what was put in
    further up as arriving now.
    """
    project = copy_project(run_project, tmp_path / "shop")
    before, mails = ledger_of(project), mails_of(project)
    assert len(mails) > 100
    again = relight_json("run", cwd=project)
    assert (again["events"], again["ledger_rows"], again["handed_over"]) == (0, 0, 0)
    assert (ledger_of(project), mails_of(project)) == (before, mails)
    with (project / "events.ndjson").open("a", encoding="utf-8") as file:
        file.write('{"id": "new1", "event": "order_placed", "customer": "b00001", "at": "2026-08-30T10:00:00Z"}\n')
    more = relight_json("run", cwd=project)
    assert (more["events"], more["caught_up"]) == (1, 0)
    assert more["ledger_rows"] > 0
    text = (project / "events.ndjson").read_text(encoding="utf-8")
    old = '{"id": "old1", "event": "order_placed", "customer": "b00001", "at": "2026-04-01T10:00:00Z"}\n'
    (project / "events.ndjson").write_text(old + text, encoding="utf-8")
    told = relight("run", cwd=project)
    assert "1 row came into the recorded files before the place up to which they were read" in told.stderr
    assert "Read 1 event in" in told.stdout + told.stderr
    again = relight_json("run", cwd=project)
    assert (again["events"], again["duplicates"], again["caught_up"]) == (0, 0, 0)


def test_ctrl_c_loses_nothing(new_project: Path, run_project: Path, tmp_path: Path) -> None:
    """Ctrl-C in the middle of a run leaves with 130; the next start ends with the ledger and mails of an undisturbed run."""
    project = copy_project(new_project, tmp_path / "shop")
    pipe = tmp_path / "passed"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDWR)
    with (
        Program(
            [sys.executable, "-m", "relight", "run"],
            cwd=project,
            env=ENVIRONMENT | {"RELIGHT_CRASH_LOG": str(pipe)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
        os.fdopen(reader, "r", encoding="utf-8") as passed,
    ):
        commits = 0
        for line in passed:
            commits += line == "after_append_commit\n"
            if commits == BATCHES_BEFORE:
                break
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=COMMAND_SECONDS)
    assert process.returncode == 130, err
    assert "`relight run` continues" in out.splitlines()[-1]
    half = ledger_of(project)
    assert 0 < len(half) < len(ledger_of(run_project))
    done = relight_json("run", cwd=project)
    assert done["recovered"] >= 0
    assert ledger_of(project) == ledger_of(run_project)
    assert mails_of(project) == mails_of(run_project)


def test_replay_is_equal(run_project: Path, tmp_path: Path) -> None:
    """Deciding the stored log again gives the stored ledger; a row that was changed in the store is found and named."""
    equal = relight_json("replay", cwd=run_project)
    assert equal["ok"]
    assert equal["equal"] == len(ledger_of(run_project))
    project = copy_project(run_project, tmp_path / "shop")
    _spoil_one_row(project)
    spoilt = relight("replay", cwd=project, code=1)
    assert "1 extra" in spoilt.stdout.splitlines()[-1]


def _spoil_one_row(project: Path) -> None:
    with closing(sqlite3.connect(project / "data/relight.db")) as connection, connection:
        connection.execute("DELETE FROM ledger WHERE rowid = (SELECT min(rowid) FROM ledger)")


def test_time_far_ahead_of_the_clock_is_told(new_project: Path, tmp_path: Path) -> None:
    """A row dated decades ahead moves a recorded project's time there (H1); the run says so."""
    project = copy_project(new_project, tmp_path / "shop")
    row = '{"id": "far", "at": "2090-01-01T10:00:00Z", "customer": "b00001", "event": "signed_up"}\n'
    with (project / "events.ndjson").open("a", encoding="utf-8") as file:
        file.write(row)
    done = relight("run", cwd=project)
    assert "2090-01-01" in done.stdout
    assert "days ahead of this machine's clock" in done.stderr
