"""A sender on a cluster: several share the outbox in PostgreSQL; what they learn, cluster_telling tells the log."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from relight.base.errors import ServiceError
from relight.engine.cluster_telling import Telling
from relight.engine.cluster_worker import needs_of_cluster
from relight.engine.code_pools import PoolWatch, load_codes
from relight.engine.guard_telling import alert_keys
from relight.engine.log_generation import check_generation
from relight.engine.second_look import SecondLook
from relight.engine.sending import make_dispatcher, open_limits
from relight.engine.way_out import open_ways
from relight.stores.opening import SQLITE_DEFAULT, open_inbox

if TYPE_CHECKING:
    from pathlib import Path

    from relight.config.loader import LoadedProject
    from relight.config.settings import KafkaSettings, Settings
    from relight.engine.telemetry.cluster_parts import SenderWatch
    from relight.stores.postgres import PostgresStore

#: Seconds between two looks into the outbox.
IDLE_SECONDS = 0.5
_LOG = logging.getLogger("relight.sender")


def run_sender(
    project: LoadedProject,
    *,
    clock: Callable[[], int],
    stop: threading.Event,
    once: bool = False,
    watch: SenderWatch | None = None,
) -> int:
    """Send what the outbox holds until `stop` is set, or what is due now with `once`; return how many left.

    Several senders take different messages. While PostgreSQL is away they wait.
    """
    plan, settings, kafka = needs_of_cluster(project)
    store = _open_store(settings, kafka, project.folder)
    load_codes(store, project.folder, settings.codes)
    transport = open_ways(settings, project.folder)
    owner = f"{socket.gethostname()}-{os.getpid()}"
    dispatcher = make_dispatcher(store, transport, settings, owner=owner, clock=clock, is_stopped=stop.is_set)
    open_limits(dispatcher, settings.delivery, clock())
    if dispatcher.guard is not None:
        dispatcher.guard.alert_of, dispatcher.guard.has_others = lambda stop: alert_keys(plan, stop), True
    inbox = open_inbox(settings.store, project.folder)
    telling = Telling(project, inbox, store)
    # What the log knows of consent and pauses was the gate's to see; here it is what the inbox says beyond.
    dispatcher.look = SecondLook(
        inbox=inbox, store=store, was_withdrawn=lambda _customer, _topic: False, is_paused=lambda _rule: False
    )
    sent, told, trouble = 0, set[str](), ""
    pools = PoolWatch(store=store, files=settings.codes, low=settings.codes_low)
    try:
        while not stop.is_set():
            try:
                telling.before_sending(clock())
                left = dispatcher.drain(clock())
                trouble = _tell_trouble(dispatcher.trouble, trouble)
                _tell_pools(dispatcher.empty_pools, told)
                pools.settle(pools.look(dispatcher.used_pools, clock()))
                dispatcher.used_pools.clear()
                telling.after_sending(clock())
            except ServiceError as error:
                if once:
                    raise
                _LOG.warning("%s", error)
                if watch is not None:
                    watch.without_store()
                stop.wait(IDLE_SECONDS)
                _connect_again(store)
                continue
            sent += left
            if watch is not None:
                watch.after_round(dispatcher, store)
            if once:
                break
            stop.wait(IDLE_SECONDS)
    finally:
        inbox.close()
        store.close()
    return sent


def _open_store(settings: Settings, kafka: KafkaSettings, folder: Path) -> PostgresStore:
    from relight.stores.postgres import PostgresStore

    assert settings.store.postgres is not None
    store = PostgresStore.open(settings.store.postgres.reveal(), exclusive=False)
    try:
        check_generation(store, kafka)
        store.stand_beside(folder / SQLITE_DEFAULT)
    except BaseException:
        store.close()
        raise
    return store


def _tell_pools(empty: Iterable[str], told: set[str]) -> None:
    """Say once of each pool of codes that it is empty (S6)."""
    for pool in set(empty) - told:
        told.add(pool)
        _LOG.error("pool of codes %s is empty: its mails are not sent", pool)


def _tell_trouble(now: str, before: str) -> str:
    """Say why nothing leaves (the volume guard, a provider that takes nothing) when that begins, changes or ends."""
    if now and now != before:
        _LOG.error("mails wait: %s", now)
    elif before and not now:
        _LOG.info("mails leave again")
    return now


def _connect_again(store: PostgresStore) -> None:
    try:
        store.reconnect()
    except ServiceError as error:
        _LOG.warning("%s", error)
