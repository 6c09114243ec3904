"""A whole life of the engine drawn from one seed: clock, disk, provider, arrivals, unsubscribes, deaths and restarts.

First a time of faults, in which nothing wrong may happen; then a calm one, in which everything must finish. Everything
runs in one process, through the real run, store and inbox, on a simulated disk.
"""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import apsw
import pytest

from relight.base.errors import BackpressureError, StoreError
from relight.base.instants import DAY, HOUR
from relight.config.loader import LoadedProject
from relight.delivery import OutgoingMessage
from relight.messages.addresses import address_hash
from relight.stores import sqlite_connection
from relight.stores.inbox import Inbox, inbox_path
from relight.stores.inbox_words import Word, word_entry
from tests.faults import checker
from tests.faults.canary_project import END, Crowd, draw_crowd
from tests.faults.disk import Disk, Operation, left_after, write_files
from tests.faults.evidence import Identity, Tables, identities, read_lines, read_tables
from tests.faults.reference import expect, first_copies
from tests.faults.stand_in import StandIn, run_with
from tests.faults.through_apsw import stores_on

if TYPE_CHECKING:
    from relight.engine.run_summary import RunProgress

STORE = "relight.db"
#: Starts in which there are no faults any more; each is two hours later than the one before.
CALM_STARTS_MAX = 60
#: What a provider does in times of faults, as often as it stands here.
_MOODS = (
    "takes it", "takes it", "takes it", "refuses it", "asks for later", "asks for later", "keeps it and goes silent",
    "goes silent",
)  # fmt: skip


@dataclass(slots=True)
class World:
    """One seed's world."""

    seed: int
    draw: random.Random
    project: LoadedProject
    crowd: Crowd
    root: Path
    #: Whether addresses are suppressed on the way: then the gate may stop more or fewer, by when it hears of it.
    suppresses: bool
    retries: bool
    stand_in: StandIn = field(default_factory=StandIn)
    #: Folded address -> tick of its suppression's commit.
    suppressed: dict[str, int] = field(default_factory=dict)
    #: What each message says -> its occurrence key, from every look so far.
    texts: dict[str, str] = field(default_factory=dict)
    #: Grows with every operation of the disk.
    ticks: int = 0
    is_calm: bool = False
    has_power: bool = True
    faults: int = 0
    starts: int = 0
    acknowledged: int = 0
    disk: Disk = field(default_factory=Disk)

    # ------------------------------------------------------------ what goes wrong
    def may(self, operation: Operation) -> None:
        """Let an operation of the disk be done, or fail."""
        self.ticks += 1
        if not self.has_power:
            raise apsw.IOError("no power")
        if self.is_calm or self.draw.random() > 0.004:
            return
        self.faults += 1
        kind = self.draw.choice(("power", "failure", "no room"))
        if kind == "power":
            self.has_power = False
        if kind == "no room" and operation.kind == "write":
            raise apsw.FullError("no room")
        raise apsw.IOError("the disk fails")

    def answer(self, message: OutgoingMessage) -> str:
        """Return what the provider does with a message."""
        del message
        return "takes it" if self.is_calm else self.draw.choice(_MOODS)

    def progress(self, done: RunProgress) -> None:
        """Note what a batch acknowledged; now and then somebody unsubscribes at this moment."""
        self.acknowledged = self.kept + done.events
        if self.suppresses and not self.is_calm and self.draw.random() < 0.3:
            self.suppress(self.draw.choice(sorted(self.crowd.canaries)))

    def suppress(self, address: str) -> None:
        """Put a word into the inbox as the unsubscribe page does; it holds once that returns."""
        word = Word(kind="suppression", subject=address_hash(address), detail={"scope": "all", "cause": "a test"})
        try:
            with closing(Inbox.open(inbox_path(self.folder / "data" / STORE))) as inbox:
                inbox.put([word_entry(word, received=0)])
        except (StoreError, BackpressureError):
            return
        self.suppressed.setdefault(address, self.ticks)

    # ------------------------------------------------------------ one start after the other
    folder: Path = field(init=False)
    kept: int = 0

    def __post_init__(self) -> None:
        """Begin with an empty folder."""
        self.stand_in.answer, self.stand_in.began = self.answer, lambda: self.ticks
        self.folder = self.root / "0"
        self.move({})

    def move(self, files: dict[str, bytes]) -> None:
        """Go on in a new folder with these files."""
        self.folder = self.root / str(self.starts)
        write_files(self.folder / "data", files)
        (self.folder / "data/app.ndjson").write_text(self.crowd.text)
        self.has_power = True

    def live(self) -> Tables:
        """Run, fail and start again until everything is done; return what stands at the end."""
        trouble = self.draw.randrange(2, 9)
        for self.starts in range(1, trouble + CALM_STARTS_MAX):
            self.is_calm = self.starts > trouble
            failed = self.start()
            tables = self.look()
            if self.is_calm and not failed and checker.check_drained(tables) == []:
                return tables
        raise AssertionError("it does not come to an end")

    def start(self) -> bool:
        """Run once; return whether it failed, which in calm times it may not."""
        self.disk = Disk(may=self.may, begin=files_of(self.folder / "data"))
        self.kept = len(self.look().events)
        clock = END + DAY + 2 * self.starts * HOUR if self.is_calm else self.draw.choice((0, END - DAY, END + HOUR))
        patch = pytest.MonkeyPatch()
        there = replace(self.project, folder=self.folder)
        failed = False
        with patch.context() as changed, stores_on(self.disk, patch):
            changed.setattr(sqlite_connection, "WAL_PAGES_MAX", 60)
            changed.setattr(sqlite_connection, "WAL_COMMITS_FIRST", 4)
            changed.setenv("RELIGHT_CACHED_PROFILES", str(self.draw.choice((1, 3, 1000))))
            try:
                run_with(self.stand_in, there, patch, now=clock, on_progress=self.progress)
            except (StoreError, BackpressureError):
                failed = True
                assert not self.is_calm, "a fault in calm times"
        failed = failed or not self.has_power  # it may go while the files are closed, and nobody is told
        if failed and (not self.has_power or self.draw.random() < 0.5):
            self.move(left_after(self.disk, len(self.disk.operations), self.draw))
        return failed

    def look(self) -> Tables:
        """Return what stands; nothing acknowledged is missing, at most a batch is there beside it."""
        store = self.folder / "data" / STORE
        if not store.exists() or not store.stat().st_size:
            assert self.acknowledged == 0, "the store is gone"
            return Tables()
        with closing(sqlite3.connect(store)) as sql:  # rolls back what was not committed, as any opener would
            assert sql.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        tables = read_tables(store)
        known = self.known()
        assert tables.events == known[: len(tables.events)]
        batch = self.project.settings.engine.batch if self.project.settings is not None else 0
        told = checker.check_acknowledged(set(known[: self.acknowledged]), tables, in_flight_max=batch)
        assert told == []
        self.acknowledged = len(tables.events)
        # A message that is settled loses its words after some days; what they were stays known here.
        self.texts.update({text: key for text, key in tables.texts.items() if text})
        tables.texts.update(self.texts)
        return tables

    def known(self) -> list[Identity]:
        """Return the events of the input, each once, in the order of their arrival."""
        firsts, _ = first_copies(read_lines(self.folder / "data/app.ndjson"))
        return [("app", one.customer, one.id) for one in firsts]


