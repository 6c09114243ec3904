"""One sender as a process of its own: `sender_child.py STORE URL stop|run`; with `stop` it freezes between claim and call."""

from __future__ import annotations

import os
import signal
import sys
import time

from relight.base.instants import SECOND
from relight.delivery.sendgrid import SendgridAccount, SendgridTransport
from relight.engine.dispatch import Dispatcher
from relight.engine.handing_over import SenderIdentity
from relight.stores.interface import Store
from relight.stores.postgres import PostgresStore
from relight.stores.sqlite import SqliteStore

#: A sender's right to a message, and how long an answer may take (µs).
LEASE, ANSWER = SECOND, SECOND // 4


def main(place: str, url: str, way: str) -> None:
    """Drain what is due, and freeze once after the first claim where asked."""
    store: Store = (
        PostgresStore.open(place, exclusive=False) if "=" in place or "://" in place else SqliteStore.open(place)
    )
    frozen = [way != "stop"]

    def freeze(_claims: int, _now: int) -> None:
        if not frozen[0]:
            frozen[0] = True
            os.kill(os.getpid(), signal.SIGSTOP)

    sender = Dispatcher(
        store=store,
        transport=SendgridTransport(SendgridAccount(key="SG.made-up.key", url=url, connections=2, seconds=5.0)),
        sender=SenderIdentity(name="Defne", address="defne@shop.example"),
        owner=f"child-{os.getpid()}",
        lease=LEASE,
        answer=ANSWER,
        clock=lambda: time.time_ns() // 1_000,
        on_claim=freeze,
    )
    sender.drain(time.time_ns() // 1_000)
    store.close()


if __name__ == "__main__":
    main(*sys.argv[1:4])
