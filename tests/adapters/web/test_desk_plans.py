"""The desk's questions to the store, whatever it holds: no page walks through a table that grows with customers."""

from __future__ import annotations

import os
import secrets
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from relight.config.loader import load_project
from relight.stores.interface import Store
from relight.stores.sqlite import SqliteStore
from relight.web.desk import customer_page, message_pages, overview_page, rule_page, rule_pages, system_pages
from relight.web.desk.desk import Desk
from relight.web.desk.everybody import Everybody
from relight.web.desk.facts import Page
from relight.web.desk.figures import Figures
from relight.web.desk.message_pages import Asked
from relight.web.desk.tested import RuleTests
from tests.faults.small_project import SECRET
from tests.support.pages import project_with_mail

#: Tables that grow with customers, events, decisions and mails. What triggers count grows with rules and days alone.
GROWING = ("log", "ledger", "outbox", "attempts", "links", "suppressions", "checkpoints")
WISHES: tuple[dict[str, str], ...] = (
    {}, {"rule": "quiet"}, {"state": "pending"}, {"reason": "no_consent"}, {"step": "-"}, {"customer": "ada"},
    {"rule": "quiet", "reason": "exit", "before": "99"}, {"delivery": "accepted"},
    {"rule": "quiet", "delivery": "accepted,delivered"}, {"customer": "ada", "rule": "quiet", "state": "pending"},
)  # fmt: skip


def build_all(desk: Desk) -> Iterator[tuple[str, Page | None]]:
    yield "overview", overview_page.overview(desk)
    yield "customers", customer_page.finding(desk, "nobody")
    yield "rules", rule_pages.rules(desk)
    yield "rule", rule_page.rule(desk, "quiet")
    yield "customer", customer_page.customer(desk, "ada")
    yield "system", system_pages.system(desk, 0)
    for wish in WISHES:
        yield f"messages of {wish}", message_pages.messages(desk, Asked.of(wish))


class Watched(SqliteStore):
    """A store that notes how SQLite goes about each question."""

    walks: list[str]

    def watch(self) -> None:
        """Begin."""
        self.walks = []
        sql = self._connection.sql
        aside = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)

        def note(statement: str) -> None:
            if statement.upper().startswith("SELECT"):
                steps = [row[3] for row in aside.execute(f"EXPLAIN QUERY PLAN {statement}")]
                self.walks += [
                    f"{step}: {statement}"
                    for step in steps
                    if (step.startswith("SCAN") and step.split()[1] in GROWING) or "TEMP B-TREE" in step
                ]

        sql.set_trace_callback(note)


@contextmanager
def desk_of(folder: Path) -> Iterator[tuple[Desk, Watched]]:
    project = load_project(folder, env={**os.environ, "LINK_SECRET": SECRET})
    assert project.plan is not None
    assert project.settings is not None
    store = Watched.open(folder / "data/relight.db", read_only=True)

    def opened() -> Store:
        return store

    desk = Desk(
        loaded=project, plan=project.plan, settings=project.settings, folder=folder, audit=folder / "audit.ndjson",
        open_store=opened, inbox=None, clock=lambda: 0, secret=secrets.token_bytes(8),  # type: ignore[arg-type]  # nothing is ordered
        figures=Figures(measure_plan=None, plan=project.plan, open_store=opened, seconds=time.monotonic),
        rule_tests=RuleTests(project, folder, seconds=time.monotonic), everybody=Everybody(plan=project.plan),
    )  # fmt: skip
    try:
        yield desk, store
    finally:
        desk.close()
        store.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return project_with_mail(tmp_path_factory.mktemp("plans") / "small")


def test_no_page_walks_through_what_grows(folder: Path) -> None:
    """Every question that a page asks is answered from an index or from counts, in the order that it needs."""
    with desk_of(folder) as (desk, store):
        assert list(build_all(desk))  # what is read once and kept is there now
        store.watch()
        for name, page in build_all(desk):
            assert page is not None, name
            assert store.walks == [], name


def test_a_walk_would_be_seen(folder: Path) -> None:
    """What counts every message by walking through them is noticed."""
    with desk_of(folder) as (_, store):
        store.watch()
        store.claims_made()
        assert len(store.walks) == 1
