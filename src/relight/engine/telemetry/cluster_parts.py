"""What the programs of a cluster show of themselves: the catalogue's values of a router, a worker, a sender.

Looks from outside and changes nothing; a program that is given no address still counts, and nobody reads it.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from relight import __version__
from relight.base.errors import UsageError
from relight.base.instants import SECOND
from relight.engine.progress import Progress
from relight.engine.telemetry import catalogue as metric
from relight.engine.telemetry.part_server import PartServer
from relight.messages.life import MessageState

if TYPE_CHECKING:
    from relight.config.settings import EngineSettings, Settings
    from relight.engine.dispatch import Dispatcher
    from relight.engine.log_partition import LogPartition
    from relight.engine.telemetry.exposition import Values
    from relight.stores.interface import Store
    from relight.transports.kafka_router import Router
    from relight.transports.log_reader import Blobs

#: Variable that names the address at which one program of a cluster tells; it goes before `engine: {metrics: …}`, so
#: that several programs with one config can share a machine.
METRICS_VARIABLE = "RELIGHT_METRICS"
#: Seconds between two counts of the outbox: a query over the whole table.
OUTBOX_SECONDS = 10.0
#: Highest port there is.
PORT_MAX = 65_535


def open_part(part: metric.Part, settings: Settings, plan_version: str, address: str | None = None) -> PartServer:
    """Return what a program tells at its address (see `address_of`); it is served once it is started."""
    server = PartServer(part, address_of(settings.engine, address))
    server.exposition.show({metric.BUILD: {(__version__,): 1.0}, metric.PLAN: {(plan_version,): 1.0}})
    return server


def address_of(engine: EngineSettings, given: str | None = None) -> tuple[str, int] | None:
    """Return host and port: those given, else the variable's, else the config's; None where nobody named any.

    Raises UsageError for a text that is no address.
    """
    text = given or os.environ.get(METRICS_VARIABLE)
    if not text:
        return engine.metrics
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > PORT_MAX:
        raise UsageError(f"'{text}' is no address for metrics", help_text="write HOST:PORT, such as 127.0.0.1:9464")
    return host.strip("[]"), int(port)


class RouterWatch:
    """A router, after each of its steps."""

    def __init__(self, part: PartServer, clock: Callable[[], int]) -> None:
        """clock: µs UTC."""
        self._part, self._clock = part, clock

    def after_step(self, router: Router) -> None:
        """Show how a router stands."""
        now, standing = self._clock(), router.standing()
        self._part.exposition.show(
            {
                metric.ROUTED: router.routed,
                metric.SOURCES: len(standing),
                metric.BEHIND: sum(is_behind for _, _, is_behind in standing),
                metric.SOURCE_LAG: {
                    (stream, str(partition)): max(0, now - until) / SECOND
                    for (stream, partition), until, _ in standing
                    if until > 0
                },
            }
        )
        self._part.beat()
        self._part.ready()


class Worker(Protocol):
    """A reader of the log that shows its partitions."""

    @property
    def partitions(self) -> Mapping[int, LogPartition]:
        """Those it decides on now."""

    def open(self, partition: int, blobs: Mapping[bytes, bytes]) -> int:
        """As `transports.log_reader.LogReader`; so are the others."""

    def take(self, partition: int, messages: Sequence[tuple[int, bytes]]) -> bool: ...  # noqa: D102

    def checkpoint(self, partition: int) -> Blobs | None: ...  # noqa: D102

    def release(self, partition: int) -> None: ...  # noqa: D102


class WorkerWatch:
    """A worker, and what it shows after each batch; see `transports.log_reader.LogReader` for each method."""

    def __init__(self, worker: Worker, part: PartServer, clock: Callable[[], int]) -> None:
        """clock: µs UTC."""
        self._worker, self._part, self._clock = worker, part, clock
        #: What partitions that are gone had counted: counters only grow.
        self._before = Progress()
        self._checkpoints = 0

    def open(self, partition: int, blobs: Mapping[bytes, bytes]) -> int:
        """Take a partition over."""
        following = self._worker.open(partition, blobs)
        self._show()
        return following

    def take(self, partition: int, messages: Sequence[tuple[int, bytes]]) -> bool:
        """Decide on messages."""
        began = time.perf_counter()
        if not self._worker.take(partition, messages):
            return False
        self._part.exposition.observe(metric.BATCH_SECONDS, time.perf_counter() - began)
        self._show()
        return True

    def checkpoint(self, partition: int) -> Blobs | None:
        """Return what makes a checkpoint."""
        found = self._worker.checkpoint(partition)
        self._checkpoints += found is not None
        return found

    def release(self, partition: int) -> None:
        """Forget a partition."""
        log = self._worker.partitions.get(partition)
        if log is not None:
            _add(self._before, log.engine.progress)
        self._worker.release(partition)
        self._show()

    def _show(self) -> None:
        now, logs = self._clock(), self._worker.partitions
        done = Progress()
        for one in (self._before, *(log.engine.progress for log in logs.values())):
            _add(done, one)
        lags: dict[tuple[str, ...], float] = {
            (str(n),): max(0, now - log.reached) / SECOND for n, log in logs.items() if log.reached > 0
        }
        self._part.exposition.show(
            {
                metric.EVENTS: done.events,
                metric.DUPLICATES: done.duplicates,
                metric.DIFFERING: done.differing,
                metric.DEAD_LETTERS: done.dead,
                metric.LEDGER_ROWS: {key: float(count) for key, count in done.rows_by.items()},
                metric.BATCHES: done.batches,
                metric.CHECKPOINTS: self._checkpoints,
                metric.TIME_LAG: max(lags.values(), default=0.0),
                metric.PROFILES: sum(len(log.engine.profiles) for log in logs.values()),
                metric.PARTITIONS: len(logs),
                metric.PARTITION_LAG: lags,
                metric.WAITING: sum(log.waiting for log in logs.values()),
            }
        )


def _add(total: Progress, one: Progress) -> None:
    for name in ("events", "duplicates", "differing", "dead", "rows", "mails", "batches"):
        setattr(total, name, getattr(total, name) + getattr(one, name))
    total.rows_by = Counter(total.rows_by)
    total.rows_by.update(one.rows_by)


class SenderWatch:
    """A sender, after each of its rounds."""

    def __init__(self, part: PartServer) -> None:
        """Count the outbox at the first round."""
        self._part = part
        self._counted: float | None = None
        self._outbox: Values = {}

    def after_round(self, dispatcher: Dispatcher, store: Store) -> None:
        """Show how a sender stands; counts the outbox now and then."""
        if self._counted is None or time.monotonic() - self._counted >= OUTBOX_SECONDS:
            self._counted = time.monotonic()
            counts = store.message_counts()
            self._outbox = {(state.value,): float(counts.get(state, 0)) for state in MessageState}
        self._part.exposition.show(
            {
                metric.ATTEMPTS: {(what.value,): float(number) for what, number in dispatcher.sent.items()},
                metric.OUTBOX: self._outbox,
                metric.TROUBLE: 1 if dispatcher.trouble else 0,
            }
        )
        self._part.beat()
        self._part.ready()

    def without_store(self) -> None:
        """Note a round in which PostgreSQL was away: the sender lives and does no work."""
        self._part.beat()
        self._part.ready(is_ready=False)
