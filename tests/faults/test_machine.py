"""A machine without room, memory or descriptors, a process that sleeps past its lease, a clock that steps."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from relight.base.instants import DAY, HOUR, SECOND
from relight.cli.exit_codes import ExitCode
from tests.faults import checker
from tests.faults.canary_project import canary, write_canaries
from tests.faults.evidence import calls_of, identities, mails_in, message_ids, read_lines, read_tables
from tests.faults.small_project import SECRET, add, line
from tests.faults.tally import amount, count
from tests.faults.test_smtp_endings import HEALTHY, delivery, serving
from tests.faults.test_system_calls import Place, assert_sound, assert_whole, undisturbed_place
from tests.faults.tracing import run_job
from tests.support.programs import Program

CLEAR = {ExitCode.FINE, ExitCode.UNREACHABLE}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    found = undisturbed_place(tmp_path_factory.mktemp("machine"), traced=False)
    yield found
    found.runner.close()


def assert_clear(code: int, told: str) -> None:
    told, _, _ = told.partition("Exception ignored in")  # Python's own word on a loop that it could not open
    assert code in CLEAR, (code, told)
    assert bool(told.strip()) == bool(code)
    assert "Traceback" not in told


# ---------------------------------------------------------------- no room
def mount(folder: Path, options: str) -> None:
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip("tmpfs cannot be mounted here")


def test_a_full_disk_that_is_enlarged_again(tmp_path: Path, place: Place) -> None:
    """I1: on a disk of any size too small the run ends with a clear error; once the disk is larger the next one makes
    everything whole.
    """
    sizes = range(40, 720, amount(quick=170, full=40))
    full = 0
    for kilobytes in sizes:
        folder = tmp_path / str(kilobytes)
        folder.mkdir()
        mount(folder, f"size={kilobytes}k")
        try:
            shop = place.runner.shop(folder / "shop")
            ended = run_job(place.runner, shop, told=str(tmp_path / "told"))
            told = (tmp_path / "told").read_text()
            assert_clear(ended.code, told)
            full += ended.code != 0
            subprocess.run(["mount", "-o", "remount,size=16m", str(folder)], check=True)
            assert_sound(shop)
            again = run_job(place.runner, shop)
            assert (again.code, again.told) == (0, "")
            assert_whole(place, shop)
        finally:
            subprocess.run(["umount", "-l", str(folder)], check=True)
    assert full >= 2
    count("a full disk (tmpfs) that is enlarged", tried=len(sizes), faults=full)


def test_a_write_that_is_cut_short(tmp_path: Path, place: Place) -> None:
    """I1: with a limit on the size of a file the kernel writes the part that fits and refuses the rest: a clear error,
    and nothing acknowledged is lost.
    """
    sizes = range(100, 400_000, amount(quick=66_777, full=13_777))
    cut = 0
    for size in sizes:
        shop = place.runner.shop(tmp_path / str(size))
        ended = run_job(place.runner, shop, limits={"RLIMIT_FSIZE": size})
        assert_clear(ended.code, ended.told)
        cut += ended.code != 0
        assert_sound(shop)
        again = run_job(place.runner, shop)
        assert (again.code, again.told) == (0, "")
        assert_whole(place, shop)
    assert cut >= 3
    count("a write that is cut short (RLIMIT_FSIZE)", tried=len(sizes), faults=cut)


# ---------------------------------------------------------------- no memory, no descriptors
def test_no_memory(tmp_path: Path, place: Place) -> None:
    """I1: a process that gets no more memory ends with a clear error, and the next one makes everything whole."""
    size = int(Path(f"/proc/{place.runner.process.pid}/statm").read_text(encoding="ascii").split()[0])
    base = size * os.sysconf("SC_PAGE_SIZE")
    spares = range(0, 24 * 2**20, amount(quick=4 * 2**20, full=2**20))
    starved = 0
    for spare in spares:
        shop = place.runner.shop(tmp_path / str(spare))
        ended = run_job(place.runner, shop, limits={"RLIMIT_AS": base + spare})
        assert_clear(ended.code, ended.told)
        starved += ended.code != 0
        assert_sound(shop)
        again = run_job(place.runner, shop)
        assert (again.code, again.told) == (0, "")
        assert_whole(place, shop)
    assert starved >= 1
    count("no memory (RLIMIT_AS)", tried=len(spares), faults=starved)


def test_no_descriptors(tmp_path: Path, place: Place) -> None:
    """I1: a process that may open no more files ends with a clear error, and the next one makes everything whole."""
    base = len(os.listdir(f"/proc/{place.runner.process.pid}/fd"))  # noqa: PTH208  # counted, not walked
    starved = 0
    for more in range(14):
        shop = place.runner.shop(tmp_path / str(more))
        ended = run_job(place.runner, shop, limits={"RLIMIT_NOFILE": base + 1 + more})
        assert_clear(ended.code, ended.told)
        starved += ended.code != 0
        assert_sound(shop)
        again = run_job(place.runner, shop)
        assert (again.code, again.told) == (0, "")
        assert_whole(place, shop)
    assert starved >= 3
    count("no descriptors (RLIMIT_NOFILE)", tried=14, faults=starved)


# ---------------------------------------------------------------- the real program, asleep, and its clock
@contextmanager
def relight(folder: Path, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Run `relight run` in a project."""
    variables = {**os.environ, "LINK_SECRET": SECRET, **environment}
    arguments = [sys.executable, "-m", "relight", "run", "--no-web"]
    with Program(arguments, cwd=folder, env=variables, stdout=-1, stderr=-1, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for(holds: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    for _ in range(1200):
        if holds():
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    raise AssertionError("waited in vain")


def test_a_process_that_sleeps_past_its_lease_sends_once(tmp_path: Path) -> None:
    """I14, S5: stopped in the middle of a hand-over and woken after its lease, an engine sends nothing twice; meanwhile
    another one is told who has the store.
    """
    begin = int(datetime.now(UTC).timestamp()) * SECOND - 2 * HOUR  # what is older is not worth sending any more
    at, at_end = begin + SECOND, begin + HOUR
    text = "".join(
        line(n, f"c{n}", "identify", begin, arrives=begin, email=f"c{n}@mail.example", canary=canary(n))
        for n in range(3)
    )
    text += "".join(line(10 + n, f"c{n}", "ordered", at, arrives=at, order=f"o{n}") for n in range(3))
    text += line(99, "c1", "identify", at_end, arrives=at_end)
    with serving("stall") as server:
        settings = delivery(server.port).replace("lease: 10 seconds", "lease: 3 seconds")
        folder = write_canaries(tmp_path / "p", text=text, delivery=settings)
        with relight(folder) as first:
            wait_for(lambda: len(server.script.stored) >= 1, first)
            first.send_signal(signal.SIGSTOP)
            with relight(folder) as second:
                _, told = second.communicate(timeout=60)
            assert second.returncode == ExitCode.UNREACHABLE
            assert f"in use by process {first.pid}" in told
            server.script.ending = HEALTHY
            time.sleep(3.2)
            first.send_signal(signal.SIGCONT)
            first.communicate(timeout=60)
        with relight(folder) as last:
            last.communicate(timeout=60)
        tables, calls = read_tables(folder / "data/relight.db"), server.calls()
    assert len(tables.messages) == 3
    assert len({call.id for call in calls}) == len(calls)
    assert checker.check_calls(tables, calls) == []
    assert checker.check_drained(tables) == []
    count("SIGSTOP past the lease, SIGCONT, a second engine meanwhile", tried=1, faults=1)


def faked(clock: Path) -> dict[str, str]:
    """Return the environment of a process whose wall clock is real time plus what a file says."""
    if shutil.which("faketime") is None:
        pytest.skip("faketime is not installed")
    shown = subprocess.run(["faketime", "-f", "+0", "env"], capture_output=True, text=True, check=True).stdout
    preload = re.search(r"^LD_PRELOAD=(.*)$", shown, re.MULTILINE)
    assert preload is not None
    return {
        "LD_PRELOAD": preload[1], "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }  # fmt: skip


def test_a_clock_that_steps_while_running(tmp_path: Path) -> None:
    """I7, H1: the wall clock is set back by hours and forward by days under a running engine: its time never goes back,
    nothing is judged early or twice, and what fell due leaves once.
    """
    clock = tmp_path / "clock"

    def step(seconds: int) -> None:
        new = clock.with_suffix(".new")
        new.write_text(f"{seconds:+d}\n")
        new.replace(clock)

    step(0)
    now = int(datetime.now(UTC).timestamp()) * SECOND
    folder = write_canaries(tmp_path / "p", follow=True)
    store = folder / "data/relight.db"
    people = {f"c{n}@mail.example": canary(n) for n in range(3)}
    rows = [line(n, f"c{n}", "identify", now, email=a, canary=w) for n, (a, w) in enumerate(people.items())]
    rows += [line(10 + n, f"c{n}", "used", now - HOUR) for n in range(3)]
    add(folder, *rows)

    def reached() -> int:
        return (read_tables(store).reached or 0) if store.exists() else 0

    def mails() -> int:
        return len(mails_in(folder / "outbox"))

    with relight(folder, **faked(clock)) as engine:
        wait_for(lambda: store.exists() and len(read_tables(store).events) == 6, engine)
        stood = reached()
        step(-6 * 3600)
        add(folder, line(20, "c1", "used", now))
        wait_for(lambda: len(read_tables(store).events) == 7, engine)
        assert reached() >= stood, "time never goes back"
        step(7 * 86_400 - 60)  # c0 and c2 have been silent for seven days, c1 has not
        wait_for(lambda: mails() == 2, engine)
        step(-86_400)
        add(folder, line(21, "c2", "used", now + 6 * DAY))
        wait_for(lambda: len(read_tables(store).events) == 8, engine)
        step(8 * 86_400)
        wait_for(lambda: mails() == 3, engine)
        engine.send_signal(signal.SIGINT)
        engine.communicate(timeout=60)
        assert engine.returncode == ExitCode.INTERRUPTED
    tables, sent = read_tables(store), calls_of(mails_in(folder / "outbox").values())
    assert (
        checker.check_always(
            tables, message_ids(c.mail for c in sent), identities(read_lines(folder / "data/app.ndjson"))
        )
        == []
    )
    assert checker.check_recipients(sent, people) == []
    assert checker.check_drained(tables) == []
    count("a clock that steps while the engine runs (faketime)", tried=4, faults=4)
