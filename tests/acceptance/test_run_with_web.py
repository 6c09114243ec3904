"""`relight run` brings the pages with it where inputs can grow, keeps them up, and takes them down with itself."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.faults.conftest import ROOT
from tests.faults.small_project import QUIET, SECRET, write_project
from tests.support.pages import Pages, free_port, port_of, serving
from tests.support.programs import Program

SECONDS = 90
#: Seconds between two signals.
AGAIN_SECONDS = 15


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    project = write_project(tmp_path, {"quiet": QUIET}, follow=True)
    (project / "data/app.ndjson").touch()
    config = project / "config/default.yaml"
    text = config.read_text()
    config.write_text(text.replace('"${LINK_SECRET}"', f'"${{LINK_SECRET}}", listen: "127.0.0.1:{free_port()}"'))
    return project


@contextmanager
def running(folder: Path, *options: str) -> Iterator[Pages]:
    """Run the real program on a project until the block ends; `process` is the engine, `log` what both say."""
    arguments = [sys.executable, "-m", "relight", "run", "--project", str(folder), *options]
    log = folder / "run.log"
    with log.open("wb") as file, Program(
        arguments, cwd=ROOT, env={**os.environ, "LINK_SECRET": SECRET}, stdout=file, stderr=file
    ) as process:  # fmt: skip
        try:
            yield Pages(folder, port_of(folder), process, log)
        finally:
            end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ctrl-C until it ends: one that comes before the program listens is lost where a shell has it ignored."""
    for _ in range(SECONDS // AGAIN_SECONDS):
        if process.poll() is not None:
            return
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=AGAIN_SECONDS)
    process.kill()
    raise AssertionError("Ctrl-C did not end it")


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.1)


def are_up(pages: Pages) -> bool:
    try:
        return pages.ask("/-/healthy").status == 200
    except OSError:
        return False


def children_of(pages: Pages) -> list[int]:
    """Return the processes that any thread of the engine has started."""
    tasks = Path(f"/proc/{pages.process.pid}/task").iterdir()
    return [int(one) for task in tasks for one in (task / "children").read_text().split()]


def test_the_pages_run_beside_the_engine(folder: Path) -> None:
    """The pages come up before the engine reads anything, are started again when they are killed, and end with it."""
    with running(folder) as pages:
        # The engine begins once it has seen the pages answer; killed before that, they would refuse the run.
        until(lambda: are_up(pages) and "Running " in pages.log.read_text())
        (first,) = children_of(pages)
        os.kill(first, signal.SIGKILL)
        until(lambda: are_up(pages) and children_of(pages) not in ([], [first]))
    assert pages.process.returncode == 130
    assert not are_up(pages)
    assert "the pages ended by themselves; they are started again" in pages.log.read_text()


def test_pages_outlive_an_engine_that_is_killed(folder: Path) -> None:
    """S4: kill -9 of the engine leaves the pages serving; the next run finds them up and leaves them alone. Customer.io: an
    outage of 12 h took unsubscribe down with it.
    """
    with running(folder) as pages:
        until(lambda: are_up(pages))
        (child,) = children_of(pages)
        pages.kill()
    try:
        assert are_up(pages)
        with running(folder) as again:
            until(lambda: "the pages are up already" in again.log.read_text())
            assert children_of(again) == []
        assert are_up(pages)
    finally:
        os.kill(child, signal.SIGTERM)
    until(lambda: not are_up(pages))


def test_without_them_where_it_is_told(folder: Path) -> None:
    """`--no-web` starts none; `--once` neither; a port that somebody else has is refused before a mail leaves."""
    with running(folder, "--no-web") as pages:
        until((folder / "data/relight.inbox.db").exists)
        assert children_of(pages) == []
    with running(folder, "--once") as once:
        assert once.process.wait(timeout=SECONDS) == 0
    other = folder.parent / f"{folder.name}-other"
    write_project(other, {"quiet": QUIET}, follow=True)
    (other / "data/app.ndjson").touch()
    config = other / "config/default.yaml"
    listen = f'"${{LINK_SECRET}}", listen: "127.0.0.1:{port_of(folder)}"'
    config.write_text(config.read_text().replace('"${LINK_SECRET}"', listen))
    with serving(folder), running(other) as refused:
        assert refused.process.wait(timeout=SECONDS) == 69
        told = refused.log.read_text()
        assert re.search(r"the pages did not come up on http://127\.0\.0\.1:\d+", told)
        assert "--no-web" in told
