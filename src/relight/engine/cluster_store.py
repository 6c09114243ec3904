"""A cluster's store for people who ask: the ledger is in PostgreSQL, and the log in Kafka is read as far as is decided.

Reads beside routers and workers, takes part in no group and changes nothing. One customer's log costs one reading of
the partition that it is in; records of others are passed over undecoded.
"""

# ruff: noqa: D102  # what a method promises stands once, at interface.Store
from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import islice
from operator import attrgetter
from typing import TYPE_CHECKING

import msgspec

from relight.base.errors import ServiceError
from relight.base.instants import INSTANT_MIN
from relight.engine.account_keys import noted_keys
from relight.engine.customer_past import Past
from relight.engine.explain_history import world_of
from relight.engine.log_copy import LogCopy
from relight.engine.log_generation import generation_of
from relight.engine.log_history import PLACE_DETAIL, LogHistory
from relight.engine.merges import is_unfilled_merge
from relight.engine.plan_versions import plan_of_version
from relight.stores.opening import SQLITE_DEFAULT
from relight.stores.postgres import PostgresStore
from relight.stores.postgres_made import read_all_made, read_made
from relight.stores.record_codec import encode_record
from relight.streams.envelope import Control, order_key
from relight.transports.control_reader import ControlReader
from relight.transports.log_pack import is_of, partition_of
from relight.transports.pack_reader import PackReader

if TYPE_CHECKING:
    from pathlib import Path

    from relight.config.settings import KafkaSettings, Settings
    from relight.stores.erasure_key import Keyed
    from relight.stores.own_logs import Moment
    from relight.stores.postgres_connection import Connection
    from relight.streams.envelope import Record


class ClusterStore(PostgresStore):
    """See `interface.Store` for what each method promises; what the log says is asked in Kafka, which must answer."""

    _kafka: KafkaSettings
    _project: str
    _control: ControlReader
    _told: list[tuple[int, Record]]
    _everything: LogCopy | None = None
    _reader: PackReader | None = None
    #: Number of the last record of the log, when it was read to its end -> the instant that was (µs), plan in force.
    _ends: dict[int, tuple[int, str]]
    _records_max: int | None
    #: Instant at which time stands for who reads (µs); None: it goes on.
    _stands_at: int | None = None
    _past: Past | None = None
    _past_of: str = ""
    _past_reached: int = INSTANT_MIN

    @classmethod
    def open_beside(cls, settings: Settings, folder: Path, *, records_max: int | None = None) -> ClusterStore:
        """Open a project's store for reading; raises ServiceError where the server cannot be reached.

        records_max: most records of the log that `read_log` reads, else LongLogError; None for all.
        """
        assert settings.store.postgres is not None
        assert settings.kafka is not None
        store = cls.open(settings.store.postgres.reveal(), read_only=True)
        store._kafka, store._project = settings.kafka, settings.project  # noqa: SLF001  # of its own class
        store._ends, store._records_max = {}, records_max  # noqa: SLF001  # as above
        store._control, store._told = ControlReader(settings.kafka, settings.project), []  # noqa: SLF001  # as above
        try:
            store.stand_beside(folder / SQLITE_DEFAULT)
        except BaseException:
            store.close()
            raise
        return store

    def close(self) -> None:
        self._control.close()
        if self._everything is not None and self._reader is not None:
            self._everything.close()
            self._reader.close()
        super().close()

    def customers(self) -> Iterator[str]:
        """Yield the ids of customers of whom something was decided, sorted."""
        with self._connection.reading() as cursor:
            rows = cursor.execute("SELECT DISTINCT customer FROM ledger ORDER BY customer").fetchall()
        return (customer for (customer,) in rows)

    # -- the log ---------------------------------------------------------------------------------------------------
    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Let the block see the log as far as it is decided now, whatever workers decide meanwhile."""
        self._stands_at = self.reached() or INSTANT_MIN
        try:
            yield
        finally:
            self._stands_at = None

    def reached(self) -> int | None:
        """Return the instant that every partition has come to; None before that."""
        if self._stands_at is not None:
            return self._stands_at if self._stands_at > INSTANT_MIN else None
        found = [reached for *_, reached, _ in self.partitions()]
        least = min(found, default=INSTANT_MIN)
        return None if least == INSTANT_MIN or len(found) < self._kafka.partitions else least

    def read_log(self, after: int = 0, *, limit: int | None = None) -> Iterator[tuple[int, Record]]:
        """Yield everybody's log up to where every partition is decided, each record with its number in it.

        Merges carry nothing, as in the topic. Read to its end, the next call goes on from there at no cost.
        """
        found = self._read_on(after)
        return found if limit is None else islice(found, limit)

    def _read_on(self, after: int) -> Iterator[tuple[int, Record]]:
        self._check_generation()
        until = self.reached()
        if until is None:
            return
        if self._everything is None:
            self._reader = PackReader(self._kafka, self._project)
            self._everything = LogCopy(
                self._reader, self._kafka.partitions, records_max=self._records_max, keyed=self.keyed
            )
        number, (since, plan) = (after, self._ends[after]) if after in self._ends else (0, (INSTANT_MIN, ""))
        made = read_all_made(self._connection, since, until)
        # What a worker made at an instant came before what the topic has of it.
        log = heapq.merge(made, self._everything.between(since, until), key=attrgetter("ingest_time"))
        for record in _said_once(log, plan):
            number += 1
            plan = _plan_named(record) or plan
            if number > after:
                yield number, record
        self._ends[number] = (until, plan)

    def owners(self) -> list[tuple[int, int, str]]:
        """Return (partition, instant it has come to in µs, process that decides on it) of each partition."""
        return [(part, reached, owner) for part, _, _, reached, owner in self.partitions()]

    def customer_log(self, customer: str, *, after: int = 0) -> Iterator[tuple[int, Record]]:
        return ((n, record) for n, record in enumerate(self.past_of(customer).own, 1) if n > after)

    def global_log(self, *, after: int = 0) -> Iterator[tuple[int, Record]]:
        """Return the control records that concern everybody, as the control topic was told them.

        Also those that workers have not come to yet, and no global events: `past_of` has them.
        """
        for _, record in self._control.read_on():
            if record.customer is None:
                self._told.append((len(self._told) + 1, record))
        return (pair for pair in list(self._told) if pair[0] > after)

    def _check_generation(self) -> None:
        """Raise ServiceError where the log goes on in another topic: what was read may be of people erased since."""
        followed = generation_of(self)
        if followed != self._kafka.generation:
            raise ServiceError(
                f"the log is in generation {followed} of its topic, and this process reads {self._kafka.generation}",
                help_text=f"kafka: {{generation: {followed}}}; a process that runs is started again",
            )

    def past_of(self, customer: str) -> Past:
        """Return a customer's log up to where it is decided on; raises ServiceError where Kafka does not bring it."""
        self._check_generation()
        part = partition_of(customer, self._kafka.partitions)
        reached = next((state[3] for state in self.partitions() if state[0] == part), INSTANT_MIN)
        if self._kafka.partitions > 1 and noted_keys(self):
            reached = self.reached() or INSTANT_MIN  # any partition may be the one that decides on them
        if self._past is None or (self._past_of, self._past_reached) != (customer, reached):
            self._past, self._past_of = self._read_past(customer, part, reached), customer
            self._past_reached = reached
        return self._past

    def _read_past(self, customer: str, part: int, reached: int) -> Past:
        if reached == INSTANT_MIN:
            return Past(own=(), everybody=(), reached=None)
        reader = PackReader(self._kafka, self._project)
        logs = _LogsOfFew(reader, self._kafka.partitions, self.keyed)
        try:
            before: Moment = (reached, -1, -1)
            own = [record for record, _ in logs.own_log(customer, before=before)]
            everybody = list(_said_once(logs.of(customer).of_everybody(part, until=reached)))
            if any(is_unfilled_merge(record) for record in own):
                own = list(self._with_merges(logs, customer, everybody, reached))
        finally:
            logs.close()
            reader.close()
        return Past(own=self._with_made(own, customer, reached), everybody=everybody, reached=reached)

    def _with_made(self, own: list[Record], customer: str, reached: int) -> list[Record]:
        """Return a customer's log with what workers put into it; at one instant that came first."""
        with self._connection.reading() as cursor:
            made = read_made(cursor, customer, reached)
        return sorted([*made, *own], key=order_key) if made else own

    def _with_merges(
        self, logs: _LogsOfFew, customer: str, everybody: Sequence[Record], reached: int
    ) -> Iterator[Record]:
        """Yield a customer's log with what merges brought into it, as one machine's store has it (V4)."""
        named = dict.fromkeys(r.subject for r in everybody if isinstance(r, Control) and r.kind == "plan")
        plans = {version: plan_of_version(self, version) for version in named}
        world = world_of(plans, everybody, reached, keyed=self.keyed)
        plan = world.states[-1].plan
        assert plan is not None
        for record in LogHistory(logs, days=_KeptDays(self._connection)).own_log(
            world, plan.layout, customer, before=(reached, -1, -1)
        ):
            if isinstance(record, Control) and record.kind == "merge":
                record.detail.pop(PLACE_DETAIL, None)
            yield msgspec.msgpack.decode(encode_record(record), type=type(record))


