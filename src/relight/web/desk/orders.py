"""The few words that the desk may say: pause, resume, read a dead letter again; each through the durable inbox.

Every one is asked for twice and leaves a line in the audit log.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from relight.base.instants import iso_utc
from relight.engine.operator_commands import ReplayOrder, replay_entry
from relight.stores.inbox_words import Word, word_entry

if TYPE_CHECKING:
    from pathlib import Path

    from relight.stores.inbox_interface import NewEntry
    from relight.web.desk.desk import Desk

#: Name of the audit log beside the store.
AUDIT_FILE = "audit.ndjson"
#: Characters of an order's subject.
SUBJECT_CHARACTERS_MAX = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Something that may be asked for."""

    name: str
    #: What becomes of it: (subject, now in µs) -> entry of the inbox.
    entry: Callable[[str, int], NewEntry]
    #: Key of the sentence that asks once more.
    question: str


def _pause(subject: str, now: int) -> NewEntry:
    return word_entry(Word(kind="pause", subject=subject), received=now)


def _resume(subject: str, now: int) -> NewEntry:
    return word_entry(Word(kind="resume", subject=subject), received=now)


def _replay(subject: str, now: int) -> NewEntry:
    return replay_entry(ReplayOrder(numbers=[int(subject)]), now)


ORDERS: Mapping[str, Order] = {
    one.name: one
    for one in (
        Order(name="pause", entry=_pause, question="ask_pause"),
        Order(name="resume", entry=_resume, question="ask_resume"),
        Order(name="replay", entry=_replay, question="ask_replay"),
    )
}


def is_sound(desk: Desk, order: Order, subject: str) -> bool:
    """Return whether a subject is one that the order can have."""
    if not subject or len(subject) > SUBJECT_CHARACTERS_MAX:
        return False
    if order.name in ("pause", "resume"):
        return subject == "*" or subject in desk.plan.rules
    return subject.isdigit()


async def give(desk: Desk, order: Order, subject: str, audit: Path) -> None:
    """Carry an order to the inbox and note it; returns once it is durable."""
    now = desk.clock()
    await desk.inbox.put([order.entry(subject, now)])
    line = json.dumps({"at": iso_utc(now), "order": order.name, "subject": subject, "by": "desk"}, ensure_ascii=False)
    with audit.open("a", encoding="utf-8") as file:
        file.write(line + "\n")
