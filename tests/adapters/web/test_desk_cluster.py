"""The desk of a cluster while its servers are away: pages wait once, are told to try again, and never say "our fault"."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import pytest

from relight.base.errors import StoreError
from relight.config.loader import load_project
from relight.config.measure_plan import MeasurePlan
from relight.engine.asking import open_to_ask
from relight.engine.cluster_store import ClusterStore
from relight.engine.customer_past import Past
from relight.engine.log_generation import note_generation
from relight.stores.interface import Store
from relight.stores.postgres import PostgresStore
from relight.streams.envelope import Control
from relight.web.desk.customer_page import customer
from relight.web.desk.desk import Desk
from relight.web.desk.everybody import ASK_AGAIN_SECONDS, Everybody
from relight.web.desk.figures import Figures
from relight.web.desk.tested import RuleTests
from tests.faults.small_project import QUIET, SECRET, write_project
from tests.support.postgres_server import PostgresServer
from tests.support.told_topics import Topics, on_cluster, told_topics


@dataclass(slots=True)
class Asked:
    """A desk, its topics, and its clock (s)."""

    desk: Desk
    topics: Topics
    now: float = 1_000.0

    def paused(self) -> list[str]:
        return self.desk.ask(lambda _: sorted(self.desk.everybody.paused()))

    def tell(self, kind: str, rule: str) -> None:
        assert kind in {"pause", "resume"}
        self.topics.tell(self.desk.settings.project, Control(kind=kind, ingest_time=0, subject=rule))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, postgres: PostgresServer, tmp_path: Path) -> Iterator[Asked]:
    project = load_project(write_project(tmp_path, {"quiet": QUIET}), env={"LINK_SECRET": SECRET})
    assert project.plan is not None
    assert project.settings is not None
    settings = on_cluster(project.settings, postgres.new_schema())
    assert settings.store.postgres is not None
    PostgresStore.open(settings.store.postgres.reveal()).close()  # a worker makes the tables
    found: list[Asked] = []

    def opened() -> Store:
        return open_to_ask(settings, tmp_path)

    desk = Desk(
        loaded=project, plan=project.plan, settings=settings, folder=tmp_path, audit=tmp_path / "audit.ndjson",
        open_store=opened, inbox=None, clock=lambda: 0, secret=secrets.token_bytes(8),  # type: ignore[arg-type]  # nothing is ordered
        figures=Figures(measure_plan=None, plan=project.plan, open_store=opened, seconds=time.monotonic),
        rule_tests=RuleTests(project, tmp_path, seconds=time.monotonic),
        everybody=Everybody(plan=project.plan, seconds=lambda: found[0].now),
    )  # fmt: skip
    found.append(Asked(desk, told_topics(monkeypatch)))
    yield found[0]
    desk.close()


def test_brokers_that_are_away_are_no_fault_of_ours(asked: Asked) -> None:
    """Where nothing was read yet a page ends with StoreError, which is answered 503, and only the first one connects."""
    asked.topics.away = True
    for _ in range(3):
        with pytest.raises(StoreError, match="the store cannot be read: "):
            asked.paused()
    assert asked.topics.tries == 1
    asked.topics.away = False
    asked.tell("pause", "quiet")
    asked.now += ASK_AGAIN_SECONDS
    assert asked.paused() == ["quiet"]


def test_what_was_known_stays_while_brokers_are_away(asked: Asked) -> None:
    """Pages go on with the last known pauses, try the brokers once in ASK_AGAIN_SECONDS, and then miss nothing."""
    asked.tell("pause", "quiet")
    asked.tell("pause", "other")
    assert asked.paused() == ["other", "quiet"]
    for rule in ("third", "fourth", "fifth"):
        asked.tell("pause", rule)
    asked.topics.polls = 1
    assert [asked.paused() for _ in range(3)] == [["other", "quiet"]] * 3
    tries = asked.topics.tries
    asked.now += ASK_AGAIN_SECONDS - 1
    assert asked.paused() == ["other", "quiet"]
    assert asked.topics.tries == tries
    asked.now += 1
    asked.topics.away = False
    asked.tell("resume", "other")
    assert asked.paused() == ["fifth", "fourth", "quiet", "third"]


def test_a_database_that_is_away_is_no_fault_of_ours(asked: Asked, postgres: PostgresServer) -> None:
    """A page that PostgreSQL cannot answer ends with StoreError, and the next one finds the server that came back."""
    asked.tell("pause", "quiet")
    assert asked.paused() == ["quiet"]
    postgres.kill()
    try:
        with pytest.raises(StoreError, match="the store cannot be read: "):
            asked.paused()
    finally:
        postgres.start()
    assert asked.paused() == ["quiet"]


def test_an_erasure_is_noticed_without_an_address(asked: Asked) -> None:
    """V5: a log that goes on in another topic has people no more: figures are forgotten, and no customer's page is
    told from what was read.
    """
    assert asked.paused() == []
    assert customer(asked.desk, "ann") is None
    before = asked.desk.everybody.erasures
    assert asked.desk.settings.store.postgres is not None
    with closing(PostgresStore.open(asked.desk.settings.store.postgres.reveal(), exclusive=False)) as store:
        note_generation(store, 2)
    assert (asked.paused(), asked.desk.everybody.erasures) == ([], before + 1)
    assert (asked.paused(), asked.desk.everybody.erasures) == ([], before + 1)
    with pytest.raises(StoreError, match="the log is in generation 2 of its topic, and this process reads 1"):
        customer(asked.desk, "ann")


def test_figures_that_are_forgotten_are_read_again(asked: Asked) -> None:
    """V5: a store that stays open keeps what it read of a log elsewhere; it is closed, and the log is read anew."""
    opened: list[Store] = []

    def open_store() -> Store:
        opened.append(asked.desk.open_store())
        return opened[-1]

    figures = Figures(
        measure_plan=MeasurePlan(), plan=asked.desk.plan, open_store=open_store, seconds=lambda: 0.0, stays_open=True
    )
    assert figures.latest().until == 1
    figures.forget()
    assert figures.latest().until == 1
    assert len(opened) == 2
    with pytest.raises(StoreError, match="closed"):
        opened[0].note("anything")
    figures.close()


def test_the_log_of_a_customer_holds_no_other_page_up(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long Kafka takes to bring a partition, whoever looks at another page has it meanwhile."""
    begun, goes_on, past_of = Event(), Event(), ClusterStore.past_of

    def slow(store: ClusterStore, who: str) -> Past:
        begun.set()
        assert goes_on.wait(60)
        return past_of(store, who)

    monkeypatch.setattr(ClusterStore, "past_of", slow)
    asked.tell("pause", "quiet")
    with ThreadPoolExecutor(2) as pool:
        page = pool.submit(customer, asked.desk, "ann")
        try:
            assert begun.wait(60)
            assert pool.submit(asked.paused).result(30) == ["quiet"]
            assert not page.done()
        finally:
            goes_on.set()
        assert page.result(60) is None  # nobody of that name was decided on
