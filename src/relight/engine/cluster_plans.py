"""Which plan a cluster follows: told by the control topic, remembered in the store, changed by the router or an order.

Workers take a plan from the log; whoever tells one keeps its sources first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from relight.base.errors import RejectError, UsageError
from relight.engine.account_keys import note_keys, refuse_other_keys
from relight.engine.plan_commands import APPLY, accept_order, keep_order
from relight.engine.plan_versions import note_told, told_versions
from relight.streams.envelope import Control

if TYPE_CHECKING:
    from relight.config.loader import LoadedProject
    from relight.engine.inbox import CommandHandler, InboxRecord
    from relight.rules.plan import Plan
    from relight.stores.inbox_interface import InboxEntry
    from relight.stores.interface import Store
    from relight.stores.postgres import PostgresStore


def version_told(store: Store) -> str:
    """Return the version that the control topic was told last; empty for none."""
    told = told_versions(store)
    return told[-1][1] if told else ""


def cluster_plan_commands(store: PostgresStore, project: LoadedProject) -> dict[str, CommandHandler]:
    """Return what carries out orders to put a version in force; `note_plans` once their record is in the topic."""

    def apply(entry: InboxEntry, now: int) -> Sequence[InboxRecord]:
        in_force = version_told(store)
        accepted = accept_order(entry, in_force, project)
        if accepted is None:
            return []
        order, plan = accepted
        _settle_accounts(store, project, plan)
        return [keep_order(store, order, now)]

    return {APPLY: apply}


def _settle_accounts(store: PostgresStore, project: LoadedProject, plan: Plan) -> None:
    """Note what a plan needs of the workers before it is told; raises RejectError where they cannot follow it."""
    assert project.settings is not None
    assert project.settings.kafka is not None
    try:
        refuse_other_keys(store, plan, project.settings.kafka)
        note_keys(store, plan, project.settings.kafka)
    except UsageError as error:
        raise RejectError(f"{error}; {error.help_text}") from error


def note_plans(store: Store, records: Sequence[object], now: int) -> None:
    """Remember the plans that were told at `now` (µs)."""
    for one in records:
        if isinstance(one, Control) and one.kind == "plan":
            note_told(store, one.subject, now)
