"""A plan edited between two runs, the second killed around the plan record: it ends like one that nobody killed."""

from __future__ import annotations

import json
import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from relight import __version__
from relight.base.errors import ProjectError
from relight.base.instants import DAY, HOUR
from relight.config.loader import load_project
from relight.engine.plan_versions import PLAN_NOTE, PROGRAM_KEY, known_plans
from relight.stores.sqlite import SqliteStore
from tests.faults.checker import Tables, check_finished, message_ids
from tests.faults.conftest import Runner, Shop
from tests.faults.small_project import SECRET, T0, add, line, write_project

BEFORE = {
    "quiet": "trigger: {inactive: 20 days, activity: [used]}\nsend: hello\n",
    "thanks": "trigger: {event: ordered}\nreentry: every\nsteps: [{id: rest, wait: 10 days}, {id: tell, send: hello}]\n",
    "gone": "trigger: {event: ordered}\nreentry: every\nsteps: [{wait: 10 days}, {send: hello}]\n",
}
#: A lower threshold, a shorter wait, a rule less.
AFTER = {
    "quiet": "trigger: {inactive: 10 days, activity: [used]}\nsend: hello\n",
    "thanks": "trigger: {event: ordered}\nreentry: every\nsteps: [{id: rest, wait: 2 days}, {id: tell, send: hello}]\n",
}
EDIT = T0 + 12 * DAY
POINTS = ("before_batch:1", "inside_append:1", "before_append_commit:1", "after_append_commit:1", "after_plan_record:1")


@dataclass(frozen=True, slots=True)
class Edit:
    """The runner of the edited project, a shop that the project ran before, and one that ran on under the new plan."""

    runner: Runner
    before: Path
    after: Shop

    def again(self, folder: Path) -> Shop:
        """Return another shop that ran before the edit."""
        shutil.copytree(self.before, folder)
        return Shop(folder)


@pytest.fixture(scope="module")
def edit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edit]:
    """Ann is silent since T0: past 10 days at the edit, short of 20. Bo used it on day 5. Cem ordered on day 11, Dee on
    day 3.
    """
    root = tmp_path_factory.mktemp("edit")
    project = write_project(root / "project", BEFORE)
    at = iter(range(100))
    days: list[tuple[float, str, str]] = [(0, who, "identify") for who in ("ann", "bo", "cem", "dee")]
    days += [(0, "ann", "used"), (3, "dee", "ordered"), (5, "bo", "used"), (11, "cem", "ordered"), (40, "ann", "used")]
    for day, who, event in days:
        more = {"email": f"{who}@mail.example"} if event == "identify" else {}
        when = T0 + int(day * DAY)
        add(project, line(next(at), who, event, when, arrives=when, **more))
    first = Runner(project)
    shop = first.shop(root / "before")
    assert first.run(shop, until=EDIT) == 0
    first.close()
    write_project(project, AFTER)
    second = Runner(project)
    found = Edit(second, root / "before", Shop(root / "after"))
    assert second.run(found.again(root / "after")) == 0
    yield found
    second.close()


def steps(tables: Tables, customer: str) -> set[tuple[Any, ...]]:
    """(rule, step is the entry, state, reason, deadline in hours since T0) of a customer's rows."""
    return {
        (row[1], row[4] == "", row[5], row[6], (row[9] - T0) / HOUR)
        for row in tables.fields.values()
        if row[2] == customer
    }


def test_an_edit_goes_on_from_now(edit: Edit) -> None:
    """E4: somebody between the old and the new threshold is not mailed, who reaches the new one afterwards is; a wait
    that is over by the new plan ends at the plan record; who was in a rule that is gone leaves with `rule_removed`.
    """
    tables = edit.after.tables()
    edited = (EDIT - T0) / HOUR
    assert not any(rule == "quiet" for rule, *_ in steps(tables, "ann"))
    assert ("quiet", True, "entered", None, 15 * 24) in steps(tables, "bo")
    cem = steps(tables, "cem")
    assert ("thanks", False, "pending", None, 13 * 24) in cem
    assert ("gone", False, "ended", "rule_removed", edited) in {(*row[:4], round(row[4], 3)) for row in cem}
    dee = [row for row in tables.fields.values() if row[2] == "dee" and row[1] == "thanks" and row[5] == "pending"]
    assert [(row[10] - EDIT) // HOUR for row in dee] == [0]
    versions = [control[3] for control in tables.controls if control[0] == "plan"]
    assert len(versions) == len(set(versions)) == 2
    assert check_finished(tables, message_ids(edit.after.mails().values()), Counter(tables.events)) == []


@pytest.mark.parametrize("point", POINTS)
def test_a_kill_around_the_plan_record_changes_nothing(tmp_path: Path, edit: Edit, point: str) -> None:
    """I8, I11: killed before, inside or after the transaction of the plan record, the next start compiles the old plan
    from its kept sources and ends with the same log, ledger and mails.
    """
    shop = edit.again(tmp_path / "shop")
    assert edit.runner.run(shop, RELIGHT_CRASH_AT=point) == -signal.SIGKILL
    assert edit.runner.run(shop) == 0
    tables, clean = shop.tables(), edit.after.tables()
    assert (tables.rows, tables.log, tables.tallies) == (clean.rows, clean.log, clean.tallies)
    assert shop.mails() == edit.after.mails()


def test_an_edit_is_followed_though_nothing_new_was_read(tmp_path: Path, edit: Edit) -> None:
    """A plan is in force once a run was started with it, and starting again moves neither plan nor time."""
    shop = edit.again(tmp_path / "shop")
    assert edit.runner.run(shop, until=EDIT) == 0
    once = shop.tables()
    assert [control[0] for control in once.controls] == ["plan", "plan"]
    assert edit.runner.run(shop, until=EDIT) == 0
    assert shop.tables() == once


def test_sources_that_give_another_plan_are_refused(
    tmp_path: Path, edit: Edit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store whose old plan cannot be compiled any more says so, instead of deciding by something else."""
    monkeypatch.setenv("LINK_SECRET", SECRET)
    shop = edit.again(tmp_path / "shop")
    project = load_project(edit.runner.project, env={"LINK_SECRET": SECRET})
    assert project.plan is not None
    store = SqliteStore.open(shop.store)
    try:
        versions = [record.subject for _, record in store.global_log() if not hasattr(record, "stream")]
        assert [plan.version for plan in known_plans(store, project.plan)] == [project.plan.version, *versions]
        sources = json.loads(store.note(PLAN_NOTE + versions[0]) or "")
        store.set_note(
            PLAN_NOTE + versions[0],
            json.dumps(sources | {"rules/quiet.yaml": AFTER["quiet"], PROGRAM_KEY: __version__}),
        )
        with pytest.raises(ProjectError, match="cannot be compiled any more"):
            known_plans(store, project.plan)
        # An earlier version of relight gave the same sources another name: its name stands.
        store.set_note(PLAN_NOTE + versions[0], json.dumps(sources | {PROGRAM_KEY: "0.0.9"}))
        assert [plan.version for plan in known_plans(store, project.plan)] == [project.plan.version, *versions]
        changed = {"rules/quiet.yaml": AFTER["quiet"], PROGRAM_KEY: "0.0.9"}
        store.set_note(PLAN_NOTE + versions[0], json.dumps(sources | changed))
        assert [plan.version for plan in known_plans(store, project.plan)] == [project.plan.version, *versions]
    finally:
        store.close()
