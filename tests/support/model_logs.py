"""The independent model, loaded by path without writing there, and its random logs with the ledgers it finds for them."""

from __future__ import annotations

import importlib.util
import os
import random
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
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
        # E3: exit conditions are checked at the customer's own records, and by the gate after "rule active" (G1).
        for theirs, ours in (
            (
                "not self.exit_by_state(e) and r.kind ==",
                "(r.customer is None or not self.exit_by_state(e)) and r.kind ==",
            ),
            (
                "if e not in self.entries or self.exit_by_state(e):",
                "if e not in self.entries or getattr(self, 'exit_at_gate', lambda e, _: self.exit_by_state(e))(e, s):",
            ),
        ):
            assert text.count(theirs) == 1, "the model no longer checks exits as we know it"
            text = text.replace(theirs, ours)
        exec(compile(text, "reference.py", "exec"), vars(reference))  # noqa: S102 - the model is loaded by path
        found = importlib.util.spec_from_file_location("fuzz", folder / "fuzz.py")
        assert found is not None
        assert found.loader is not None
        fuzz = importlib.util.module_from_spec(found)
        found.loader.exec_module(fuzz)
    return reference, fuzz


def walks(dice: random.Random, short: int, long: int, depth: int = 0) -> list[dict[str, Any]]:
    """Return a random walk in the model's form: sends, waits of both kinds, wait_for and branch inside one another."""
    made: list[dict[str, Any]] = []
    for _ in range(dice.randint(1, 4 if depth == 0 else 2)):
        kinds = ["send", "send", "wait", "until"] + (["wait_for", "wait_for", "branch"] if depth < 2 else [])
        id_ = f"{dice.choice('abcdefgh')}{len(made)}{depth}{dice.randint(0, 10**6)}"
        match dice.choice(kinds):
            case "send":
                made.append({"send": dice.choice("tuv"), "id": f"s{id_}", **dice.choice([{}, {}, {"needs": "plan"}])})
            case "wait":
                made.append({"wait": dice.choice([0, short, long]), "id": f"w{id_}"})
            case "until":
                made.append({"wait_until": dice.choice([(None, 2, 30), (0, 9, 0), (None, 9, 0)]), "id": f"u{id_}"})
            case "wait_for":
                made.append(_waiting(dice, short, long, depth) | {"id": f"f{id_}"})
            case _:
                arms = [
                    (_by_name("aud_pro"), walks(dice, short, long, depth + 1)),
                    (None, walks(dice, short, long, depth + 1)),
                ]
                made.append({"branch": arms[: dice.randint(1, 2)], "id": f"b{id_}"})
    return made


def _waiting(dice: random.Random, short: int, long: int, depth: int) -> dict[str, Any]:
    def outcome() -> list[dict[str, Any]]:
        return dice.choice([[{"stop": 1}], walks(dice, short, long, depth + 1), []])

    step: dict[str, Any] = {"wait_for": dice.choice(["order", "B", "cart"]), "up_to": dice.choice([short, long])}
    if step["wait_for"] == "order" and dice.random() < 0.5:
        step["where"] = _by_name("same_id")
    if dice.random() < 0.5:
        step["then"] = outcome()
    return step | {"else": outcome()}


def _by_name(name: str) -> Any:
    """Return the model's condition of a name: it is translated by that."""
    folder = model_folder()
    assert folder is not None
    return load_model(folder)[1].env[name]


@contextmanager
def _walking(fuzz: ModuleType, seed: int) -> Iterator[None]:
    """While inside, the model's rules have random walks as steps."""
    dice, usual = random.Random(seed), fuzz.env["stepsets"]
    fuzz.env["stepsets"] = lambda short, long: [walks(dice, short, long)]
    try:
        yield
    finally:
        fuzz.env["stepsets"] = usual


@cache
def model_log(folder: Path, mode: str, seed: int) -> ModelLog:
    """Return one random log of the model: `small` has two customers, `dense` one with more going on.

    `walks` and `dense walks` are the same with random steps inside one another.
    """
    reference, fuzz = load_model(folder)
    sort = mode.removesuffix("walks").strip() or "small"
    with _walking(fuzz, seed) if mode.endswith("walks") else nullcontext():
        log, until = fuzz.one(seed, sort)
    log = in_rank_order(log)
    customers = ("c1",) if sort == "dense" else ("c1", "c2")
    rows = model_ledger(reference, log, until, customers)
    return ModelLog(name=f"{mode} {seed}", log=log, until=until, customers=customers, rows=rows)


def model_logs(small: int, dense: int, *, first: int = 0, walking: int = 0) -> list[ModelLog]:
    """Return logs of both sorts, and so many of each with random walks; skips the test where the model is not at hand."""
    folder = model_folder()
    if folder is None:
        pytest.skip("RELIGHT_DATA is not set")
    found = [model_log(folder, "small", seed) for seed in range(first, first + small)]
    found += [model_log(folder, "dense", seed) for seed in range(first, first + dense)]
    modes = ("walks", "dense walks")
    return found + [model_log(folder, mode, seed) for mode in modes for seed in range(first, first + walking)]
