"""A forecast is a simulation: it agrees row by row with a real run of the same events under the same plan (I9, E4, E5)."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from relight.base.instants import DAY, MINUTE, from_local
from relight.cli.ordering import Answer, put_in_force
from relight.cli.project import Project
from relight.config.loader import LoadedProject, load_project
from relight.engine.plan_commands import PlanOrder
from relight.engine.plan_versions import known_plans, versions_in_log
from relight.engine.run import run_project
from relight.messages.ledger import LedgerRow
from relight.simulate.forecast.difference import compare_sources, rules_changed
from relight.simulate.forecast.forecast import forecast_of, run_again
from relight.simulate.forecast.touched import Touched, TouchedPeople, engine_beside, touched_people
from relight.stores.sqlite import SqliteStore
from tests.acceptance.cli_kit import copy_project, edit, ledger_of

#: When the rules are edited: the made-up events run from March to June 2026.
EDITED = "2026-05-20T12:00"
STEPS = "{wait: 2 days, id: pause}, {send: welcome, id: hello}"

BACKFILLED = """trigger: {inactive: 40 days, activity: [order_placed]}
audience: orders >= 1
backfill: {ramp: 48 hours}
send: winback
"""
SPENDERS = """trigger: {milestone: {sum: order_placed.total, at: [60, 120]}}
audience: count(order_placed, 60 days) >= 2
steps: [{wait: 3 hours}, {send: welcome}]
"""


@dataclass(frozen=True, slots=True)
class Edited:
    """One project, run in two ways."""

    #: What the folder says after the edit.
    loaded: LoadedProject
    #: Never edited, run to the end; edited at EDITED, then run to the end.
    unedited: Path
    edited: Path
    #: When the plan record was written (µs).
    since: int
    touched: TouchedPeople


def _write(name: str, text: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / "rules" / name).write_text(text, encoding="utf-8")

    return write


def _replace(path: str, old: str, new: str) -> Callable[[Path], None]:
    return lambda folder: edit(folder / path, old, new)


EDITS: dict[str, Callable[[Path], None]] = {
    "threshold lowered": _replace("rules/winback_30d.yaml", "30 days", "21 days"),
    "threshold raised": _replace("rules/winback_30d.yaml", "30 days", "45 days"),
    "wait removed": _replace("rules/welcome.yaml", "{wait: 2 days, id: pause}, ", ""),
    "steps renamed": _replace("rules/welcome.yaml", "id: hello", "id: welcome"),
    "wait shortened": _replace("rules/welcome.yaml", "wait: 2 days", "wait: 1 hour"),
    "rule removed": lambda folder: (folder / "rules/welcome.yaml").unlink(),
    "rule with a backfill": _write("long_gone.yaml", BACKFILLED),
    "rule that counts what nothing counted": _write("spenders.yaml", SPENDERS),
    "caps and quiet hours": lambda folder: edit(
        folder / "config/default.yaml", "caps: [1 per day, 3 per 7 days]", "caps: [1 per 14 days]"
    ),
    "holdout": _replace("config/default.yaml", "share: 10%", "share: 40%"),
}


@pytest.fixture(scope="module")
def base(new_project: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The project run to its end, and the same run until the day of the edit."""
    folder = tmp_path_factory.mktemp("forecast")
    whole = copy_project(new_project, folder / "whole")
    edit(whole / "rules/welcome.yaml", "{wait: 2 days}, {send: welcome}", STEPS)
    half = copy_project(whole, folder / "half")
    _run(whole)
    _run(half, until=from_local(dt.datetime.fromisoformat(EDITED), "Europe/Istanbul"))
    return whole, half


def _run(folder: Path, until: int | None = None) -> LoadedProject:
    loaded = load_project(folder, env={}, lint=False)
    run_project(loaded, clock=lambda: 0, until=until)
    return loaded


