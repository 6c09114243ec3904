"""A process that works on a store and writes down each promise once it was given: `crash_child.py STORE ACKNOWLEDGED`.

Started again, it goes on where the store stands. The test kills it at every crash point.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from relight.messages.life import MessageCause
from relight.stores.id_index import IndexLimits
from relight.stores.interface import Batch, Profile, Settlement, Suppression
from relight.stores.sqlite import SqliteStore
from tests.adapters.stores.examples import MINUTE, T0, make_event, make_letter, make_message, make_row

ROUNDS = 8
#: Events of one batch, so at most this many are in flight.
BATCH = 3
#: Each message needs a code; there are as many as messages.
POOL = "offer"
CODES = [f"CODE-{n}" for n in range(ROUNDS)]
LIMITS = IndexLimits(recent_ids_max=4, merge_fan_in=2, block_entries=2)


def work(store: SqliteStore, acknowledged: Path) -> None:
    """Bring the store to its end from wherever it stands."""
    with acknowledged.open("a", encoding="utf-8") as file:

        def acknowledge(promise: str) -> None:
            file.write(promise + "\n")
            file.flush()
            os.fsync(file.fileno())

        store.add_codes(POOL, CODES)
        for turn in range(int(store.positions().get("app", "0")), ROUNDS):
            append_one(store, turn)
            acknowledge(f"batch {turn}")
            send_all(store, acknowledge)
            profile = Profile(customer="ada", position=store.last_position(), blob=b"folded %d" % turn)
            store.save_checkpoints([profile], position=store.last_position(), meta={"timers": b"%d" % turn})
            acknowledge(f"checkpoint {profile.position}")
            store.suppress(f"hash-{turn}", Suppression(scope="all", cause="bounced", at=T0))
            acknowledge(f"suppression hash-{turn}")
        send_all(store, acknowledge)


def append_one(store: SqliteStore, turn: int) -> None:
    events = [make_event(turn * BATCH + i) for i in range(BATCH)]
    known = store.find_known([(event.stream, event.customer, event.id) for event in events])
    assert known == [None] * BATCH, "the position advances with the records or not at all"
    store.append(
        Batch(
            log=[(event, None) for event in events],
            rows=[make_row(turn)],
            outbox=[make_message(turn, pool=POOL)],
            dead=[make_letter(turn)],
            positions={"app": str(turn + 1)},
            reached=T0 + turn,
        )
    )


def send_all(store: SqliteStore, acknowledge: object) -> None:
    assert callable(acknowledge)
    for claim in store.claim(T0, 10, owner="child", lease=MINUTE).ready:
        key = claim.message.occurrence_key
        acknowledge(f"claim {key} {claim.token}")
        acknowledge(f"code {key} {claim.code}")
        answer = Settlement(occurrence_key=key, token=claim.token, cause=MessageCause.PROVIDER_ACCEPTED, at=T0)
        store.settle([answer])
        acknowledge(f"accepted {key}")


if __name__ == "__main__":
    opened = SqliteStore.open(Path(sys.argv[1]), limits=LIMITS)
    work(opened, Path(sys.argv[2]))
    opened.close()
