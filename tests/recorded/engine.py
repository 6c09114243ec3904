"""Runs the engine on a project folder: the only place of these tests that imports it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from relight.simulate import simulate

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def copied_example(name: str, work: Path) -> Path:
    """Return a copy of an example's folder: a run may write beside its rules, and a test may edit them."""
    return Path(shutil.copytree(EXAMPLES / name, work / name))


def edit(file: Path, old: str, new: str) -> None:
    """Replace the one place of a file where `old` stands."""
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {file.name}"
    file.write_text(text.replace(old, new), encoding="utf-8")


def ledger_of(folder: Path) -> Sequence[Any]:
    """Return the ledger rows of a simulation of the folder's recorded events."""
    rows: Sequence[Any] = simulate.simulate_folder(folder).rows
    return rows
