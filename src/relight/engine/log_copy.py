"""What the log topic says, for those that need the past: merges (V4), plans that keep more (E5), measures, questions.

Theory of operation. A partition that somebody is asked of is read from its beginning into a file by customer
(stores/own_logs), in log order, and from then on as far as it takes. Reading changes nothing and depends on nothing but
the topic, so every worker has the same answer, after a crash too. A worker that is never asked reads nothing.
"""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator

from relight.base.errors import ServiceError, StoreError
from relight.base.instants import iso_utc
from relight.stores.erasure_key import Keyed
from relight.stores.own_logs import Moment, OwnLogs
from relight.streams.envelope import DeadLetter, Record
from relight.transports.log_pack import Packed, partition_of
from relight.transports.pack_queue import LogPlace, PackQueue

#: How long a worker waits for the packs of another partition that its own has already (s); then it begins anew.
PATIENCE_SECONDS = 120.0
#: What pages say of a log that is longer than they read.
LONG_LOG = "the log, which is in Kafka, has more records than pages read: ask `relight metrics`, which reads all of it"
_LOG = logging.getLogger("relight.worker")

#: (partition, offset of the first wanted) -> (offset, value) of messages that are there; waits a moment where none is.
ReadPacks = Callable[[int, int], list[tuple[int, bytes]]]


class LongLogError(StoreError):
    """The log has more records than are read."""


class TopicReading(ABC):
    """The partitions of a log topic, each read once from its beginning, as far as it takes."""

    def __init__(self, read: ReadPacks, partitions: int, *, wanted: Callable[[Packed], bool] | None = None) -> None:
        """Read nothing yet; wanted: tells which records are kept, None for all."""
        self._read, self._partitions, self._wanted = read, partitions, wanted
        self._queues: dict[int, PackQueue] = {}

    def _follow(self, partition: int, until: int) -> None:
        """Read a partition until its time has come to an instant (µs)."""
        queue = self._queues.get(partition)
        if queue is None:
            _LOG.info("reading partition %d from its beginning: what happened to a customer is asked for", partition)
            queue = self._queues[partition] = PackQueue(wanted=self._wanted)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while queue.reached < until:
            messages = self._read(partition, queue.next)
            if messages and messages[0][0] > queue.next:
                raise StoreError(
                    f"messages {queue.next} to {messages[0][0] - 1} of partition {partition} are gone",
                    help_text="set retention.ms=-1 on the log topic, which `relight topics check` asks for",
                )
            for offset, value in messages:
                queue.add(offset, value)
                self._keep([(place, one) for place, one in queue.take_due() if not isinstance(one, DeadLetter)])
            if messages:
                deadline = time.monotonic() + PATIENCE_SECONDS
            elif time.monotonic() > deadline:
                raise ServiceError(
                    f"partition {partition} of the log does not come to {iso_utc(until)}, as others did",
                    help_text="look whether a router runs",
                )

    def close(self) -> None:
        """Forget everything."""
        self._queues.clear()

    @abstractmethod
    def _keep(self, records: list[tuple[LogPlace, Record]]) -> None:
        """Keep records of one partition, which come in log order."""


class LogCopy(TopicReading):
    """The partitions of a log topic by customer, as far as they were asked for."""

    def __init__(
        self,
        read: ReadPacks,
        partitions: int,
        *,
        wanted: Callable[[Packed], bool] | None = None,
        records_max: int | None = None,
        keyed: Keyed | None = None,
    ) -> None:
        """See TopicReading; records_max: beyond so many LongLogError is raised; keyed: names the erased."""
        super().__init__(read, partitions, wanted=wanted)
        self._left, self._keyed = records_max, keyed
        self._logs: OwnLogs | None = None

    def own_log(self, customer: str, *, before: Moment) -> Iterator[tuple[Record, Moment]]:
        """Yield a customer's records that stand in the log before a moment, in order, each with its own.

        Values of properties and traits as the encoding keeps them. Raises ServiceError where the topic does not come so
        far, StoreError where its beginning is gone.
        """
        at, source, _ = before
        self._follow(partition_of(customer, self._partitions), at if source < 0 else at + 1)
        return self._own_logs().of(customer, before=before)

    def of_everybody(self, partition: int, *, until: int) -> Iterator[Record]:
        """Yield what concerns everybody in a partition before an instant (µs), in order; raises as `own_log`."""
        self._follow(partition, until)
        found = self._own_logs().of(None, before=(until, -1, -1))
        return (record for record, _ in found)

    def between(self, since: int, until: int) -> Iterator[Record]:
        """Yield the records of all partitions with an ingest time from `since` (µs) to before `until`, in log order.

        Raises as `own_log`.
        """
        for partition in range(self._partitions):
            self._follow(partition, until)
        return self._own_logs().between(since, until)

    def _own_logs(self) -> OwnLogs:
        if self._logs is None:
            self._logs = OwnLogs(keyed=self._keyed)
        return self._logs

    def _keep(self, records: list[tuple[LogPlace, Record]]) -> None:
        if self._left is not None:
            self._left -= len(records)
            if self._left < 0:
                raise LongLogError(LONG_LOG)
        self._own_logs().add((one, place[4], place[5]) for place, one in records)

    def close(self) -> None:
        """See TopicReading."""
        super().close()
        if self._logs is not None:
            self._logs.close()
        self._logs = None
