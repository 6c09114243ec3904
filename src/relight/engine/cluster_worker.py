"""What a worker on Kafka does with its partitions of the log: claim, load, fold forward, decide, save.

Knows nothing of Faust, which calls it (transports/faust_worker), and nothing of brokers.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from relight.base.errors import ProjectError, ServiceError, UsageError
from relight.base.instants import SECOND
from relight.config.loader import LoadedProject, load_project
from relight.engine.account_keys import keys_in_force, keys_of
from relight.engine.cycles import collect_rarely
from relight.engine.days_log import DaysLog
from relight.engine.housing import Housing
from relight.engine.log_copy import LogCopy
from relight.engine.log_generation import check_generation
from relight.engine.log_history import LogHistory
from relight.engine.log_partition import LogPartition
from relight.engine.plan_versions import keep_plan, project_of_version
from relight.engine.profiles import CACHED_PROFILES_DEFAULT
from relight.engine.whole_log import WholeLog
from relight.stores.crash import crash_point
from relight.stores.opening import SQLITE_DEFAULT
from relight.stores.partition import PartitionStore
from relight.transports.faust_worker import make_app
from relight.transports.pack_reader import PackReader

if TYPE_CHECKING:
    from relight.config.settings import KafkaSettings, Settings
    from relight.engine.daily import DayMaker, DaysOfEverybody
    from relight.rules.plan import Plan
    from relight.stores.checkpoint_blobs import Writing
    from relight.stores.postgres import PostgresStore
    from relight.stores.postgres_connection import Connection

#: Variable that names a worker: it keeps the name over restarts, and no two share it.
WORKER_VARIABLE = "RELIGHT_WORKER"
_LOG = logging.getLogger("relight.worker")


class DaysOfPartitions(Protocol):
    """Who makes what local days begin with, for the partitions of one worker."""

    def maker_of(self, partition: int) -> DayMaker:
        """Return who makes the days of one partition."""

    def of_everybody(self) -> DaysOfEverybody:
        """Return who makes the days of all partitions."""


#: (the log by customer, the project of a plan version, number of partitions) -> who makes days.
MakeDays = Callable[[LogCopy, Callable[[str], LoadedProject], int], DaysOfPartitions]


class ClusterWorker:
    """The partitions of one worker process."""

    def __init__(
        self, project: LoadedProject, *, mails_expire: bool, make_days: MakeDays, is_erasing: bool = False
    ) -> None:
        """Connect to PostgreSQL; raises ServiceError where it does not answer.

        make_days: gives who makes what local days begin with; called where a plan in force reads measures; is_erasing:
        for who takes people out of the log meanwhile.
        """
        from relight.stores.postgres import PostgresStore
        from relight.stores.postgres_connection import Connection

        plan, settings, kafka = needs_of_cluster(project)
        url = settings.store.postgres
        assert url is not None
        self._mails_expire = mails_expire
        self._connection: Connection = Connection(url.reveal())
        self._store: PostgresStore = PostgresStore.open(url.reveal(), exclusive=False)
        if not is_erasing:
            check_generation(self._store, kafka)
        self._store.stand_beside(project.folder / SQLITE_DEFAULT)
        keep_plan(self._store, project, plan)
        self._projects: dict[str, LoadedProject] = {plan.version: project}
        self._plan, self._kafka, self._keys = plan, kafka, keys_in_force(self._store, plan, kafka)
        read = PackReader(kafka, settings.project)
        copy = LogCopy(read, kafka.partitions, keyed=self._store.keyed)
        self._copy, self._read = copy, read
        self._days = make_days(copy, self._project_of, kafka.partitions)
        days = self._days.of_everybody()
        self._whole = WholeLog(read, kafka.partitions, self._keys, days) if self._keys else None
        self._past = LogHistory(self._whole or copy, days=None if self._whole is not None else DaysLog(days))
        self._partitions: dict[int, LogPartition] = {}
        self._stores: dict[int, PartitionStore] = {}
        self._saved: dict[int, int] = {}
        self._owner = f"{os.environ.get(WORKER_VARIABLE) or socket.gethostname()}-{os.getpid()}"

    @property
    def partitions(self) -> Mapping[int, LogPartition]:
        """The partitions that are this worker's now."""
        return self._partitions

    def open(self, partition: int, blobs: Mapping[bytes, bytes]) -> int:
        """Claim a partition and stand at its newest whole checkpoint; return the offset of the message wanted next."""
        from relight.stores.postgres_partition import PartitionSink

        store = PartitionStore(
            PartitionSink.claim(self._connection, partition, self._owner),
            together=",".join(sorted(key.trait or "account" for key in self._keys)),
            keyed=self._store.keyed,
        )
        found = store.load(blobs)
        log = LogPartition(
            store,
            plan_of=self._plan_of,
            past=self._past,
            mails_expire=self._mails_expire,
            cached_profiles=int(os.environ.get("RELIGHT_CACHED_PROFILES", str(CACHED_PROFILES_DEFAULT))),
            day_maker=self._days.maker_of(partition),
        )
        if self._whole is not None:
            log.house(Housing(self._whole, partition, self._kafka.partitions))
        _LOG.info(
            "partition %d: epoch %d, checkpoint %s, decisions durable up to offset %d",
            partition, log.epoch, f"at offset {log.next}" if found else "none", log.durable,
        )  # fmt: skip
        self._partitions[partition], self._stores[partition] = log, store
        self._saved[partition] = log.next if found else -1
        return log.next

    def take(self, partition: int, messages: Sequence[tuple[int, bytes]]) -> bool:
        """Decide on messages, durably; False where another worker owns the partition by now."""
        from relight.stores.postgres_partition import FencedError

        log = self._partitions.get(partition)
        if log is None:
            return False
        crash_point("before_batch")
        try:
            for offset, value in messages:
                log.add(offset, value)
                if log.next == log.durable:
                    log.decide()  # what stands here was counted; from the next message on it is not
            log.decide()
        except FencedError:
            self.release(partition)
            return False
        crash_point("after_batch")
        return True

    def checkpoint(self, partition: int) -> Writing | None:
        """Return the blobs that make everything so far a checkpoint; None where nothing is new."""
        log, store = self._partitions.get(partition), self._stores.get(partition)
        if log is None or store is None or log.next == self._saved[partition] or log.next < log.durable:
            return None
        if not store.sink.is_owner():
            return None
        log.save()
        self._saved[partition] = log.next
        crash_point("before_checkpoint_commit")
        return store.write_checkpoint()

    def release(self, partition: int) -> None:
        """Forget a partition; its next owner stands at its checkpoint."""
        self._partitions.pop(partition, None)
        self._stores.pop(partition, None)

    def close(self) -> None:
        """Close the connections; for whoever is not a process of its own."""
        for one in (self._copy, self._read, self._store, self._connection):
            one.close()

    def _plan_of(self, version: str) -> Plan:
        # A plan comes into force: whether accounts are decided together over partitions was noted before.
        if keys_in_force(self._store, self._plan, self._kafka) != self._keys:
            raise ServiceError("people of one account are decided together from now on: the worker begins anew")
        plan = self._project_of(version).plan
        assert plan is not None
        if self._kafka.partitions > 1 and not keys_of(plan) <= self._keys:
            raise ServiceError(f"plan {version} decides people of one account together, and no router has noted it")
        return plan

    def _project_of(self, version: str) -> LoadedProject:
        found = self._projects.get(version)
        if found is None:
            found = self._projects[version] = project_of_version(self._store, version)
        return found


