"""Random histories through files, SQLite, cuts, stops and a cache of one, against the same history simulated."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from relight.base.instants import HOUR
from relight.config.loader import LoadedProject, load_project
from relight.engine.run import run_project
from relight.engine.run_summary import RunProgress
from relight.messages.ledger import LedgerRow
from relight.simulate.simulate import SimulationResult, simulate
from relight.stores.listing import Tally
from relight.stores.sqlite import SqliteStore
from tests.faults.small_project import SECRET, T0, line, write_project

RULES = {
    "quiet": "trigger: {inactive: [2 days, 5 days], activity: [used]}\naudience: count(ordered) < 3\nsend: hello\n",
    "thanks": "trigger: {event: ordered}\nreentry: {after: 3 days}\n"
    "steps: [{wait: 1 day}, {send: hello}, {wait: 30 hours}, {send: hello}]\nexit: [used]\n",
    "round": "trigger: {milestone: {count: used, at: [2, 4]}}\nsend: hello\n",
    "fewer": "trigger: {declined: {of: used, window: 1 day, against: 3 days, by: 50%}}\nsend: hello\n",
}
PEOPLE = ("ann", "bo", "cem")
#: Arrivals fall on full six hours, so that many records share an instant.
TICK = 6 * HOUR


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of a file."""

    number: int
    customer: str
    event: str
    #: Arrival, in ticks; and how many hours earlier it happened.
    tick: int
    delay: int
    #: Comes a second time so many ticks later.
    again: int | None

    def lines(self) -> Iterator[tuple[int, str]]:
        arrives = T0 + self.tick * TICK
        more = {"email": f"{self.customer}@mail.example"} if self.event == "identify" else {}
        text = line(self.number, self.customer, self.event, arrives - self.delay * HOUR, arrives=arrives, **more)
        yield self.tick, text
        if self.again is not None:
            other = line(self.number, self.customer, "used", arrives, arrives=arrives + self.again * TICK)
            yield self.tick + self.again, other


HAPPENINGS = st.lists(
    st.tuples(
        st.sampled_from(PEOPLE),
        st.sampled_from(["used", "used", "ordered", "identify"]),
        st.integers(0, 40),
        st.sampled_from([0, 0, 1, 30, 80]),
        st.sampled_from([None, None, None, 0, 3, 30]),
    ),
    min_size=4,
    max_size=24,
).map(lambda found: [Happening(number, *one) for number, one in enumerate(found)])


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> LoadedProject:
    folder = write_project(tmp_path_factory.mktemp("project"), RULES, caps="[1 per day]")
    text = (folder / "streams/app.yaml").read_text()
    (folder / "streams/shop.yaml").write_text(text.replace("data/app", "data/shop"))
    found = load_project(folder, env={"LINK_SECRET": SECRET})
    assert found.plan is not None, [str(problem) for problem in found.problems]
    return found


@contextmanager
def placed(project: LoadedProject, happenings: list[Happening]) -> Iterator[LoadedProject]:
    """The project over a history: orders in one file, all else in another, both as they arrived."""
    folder = Path(tempfile.mkdtemp())
    try:
        (folder / "data").mkdir()
        for name in ("app", "shop"):
            mine = [h for h in happenings if (h.event == "ordered") == (name == "shop")]
            rows = sorted((pair for h in mine for pair in h.lines()), key=lambda pair: pair[0])
            (folder / f"data/{name}.ndjson").write_text("".join(text for _, text in rows) + "not a row\n")
        yield replace(project, folder=folder)
    finally:
        shutil.rmtree(folder)


def sorted_rows(result: SimulationResult) -> list[LedgerRow]:
    return sorted(result.rows, key=lambda row: row.occurrence_key)


def run_with_stops(project: LoadedProject, batch: int, stops: list[int]) -> tuple[list[LedgerRow], list[Tally]]:
    """Run to the end in batches, stopped by hand after so many of them, with room for one profile."""
    assert project.settings is not None
    engine = replace(project.settings.engine, batch=batch)
    project = replace(project, settings=replace(project.settings, engine=engine))
    os.environ["RELIGHT_CACHED_PROFILES"] = "1"
    try:
        for wanted in (*stops, 10_000):
            stop = threading.Event()
            left = iter(range(wanted, 0, -1))

            def count(_: RunProgress, stop: threading.Event = stop, left: Iterator[int] = left) -> None:
                if next(left) == 1:
                    stop.set()

            run_project(project, clock=lambda: 0, stop=stop, on_progress=count)
    finally:
        del os.environ["RELIGHT_CACHED_PROFILES"]
    store = SqliteStore.open(project.folder / "data/relight.db", read_only=True)
    try:
        assert store.pending_count() == 0
        return sorted(store.ledger(), key=lambda row: row.occurrence_key), store.tallies()
    finally:
        store.close()


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(happenings=HAPPENINGS, batch=st.integers(1, 9), stops=st.lists(st.integers(1, 4), max_size=3))
def test_a_run_decides_what_the_simulation_does(
    project: LoadedProject, happenings: list[Happening], batch: int, stops: list[int]
) -> None:
    """I2, I8, I9: cut anywhere, stopped and started again, copies, late events and all: rows and contents are equal."""
    with placed(project, happenings) as here:
        expected = simulate(here)
        rows, tallies = run_with_stops(here, batch, stops)
        assert rows == sorted_rows(expected)
        assert {(t.rule, t.reason, t.day): t.count for t in tallies} == expected.counted


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(happenings=HAPPENINGS, order=st.permutations(PEOPLE))
def test_who_came_first_of_two_people_does_not_matter(
    project: LoadedProject, happenings: list[Happening], order: list[str]
) -> None:
    """I8: other customers' rows between mine, at the same instant, change nothing of mine."""
    other = sorted(happenings, key=lambda h: order.index(h.customer))
    with placed(project, happenings) as one, placed(project, other) as two:
        assert sorted_rows(simulate(one)) == sorted_rows(simulate(two))


def test_the_histories_have_something_to_decide(project: LoadedProject) -> None:
    """Such histories make rows of every rule, mails and refusals."""
    found = [
        Happening(n, PEOPLE[n % 3], ("identify", "used", "used", "ordered")[n // 3 % 4], n, 0, None) for n in range(36)
    ]
    with placed(project, found) as here:
        rows = simulate(here).rows
    assert {row.rule for row in rows} >= {"quiet", "thanks", "round"}
    assert {row.state for row in rows} >= {"entered", "pending", "suppressed"}
