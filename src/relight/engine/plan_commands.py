"""A new version of the rules for a running engine: an order in the inbox becomes one plan record (E4), or is refused.

The order carries the sources, so that what is applied is what was planned, whatever the folder says by then.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from relight.base.errors import RejectError
from relight.config.folder import MEASURES_FILE, FolderFiles
from relight.config.loader import load_files
from relight.config.settings import Budget
from relight.engine.daily import wanted_by
from relight.engine.plan_versions import keep_sources, note_rollback
from relight.stores.inbox_interface import InboxKind, NewEntry
from relight.streams.envelope import Control

if TYPE_CHECKING:
    from collections.abc import Mapping

    from relight.config.loader import LoadedProject
    from relight.engine.engine import Engine
    from relight.engine.inbox import CommandHandler, InboxRecord
    from relight.rules.plan import Plan
    from relight.stores.inbox_interface import InboxEntry
    from relight.stores.interface import Store

#: Name of the command in the inbox.
APPLY = "apply"


class PlanOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be put in force."""

    #: Version that must be in force now; else the order is stale.
    base: str
    version: str
    #: Texts of the project by path.
    sources: dict[str, str]
    environment: str | None = None
    #: An earlier version: the folder's is held back until it is applied again.
    rollback: bool = False


def order_entry(order: PlanOrder, received: int) -> NewEntry:
    """Return the inbox entry of an order."""
    return NewEntry(kind=InboxKind.COMMAND, name=APPLY, body=msgspec.json.encode(order), received=received)


def stale_words(base: str, in_force: str) -> str:
    """Return how a stale plan is refused."""
    return f"the plan has gone stale: it was made against version {base or '(none)'}, and {in_force} is in force"


def plan_commands(
    engine: Engine, store: Store, project: LoadedProject, on_applied: Callable[[Plan], None]
) -> dict[str, CommandHandler]:
    """Return what carries out orders for an engine that was started on a project.

    on_applied: told of the plan that an order puts in force.
    """

    def apply(entry: InboxEntry, now: int) -> Sequence[InboxRecord]:
        in_force = engine.plan.version if engine.plan is not None else ""
        accepted = accept_order(entry, in_force, project)
        if accepted is None:
            return []
        order, plan = accepted
        record = keep_order(store, order, now)
        engine.world.register(plan)
        on_applied(plan)
        return [record]

    return {APPLY: apply}


def accept_order(entry: InboxEntry, in_force: str, project: LoadedProject) -> tuple[PlanOrder, Plan] | None:
    """Return an order and its plan, None where that version is in force already; raises RejectError with the reason."""
    try:
        order = msgspec.json.decode(entry.body, type=PlanOrder)
    except msgspec.MsgspecError as error:
        raise RejectError(f"the order cannot be read: {error}") from error
    if in_force == order.version:
        return None
    if in_force != order.base:
        raise RejectError(stale_words(order.base, in_force))
    loaded = load_order(order)
    reason = needs_restart(project, loaded)
    if reason is not None:
        raise RejectError(reason)
    assert loaded.plan is not None
    return order, loaded.plan


def keep_order(store: Store, order: PlanOrder, now: int) -> Control:
    """Keep what an accepted order needs at a later start; return the record that puts it in force at `now` (µs)."""
    keep_sources(store, order.version, order.sources)
    note_rollback(store, order.base if order.rollback else None)
    return Control(kind="plan", ingest_time=now, subject=order.version)


def load_order(order: PlanOrder) -> LoadedProject:
    """Return an order's project, compiled from its sources; raises RejectError where that gives another version."""
    files = FolderFiles.of_texts(order.sources)
    loaded = load_files(files, environment=order.environment, env=dict(os.environ), lint=False)
    if loaded.plan is None:
        first = next((str(problem) for problem in loaded.problems if problem.severity == "error"), "")
        raise RejectError(f"its sources have problems here: {first}")
    if loaded.plan.version != order.version:
        raise RejectError(f"its sources are version {loaded.plan.version}, not {order.version}")
    return loaded


def needs_restart(running: LoadedProject, new: LoadedProject) -> str | None:
    """Return why an engine cannot take a version while it runs; None where it can.

    It reads events by the streams it was started with, and sends by the settings it was started with.
    """
    help_text = "stop the engine and start it on this folder: `relight run` puts it in force"
    if stream_sources(running.sources) != stream_sources(new.sources):
        return f"the streams differ from those the engine reads by; {help_text}"
    assert running.settings is not None
    assert new.settings is not None
    if _measures(new) is not None and _measures(running) != _measures(new):
        return f"the rules read measures that the engine was not started to compute; {help_text}"
    if replace(running.settings, budget=Budget()) != replace(new.settings, budget=Budget()):
        return f"store, delivery, sender or web differ from those the engine runs with; {help_text}"
    return None


def _measures(project: LoadedProject) -> tuple[str, ...] | None:
    """Return what customers are measured by; None where no rule reads a measure."""
    wanted = frozenset[str]() if project.plan is None else wanted_by(project.plan)
    return (project.sources.get(MEASURES_FILE, ""), *sorted(wanted)) if wanted else None


def stream_sources(sources: Mapping[str, str]) -> dict[str, str]:
    """Return the files among a version's sources that declare streams."""
    return {path: text for path, text in sources.items() if path.startswith("streams/")}
