"""A growing file and a clock in the test's hand: stops, kills and gaps lose nothing and mail nobody by mistake."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from relight.base.instants import DAY, HOUR, MINUTE, SECOND
from tests.faults import live_child
from tests.faults.checker import check_always, mails_in, message_ids, read_tables
from tests.faults.conftest import ROOT
from tests.faults.small_project import QUIET, SECRET, T0, add, line, write_project
from tests.support.programs import Program

CATCH_UP = 5 * MINUTE


class Live:
    """A running engine."""

    def __init__(self, folder: Path, now: int, **env: str) -> None:
        self.clock = folder / "clock"
        self.set_clock(now)
        arguments = [sys.executable, "-m", live_child.__name__, str(folder), str(self.clock)]
        environment = {**os.environ, "LINK_SECRET": SECRET, **env}
        self.process = Program(arguments, cwd=ROOT, stdout=-1, text=True, env=environment)

    def set_clock(self, now: int) -> None:
        new = self.clock.with_suffix(".new")
        new.write_text(str(now))
        new.replace(self.clock)

    def wait(self, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        assert self.process.stdout is not None
        for text in self.process.stdout:
            done: dict[str, Any] = json.loads(text)
            if "stopped" not in done and holds(done):
                return done
        raise AssertionError("the engine ended")

    def stop(self) -> dict[str, Any]:
        self.process.send_signal(signal.SIGINT)
        assert self.process.stdout is not None
        last: dict[str, Any] = json.loads(list(self.process.stdout)[-1])
        assert self.process.wait(timeout=90) == 0
        return last


@contextmanager
def live(folder: Path, now: int, **env: str) -> Iterator[Live]:
    found = Live(folder, now, **env)
    with found.process:
        try:
            yield found
        finally:
            found.process.kill()


def logged(folder: Path) -> list[str]:
    return [identity[2] for identity in read_tables(folder / "data/relight.db").events]


def assert_sound(folder: Path, numbers: int) -> None:
    """Every line is in the log once, and the checker finds nothing."""
    tables = read_tables(folder / "data/relight.db")
    assert [identity[2] for identity in tables.events] == [f"e{n}" for n in range(numbers)]
    sent = message_ids(mails_in(folder / "outbox").values())
    assert check_always(tables, sent, Counter(tables.events)) == []


def test_a_stopped_run_goes_on_where_it_stood(tmp_path: Path) -> None:
    """Ctrl-C in the middle of a backlog ends after the batch at hand; a second start reads the rest, each line once,
    and lines that are written in pieces are read when they are whole.
    """
    folder = write_project(tmp_path, {"quiet": QUIET}, follow=True, batch=5)
    add(folder, *(line(n, f"c{n % 7}", "used", T0) for n in range(400)))
    with live(folder, T0) as first:
        first.wait(lambda done: done["events"] >= 5)
        assert first.stop()["stopped"] is True
    taken = len(logged(folder))
    assert 5 <= taken < 400
    with live(folder, T0 + SECOND) as second:
        second.wait(lambda done: done["events"] == 400 - taken)
        whole = line(400, "c1", "used", T0)
        add(folder, whole[:20])
        second.wait(lambda _: True)
        add(folder, whole[20:], line(401, "c2", "used", T0))
        second.wait(lambda done: done["events"] == 402 - taken)
        assert second.stop()["stopped"] is True
    assert_sound(folder, 402)


def test_a_killed_live_run_loses_no_line(tmp_path: Path) -> None:
    """I1: killed in the middle of a growing file's batch, inside or after its transaction, each line is read once."""
    folder = write_project(tmp_path, {"quiet": QUIET}, follow=True, batch=5)
    add(folder, *(line(n, f"c{n % 7}", "used", T0) for n in range(40)))
    for point in ("inside_append:3", "after_append_commit:4"):
        with live(folder, T0, RELIGHT_CRASH_AT=point) as killed:
            assert killed.process.wait(timeout=90) == -signal.SIGKILL
    with live(folder, T0) as last:
        last.wait(lambda _: len(logged(folder)) == 40)
        last.stop()
    assert_sound(folder, 40)


def test_what_fell_due_while_nobody_looked_waits_for_late_senders(tmp_path: Path) -> None:
    """H9: a silence that fell due in the gap is judged at its end, after what arrives until then: who was active
    meanwhile is not mailed, who was silent is, and what is more than `grace` over is `expired`.
    """
    folder = write_project(tmp_path, {"quiet": QUIET}, follow=True)
    people = ("silent", "active", "over")
    add(folder, *(line(n, who, "identify", T0 - 3 * DAY, email=f"{who}@mail.example") for n, who in enumerate(people)))
    add(folder, line(3, "silent", "used", T0), line(4, "active", "used", T0), line(5, "over", "used", T0 - 2 * DAY))
    start = T0 + 7 * DAY + 2 * HOUR
    with live(folder, T0) as before:
        before.wait(lambda done: done["events"] == 6)
        before.stop()
    reached = T0 + 1  # what concerns everybody stands behind the records of its instant
    with live(folder, start) as after:
        after.wait(lambda done: done["reached"] >= start)
        after.set_clock(start + CATCH_UP - SECOND)
        after.wait(lambda done: done["reached"] == start + CATCH_UP - SECOND)
        assert read_tables(folder / "data/relight.db").rows == {}, "nothing is judged before the end of the gap"
        add(folder, line(6, "active", "used", T0 + 6 * DAY))
        after.wait(lambda done: done["events"] == 1)
        after.set_clock(start + CATCH_UP + MINUTE + SECOND)
        done = after.wait(lambda done: done["mails"] == 1)
        assert done["reached"] == start + CATCH_UP + MINUTE + SECOND
        after.stop()
    tables = read_tables(folder / "data/relight.db")
    gaps = [control for control in tables.controls if control[0] == "gap"]
    assert [(gap[1], gap[4]["until"]) for gap in gaps] == [(reached, start + CATCH_UP)]
    found = {(row[2], row[4] == "", row[5], row[6], row[10]) for row in tables.fields.values()}
    end = start + CATCH_UP
    assert {one for one in found if one[1]} == {
        ("silent", True, "entered", None, end),
        ("over", True, "suppressed", "expired", end),
    }
    assert {one[0] for one in found if one[2] == "pending"} == {"silent"}
    assert len(mails_in(folder / "outbox")) == 1, "what was decided in the last batch has left when the run has stopped"
    assert_sound(folder, 7)
