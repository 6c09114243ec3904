"""An order for a new version: carried out, found done, or refused with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from relight.base.errors import RejectError
from relight.cli.init import make_project
from relight.config.loader import LoadedProject, load_project
from relight.engine.engine import Engine
from relight.engine.plan_commands import APPLY, PlanOrder, order_entry, plan_commands
from relight.engine.plan_versions import is_rolled_back, kept_sources, versions_in_log
from relight.rules.plan import Plan
from relight.stores.inbox_interface import InboxEntry, InboxKind
from relight.stores.memory import MemoryStore
from relight.streams.envelope import Control

NOW = 1_800_000_000_000_000


@dataclass(slots=True)
class Case:
    engine: Engine
    running: LoadedProject
    edited: LoadedProject
    applied: list[Plan]

    def carry_out(self, order: PlanOrder | bytes) -> list[Control]:
        body = order if isinstance(order, bytes) else order_entry(order, NOW).body
        entry = InboxEntry(
            position=7, kind=InboxKind.COMMAND, name=APPLY, key=None, token=None, received=NOW, body=body
        )
        handlers = plan_commands(self.engine, self.engine.store, self.running, self.applied.append)
        records = handlers[APPLY](entry, NOW)
        assert all(isinstance(record, Control) for record in records)
        return [record for record in records if isinstance(record, Control)]

    def order(self, **changes: object) -> PlanOrder:
        assert self.running.plan is not None
        assert self.edited.plan is not None
        order = PlanOrder(
            base=self.running.plan.version, version=self.edited.plan.version, sources=dict(self.edited.sources)
        )
        return msgspec.structs.replace(order, **changes)


@pytest.fixture(scope="module")
def projects(tmp_path_factory: pytest.TempPathFactory) -> tuple[LoadedProject, LoadedProject]:
    folder = tmp_path_factory.mktemp("orders") / "shop"
    make_project(folder)
    running = load_project(folder, env={}, lint=False)
    rule = folder / "rules/winback_30d.yaml"
    rule.write_text(rule.read_text(encoding="utf-8").replace("30 days", "21 days"), encoding="utf-8")
    return running, load_project(folder, env={}, lint=False)


@pytest.fixture
def case(projects: tuple[LoadedProject, LoadedProject]) -> Case:
    running, edited = projects
    assert running.plan is not None
    engine = Engine(MemoryStore())
    engine.follow_plan(running.plan, NOW - 1)
    return Case(engine, running, edited, [])


def test_an_order_is_one_plan_record(case: Case) -> None:
    """Its sources are kept before the log can name it; the same order again finds it done."""
    order = case.order()
    (record,) = case.carry_out(order)
    assert (record.kind, record.subject, record.ingest_time) == ("plan", order.version, NOW)
    assert kept_sources(case.engine.store, order.version) == order.sources
    assert [plan.version for plan in case.applied] == [order.version]
    case.engine.take([record])
    assert [version for _, version in versions_in_log(case.engine.store)] == [order.base, order.version]
    assert case.carry_out(order) == []


def test_a_rollback_holds_the_version_it_leaves_back_until_it_is_applied(case: Case) -> None:
    """The version left is noted, and an order that applies again takes the note away."""
    forth = case.order()
    case.engine.take(case.carry_out(forth))
    back = case.order(base=forth.version, version=forth.base, sources=dict(case.running.sources), rollback=True)
    case.engine.take(case.carry_out(back))
    assert is_rolled_back(case.engine.store, forth.version)
    case.engine.take(case.carry_out(forth))
    assert not is_rolled_back(case.engine.store, forth.version)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"base": "0" * 32}, "the plan has gone stale: it was made against version 0000"),
        ({"version": "1" * 32}, "its sources are version "),
        ({"sources": {}}, "its sources have problems here: "),
        ({"environment": "nowhere"}, "there is no config for the environment 'nowhere'"),
    ],
)
def test_an_order_that_cannot_be_carried_out_is_refused(case: Case, changes: dict[str, object], reason: str) -> None:
    """Stale, of other sources, of broken ones: refused with the reason, and nothing changes."""
    with pytest.raises(RejectError, match=reason.replace("(", r"\(")):
        case.carry_out(case.order(**changes))
    assert len(versions_in_log(case.engine.store)) == 1
    with pytest.raises(RejectError, match="the order cannot be read"):
        case.carry_out(b"{")


@pytest.mark.parametrize(
    ("path", "old", "new", "reason"),
    [
        ("streams/shop.yaml", "signed_up: {}", "signed_up: {}\n  signed_out: {}", "the streams differ"),
        ("config/default.yaml", "outbox/", "elsewhere/", "store, delivery, sender or web differ"),
        (
            "rules/winback_30d.yaml",
            'plan == "club" or regular',
            "churn_score > 0.5",
            "measures that the engine was not",
        ),
    ],
)
def test_what_an_engine_reads_and_sends_by_needs_a_start(
    case: Case, path: str, old: str, new: str, reason: str, tmp_path: Path
) -> None:
    """Streams, the outside of the config and new measures are not changed under a running engine."""
    folder = tmp_path / "shop"
    make_project(folder)
    (folder / "config/measures.yaml").write_text("sources: {order: order_placed}\n", encoding="utf-8")
    text = (folder / path).read_text(encoding="utf-8")
    assert old in text
    (folder / path).write_text(text.replace(old, new), encoding="utf-8")
    loaded = load_project(folder, env={}, lint=False)
    assert loaded.plan is not None, [str(problem) for problem in loaded.problems]
    with pytest.raises(RejectError, match=reason):
        case.carry_out(case.order(version=loaded.plan.version, sources=dict(loaded.sources)))
