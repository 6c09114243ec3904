"""Runs the real program as a process in a project folder that `relight init` made."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from relight.messages.ledger import LedgerRow
from relight.stores.sqlite import SqliteStore
from tests.support.programs import run_program

#: Longest that one command may take (s).
COMMAND_SECONDS = 120

#: Every variable of ours that the developer may have set is left out.
ENVIRONMENT = {
    key: value for key, value in os.environ.items() if not key.startswith(("RELIGHT", "_RELIGHT", "NO_COLOR"))
}


def relight(
    *arguments: str, cwd: Path, code: int | None = 0, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the program; code: the exit code that is expected, None for any."""
    done = run_program(
        [sys.executable, "-m", "relight", *arguments],
        cwd=cwd,
        env=ENVIRONMENT | (env or {}),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=COMMAND_SECONDS,
        check=False,
    )
    if code is not None:
        assert done.returncode == code, f"{arguments} gave {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def relight_json(*arguments: str, cwd: Path, code: int | None = 0) -> Any:
    """Run the program and return the one JSON object it prints."""
    return json.loads(relight(*arguments, "--json", cwd=cwd, code=code).stdout)


def copy_project(source: Path, target: Path, *, with_store: bool = True) -> Path:
    """Copy a project folder; without its store and mails it is as new."""
    ignored = () if with_store else ("data", "outbox", "out")
    shutil.copytree(source, target, ignore=shutil.ignore_patterns(*ignored, "*.lock"))
    return target


def edit(path: Path, old: str, new: str) -> None:
    """Replace a text that must be in a file."""
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{path} has no {old!r}"
    path.write_text(text.replace(old, new), encoding="utf-8")


def ledger_of(project: Path) -> list[LedgerRow]:
    """Return the rows of a project's store, by key."""
    store = SqliteStore.open(project / "data" / "relight.db", read_only=True)
    try:
        return sorted(store.ledger(), key=lambda row: row.occurrence_key)
    finally:
        store.close()


def mails_of(project: Path) -> set[str]:
    """Return the names of the files that mails went to."""
    return {path.relative_to(project).as_posix() for path in (project / "outbox").rglob("*.eml")}
