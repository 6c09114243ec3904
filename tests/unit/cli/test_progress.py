"""What long work says of itself where no line can move."""

from __future__ import annotations

from dataclasses import replace

import pytest

from relight.base.instants import DAY
from relight.cli.progress import TOLD_SECONDS, Progress
from relight.cli.run import told_of
from relight.engine.run_summary import RunProgress


def test_a_plain_line_comes_only_where_something_moved(capsys: pytest.CaptureFixture[str]) -> None:
    """Who waits for events reads each state once: nothing is said again while nothing happens."""
    with Progress("Running", every=0) as progress:
        for done, told in (
            (0, "0 mails"),
            (0, "0 mails"),
            (0, "2 mails"),
            (0, "2 mails"),
            (7, "2 mails"),
            (7, "2 mails"),
        ):
            progress.update(done, told)
    assert [line.rpartition(", ")[0] for line in capsys.readouterr().err.splitlines()[1:]] == [
        "  0 events, 0 mails",
        "  0 events, 2 mails",
        "  7 events, 2 mails",
    ]


def test_a_plain_line_comes_after_its_time(capsys: pytest.CaptureFixture[str]) -> None:
    """However much moves, a line comes once in `every` seconds."""
    with Progress("Running", every=3_600) as progress:
        for done in range(100):
            progress.update(done)
    assert capsys.readouterr().err == "Running …\n"


def test_what_is_said_is_asked_for_only_where_a_line_is_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    """An answer that is counted in a store is not asked for before a plain line is due, and then not for each update."""
    asked = list[int]()

    def told() -> str:
        asked.append(1)
        return "2 mails wait"

    with Progress("Running", every=3_600) as progress:
        for done in range(100):
            progress.update(done, told)
    assert asked == []
    with Progress("Running", every=0) as progress:
        for _ in range(100):
            progress.update(7, told)
        assert 1 <= len(asked) <= 1 + progress.seconds / TOLD_SECONDS
    assert capsys.readouterr().err.count("  7 events, 2 mails wait") == 1


def test_a_run_tells_what_left() -> None:
    """Mails that an earlier process decided count where they leave: in this one."""
    done = RunProgress(events=0, duplicates=0, dead=0, rows=0, mails=0, handed_over=2, reached=20_000 * DAY)
    assert told_of(done, "Europe/Istanbul") == "time is at 04 Oct 2024, 2 mails handed over"


def test_a_run_tells_why_mails_wait() -> None:
    """While nothing leaves, because of the provider, our settings or the volume guard, the line of progress says why."""
    done = RunProgress(
        events=0, duplicates=0, dead=0, rows=0, mails=9, handed_over=2, reached=20_000 * DAY, trouble="503 try later"
    )
    assert told_of(done, "UTC").endswith("2 mails handed over; mails wait: 503 try later")


def test_the_line_names_the_limit_that_mails_wait_for() -> None:
    """A limit of the config is named as such; where something is wrong, that is said instead."""
    done = RunProgress(
        events=0,
        duplicates=0,
        dead=0,
        rows=0,
        mails=0,
        handed_over=2,
        reached=20_000 * DAY,
        held=lambda: "3 decided, the rate …",
    )
    assert told_of(done, "UTC").endswith("2 mails handed over; mails wait: 3 decided, the rate …")
    assert told_of(replace(done, trouble="no connection"), "UTC").endswith("; mails wait: no connection")
