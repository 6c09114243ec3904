"""kill -9 at the system calls that write, and calls that fail: nothing acknowledged is lost, nothing leaves twice."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from relight.cli.exit_codes import ExitCode
from tests.faults import checker
from tests.faults.canary_project import END, draw_crowd, write_canaries
from tests.faults.conftest import Runner, Shop
from tests.faults.evidence import Tables, calls_of, identities, message_ids, read_lines
from tests.faults.reference import Expected, expect
from tests.faults.tally import amount, count
from tests.faults.tracing import Ended, SystemCall, has_strace, points_of, run_job, spread, trace_job

pytestmark = pytest.mark.skipif(not has_strace, reason="strace is not installed")

#: Errors that a call may end with: as the kernel says it, and what they stand for.
FAULTS = (
    ("pwrite64", "error=ENOSPC"),
    ("pwrite64", "error=EIO"),
    ("pwrite64", "retval=0"),  # a short write: nothing of it was written
    ("fdatasync", "error=EIO"),
    ("fsync", "error=EIO"),
    ("ftruncate", "error=EIO"),
    ("unlink", "error=EIO"),
    ("rename", "error=EIO"),
    ("mkdir", "error=ENOSPC"),
    ("write", "error=ENOSPC"),
)
#: One call in so many fails in `make check`; in `make faults` one write in eleven, and every other call.
STEPS_QUICK = {"pwrite64": 41, "write": 29, "fdatasync": 7, "fsync": 9, "mkdir": 9, "rename": 9}


@dataclass(frozen=True, slots=True)
class Place:
    """A project, what should become of it, and a run that nothing disturbed."""

    runner: Runner
    canaries: dict[str, str]
    expected: Expected
    tables: Tables
    mails: dict[str, bytes]
    traced: Ended


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    found = undisturbed_place(tmp_path_factory.mktemp("calls"))
    yield found
    found.runner.close()


def undisturbed_place(root: Path, *, traced: bool = True) -> Place:
    """Return a project and a run of it, with its system calls where they are wanted."""
    crowd = draw_crowd(1, customers=5, events=30)
    runner = Runner(write_canaries(root / "project", text=crowd.text))
    shop = runner.shop(root / "clean")
    ended = trace_job(runner, shop, wal_pages=8) if traced else run_job(runner, shop)
    assert ended.code == 0, ended.told
    lines = read_lines(root / "project/data/app.ndjson")
    found = Place(runner, crowd.canaries, expect(lines, until=END), shop.tables(), shop.mails(), ended)
    assert_whole(found, shop)
    return found


def assert_sound(shop: Shop) -> None:
    """What stands after a fault breaks no promise; a file that was not begun holds nothing."""
    if shop.store.exists() and shop.store.stat().st_size:
        inputs = identities(read_lines(shop.folder / "data/app.ndjson"))
        assert checker.check_always(shop.tables(), message_ids(shop.mails().values()), inputs) == []


def assert_whole(place: Place, shop: Shop) -> None:
    """A run that came to its end kept every promise and decided what the undisturbed one decided, byte for byte."""
    tables, mails = shop.tables(), shop.mails()
    inputs = identities(read_lines(shop.folder / "data/app.ndjson"))
    calls = calls_of(mails.values())
    assert checker.check_finished(tables, message_ids(mails.values()), inputs) == []
    assert checker.check_occurrences(tables, place.expected) == []
    assert checker.check_copies(tables, place.expected) == []
    assert checker.check_calls(tables, calls) == []
    assert checker.check_recipients(calls, place.canaries) == []
    assert checker.check_same_decisions(place.tables.rows, tables.rows) == []
    assert mails == place.mails


def test_the_trace_has_every_kind_of_call(place: Place) -> None:
    """The sweep meets writes, syncs, truncations, removals, renames, new folders and a flush of all, and more points than
    it must.
    """
    points = points_of(place.traced.calls)
    assert {name for name, _ in points} == {
        "pwrite64", "fdatasync", "fsync", "ftruncate", "unlink", "rename", "mkdir", "write", "sync",
    }  # fmt: skip
    assert len(points) >= 200


def test_killed_at_any_call_a_run_ends_like_one_that_was_not(tmp_path: Path, place: Place) -> None:
    """I1-I4, I7, I8: kill -9 in the place of a system call that writes; what stands is sound, and started again the run
    has the same log, the same ledger, and every mail once.
    """
    points = spread(points_of(place.traced.calls), amount(quick=50, full=260))
    killed = 0
    for call, number in points:
        shop = place.runner.shop(tmp_path / f"{call}-{number}")
        ended = trace_job(place.runner, shop, f"{call}:signal=KILL:when={number}", wal_pages=8)
        assert ended.code in {-signal.SIGKILL, 0}, ended
        killed += ended.code == -signal.SIGKILL
        assert_sound(shop)
        again = run_job(place.runner, shop)
        assert (again.code, again.told) == (0, ""), (call, number)
        assert_whole(place, shop)
    assert killed >= len(points) * 0.95, "strace counts calls by thread, and a run may do with a few less"
    count("kill -9 at a system call that writes (strace)", tried=len(points), faults=killed)


@pytest.mark.parametrize(("call", "fault"), FAULTS, ids=[f"{call} {fault}" for call, fault in FAULTS])
@pytest.mark.parametrize("ever", [False, True], ids=["once", "for ever"])
def test_a_call_that_fails_loses_nothing(tmp_path: Path, place: Place, call: str, fault: str, *, ever: bool) -> None:
    """The first call of a kind fails, then the second, and so on until a run meets none: each run goes on or ends with a
    clear error; nothing acknowledged is lost, and the next run makes it whole (I1, I3, I4, I16).
    """
    faults, number = 0, 1
    step = amount(quick=STEPS_QUICK.get(call, 1), full=11 if call == "pwrite64" else 1)
    while True:
        shop = place.runner.shop(tmp_path / str(number))
        ended = trace_job(place.runner, shop, f"{call}:{fault}:when={number}{'+' * ever}", wal_pages=8)
        injected = [one for one in ended.calls if one.is_injected]
        if not injected:
            break
        faults += 1
        assert ended.code in {ExitCode.FINE, ExitCode.UNREACHABLE}, (number, ended.code, ended.told)
        assert bool(ended.told.strip()) == bool(ended.code), (number, ended.code, ended.told)
        assert "Traceback" not in ended.told
        assert_sound(shop)
        if fault == "error=EIO" and call in {"fdatasync", "fsync"}:
            assert_fatal(ended, number)
        again = run_job(place.runner, shop)
        assert (again.code, again.told) == (0, ""), (number, again)
        assert_whole(place, shop)
        number += step
    assert ended.code == 0, ended.told
    assert faults >= 1
    count("a system call that fails, once and for ever (strace)", tried=faults + 1, faults=faults)


def assert_fatal(ended: Ended, number: int) -> None:
    """After a failed sync of a file of the store that holds anything nothing is synced again: the process ends and says why.

    SQLite asks for no answer when it syncs a folder; the store does so itself, when it has made its file.
    """
    at = next(index for index, one in enumerate(ended.calls) if one.is_injected)
    first = ended.calls[at]
    if not is_of_store(first):
        return
    assert ended.code == ExitCode.UNREACHABLE, (number, first)
    if any(
        one.name == "ftruncate" and one.path == first.path and one.rest.endswith(", 0) = 0") for one in ended.calls[at:]
    ):
        return  # SQLite was making the file and takes it back to nothing: nobody was told of anything in it
    later = [one for one in ended.calls[at + 1 :] if is_of_store(one) and one.name in {"fdatasync", "fsync"}]
    later = [one for one in later if not one.is_injected]
    assert later == [], (number, first, later)


def is_of_store(call: SystemCall) -> bool:
    """Whether a call is on a file of the store; the inbox beside it is a file of its own."""
    return Path(call.path).name.startswith("relight.db")
