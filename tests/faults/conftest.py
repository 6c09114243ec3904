"""A small shop whose run can be killed anywhere, and the run that nobody killed."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from relight.cli.demo_data import write_demo
from tests.faults import runner
from tests.faults.checker import Identity, Tables, mails_in, read_tables, well_formed
from tests.faults.small_project import SECRET
from tests.support.programs import Program

ROOT = Path(__file__).resolve().parents[2]
CUSTOMERS = 24
#: Records of one transaction at most; each day of the year ends one.
BATCH = 30
#: A tenth of the customers.
CACHED = "2"
#: Every so many lines one comes a second time; one in twice as many is broken.
REPEATED_EVERY = 17


@dataclass(frozen=True, slots=True)
class Shop:
    """The project folder of a run."""

    folder: Path

    @property
    def store(self) -> Path:
        return self.folder / "data/relight.db"

    def tables(self) -> Tables:
        return read_tables(self.store)

    def mails(self) -> dict[str, bytes]:
        return mails_in(self.folder / "outbox")

    def inputs(self) -> Counter[Identity]:
        return well_formed(self.folder)


class Runner:
    """The process that forks runs."""

    def __init__(self, project: Path) -> None:
        self.project = project
        arguments = [sys.executable, "-m", runner.__name__, str(project)]
        environment = {**os.environ, "LINK_SECRET": SECRET}
        self.process = Program(arguments, cwd=ROOT, stdin=-1, stdout=-1, text=True, env=environment)
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def shop(self, folder: Path) -> Shop:
        """Return a new place for a run, its inputs those of the project."""
        (folder / "data").mkdir(parents=True)
        for path in (self.project / "data").iterdir():
            (folder / "data" / path.name).symlink_to(path)
        if (self.project / "codes").is_dir():
            (folder / "codes").symlink_to(self.project / "codes")
        return Shop(folder)

    def run(self, shop: Shop, *, batch: int = BATCH, until: int | None = None, **env: str) -> int:
        """Return the exit code of a run, negative where a signal ended it."""
        given = {"RELIGHT_CRASH_AT": "", "RELIGHT_CRASH_LOG": "", "RELIGHT_CACHED_PROFILES": CACHED} | env
        self.begin({"folder": str(shop.folder), "env": given, "batch": batch, "until": until})
        return self.answer()

    def begin(self, job: dict[str, Any]) -> None:
        """Hand in a job, see `runner`."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()

    def answer(self) -> int:
        """Return the next number that the runner says."""
        assert self.process.stdout is not None
        return int(self.process.stdout.readline())

    def close(self) -> None:
        with self.process:
            assert self.process.stdin is not None
            self.process.stdin.close()


def copy_project(folder: Path) -> Path:
    """Return a copy of the shop that ships, with a few customers of its own, some lines twice and some broken."""
    for name in ("config", "rules", "streams", "templates", "codes"):
        shutil.copytree(ROOT / name, folder / name)
    write_demo(folder, customers=CUSTOMERS)
    app = folder / "data/app.ndjson"
    lines: list[bytes] = []
    for number, line in enumerate(app.read_bytes().splitlines(keepends=True)):
        lines.append(line)
        if number % REPEATED_EVERY == REPEATED_EVERY - 1:
            lines.append(lines[-5])
        if number % (2 * REPEATED_EVERY) == 0:
            lines.append(b'{"id": "broken", "at": "2026-0\n')
    app.write_bytes(b"".join(lines))
    return folder


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_project(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="session")
def shops(project: Path) -> Iterator[Runner]:
    found = Runner(project)
    yield found
    found.close()


@dataclass(frozen=True, slots=True)
class Clean:
    """A run that nobody killed."""

    shop: Shop
    tables: Tables
    mails: dict[str, bytes]
    #: Crash point -> how often it was passed.
    passes: Counter[str]


@pytest.fixture(scope="session")
def clean(shops: Runner, tmp_path_factory: pytest.TempPathFactory) -> Clean:
    folder = tmp_path_factory.mktemp("clean")
    shop = shops.shop(folder / "shop")
    assert shops.run(shop, RELIGHT_CRASH_LOG=str(folder / "passes")) == 0
    passes = Counter((folder / "passes").read_text().split())
    return Clean(shop, shop.tables(), shop.mails(), passes)