@pytest.fixture(scope="module", params=sorted(EDITS))
def edited(request: pytest.FixtureRequest, base: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Edited:
    whole, half = base
    folder = copy_project(half, tmp_path_factory.mktemp("edited") / "shop")
    EDITS[request.param](folder)
    for path in (folder / "tests/rules").glob("*.yaml"):
        path.unlink()  # they belong to the rules as they were
    loaded = load_project(folder, env={}, lint=False)
    assert loaded.plan is not None
    with closing(SqliteStore.open(folder / "data/relight.db", read_only=True)) as store, store.frozen():
        plans = known_plans(store, loaded.plan)
        old = next(plan for plan in plans if plan.version != loaded.plan.version)
        before = json.loads(store.note(f"plan:{old.version}") or "")
        rules = rules_changed(old, loaded.plan, compare_sources(before, loaded.sources))
        reached = store.reached()
        assert reached is not None
        touched = touched_people(engine_beside(store, plans), loaded.plan, rules, reached=reached)
    assert loaded.settings is not None
    project = Project(folder=folder, loaded=loaded, plan=loaded.plan, settings=loaded.settings, seconds=0)
    order = PlanOrder(base=old.version, version=loaded.plan.version, sources=dict(loaded.sources))
    assert put_in_force(project, order) == Answer(outcome="applied")
    _run(folder)
    with closing(SqliteStore.open(folder / "data/relight.db", read_only=True)) as store:
        since, version = versions_in_log(store)[-1]
    assert version == loaded.plan.version
    return Edited(loaded, whole, folder, since, touched)


def test_forecast_and_real_run_agree(edited: Edited) -> None:
    """I9, E4, E5: the days after an edit, forecast from a store that never saw it, are those of a run that did: equal rows."""
    assert edited.loaded.plan is not None
    with closing(SqliteStore.open(edited.unedited / "data/relight.db", read_only=True)) as store:
        reached = store.reached()
        assert reached is not None
        engine = run_again(
            plans=known_plans(store, edited.loaded.plan),
            log=(record for _, record in store.read_log()),
            plan=edited.loaded.plan,
            since=edited.since,
            reached=reached,
        )
    found = forecast_of(engine, since=edited.since)
    real = [row for row in ledger_of(edited.edited) if row.judged >= edited.since]
    assert sorted(found.rows, key=lambda row: row.occurrence_key) == real
    assert found.sent == sum(row.state.value == "pending" for row in real) > 0


def test_every_row_names_the_version_that_decided_it(edited: Edited) -> None:
    """H7: before the plan record the old version, from it on the new one; never both in one instant's decision."""
    assert edited.loaded.plan is not None
    versions = {row.judged >= edited.since: set[str]() for row in ledger_of(edited.edited)}
    for row in ledger_of(edited.edited):
        versions[row.judged >= edited.since].add(row.plan_version)
    assert versions[True] == {edited.loaded.plan.version}
    assert len(versions[False]) == 1
    assert not versions[False] & versions[True]


def test_the_people_touched_are_those_of_the_real_edit(edited: Edited, request: pytest.FixtureRequest) -> None:
    """E4, E5: who leaves, who is mailed at once and whom a backfill takes are the rows that follow the real edit."""
    rows = [row for row in ledger_of(edited.edited) if row.judged >= edited.since]
    kind = request.node.callspec.params["edited"]
    told = {rule: one for rule, one in edited.touched.rules.items() if one != Touched()}
    removed = Counter(row.rule for row in rows if row.reason == "rule_removed")
    assert {rule: one.leave for rule, one in told.items() if one.leave} == dict(removed)
    if kind == "steps renamed":
        # Who waits at `pause` waits on; only who stands at the step that is gone leaves.
        assert told["welcome"].inside > told["welcome"].leave > 0
    if kind in ("wait removed", "wait shortened"):
        assert told["welcome"].at_once == len(_waited(edited, rows)) > 0
    if kind == "rule removed":
        assert told["welcome"].leave == told["welcome"].inside > 0
    if kind == "threshold lowered":
        assert told["winback_30d"].passed == len(_between(edited, rows)) > 0
        assert edited.touched.thresholds["winback_30d"] == [("0", "30 days", "0", "21 days")]
    if kind == "threshold raised":
        assert told["winback_30d"].spent > 0
        assert told["winback_30d"].passed == 0
    if kind == "rule with a backfill":
        entered = {r.customer for r in rows if r.rule == "long_gone" and r.state.value == "entered"}
        # Who orders or changes within the ramp is not taken after all, and others fall silent meanwhile.
        assert told["long_gone"].taken == pytest.approx(len(_at_ramp(edited, rows)), abs=3)
        assert entered


def _waited(edited: Edited, rows: list[LedgerRow]) -> list[LedgerRow]:
    """Messages of welcome whose entry was made before the edit, and that it let go within its first morning."""
    before = {row.occurrence for row in ledger_of(edited.edited) if row.judged < edited.since and not row.step}
    return [r for r in rows if r.rule == "welcome" and r.step and r.occurrence in before and _is_early(edited, r)]


def _is_early(edited: Edited, row: LedgerRow) -> bool:
    return row.deadline is not None and edited.since <= row.deadline <= edited.since + MINUTE


def _between(edited: Edited, rows: list[LedgerRow]) -> set[str]:
    """Customers whose last order was 21 to 30 days before the edit, who would match, found from the events alone."""
    orders: dict[str, list[int]] = {}
    plans: dict[str, str] = {}
    with closing(SqliteStore.open(edited.edited / "data/relight.db", read_only=True)) as store:
        for _, record in store.read_log():
            if record.ingest_time >= edited.since or record.customer is None:
                continue
            if getattr(record, "name", "") == "order_placed":
                orders.setdefault(record.customer, []).append(record.event_time)  # type: ignore[union-attr]  # an event
            plan = getattr(record, "traits", {}).get("plan")
            if plan is not None:
                plans[record.customer] = str(plan)
    assert rows
    return {
        customer
        for customer, times in orders.items()
        if edited.since - 30 * DAY < max(times) < edited.since - 21 * DAY
        and (plans.get(customer) == "club" or len(times) >= 3)
    }


def _at_ramp(edited: Edited, rows: list[LedgerRow]) -> set[str]:
    return {
        row.customer
        for row in rows
        if row.rule == "long_gone" and row.state.value == "entered" and row.judged <= edited.since + 2 * DAY
    }
