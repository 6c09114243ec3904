"""The independent model, loaded by path without writing there, and its random logs with the ledgers it finds for them."""

from __future__ import annotations

import importlib.util
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.model.compare import in_rank_order, model_ledger

Rows = dict[str, list[tuple[Any, ...]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelLog:
    """One random log, the instant that time comes to, its customers, and the model's rows."""

    name: str
    log: list[Any]
    until: int
    customers: tuple[str, ...]
    rows: Rows


class _Never(str):
    """The model writes a silence's start with repr; the start `never` is written without quotation marks here."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def model_folder() -> Path | None:
    """Return the folder of the model beside the recorded data, or None."""
    named = os.environ.get("RELIGHT_DATA")
    found = Path(named).resolve().parent / "model" if named else None
    return found if found is not None and (found / "reference.py").exists() else None


@contextmanager
def _beside(folder: Path) -> Iterator[None]:
    """The model's files import and read each other from their own folder, and nothing may be written there."""
    wrote, here = sys.dont_write_bytecode, Path.cwd()
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(folder))
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(here)
        sys.path.remove(str(folder))
        sys.dont_write_bytecode = wrote


@cache
def load_model(folder: Path) -> tuple[ModuleType, ModuleType]:
    """Return the model's `reference` and `fuzz`."""
    with _beside(folder), warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # it leaves files to be closed
        source = (folder / "reference.py").read_text(encoding="utf-8")
        reference = ModuleType("reference")
        reference.__file__ = str(folder / "reference.py")
        vars(reference)["NEVER"] = _Never("never")
        sys.modules["reference"] = reference
        text = source.replace('starts.append(("never"', "starts.append((NEVER")
        assert text != source, "the model no longer writes the start `never` as we know it"
        # E3: the first wait_for matches events later than the entry's trigger, whatever steps lie before it.
        for instant in ("d", "s"):
            entered = f"e.entered = e.since = {instant}\n"
            assert text.count(entered) == 1, "the model no longer enters a step as we know it"
            text = text.replace(
                entered, f'e.entered, e.since = {instant}, {instant} if getattr(e, "awaited", False) else e.since\n'
            )
        exec(compile(text, "reference.py", "exec"), vars(reference))  # noqa: S102 - the model is loaded by path
        found = importlib.util.spec_from_file_location("fuzz", folder / "fuzz.py")
        assert found is not None
        assert found.loader is not None
        fuzz = importlib.util.module_from_spec(found)
        found.loader.exec_module(fuzz)
    return reference, fuzz


@cache
def model_log(folder: Path, mode: str, seed: int) -> ModelLog:
    """Return one random log of the model: `small` has two customers, `dense` one with more going on."""
    reference, fuzz = load_model(folder)
    log, until = fuzz.one(seed, mode)
    log = in_rank_order(log)
    customers = ("c1",) if mode == "dense" else ("c1", "c2")
    rows = model_ledger(reference, log, until, customers)
    return ModelLog(name=f"{mode} {seed}", log=log, until=until, customers=customers, rows=rows)


def model_logs(small: int, dense: int, *, first: int = 0) -> list[ModelLog]:
    """Return logs of both sorts; skips the test where the model is not at hand."""
    folder = model_folder()
    if folder is None:
        pytest.skip("RELIGHT_DATA is not set")
    found = [model_log(folder, "small", seed) for seed in range(first, first + small)]
    return found + [model_log(folder, "dense", seed) for seed in range(first, first + dense)]
