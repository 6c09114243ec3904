"""The volume guard's stop reaches the team though it stands, once, whatever kills the program in between (S5)."""

from __future__ import annotations

import json
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from relight.base.instants import MINUTE, SECOND
from relight.stores.sqlite import SqliteStore
from relight.streams.envelope import Control, Event
from tests.acceptance.test_engine_sendgrid import environment, standing_in
from tests.acceptance.test_engine_smtp import Mailbox, mailbox
from tests.faults.small_project import T0, add, line, write_project
from tests.support.programs import run_program

__all__ = ["mailbox"]

PEOPLE = tuple(f"p{n}" for n in range(8))
PER_HOUR, TEAM, DESK = 5, "team@small.example", "desk@small.example"
#: The time of the file is long ago at the wall clock that a mail server is reached at.
KEEPS = "reentry: every\nexpires: 9000 days\n"
ALERT = f"class: internal\n{KEEPS}steps: [{{alert: {{to: %s, template: %s}}}}]\n"
RULES = {
    "welcome": f"trigger: {{event: used}}\n{KEEPS}send: hello\n",
    "told": "trigger: {event: volume_guard}\n" + ALERT % ("team", "stopped"),
    "ordinary": "trigger: {event: used}\n" + ALERT % ("desk", "hello"),
}
STOPPED = {
    "subject.txt": "Stopped after {{ entry.messages }}",
    "preheader.txt": "{{ entry.waiting }} wait",
    "body.txt": "{{ entry.waiting }} wait, {{ entry.per_hour }} an hour are allowed.\n",
    "body.html": "<!DOCTYPE html><html lang='en'><head><title>Stopped</title></head><body><p>{{ entry.waiting }} wait,"
    " {{ entry.per_hour }} an hour are allowed.</p></body></html>",
}


def stormy(folder: Path, delivery: str) -> Path:
    """Write a project in which everybody is welcomed, and the desk hears of each, more than the guard lets through."""
    written = write_project(folder, RULES, delivery=delivery)
    allow(written, PER_HOUR)
    config = written / "config/default.yaml"
    config.write_text(config.read_text() + f"alerts: {{team: {TEAM}, desk: {DESK}}}\n")
    (written / "templates/stopped").mkdir()
    for name, text in STOPPED.items():
        (written / "templates/stopped" / name).write_text(text)
    add(
        written,
        *(line(n, who, "identify", T0, arrives=T0, email=f"{who}@mail.example") for n, who in enumerate(PEOPLE)),
    )
    storm(written, 1)
    return written


def allow(folder: Path, per_hour: int) -> None:
    config = folder / "config/default.yaml"
    kept = [text for text in config.read_text().splitlines(keepends=True) if not text.startswith("volume")]
    config.write_text("".join([*kept, f"volume: {{per_hour: {per_hour}}}\n"]))


def storm(folder: Path, turn: int) -> None:
    at = T0 + turn * 20 * MINUTE + SECOND
    add(folder, *(line(100 * turn + n, who, "used", at, arrives=at) for n, who in enumerate(PEOPLE)))
    later = at + 10 * MINUTE  # time comes to the minute of the mails
    add(folder, line(100 * turn + 99, "p0", "identify", later, arrives=later))


