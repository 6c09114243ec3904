"""By what a cluster's log names accounts, for plans that decide an account's people together: kept in the store.

Every worker of a cluster must go by the same keys, since who keeps what follows for whom depends on them. So they are
noted before the first plan that asks for them is told, and one more asks for workers that begin anew.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from relight.base.errors import UsageError
from relight.engine.accounts import shared_accounts
from relight.engine.plan_versions import told_versions
from relight.rules.plan import AccountKey

if TYPE_CHECKING:
    from collections.abc import Callable

    from relight.config.settings import KafkaSettings
    from relight.rules.plan import Plan
    from relight.stores.interface import Store
    from relight.stores.postgres import PostgresStore

#: Note of the keys: names of traits, null for the field that streams read as `account`.
KEYS_NOTE = "accounts decided together by"
AccountKeys = frozenset[AccountKey]
_TOGETHER = "the new plan decides the people of one account together, which the plans before did not"


def keys_of(plan: Plan) -> AccountKeys:
    """Return what names the accounts whose people a plan decides together."""
    key = shared_accounts(plan)
    return frozenset() if key is None else frozenset({key})


def keys_in_force(store: Store, plan: Plan, kafka: KafkaSettings) -> AccountKeys:
    """Return the keys by which people of an account may be in several partitions and are decided together.

    plan: the one that will be told where none was yet.
    """
    return _noted(store, plan) if kafka.partitions > 1 else frozenset()


def _noted(store: Store, plan: Plan) -> AccountKeys:
    is_before = store.note(KEYS_NOTE) is None and not told_versions(store)
    return keys_of(plan) if is_before else noted_keys(store)


def noted_keys(store: Store) -> AccountKeys:
    """Return the keys of the plans that a cluster was told, however many partitions there are."""
    return frozenset(AccountKey(trait=trait) for trait in json.loads(store.note(KEYS_NOTE) or "[]"))


def note_keys(
    store: PostgresStore, plan: Plan, kafka: KafkaSettings, *, workers: Callable[[], int] = lambda: 0
) -> None:
    """Note the keys of a plan before it is told.

    workers: how many run. Raises UsageError where the plan asks for another key while something is decided without it.
    """
    before = _noted(store, plan)
    keys = before | keys_of(plan)
    if keys != before and kafka.partitions > 1:
        running, instants = workers(), {reached for _, _, _, reached, _ in store.partitions()}
        if running or len(instants) > 1:
            raise UsageError(
                f"{_TOGETHER}, and "
                + (f"{running} workers run" if running else "the workers have not decided all that is in the log"),
                help_text="let the workers decide what is there (`relight lag`), stop them, and start the router alone",
            )
    store.set_note(KEYS_NOTE, json.dumps(sorted((key.trait for key in keys), key=lambda trait: trait or "")))


def refuse_other_keys(store: Store, plan: Plan, kafka: KafkaSettings) -> None:
    """Raise UsageError where the workers cannot follow a plan that is to be applied: they do not go by its keys."""
    if kafka.partitions > 1 and not keys_of(plan) <= _noted(store, plan):
        raise UsageError(
            _TOGETHER,
            help_text="let the workers decide what is there (`relight lag`), stop them, and start the router on this"
            " folder, then the workers",
        )