def files_of(folder: Path) -> dict[str, bytes]:
    """Return the files of store and inbox; the shared memory beside them is gone with the power."""
    found = (path for path in folder.glob("relight*") if not path.name.endswith(("-shm", ".lock")))
    return {path.name: path.read_bytes() for path in found}


def draw_world(seed: int, project: LoadedProject, root: Path) -> World:
    """Return the world of a seed."""
    draw = random.Random(seed)
    crowd = draw_crowd(seed, customers=draw.randrange(2, 7), events=draw.randrange(5, 40))
    retries = draw.random() < 0.5
    settings = project.settings
    assert settings is not None
    settings = replace(
        settings,
        engine=replace(settings.engine, batch=draw.choice((1, 3, 7, 20, 100))),
        delivery=replace(settings.delivery, on_unknown="retry" if retries else "hold"),
    )
    there = replace(project, settings=settings)
    return World(seed, draw, there, crowd, root, suppresses=draw.random() < 0.5, retries=retries)


def judge(world: World, tables: Tables, undisturbed: Tables) -> list[str]:
    """Return what is wrong with a world that has come to its end; undisturbed: the same log without any fault."""
    lines = read_lines(world.folder / "data/app.ndjson")
    expected = expect(lines, until=END)
    calls = world.stand_in.calls
    late, _ = checker.check_suppressed(calls, world.suppressed)
    same = [] if world.suppresses else checker.check_same_decisions(undisturbed.rows, tables.rows)
    return [
        *checker.check_finished(tables, accepted_once(world, tables), identities(lines)),
        *checker.check_occurrences(tables, expected),
        *checker.check_copies(tables, expected),
        *checker.check_calls(tables, calls, retries=world.retries),
        *checker.check_recipients(calls, world.crowd.canaries),
        *late,
        *same,
    ]


def accepted_once(world: World, tables: Tables) -> dict[str, int]:
    """Return the Message-IDs whose acceptance the store learned of; what is unknown is `check_calls`'s."""
    told = {key for key, state in tables.messages.items() if state in checker.HAS_IT}
    return {call.id: 1 for call in world.stand_in.calls if tables.texts.get(call.text) in told}