def needs_of_cluster(project: LoadedProject) -> tuple[Plan, Settings, KafkaSettings]:
    """Return what a sound project for a cluster has; raises ProjectError or UsageError naming what is missing."""
    if project.plan is None or project.settings is None:
        raise ProjectError([p for p in project.problems if p.severity == "error"])
    settings = project.settings
    if settings.kafka is None:
        raise UsageError("the config has no `kafka`", help_text="kafka: {brokers: [localhost:9092]}")
    if settings.store.postgres is None:
        raise UsageError(
            "on Kafka the ledger is in PostgreSQL, and the config names another store",
            help_text='store: {postgres: "${DATABASE_URL}"}',
        )
    for name, stream in project.streams.items():
        if stream.source.kind != "kafka":
            raise UsageError(
                f"stream '{name}' reads {stream.source.kind}, which workers on Kafka do not",
                help_text=f"give it `source: {{kafka: {name}}}`, and bring files in with `relight publish`",
            )
        if stream.source.format != "ndjson":
            raise UsageError(
                f"stream '{name}': the value of a record of Kafka is one JSON object, not {stream.source.format}"
            )
        if stream.group is not None:
            raise UsageError(f"stream '{name}': `group_by` is for finished files; a topic has no end")
    return project.plan, settings, settings.kafka


def make_worker_app(folder: Path, *, environment: str | None, make_days: MakeDays) -> Any:
    """Return the Faust app of a project folder; make_days: see ClusterWorker."""
    project = load_project(
        folder, environment=environment or os.environ.get("RELIGHT_ENVIRONMENT"), env=dict(os.environ)
    )
    from relight.engine.telemetry.catalogue import Part
    from relight.engine.telemetry.cluster_parts import WorkerWatch, open_part

    plan, settings, kafka = needs_of_cluster(project)
    part = open_part(Part.WORKER, settings, plan.version)

    def make_reader() -> WorkerWatch:
        worker = ClusterWorker(project, mails_expire=settings.delivery.files is None, make_days=make_days)
        collect_rarely()
        return WorkerWatch(worker, part, clock=lambda: time.time_ns() // 1_000)

    return make_app(
        kafka,
        settings.project,
        make_reader,
        checkpoint_seconds=settings.engine.checkpoint_every / SECOND,
        member=os.environ.get(WORKER_VARIABLE),
        pulse=part,
    )
