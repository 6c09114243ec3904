"""Which plan a cluster follows: told by the control topic, remembered in the store, changed by the router or an order.

Workers take a plan from the log; whoever tells one keeps its sources first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from relight.base.errors import RejectError
from relight.decide.decide import needs_history
from relight.engine.plan_commands import APPLY, PlanOrder, load_order, needs_restart, stale_words
from relight.engine.plan_versions import keep_sources, note_rollback, note_told, plan_of_version, told_versions
from relight.streams.envelope import Control

if TYPE_CHECKING:
    from relight.config.loader import LoadedProject
    from relight.engine.inbox import CommandHandler, InboxRecord
    from relight.stores.inbox_interface import InboxEntry
    from relight.stores.interface import Store

#: Why a plan is refused that workers would have to read old events for (E5).
HISTORY_WORDS = (
    "the plan keeps more of customers than the one in force, and workers on Kafka do not read their history again; "
    "move to a new generation of the log topic (docs/kafka.md), or keep what the rules read as it was"
)


def version_told(store: Store) -> str:
    """Return the version that the control topic was told last; empty for none."""
    told = told_versions(store)
    return told[-1][1] if told else ""


def cluster_plan_commands(store: Store, project: LoadedProject) -> dict[str, CommandHandler]:
    """Return what carries out orders to put a version in force; `note_plans` once their record is in the topic."""

    def apply(entry: InboxEntry, now: int) -> Sequence[InboxRecord]:
        try:
            order = msgspec.json.decode(entry.body, type=PlanOrder)
        except msgspec.MsgspecError as error:
            raise RejectError(f"the order cannot be read: {error}") from error
        in_force = version_told(store)
        if in_force == order.version:
            return []
        if in_force != order.base:
            raise RejectError(stale_words(order.base, in_force))
        loaded = load_order(order)
        reason = needs_restart(project, loaded)
        if reason is not None:
            raise RejectError(reason)
        assert loaded.plan is not None
        if needs_history(plan_of_version(store, in_force), loaded.plan):
            raise RejectError(HISTORY_WORDS)
        keep_sources(store, order.version, order.sources)
        note_rollback(store, in_force if order.rollback else None)
        return [Control(kind="plan", ingest_time=now, subject=order.version)]

    return {APPLY: apply}


def note_plans(store: Store, records: Sequence[object], now: int) -> None:
    """Remember the plans that were told at `now` (µs)."""
    for one in records:
        if isinstance(one, Control) and one.kind == "plan":
            note_told(store, one.subject, now)