class _KeptDays:
    """What days brought customers, as their workers kept it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of(self, customer: str, _plans: object, before: Moment) -> list[tuple[Record, Moment]]:
        """See DaysLog."""
        at, source, _ = before
        with self._connection.reading() as cursor:
            made = read_made(cursor, customer, at - (source < 0))
        days = [one for one in made if isinstance(one, Control) and one.kind == "measures"]
        return [(one, (one.ingest_time, -1, number)) for number, one in enumerate(days)]


class _LogsOfFew:
    """The logs of the few customers who are asked for, each read by itself."""

    def __init__(self, reader: PackReader, partitions: int, keyed: Keyed | None) -> None:
        self._reader, self._partitions, self._keyed = reader, partitions, keyed
        self._copies: dict[str, LogCopy] = {}

    def of(self, customer: str) -> LogCopy:
        """Return what was read for a customer."""
        if customer not in self._copies:
            # Their tombstones, too: a copy of an event that was erased is none of theirs (V5).
            names = {customer} if self._keyed is None else {customer, self._keyed(customer)}
            self._copies[customer] = LogCopy(
                self._reader, self._partitions, wanted=partial(is_of, customers=names), keyed=self._keyed
            )
        return self._copies[customer]

    def own_log(self, customer: str, *, before: Moment) -> Iterator[tuple[Record, Moment]]:
        """See LogCopy."""
        return self.of(customer).own_log(customer, before=before)

    def close(self) -> None:
        """Forget everything."""
        for copy in self._copies.values():
            copy.close()


def _said_once(records: Iterator[Record], plan: str = "") -> Iterator[Record]:
    """Leave out a plan record that names the plan in force: a router that was killed may have said it twice.

    plan: version in force before the first record; empty for none.
    """
    for record in records:
        named = _plan_named(record)
        if named and named == plan:
            continue
        plan = named or plan
        yield record


def _plan_named(record: Record) -> str:
    """Return the version that a plan record names; empty for any other record."""
    return record.subject if isinstance(record, Control) and record.kind == "plan" else ""