def relight(*words: str, folder: Path, **env: str) -> tuple[int, str]:
    """Return the exit code and what one command of the program printed."""
    arguments = [sys.executable, "-m", "relight", *words, "--project", str(folder)]
    done = run_program(arguments, env=environment(**env), check=False, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def told_log(folder: Path) -> tuple[list[str], int]:
    """Return the pauses and resumes in the log, and how many events of the guard it has."""
    with closing(SqliteStore.open(folder / "data/relight.db", read_only=True)) as store:
        records = [record for _, record in store.read_log()]
    orders = [one.kind for one in records if isinstance(one, Control) and one.kind in {"pause", "resume"}]
    return orders, sum(isinstance(one, Event) and one.name == "volume_guard" for one in records)


class Provider:
    """SendGrid's stand-in, and to whom it took a mail since the last look."""

    def __init__(self, url: str, log: Path) -> None:
        self.url, self._log, self._read = url, log, 0

    def delivery(self) -> str:
        grid = f"{{key: '${{SENDGRID_API_KEY}}', url: '{self.url}'}}"
        return f"{{sendgrid: {grid}, timeout: 2 seconds, lease: 10 seconds}}"

    def taken(self) -> list[str]:
        lines = self._log.read_bytes().splitlines() if self._log.exists() else []
        new, self._read = lines[self._read :], len(lines)
        return [json.loads(one)["to"][0] for one in new]


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    log = tmp_path_factory.mktemp("provider") / "log"
    with standing_in(log) as (url, _):
        yield Provider(url, log)


def test_a_storm_makes_one_alert_and_nothing_else_leaves_until_the_release(tmp_path: Path, provider: Provider) -> None:
    """S5, E1, G5: of a storm the allowed number leaves, then one mail to the team and nobody else's, at further starts and
    further storms neither, and no ordinary alert; the log has one pause and one event. `explain`, `doctor` and `replay` know.
    Released, everything that was decided drains, and no second alert of that stop leaves.
    """
    folder = stormy(tmp_path / "desk", provider.delivery())
    code, text = relight("run", folder=folder)
    assert (code, "the volume guard stopped all sending: 5 messages" in text) == (69, True)
    taken = provider.taken()
    assert (len(taken), taken.count(TEAM), taken[-1]) == (PER_HOUR + 1, 1, TEAM)
    assert "it leaves after `relight release`" in relight("explain", "p7", "welcome", folder=folder)[1]
    storm(folder, 2)
    for _ in range(2):
        relight("run", folder=folder)
    assert provider.taken() == []
    assert told_log(folder) == (["pause"], 1)
    assert "Not sent: volume_guard" in relight("explain", "p7", "welcome", folder=folder)[1]
    assert "volume guard stopped all sending" in relight("doctor", "--offline", folder=folder)[1]
    allow(folder, 1_000)
    relight("release", folder=folder)
    assert relight("run", folder=folder)[0] == 0
    drained = provider.taken()
    assert (len(drained), drained.count(TEAM)) == (2 * len(PEOPLE) - PER_HOUR, 0)
    assert Counter([*taken, *drained])[DESK] == len(PEOPLE)
    assert told_log(folder) == (["pause", "resume"], 1)
    code, text = relight("replay", folder=folder)
    assert (code, "0 missing, 0 extra, 0 differing" in text) == (0, True)


def points_after_the_stop(folder: Path) -> list[str]:
    """Return the crash points of one run from the stop to the call that alerts, as RELIGHT_CRASH_AT names each."""
    log = folder.parent / "points"
    relight("run", folder=folder, RELIGHT_CRASH_LOG=str(log))
    passed, named = Counter[str](), []
    for name in log.read_text().split():
        passed[name] += 1
        named.append(f"{name}:{passed[name]}")
    stop = named.index("before_note_commit:2")  # the store's second note is the stop, its first the project
    alert = next(n for n, one in enumerate(named) if n > stop and one.startswith("before_handing_over"))
    # Between what is durable and what comes next nothing has changed: of the two one is enough.
    between = [one for one in named[stop + 1 : alert + 1] if not one.startswith("before_") or one == named[alert]]
    return [named[stop], *between]


def test_killed_anywhere_between_stop_and_alert_the_team_hears_once(tmp_path: Path, provider: Provider) -> None:
    """S5, I3: a kill -9 at each point from the stop to the call that alerts, and a start: one pause and one event in the
    log, one mail to the team, nobody else's after the stop.
    """
    points = points_after_the_stop(stormy(tmp_path / "clean" / "desk", provider.delivery()))
    assert {one.partition(":")[0] for one in points} >= {
        "after_note_commit",
        "after_append_commit",
        "after_claim_commit",
    }
    before = provider.taken()
    for number, point in enumerate(points):
        folder = stormy(tmp_path / str(number) / "desk", provider.delivery())
        code, _ = relight("run", folder=folder, RELIGHT_CRASH_AT=point)
        assert code == -signal.SIGKILL, point
        relight("run", folder=folder)
        assert (provider.taken(), told_log(folder)) == (before, (["pause"], 1)), point


def test_each_stop_has_its_alert(tmp_path: Path) -> None:
    """S5, E1: with `reentry: every` a stop after a release is told again, also where the time of recorded files stands."""
    folder = stormy(tmp_path / "desk", "{files: outbox/}")
    for stops in (1, 2, 3):
        assert relight("run", folder=folder)[0] == 69
        mails = [path.read_bytes() for path in (folder / "outbox").rglob("*.eml")]
        assert (len(mails), sum(f"To: {TEAM}".encode() in one for one in mails)) == (stops * (PER_HOUR + 1), stops)
        relight("release", folder=folder)
    assert relight("run", folder=folder)[0] == 0
    assert told_log(folder) == (["pause", "resume"] * 3, 3)


def test_the_alert_goes_by_smtp(tmp_path: Path, mailbox: Mailbox) -> None:
    """S5: the same through a mail server: the allowed number, then the one to the team, who reads how many wait."""
    smtp = f"{{smtp: {{host: 127.0.0.1, port: {mailbox.port}, security: none}}, timeout: 2 seconds, lease: 10 seconds}}"
    folder = stormy(tmp_path / "desk", smtp)
    for _ in range(2):
        assert relight("run", folder=folder)[0] == 69
    assert (len(mailbox.stored), mailbox.asked["team"]) == (PER_HOUR + 1, 1)
    alert = mailbox.stored[-1].decode()
    assert "Subject: Stopped after 5" in alert
    assert "11 wait, 5 an hour are allowed." in alert


def mailed(folder: Path) -> Counter[str]:
    """Return how many mails went to each address, as files."""
    texts = [path.read_text() for path in (folder / "outbox").rglob("*.eml")]
    return Counter(text.partition("\nTo: ")[2].partition("\n")[0] for text in texts)


def test_a_rule_that_was_paused_while_the_guard_stood_stays_paused(tmp_path: Path) -> None:
    """S5: an operator pauses the rule that sent too much, then releases: everything else drains, that rule's mails do not
    leave, and it decides nothing until it is resumed.
    """
    folder = stormy(tmp_path / "desk", "{files: outbox/}")
    assert relight("run", folder=folder)[0] == 69
    before = mailed(folder)[DESK]
    assert before < len(PEOPLE)
    allow(folder, 1_000)
    relight("pause", "ordinary", folder=folder)
    relight("release", folder=folder)
    assert relight("run", folder=folder)[0] == 0
    storm(folder, 2)
    assert relight("run", folder=folder)[0] == 0
    sent = mailed(folder)
    assert (sent[DESK], sent[TEAM], [sent[f"{who}@mail.example"] for who in PEOPLE]) == (before, 1, [2] * len(PEOPLE))
    relight("resume", "ordinary", folder=folder)
    relight("run", folder=folder)
    storm(folder, 3)
    assert relight("run", folder=folder)[0] == 0
    assert mailed(folder)[DESK] == before + len(PEOPLE)


def test_a_guard_that_is_taken_out_is_released_too(tmp_path: Path) -> None:
    """S5: without `volume` in the config what waited leaves; a release lets the rules decide again."""
    folder = stormy(tmp_path / "desk", "{files: outbox/}")
    assert relight("run", folder=folder)[0] == 69
    config = folder / "config/default.yaml"
    config.write_text(
        "".join(one for one in config.read_text().splitlines(keepends=True) if not one.startswith("volume"))
    )
    (folder / "rules/told.yaml").unlink()  # it waits for an event that there is no more, and so does its letter
    shutil.rmtree(folder / "templates/stopped")
    relight("release", folder=folder)
    assert relight("run", folder=folder)[0] == 0
    assert told_log(folder)[0] == ["pause", "resume"]
    storm(folder, 2)
    assert relight("run", folder=folder)[0] == 0
    assert mailed(folder) == {TEAM: 1, DESK: 2 * len(PEOPLE)} | {f"{who}@mail.example": 2 for who in PEOPLE}
