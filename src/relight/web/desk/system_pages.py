"""How the parts are: time, inbox, outbox, dead letters, pauses. What stands still, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relight.base.instants import SECOND
from relight.engine.customer_past import AsksElsewhere
from relight.engine.inbox import taken_position
from relight.engine.sending_brake import read_brakes
from relight.engine.volume_guard import read_stop
from relight.messages.life import MessageState
from relight.streams.plan import shown_place
from relight.web.desk.facts import Page, Table
from relight.web.desk.times import zoned, zoned_or_none

if TYPE_CHECKING:
    from relight.stores.interface import Store
    from relight.web.desk.desk import Desk

#: Dead letters that the page lists, the newest.
LETTERS_SHOWN = 50


def _partitions(store: Store, zone: str) -> list[dict[str, object]]:
    """Return how far each partition of a cluster's log is decided, and by which process; none on one machine."""
    if not isinstance(store, AsksElsewhere):
        return []
    return [
        {"partition": part, "reached": zoned_or_none(reached if reached > 0 else None, zone), "worker": owner}
        for part, reached, owner in store.owners()
    ]


def system(desk: Desk, newest: int | None) -> Page:
    """Return the state of the parts; newest: position of the inbox's newest entry, None where it cannot be asked."""

    def read(store: Store) -> dict[str, object]:
        counts = store.message_counts()
        taken = taken_position(store)
        letters = store.waiting_letters(LETTERS_SHOWN)
        reached, parts = store.reached(), _partitions(store, desk.zone)
        return {
            "reached": zoned_or_none(reached, desk.zone),
            "zone": desk.zone,
            "lag_seconds": None if reached is None else max(0, desk.clock() - reached) // SECOND,
            # A cluster's log and checkpoints are in Kafka, partition by partition.
            "log_records": None if parts else store.last_position(),
            "partitions": parts,
            "inbox_waiting": None if newest is None else max(0, newest - taken),
            "outbox": {state.value: counts.get(state, 0) for state in MessageState},
            "paused": sorted(desk.everybody.paused()),
            "brakes": [
                {"class": one.message_class, "signal": one.signal.value, "share": one.share, "mails": one.mails}
                for one in read_brakes(store).values()
            ],
            "guard": [
                {
                    "stopped": zoned(one.at, desk.zone),
                    "messages": one.count,
                    "per_hour": one.per_hour,
                    "waiting": one.waiting,
                }
                for one in [read_stop(store)]
                if one is not None
            ],
            "dead_letters": [
                {
                    "number": one.number,
                    "stream": one.letter.stream,
                    "source": shown_place(one.letter, desk.loaded.streams),
                    "code": one.letter.code,
                    "reason": one.letter.reason,
                }
                for one in letters
            ],
            "checkpoint": None if parts else store.checkpoint_position(),
            "plan": desk.everybody.in_force or None,
            "folder": desk.plan.version,
        }

    facts = desk.ask(read)
    rows = [(key, value) for key, value in facts.items() if isinstance(value, int | str) or value is None]
    outbox = facts["outbox"]
    assert isinstance(outbox, dict)
    rows += [(f"outbox_{state}", count) for state, count in outbox.items()]
    return Page(
        name="system",
        facts={**facts, "not_in_force": desk.not_in_force()},
        table=Table(columns=("part", "value"), rows=rows),
        drawn={"is_live": desk.is_live, "letters_shown": LETTERS_SHOWN},
    )
