"""What a sender of a cluster tells the log: words of the inbox, what sending learned, the volume guard's pause.

One sender at a time does, so that each goes its way once; again only where a fault falls between the topic's answer and
the store's.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from relight.engine.cluster_inbox import InboxRelay
from relight.engine.cluster_plans import cluster_plan_commands, note_plans
from relight.engine.cluster_worker import needs_of_cluster
from relight.engine.guard_commands import guard_commands
from relight.engine.guard_telling import news_of_guard
from relight.engine.operator_commands import operator_commands
from relight.engine.outcomes import (
    JOURNAL_LINES_MAX,
    OUTCOMES_POSITION,
    code_records,
    outcome_records,
    suppression_records,
)
from relight.engine.provider_words import provider_commands
from relight.engine.sending_brake import SendingBrake, read_brakes
from relight.engine.sending_shares import SendingShares
from relight.stores.delivery_moves import suppression_of
from relight.stores.interface import Batch
from relight.streams.envelope import Control
from relight.transports.kafka_clients import control_topic
from relight.transports.kafka_publish import publish_control

if TYPE_CHECKING:
    from relight.config.loader import LoadedProject
    from relight.stores.inbox_interface import DurableInbox
    from relight.stores.postgres import PostgresStore
    from relight.streams.envelope import Event

#: Name under which the store keeps which classes the log knows as stopped by the brake.
BRAKES_TOLD_NOTE = "sending_brake_told"
_LOG = logging.getLogger("relight.sender")


class Telling:
    """One sender's share of it."""

    def __init__(self, project: LoadedProject, inbox: DurableInbox, store: PostgresStore) -> None:
        """Tell the control topic of a project; nothing is told before `before_sending`."""
        plan, settings, self._kafka = needs_of_cluster(project)
        self._plan = plan
        self._topic, self._store = control_topic(settings.project), store
        self._has_turn = False
        self._brake = SendingBrake(store=store, settings=settings.delivery.brakes, shares=SendingShares(store))
        self._now = 0
        self._relay = InboxRelay(
            inbox=inbox,
            store=store,
            tell=self._tell,
            schema=plan.schema,
            surveys=plan.policy.surveys,
            commands={
                **cluster_plan_commands(store, project),
                **provider_commands(store, plan.schema),
                **guard_commands(store),
                **operator_commands(store, project.streams, project.folder),
            },
        )

    def before_sending(self, now: int) -> None:
        """Take the turn if it is free, and relay what the inbox holds; now: µs.

        Raises ServiceError while broker or store are away.
        """
        from relight.stores.postgres_turns import take_relay_turn

        had_turn, self._has_turn, self._now = self._has_turn, take_relay_turn(self._store), now
        if not self._has_turn:
            return
        if not had_turn:
            self._brake.shares = SendingShares.open(self._store, self._plan)
            _LOG.info("words and outcomes go to the control topic by this sender")
        self._follow_guard()  # before a release is read: what a fault left untold is told first
        self._relay.relay(now)
        self._follow_guard()

    def after_sending(self, now: int) -> None:
        """Tell what sending learned, and follow the volume guard; raises as `before_sending`."""
        self._now = now
        if self._has_turn:
            self._tell_outcomes()
            self._follow_guard()
            self._follow_brake()

    def _tell(self, records: Sequence[Control | Event]) -> None:
        publish_control(self._kafka, self._topic, records)
        note_plans(self._store, records, self._now)

    def _tell_outcomes(self) -> None:
        store = self._store
        while True:
            place = int(store.positions().get(OUTCOMES_POSITION, "0"))
            lines = list(store.attempts(place, limit=JOURNAL_LINES_MAX))
            if not lines:
                return
            self._brake.shares.count(lines, self._plan)
            suppressions = suppression_records(store, lines, now=self._now)
            codes = code_records(lines, now=0, code_of=store.code_of)
            records = [*suppressions, *outcome_records(lines, now=0), *codes]
            if records:
                self._tell(records)
            # Until a worker has folded them they hold here: no call starts to that address any more (S4).
            for hashed, suppression in filter(None, map(suppression_of, suppressions)):
                store.suppress(hashed, suppression)
            store.append(Batch(positions={OUTCOMES_POSITION: str(lines[-1].number)}))

    def _follow_guard(self) -> None:
        """Pause both arms of every rule while the guard has stopped sending; let them go on once released (S5)."""
        news = news_of_guard(self._store, self._plan, at=self._now)
        if news is not None:
            self._tell(news.records)
            news.settle(self._store)

    def _follow_brake(self) -> None:
        """Pause classes whose mails are complained about or bounce too often; let them go on once released."""
        standing = (self._store.note(BRAKES_TOLD_NOTE) or "").split()
        records = self._brake.follow(self._now, standing, at=self._now)
        if records:
            self._tell(records)
            self._store.set_note(BRAKES_TOLD_NOTE, " ".join(read_brakes(self._store)))
