"""Conformance: what a rule test sees is what a live run of the same events decides."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from relight.base.ids import share_of
from relight.base.instants import HOUR, iso_utc
from relight.cli.init import make_project
from relight.config.loader import LoadedProject, load_project
from relight.engine.run import run_project
from relight.rules.plan import split_subject
from relight.simulate.rule_tests.case import Case
from relight.simulate.rule_tests.reading import read_rule_tests
from relight.simulate.rule_tests.running import run_case
from relight.streams.envelope import Event
from tests.acceptance.cli_kit import edit, ledger_of
from tests.unit.simulate.rule_tests.kit import compile_texts


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The starter project, with nobody held out and a stream that says when its rows arrived."""
    folder = tmp_path / "shop"
    make_project(folder)
    edit(folder / "config/default.yaml", "holdout: {share: 10%, salt: first}", "holdout: {share: 0%, salt: first}")
    edit(folder / "streams/shop.yaml", "name: event\n", "name: event\narrives: arrives\n")
    return folder


SPLIT = """trigger: {event: order_placed}
reentry: every
steps:
  - {wait: 2 hours}
  - split: {a: 30%, b: 70%}
    id: half
    steps_a: [{send: winback, id: sa}]
    steps_b: [{wait_for: order_returned, up_to: 3 days, id: w, else: [{send: welcome, id: sb}]}]
"""


def _rows(case: Case) -> Iterator[str]:
    """Return what a case gives, as the rows of the stream's file."""
    for given in case.given:
        event = given.record
        assert isinstance(event, Event)
        row = {"id": event.id, "event": event.name, "customer": event.customer, "at": iso_utc(event.event_time)}
        row["arrives"] = iso_utc(event.ingest_time)
        said = {**event.properties, **event.traits}
        for topic, is_given in event.consent.items():
            said |= {"consent_topic": topic, "consent_given": is_given}
        yield json.dumps({**row, **said}, default=str)


def _assert_equal(folder: Path, loaded: LoadedProject, case: Case) -> int:
    assert loaded.plan is not None
    told = run_case(loaded.plan, replace(case, holdout=frozenset()))
    (folder / "events.ndjson").write_text("\n".join(_rows(case)) + "\n", encoding="utf-8")
    for path in (folder / "data").glob("relight.db*"):
        path.unlink()
    run_project(loaded, clock=lambda: case.until, until=case.until)
    live = ledger_of(folder)
    assert sorted(told.rows, key=lambda row: row.occurrence_key) == live
    return len(live)


def test_the_starter_s_tests_agree_with_live_runs(project: Path) -> None:
    """I9: each test that ships with the starter, as a file of events through `relight run`: the ledgers are equal."""
    loaded = load_project(project, env={}, lint=False)
    tests = read_rule_tests(loaded, compile_texts)
    assert tests.problems == []
    assert sum(_assert_equal(project, loaded, case) for case in tests.cases) > 10


def _random_test(seed: int) -> str:
    draw = random.Random(seed)
    people = [f"p{n}" for n in range(40)]
    customers = {
        who: {
            "email": f"{who}@books.example",
            "timezone": draw.choice(["Europe/Istanbul", "America/New_York", "Asia/Kolkata"]),
            "locale": draw.choice(["en", "tr"]),
            "traits": {"first_name": "Elif", "plan": draw.choice(["free", "club"])},
            "consent": draw.choice([[], ["offers"], ["offers"]]),
        }
        for who in people
    }
    given: list[dict[str, object]] = []
    for number in range(400):
        hours = draw.randrange(0, 24 * 100)
        late = draw.choice([0, 0, 0, 1, 30, 100])
        event = draw.choice(["order_placed"] * 5 + ["signed_up", "ticket_opened", "ticket_closed", "order_returned"])
        one: dict[str, object] = {"at": f"{hours}h", "arrives": f"{hours + late}h", "customer": draw.choice(people)}
        one |= {"event": event, "id": f"e{draw.randrange(350)}"}
        if event.startswith("ticket"):
            one["properties"] = {"ticket_id": f"t{draw.randrange(3)}"}
        elif event == "order_placed":
            one["properties"] = {"order_id": f"o{number}", "total": draw.randrange(1, 90)}
        given.append(one)
    head = {"rules": ["*"], "start": "2026-03-02 10:00 Europe/Istanbul", "until": "130d", "customers": customers}
    return json.dumps({**head, "tests": [{"name": "it", "given": given, "expect": []}]}, ensure_ascii=False)


@pytest.mark.parametrize("seed", range(6))
def test_made_up_histories_agree_with_live_runs(project: Path, seed: int) -> None:
    """I9: forty customers in three zones and two arms, with late events, duplicates, tickets and returns: equal ledgers."""
    for path in (project / "tests/rules").glob("*.yaml"):
        path.unlink()
    (project / "rules/halves.yaml").write_text(SPLIT, encoding="utf-8")
    (project / "tests/rules/all.yaml").write_text(_random_test(seed), encoding="utf-8")
    loaded = load_project(project, env={}, lint=False)
    tests = read_rule_tests(loaded, compile_texts)
    assert tests.problems == []
    (case,) = tests.cases
    assert case.until - case.start == 130 * 24 * HOUR
    drawn = {who: share_of("first", split_subject("halves", "half"), who) for who in sorted(_people(case))}
    arms = {who: {"half": "a" if share < 0.3 else "b"} for who, share in drawn.items()}
    assert _assert_equal(project, loaded, replace(case, split=arms)) > 60
    assert {row.step for row in ledger_of(project) if row.rule == "halves"} >= {"sa", "sb"}


def _people(case: Case) -> set[str]:
    return {given.customer for given in case.given if given.customer is not None}
