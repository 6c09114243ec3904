"""What the log learns of the volume guard (S5): a pause of everything, a resume and, where a rule waits, the event.

Made from the stop that the store keeps, so that it is the same after every restart; once a stop, which a note says. The
alert that follows is found by its occurrence key (S1): nothing else leaves while the guard stands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from relight.decide import event_occurrence
from relight.engine.volume_guard import GuardStop, read_stop
from relight.messages.ledger import occurrence_key
from relight.rules.guard_alerts import tells_of_guard
from relight.rules.step_kinds import MESSAGE_KINDS
from relight.rules.world import ALL_RULES, VOLUME_GUARD
from relight.streams.envelope import Control, Event
from relight.streams.guard_events import GUARD_CUSTOMER, guard_event

if TYPE_CHECKING:
    from relight.rules.plan import Plan
    from relight.stores.interface import Store

#: Name under which the store keeps which stop the log knows of, by its id; empty once it knows of the release.
TOLD_NOTE = "volume_guard_paused"


class GuardNews(msgspec.Struct, frozen=True, kw_only=True):
    """What is new of the guard."""

    #: For the log, in order.
    records: tuple[Control | Event, ...]
    #: What `TOLD_NOTE` says once they are in it.
    told: str

    def settle(self, store: Store) -> None:
        """Note that the log has them."""
        store.set_note(TOLD_NOTE, self.told)


def news_of_guard(store: Store, plan: Plan, *, at: int) -> GuardNews | None:
    """Return what the log is to learn with ingest time `at` (µs), None where it knows."""
    stop = read_stop(store)
    told = "" if stop is None else stop.id
    if told == (store.note(TOLD_NOTE) or ""):
        return None
    if stop is None:
        return GuardNews(records=(_order("resume", at),), told=told)
    pause = _order("pause", at)
    is_told = any(map(tells_of_guard, plan.rules.values()))
    return GuardNews(records=(pause, event_of_stop(stop, at=at)) if is_told else (pause,), told=told)


def event_of_stop(stop: GuardStop, *, at: int) -> Event:
    """Return the event of a stop, as of an instant (µs)."""
    values = {"messages": stop.count, "per_hour": stop.per_hour, "waiting": stop.waiting, "stopped_at": stop.at}
    return guard_event(values, stop=stop.id, at=at)


def alert_keys(plan: Plan | None, stop: GuardStop) -> list[str]:
    """Return the occurrence keys of the messages by which a plan's rules tell the team of a stop, decided or not."""
    if plan is None:
        return []
    event = event_of_stop(stop, at=stop.at)
    return [
        occurrence_key(plan.policy.project, rule.id, GUARD_CUSTOMER, occurrence=occurrence, step=step.id)
        for rule in plan.rules.values()
        if tells_of_guard(rule) and (occurrence := event_occurrence(rule, event)) is not None
        for step in rule.program.steps.values()
        if step.kind in MESSAGE_KINDS
    ]


def _order(kind: str, at: int) -> Control:
    return Control(kind=kind, ingest_time=at, subject=ALL_RULES, detail={"cause": VOLUME_GUARD})
