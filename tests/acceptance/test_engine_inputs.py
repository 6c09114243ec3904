"""What comes into the engine beside finished files: growing ones in the log's order, and what sending learned."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from relight.base.instants import HOUR, MINUTE, SECOND
from relight.config.loader import LoadedProject, load_project
from relight.engine.feed import BrakeError
from relight.engine.live import LiveFeed
from relight.engine.outcomes import outcome_records
from relight.engine.run import run_project
from relight.engine.run_summary import RunProgress
from relight.messages.life import MessageCause, MessageState
from relight.stores.interface import Attempt
from relight.stores.memory import MemoryStore
from relight.stores.sqlite import SqliteStore
from relight.streams.envelope import DeadLetter, Event, order_key
from tests.faults.checker import mails_in, read_tables
from tests.faults.small_project import QUIET, SECRET, T0, add, line, write_project

WELCOME = "trigger: {event: used}\nreentry: every\nsend: hello\n"


def load(folder: Path) -> LoadedProject:
    found = load_project(folder, env={"LINK_SECRET": SECRET})
    assert found.plan is not None, [str(problem) for problem in found.problems]
    return found


def test_what_arrives_at_one_instant_is_in_the_logs_order(tmp_path: Path) -> None:
    """H1: at equal ingest time global events come before customers' events, these by stream and position; a line that
    cannot be read stands where it was.
    """
    folder = write_project(tmp_path, {"quiet": QUIET}, follow=True)
    text = (folder / "streams/app.yaml").read_text()
    (folder / "streams/news.yaml").write_text(
        text.replace("data/app", "data/news").replace("  used: {}\n", "  shipped: {global: true}\n")
    )
    add(folder, line(1, "ann", "used", T0), "broken\n", line(2, "bo", "used", T0))
    (folder / "data/news.ndjson").write_text(line(3, "", "shipped", T0))
    feed = LiveFeed.open(load(folder), MemoryStore())
    records, positions = feed.poll(T0 + SECOND, 10)
    feed.close()
    assert len(positions) == 2
    assert [record.customer for record in records if not isinstance(record, DeadLetter)] == [None, "ann", "bo"]
    assert [isinstance(record, DeadLetter) for record in records] == [False, False, True, False]
    living = [record for record in records if not isinstance(record, DeadLetter)]
    assert living == sorted(living, key=order_key)


def test_reading_once_leaves_no_mail_behind(tmp_path: Path) -> None:
    """I4: a run that reads what a growing file holds and ends has written the mails of its last batch."""
    folder = write_project(tmp_path, {"welcome": WELCOME}, follow=True)
    add(folder, line(1, "ann", "identify", T0, email="ann@mail.example"), line(2, "ann", "used", T0))
    clock = iter([T0 + n * MINUTE for n in range(10)])
    summary = run_project(load(folder), clock=lambda: next(clock), once=True)
    assert (summary.mails, summary.handed_over) == (1, 1)
    assert len(mails_in(folder / "outbox")) == 1


def test_stopping_leaves_no_mail_behind(tmp_path: Path) -> None:
    """Ctrl-C finishes the batch at hand: what it decided is written, and nothing is left in the hands of a sender."""
    folder = write_project(tmp_path, {"welcome": WELCOME}, batch=1)
    for n in range(6):
        at = T0 + n * HOUR
        add(folder, line(n, "ann", "used" if n else "identify", at, arrives=at, email="ann@mail.example"))
    stop = threading.Event()

    def stop_after_two_mails(done: RunProgress) -> None:
        if done.mails == 2:
            stop.set()

    summary = run_project(load(folder), clock=lambda: 0, stop=stop, on_progress=stop_after_two_mails)
    assert summary.stopped
    assert (summary.mails, summary.handed_over) == (2, 2)
    assert set(read_tables(folder / "data/relight.db").messages.values()) == {"accepted"}


def attempt(number: int, state: MessageState, cause: MessageCause, key: str = "k1") -> Attempt:
    return Attempt(
        number=number, occurrence_key=key, rule="r", customer="ann", step="s", token=1, state=state, cause=cause, text="",
        provider_id=None, at=T0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("states", "told"),
    [
        ([MessageState.ACCEPTED], []),
        ([MessageState.PENDING], []),
        ([MessageState.REJECTED], ["rejected"]),
        ([MessageState.UNKNOWN], ["unknown"]),
        ([MessageState.UNKNOWN, MessageState.ACCEPTED], []),
        ([MessageState.UNKNOWN, MessageState.REJECTED], ["rejected"]),
        ([MessageState.PENDING, MessageState.BOUNCED], ["bounced"]),
        ([MessageState.SUPPRESSED], ["suppressed"]),
        ([MessageState.EXPIRED], ["expired"]),
    ],
)
def test_the_log_learns_the_last_word(states: list[MessageState], told: list[str]) -> None:
    """H7: of what the journal says about a message the last word becomes a control record, unless it is what every
    decision expected; its time is the one that time has come to.
    """
    lines = [attempt(number, state, MessageCause.NO_ANSWER) for number, state in enumerate(states, 1)]
    found = outcome_records(lines, now=T0 + SECOND)
    assert [record.detail["state"] for record in found] == told
    assert all((record.customer, record.subject, record.ingest_time) == ("ann", "k1", T0 + SECOND) for record in found)


@pytest.mark.parametrize("follow", [False, True])
def test_a_brake_keeps_what_stopped_it_once_and_loses_nothing(tmp_path: Path, *, follow: bool) -> None:
    """V2: too many records that cannot be read stop a stream, finished or growing. Its position is kept, the dead letters
    can be looked at, and stand there once, however often it is started; once mended, everything is taken.
    """
    folder = write_project(tmp_path, {"quiet": QUIET}, follow=follow, batch=100)
    stream = folder / "streams/app.yaml"
    stream.write_text(stream.read_text() + "brake: {share: 5%, of: 100}\n")
    rows = [line(n, "ann", "used", T0 + n * SECOND, arrives=T0 + n * SECOND) for n in range(40)]
    broken = [row if n % 4 else "broken\n" for n, row in enumerate(rows)]
    add(folder, *broken)
    clock = iter([T0 + n * MINUTE for n in range(1, 100)])
    for _ in range(2):
        with pytest.raises(BrakeError, match="stream 'app' stopped"):
            run_project(load(folder), clock=lambda: next(clock), once=True)
        with closing(SqliteStore.open(folder / "data/relight.db", read_only=True)) as store:
            letters = [stored.letter.source for stored in store.dead_letters()]
            assert len(letters) == len(set(letters)) == 10
            assert not [record for _, record in store.read_log() if isinstance(record, Event)]
    (folder / "data/app.ndjson").write_text("".join(rows))
    summary = run_project(load(folder), clock=lambda: next(clock), once=True)
    assert (summary.events, summary.dead) == (40, 0)


@pytest.mark.parametrize("batches", [1, 2, 3, 100])
def test_rows_that_come_in_further_up_arrive_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batches: int) -> None:
    """H1, I1: an added stream and a row put in further up are taken once, at the time that was reached, wherever a run
    is stopped meanwhile; what was taken before is neither taken again nor counted as a copy.
    """
    monkeypatch.setenv("LINK_SECRET", SECRET)
    folder = write_project(tmp_path, {"welcome": WELCOME}, batch=2)
    people = ("ann", "bo", "cy", "di")
    first = [
        row
        for n, who in enumerate(people)
        for row in (
            line(n, who, "identify", T0 + n * HOUR, arrives=T0 + n * HOUR, email=f"{who}@mail.example"),
            line(10 + n, who, "used", T0 + n * HOUR, arrives=T0 + n * HOUR + MINUTE),
        )
    ]
    add(folder, "broken\n", *first, first[1])
    before = run_project(load(folder), clock=lambda: T0 + 10 * HOUR)
    assert (before.events, before.duplicates, before.dead, before.caught_up) == (8, 1, 1, 0)
    text = (folder / "streams/app.yaml").read_text()
    (folder / "streams/older.yaml").write_text(text.replace("data/app", "data/older"))
    early = T0 - HOUR
    rows = [line(n, "eve", "used", early + n, arrives=early + n) for n in range(20, 25)]
    mail = line(30, "eve", "identify", early, arrives=early, email="eve@mail.example")
    (folder / "data/older.ndjson").write_text(mail + "no row\n" + "".join(rows))
    data = folder / "data/app.ndjson"
    data.write_text(line(40, "ann", "used", early, arrives=early) + data.read_text())
    stop, seen = threading.Event(), 0

    def count(_: RunProgress) -> None:
        nonlocal seen
        seen += 1
        if seen == batches:
            stop.set()

    stopped = run_project(load(folder), clock=lambda: T0 + 20 * HOUR, stop=stop, on_progress=count)
    rest = run_project(load(folder), clock=lambda: T0 + 30 * HOUR)
    assert (stopped.events + rest.events, stopped.duplicates + rest.duplicates) == (7, 0)
    assert (stopped.caught_up + rest.caught_up, stopped.dead + rest.dead) == (7, 1)
    assert run_project(load(folder), clock=lambda: T0 + 40 * HOUR).events == 0
    with closing(SqliteStore.open(folder / "data/relight.db", read_only=True)) as store:
        late = [one.ingest_time for _, one in store.read_log() if isinstance(one, Event) and one.event_time < T0]
        entries = Counter(row.customer for row in store.ledger() if row.state == "entered")
        assert len(list(store.dead_letters())) == 2
    assert len(late) == 7
    assert min(late) == before.end
    # All five of eve's arrive at one instant: the mail of the first is still to be decided when the others do (E1).
    assert entries == {"ann": 2, "bo": 1, "cy": 1, "di": 1, "eve": 1}
