"""kill -9 at every crash point of the store: what was acknowledged is there, nothing is there twice, work goes on."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

import relight
from relight.messages.life import MessageState
from relight.stores import crash
from relight.stores.interface import PoolCount
from relight.stores.sqlite import SqliteStore
from relight.streams.envelope import Event
from tests.adapters.stores import crash_child
from tests.adapters.stores.crash_child import BATCH, CODES, LIMITS, POOL, ROUNDS, work
from tests.adapters.stores.examples import MINUTE, T0, make_row
from tests.support.programs import run_program

ROOT = Path(__file__).resolve().parents[3]
SOURCE = Path(relight.__file__).parent
#: Points of the store; others are passed by the engine's own sweep.
STORE_POINTS = [
    name
    for name in crash.CRASH_POINTS
    if re.search(r"append|segment|merge|checkpoint|claim|settle|note|migration", name) and "inbox" not in name
]


def run_child(folder: Path, **environment: str) -> int:
    arguments = [sys.executable, "-m", crash_child.__name__, str(folder / "store.db"), str(folder / "acknowledged")]
    return run_program(arguments, cwd=ROOT, env={**os.environ, **environment}, check=False).returncode


@pytest.fixture(scope="module")
def passes(tmp_path_factory: pytest.TempPathFactory) -> Counter[str]:
    folder = tmp_path_factory.mktemp("clean")
    assert run_child(folder, RELIGHT_CRASH_LOG=str(folder / "passes")) == 0
    return Counter((folder / "passes").read_text().split())


def test_every_name_in_the_code_is_registered() -> None:
    """The names used in the code and CRASH_POINTS are the same: a sweep of the list misses none."""
    named = re.compile(r'"((?:before|after)_\w+_commit)"|crash_point\("(\w+)"\)')
    used = {
        first or second
        for path in SOURCE.rglob("*.py")
        if path != Path(crash.__file__)
        for first, second in named.findall(path.read_text(encoding="utf-8"))
    }
    assert used == set(crash.CRASH_POINTS)


def test_a_clean_run_passes_every_point(passes: Counter[str]) -> None:
    """The child of the sweep meets each of the store's points."""
    assert sorted(passes) == sorted(STORE_POINTS)


@pytest.mark.parametrize("point", STORE_POINTS)
def test_a_killed_store_keeps_its_word(tmp_path: Path, passes: Counter[str], point: str) -> None:
    """Killed at a point: acknowledged ⊆ recovered ⊆ acknowledged + in flight, and the rest can be done (I1, I4).

    S6: each message has one code, the one that was told before the kill, and no two have the same.
    """
    for turn in sorted({1, passes[point]}):
        folder = tmp_path / str(turn)
        folder.mkdir()
        assert run_child(folder, RELIGHT_CRASH_AT=f"{point}:{turn}") == -signal.SIGKILL
        check_recovery(folder)


def check_recovery(folder: Path) -> None:
    file = folder / "acknowledged"
    promises = [line.split() for line in (file.read_text().splitlines() if file.exists() else [])]
    with closing(SqliteStore.open(folder / "store.db", limits=LIMITS)) as store:
        check_promises(store, promises)
        sending = store.message_counts().get(MessageState.SENDING, 0)
        assert len(store.expired_leases(T0 + MINUTE + 1)) == sending, "a kill leaves `sending` to the end of its lease"
        work(store, file)
        check_end(store)


def check_promises(store: SqliteStore, promises: list[list[str]]) -> None:
    batches = sum(promise[0] == "batch" for promise in promises)
    assert batches * BATCH <= store.last_position() <= (batches + 1) * BATCH
    events = [record.id for _, record in store.read_log() if isinstance(record, Event)]
    assert events == [str(number) for number in range(store.last_position())]
    assert store.positions().get("app", "0") == str(len(events) // BATCH)
    for kind, *words in promises:
        if kind == "checkpoint":
            profile = store.load_profile("ada")
            assert profile is not None
            assert store.checkpoint_position() == profile.position >= int(words[0])
        elif kind == "suppression":
            assert store.suppression(words[0]) is not None
        elif kind == "code":
            assert store.code_of(words[0]) == words[1]
        elif kind in {"claim", "accepted"}:
            status = store.message(words[0])
            assert status is not None
            assert status.state in ({"sending", "accepted"} if kind == "claim" else {"accepted"})


def check_end(store: SqliteStore) -> None:
    assert store.last_position() == ROUNDS * BATCH
    asked = [("app", "ada", str(number)) for number in range(ROUNDS * BATCH)]
    assert store.find_known(asked) == list(range(1, ROUNDS * BATCH + 1))
    assert [position for position, _ in store.customer_log("ada")] == list(range(1, ROUNDS * BATCH + 1))
    assert list(store.ledger()) == [make_row(turn) for turn in range(ROUNDS)]
    assert len(list(store.dead_letters())) == ROUNDS
    assert sum(store.message_counts().values()) == ROUNDS
    assert store.message_counts().get(MessageState.PENDING, 0) == 0
    assert max(status.token for status in store.messages()) == 1
    given = [store.code_of(status.message.occurrence_key) for status in store.messages()]
    assert sorted(map(str, given)) == sorted(CODES)
    assert store.code_counts() == [PoolCount(pool=POOL, left=0, given=ROUNDS)]
    assert store._connection.sql.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_an_unknown_point_is_refused() -> None:
    """A misspelt RELIGHT_CRASH_AT stops the process with the names there are, instead of never crashing."""
    arguments = [sys.executable, "-c", "import relight.stores.crash"]
    environment = {**os.environ, "RELIGHT_CRASH_AT": "before_apend_commit:1"}
    done = run_program(arguments, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "before_append_commit" in done.stderr
