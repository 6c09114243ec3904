"""Puts a version in force: through the inbox where an engine runs, else as a control record in the store.

Waits for the engine's answer; asks a person before anything changes.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from relight.base.errors import StoreError, UsageError
from relight.cli.output import note

if TYPE_CHECKING:
    from relight.cli.project import Project
    from relight.engine.plan_commands import PlanOrder
    from relight.stores.interface import Store

#: Seconds that a command waits for the engine's answer.
ANSWER_SECONDS_MAX = 60.0
#: Seconds between two looks.
LOOK_SECONDS = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of an order."""

    #: `applied`, `refused`, or `waiting` where the engine has not answered yet.
    outcome: str
    #: Why it was refused.
    reason: str = ""
    #: A running engine took it, not this command.
    by_engine: bool = False


def confirm(question: str, *, yes: bool) -> bool:
    """Return whether somebody agrees; only `yes` does. Raises UsageError where nobody can be asked."""
    if yes:
        return True
    if not sys.stdin.isatty():
        raise UsageError("there is nobody to ask: standard input is no terminal", help_text="say --yes to go ahead")
    note(f"{question} Only 'yes' goes ahead:")
    return click.get_text_stream("stdin").readline().strip() == "yes"


def put_in_force(found: Project, order: PlanOrder) -> Answer:
    """Put a version in force and return what became of it."""
    from relight.stores.opening import open_store

    if found.settings.kafka is not None:
        return _through_inbox(found, order)  # the log is in Kafka; a sender passes the order on
    try:
        store = open_store(found.settings.store, found.folder)
    except StoreError as error:
        if "in use" not in str(error):
            raise
        return _through_inbox(found, order)
    try:
        return _write(store, order)
    finally:
        store.close()


def _write(store: Store, order: PlanOrder) -> Answer:
    """Write the plan record where time stands; the next start of the engine decides what follows from it."""
    from relight.cli.planning import version_in_force
    from relight.engine.plan_commands import stale_words
    from relight.engine.plan_versions import keep_sources, note_rollback
    from relight.stores.interface import Batch
    from relight.streams.envelope import Control

    in_force, reached = version_in_force(store), store.reached()
    if in_force != order.base:
        return Answer(outcome="refused", reason=stale_words(order.base, in_force))
    assert reached is not None
    keep_sources(store, order.version, order.sources)
    note_rollback(store, in_force if order.rollback else None)
    record = Control(kind="plan", ingest_time=reached, subject=order.version)
    store.append(Batch(log=[(record, None)], reached=reached))
    return Answer(outcome="applied")


def _through_inbox(found: Project, order: PlanOrder) -> Answer:
    from relight.cli.history import reading
    from relight.cli.run import wall_clock
    from relight.engine.inbox import INBOX_STREAM, taken_position
    from relight.engine.plan_commands import order_entry
    from relight.stores.opening import open_inbox

    inbox = open_inbox(found.settings.store, found.folder)
    try:
        (place,) = inbox.put([order_entry(order, wall_clock())])
    finally:
        inbox.close()
    ends = time.monotonic() + ANSWER_SECONDS_MAX
    while time.monotonic() < ends:
        with reading(found) as store:
            taken = taken_position(store) >= place
            letters = store.dead_letters(stream=INBOX_STREAM) if taken else ()
            refused = next((one.letter for one in letters if one.letter.position == place), None)
        if refused is not None:
            return Answer(outcome="refused", reason=refused.reason, by_engine=True)
        if taken:
            return Answer(outcome="applied", by_engine=True)
        time.sleep(LOOK_SECONDS)
    return Answer(outcome="waiting", by_engine=True)
