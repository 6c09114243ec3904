"""A place that brings nothing of what it has is asked again, then given up; one at its end is left alone."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from relight.base.errors import ServiceError
from relight.transports import faust_worker
from relight.transports.standstill import (
    GIVE_UP_ONE_SECONDS,
    GIVE_UP_SECONDS,
    LOOK_SECONDS,
    Standstill,
    Verdict,
    Waiting,
)
from relight.transports.step_watch import EXIT_CODE


def test_a_place_at_its_end_is_left_alone() -> None:
    """It is looked at every LOOK_SECONDS, and never given up."""
    still: Standstill[str] = Standstill()
    still.follow(["a"], 0)
    assert still.silent(LOOK_SECONDS - 1) == []
    for now in range(10, 4000, 10):
        assert still.silent(now) == ["a"]
        assert still.judge("a", now, has_more=False) is Verdict.FINE


def test_a_place_that_brings_nothing_is_given_up() -> None:
    """First it is gone to again, at every look; what comes meanwhile begins the patience anew."""
    still: Standstill[str] = Standstill()
    still.follow(["a"], 0)
    assert still.judge("a", LOOK_SECONDS, has_more=True) is Verdict.AGAIN
    still.hear("a", 2 * LOOK_SECONDS)
    first = 3 * LOOK_SECONDS
    assert still.judge("a", first, has_more=True) is Verdict.AGAIN
    assert still.judge("a", first + GIVE_UP_SECONDS - 1, has_more=True) is Verdict.AGAIN
    assert still.judge("a", first + GIVE_UP_SECONDS, has_more=True) is Verdict.GIVE_UP


def test_a_place_among_others_has_more_time() -> None:
    """While others bring something it may only have to wait for them."""
    still: Standstill[str] = Standstill()
    still.follow(["a", "b"], 0)
    assert still.judge("a", 10, has_more=True) is Verdict.AGAIN
    still.hear("b", 11)
    assert still.judge("a", 10 + GIVE_UP_SECONDS, has_more=True) is Verdict.AGAIN
    assert still.judge("a", 10 + GIVE_UP_ONE_SECONDS, has_more=True) is Verdict.GIVE_UP
    still.follow(["b"], 12)
    assert still.judge("a", 5000, has_more=True) is Verdict.FINE


def test_what_is_waited_for_is_said_at_growing_distances() -> None:
    """After 10, 20, 40 … seconds; something else begins anew."""
    waiting = Waiting()
    told = [now for now in range(300) if waiting.note("a place", float(now))[1]]
    assert told == [10, 20, 40, 80, 160]
    assert waiting.note("", 300.0) == (0.0, False)
    assert waiting.note("a place", 305.0) == (0.0, False)
    assert waiting.note("a place", 315.0) == (10.0, True)


def test_a_table_that_is_read_no_further_is_given_up() -> None:
    """What moves may take as long as it takes; a reading of Faust's that hangs ends the worker, to begin anew."""
    offsets: dict[str, int | None] = {"changelog-0": 0, "changelog-1": None}  # None: nobody has answered for it yet
    app: Any = SimpleNamespace(
        in_recovery=True, rebalancing=False, tables=SimpleNamespace(recovery=SimpleNamespace(active_offsets=offsets))
    )
    pulse: Any = None
    worker = faust_worker._Worker(app, "log", None, lambda: pytest.fail("nothing is read"), checkpoint_seconds=1, pulse=pulse)  # fmt: skip
    for now in range(0, 1_000, 10):
        offsets["changelog-0"] = now + 1
        worker._say_what_is_waited_for(float(now), {0})
    worker._say_what_is_waited_for(
        990.0 + faust_worker.RECOVERY_SECONDS_MAX, set()
    )  # with nothing assigned it may wait
    worker._say_what_is_waited_for(2_000.0, {0})
    with pytest.raises(ServiceError, match="the table of checkpoints"):
        worker._say_what_is_waited_for(9_002.0 + faust_worker.RECOVERY_SECONDS_MAX, {0})


def test_a_loop_that_does_not_come_round_ends_its_process() -> None:
    """It says where every thread stood, and leaves with what means: start me again."""
    code = (
        "import threading\n"
        "from relight.transports.step_watch import StepWatch\n"
        "StepWatch('the router', 0.2).come_round()\n"
        "threading.Event().wait(120)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == EXIT_CODE
    assert "the router has not come round" in done.stderr
    assert 'File "<string>", line 4' in done.stderr
