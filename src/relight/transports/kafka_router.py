"""The router: source topics in, packs by customer out, into the log topic. Decides nothing, keeps nothing.

Theory of operation. Every source (a stream's topic partition, or the control topic) is read in order. What it brings
is decoded and split by log partition; every log partition is told which offsets were read, with or without a record of
its own in them, and up to which instant the source has spoken. Offsets are committed after the packs are durable, so
after a crash the same records are packed again, perhaps cut otherwise; the worker drops what it has (spans).

Time. A live source (its topic stamps records as they arrive) has spoken up to its last record, or, once read to its
end, up to the moment the end was asked for, less the clocks' skew. A recorded source has spoken up to its last record
or to the mark that `relight publish --until` left. A live source that lags more than `max_wait` is left behind, with a
notice: what it brings later is taken as arriving then.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from relight.base.errors import ServiceError
from relight.base.instants import INSTANT_MIN, SECOND
from relight.streams.envelope import Control, DeadLetter, Event
from relight.transports.errors import InputError
from relight.transports.kafka_clients import (
    control_topic,
    dead_letter_topic,
    log_topic,
    open_admin,
    open_consumer,
    open_producer,
    read_compiled,
    router_group,
)
from relight.transports.kafka_source import SourceState
from relight.transports.kafka_topics import live_topics, partition_counts, refuse_forgetful
from relight.transports.kafka_watch import ASK_MS_MAX, SourceWatch
from relight.transports.log_pack import (
    CONTROL_SOURCE,
    PACK_VERSION,
    Pack,
    Reading,
    Routed,
    Source,
    encode_pack,
    make_packs,
    partition_of,
)
from relight.transports.records import RecordReader

if TYPE_CHECKING:
    from relight.config.settings import KafkaSettings
    from relight.streams.plan import StreamPlan

_LOG = logging.getLogger("relight.router")

#: Records of one poll.
POLL_RECORDS_MAX = 5_000
#: How long one poll waits for a record (ms).
POLL_MS = 200
#: How often sources without records say how far time has come (s).
HEARTBEAT_SECONDS = 1.0
#: How far the clocks of brokers and router may differ (µs): so much later is an idle source believed.
CLOCK_SKEW = 1 * SECOND
#: Records that wait at the workers for a slower source; beyond it the faster ones are not read on.
WAITING_RECORDS_MAX = 100_000
#: How long a broker may take for one record (s).
SEND_SECONDS = 120

#: Takes decoded records of one poll and returns those to route; raises to stop a stream (V2).
Admit = Callable[[list["Event | DeadLetter"]], "list[Event | DeadLetter]"]


class Router:
    """One router process."""

    def __init__(  # noqa: PLR0913  # where it reads, what, and how it is called
        self,
        *,
        kafka: KafkaSettings,
        project: str,
        streams: Mapping[str, StreamPlan],
        folder: Path,
        admit: Admit,
        member: str | None = None,
        clock: Callable[[], int] = lambda: time.time_ns() // 1_000,
    ) -> None:
        """Connect.

        Args:
            kafka: where the brokers are.
            project: its name; topics are named by it.
            streams: the declared streams; those from Kafka are read.
            folder: the project folder, for mappings in Python.
            admit: see Admit.
            member: name of this router among several, kept over restarts: what it read is not given to another while it
                is away for less than its session.
            clock: µs UTC.
        """
        self._kafka, self._project, self._clock, self._admit = kafka, project, clock, admit
        self._readers = {n: RecordReader(s, folder) for n, s in streams.items() if s.source.kind == "kafka"}
        self._streams_of: dict[str, list[str]] = {control_topic(project): [CONTROL_SOURCE]}
        for name, reader in sorted(self._readers.items()):
            self._streams_of.setdefault(reader.plan.source.channel, []).append(name)
        topics = list(self._streams_of)
        admin = open_admin(kafka)
        try:
            counts = partition_counts(admin, [*topics, log_topic(project, kafka.generation)])
            missing = [name for name, number in counts.items() if not number]
            if missing:
                raise InputError(f"topic {missing[0]} is missing", help_text="`relight topics create` makes it")
            refuse_forgetful(admin, [log_topic(project, kafka.generation), control_topic(project)])
            self._live = live_topics(admin, topics)
        finally:
            admin.close()
        self._partitions = counts[log_topic(project, kafka.generation)]
        if self._partitions != kafka.partitions:
            raise InputError(
                f"topic {log_topic(project, kafka.generation)} has {self._partitions} partitions, and the config names "
                f"{kafka.partitions}",
                help_text=f"kafka: {{partitions: {self._partitions}}}; `relight topics repartition` changes the number",
            )
        self.sources = sorted(
            (stream, number)
            for topic in topics
            for stream in self._streams_of[topic]
            for number in range(counts[topic])
        )
        self._producer = open_producer(kafka)
        self._member = member
        self._consumer = self._open_consumer()
        self._watch = SourceWatch()
        self._states: dict[Source, SourceState] = {}
        self._announced = False
        self._beat = 0.0
        self._paused: set[Any] = set()
        #: Records routed so far, and what a person should know, newest last.
        self.routed = 0
        self.notices: deque[str] = deque(maxlen=100)

    def _open_consumer(self) -> Any:
        extra = {"group_instance_id": self._member} if self._member else {}
        consumer = open_consumer(
            self._kafka, list(self._streams_of), group_id=router_group(self._project, self._kafka.generation), **extra
        )
        read_compiled(consumer)
        return consumer

    def close(self) -> None:
        """Leave the group and close the connections."""
        self._consumer.close()
        self._producer.close()

    def standing(self) -> list[tuple[Source, int, bool]]:
        """Return the live sources it reads: up to which instant each has spoken (µs), and whether it is left behind."""
        return [(state.source, state.until, state.behind) for state in self._states.values() if state.live]

    def step(self) -> int:
        """Read once and write what came; return how many records were routed. Durable and committed when it returns.

        Where the group goes on without this router, or a broker does not answer in time, it begins anew at what is
        committed. Raises InputError where a topic cannot be read as declared, ServiceError where a broker refuses.
        """
        from kafka.errors import CommitFailedError, IllegalStateError, KafkaTimeoutError, RebalanceInProgressError

        try:
            return self._step()
        except (CommitFailedError, IllegalStateError, KafkaTimeoutError, RebalanceInProgressError) as error:
            _LOG.warning("%s: %s", type(error).__name__, error)
            self._begin_anew()
            return 0

    def _step(self) -> int:
        polled = self._consumer.poll(timeout_ms=POLL_MS, max_records=POLL_RECORDS_MAX)
        self._follow_assignment()
        if not self._is_reading(polled):
            self._begin_anew()
        if not self._states:
            return 0
        if not self._announced:
            self._write_all({n: [Pack(PACK_VERSION, [], [], self.sources)] for n in range(self._partitions)})
            self._announced = True
        routed: dict[Source, list[Routed]] = {}
        for tp, records in polled.items():
            for stream in self._streams_of[tp.topic]:
                state = self._states.get((stream, tp.partition))
                if state is not None and records:
                    routed[state.source] = self._decode(state, records)
        self._beat_when_due()
        count = self._write(routed)
        self._hold_back()
        return count

    # ------------------------------------------------------------ who reads what
    def _is_reading(self, polled: Mapping[Any, Any]) -> bool:
        now = time.monotonic()
        self._watch.say_what_time_waits_for(self._states.values(), now, self._clock())
        following = {
            tp: min(self._states[stream, tp.partition].next for stream in self._streams_of[tp.topic])
            for tp in self._consumer.assignment()
        }
        return self._watch.has_place(self._consumer, now) and self._watch.is_sound(
            self._consumer, now, following=following, heard=polled.keys(), paused=self._paused
        )

    def _begin_anew(self) -> None:
        """Take another consumer; what was read and not written is read again from the committed offsets."""
        _LOG.warning("connecting to the group of routers anew")
        self._consumer.close(autocommit=False, timeout_ms=ASK_MS_MAX)
        self._consumer, self._watch = self._open_consumer(), SourceWatch()
        self._states.clear()
        self._paused = set()

    def _follow_assignment(self) -> None:
        assigned = {
            (stream, tp.partition): tp for tp in self._consumer.assignment() for stream in self._streams_of[tp.topic]
        }
        if set(assigned) != set(self._states):
            _LOG.info("reading %d of %d sources", len(assigned), len(self.sources))
        for source in set(self._states) - set(assigned):
            del self._states[source]
        for source in set(assigned) - set(self._states):
            tp = assigned[source]
            committed = self._consumer.committed(tp, timeout_ms=ASK_MS_MAX)
            if committed is None:
                committed = self._consumer.beginning_offsets([tp], timeout_ms=ASK_MS_MAX)[tp]
            self._states[source] = SourceState(
                source=source,
                reader=self._readers.get(source[0]),
                live=tp.topic in self._live,
                first=committed,
                next=committed,
                since=self._clock(),
            )

    def _decode(self, state: SourceState, records: list[Any]) -> list[Routed]:
        found = state.read(records)
        if state.reader is None:
            return found  # our own, read before
        records = [one for _, one in found if type(one) is not Control]
        admitted = self._admit(records)
        if len(admitted) == len(found):
            return found
        kept = {id(one) for one in admitted}
        return [(offset, one) for offset, one in found if id(one) in kept]

    # ------------------------------------------------------------ time of idle sources
    def _beat_when_due(self) -> None:
        if time.monotonic() - self._beat < HEARTBEAT_SECONDS:
            return
        self._beat = time.monotonic()
        asked = self._clock()
        live = {s: state for s, state in self._states.items() if state.live}
        places = {tp for tp in self._consumer.assignment() if tp.topic in self._live}
        ends = self._consumer.end_offsets(sorted(places), timeout_ms=ASK_MS_MAX) if places else {}
        for tp, end in ends.items():
            for stream in self._streams_of[tp.topic]:
                state = live.get((stream, tp.partition))
                if state is not None:
                    self._believe(state, asked, is_read=state.next >= end)

    def _believe(self, state: SourceState, asked: int, *, is_read: bool) -> None:
        if is_read:
            state.until, state.behind = max(state.until, asked - CLOCK_SKEW), False
            return
        limit = asked - self._kafka.max_wait
        if max(state.until, state.since) < limit:
            if not state.behind:
                self.notices.append(
                    f"source {state.source[0]} partition {state.source[1]} lags by more than "
                    f"{self._kafka.max_wait / SECOND:.0f} s and is left behind: the others go on without it"
                )
            state.until, state.behind = limit, True

    # ------------------------------------------------------------ writing
    def _write(self, routed: Mapping[Source, list[Routed]]) -> int:
        readings: dict[int, list[Reading]] = {number: [] for number in range(self._partitions)}
        letters: list[DeadLetter] = []
        count = 0
        told = [s for s in self._states.values() if s.next > s.first or s.until > s.told]
        for state in sorted(told, key=lambda one: one.source):
            mine = [Reading(state.source, state.first, state.next, state.until) for _ in range(self._partitions)]
            found, parts = routed.get(state.source, []), [reading.records for reading in mine]
            for routed_one in found:
                record = routed_one[1]
                if type(record) is Event and record.customer is not None:
                    parts[partition_of(record.customer, self._partitions)].append(routed_one)
                    continue
                for number in self._places(record):
                    parts[number].append(routed_one)
                if isinstance(record, DeadLetter):
                    letters.append(record)
            for number, reading in enumerate(mine):
                readings[number].append(reading)
            if found:
                state.ahead.append((found[-1][1].ingest_time, len(found)))
            count += len(found)
        if told:
            self._send_letters(letters)
            self._write_all({number: list(make_packs(one)) for number, one in readings.items()})
            self._commit()
            for state in told:
                state.first, state.told = state.next, state.until
        self.routed += count
        return count

    def _places(self, record: Event | Control | DeadLetter) -> Iterable[int]:
        """Return the log partitions of a record: the customer's, or all where it concerns everybody."""
        if isinstance(record, DeadLetter):
            return (partition_of(record.stream, self._partitions),)
        if record.customer is None:
            return range(self._partitions)
        return (partition_of(record.customer, self._partitions),)

    def _write_all(self, packs: Mapping[int, list[Pack]]) -> None:
        topic = log_topic(self._project, self._kafka.generation)
        self._settle(
            [
                self._producer.send(topic, value=encode_pack(pack), partition=number)
                for number, found in packs.items()
                for pack in found
            ]
        )

    def _send_letters(self, letters: list[DeadLetter]) -> None:
        topic = dead_letter_topic(self._project)
        self._settle(
            [
                self._producer.send(
                    topic,
                    value=letter.raw,
                    headers=[
                        (name, text.encode("utf-8", "backslashreplace"))
                        for name, text in (
                            ("stream", letter.stream),
                            ("source", letter.source),
                            ("code", letter.code),
                            ("reason", letter.reason),
                        )
                    ],
                )
                for letter in letters
            ]
        )

    def _settle(self, futures: list[Any]) -> None:
        """Wait for every record: a flush alone does not raise for one that was refused."""
        from kafka.errors import KafkaError

        try:
            for future in futures:
                future.get(timeout=SEND_SECONDS)
        except KafkaError as error:
            raise ServiceError(f"the broker did not take a record: {error}") from error

    def _commit(self) -> None:
        from kafka import OffsetAndMetadata

        # Two streams may read one topic: what both have covered.
        offsets: dict[Any, Any] = {}
        for tp in self._consumer.assignment():
            states = [
                self._states[stream, tp.partition]
                for stream in self._streams_of[tp.topic]
                if (stream, tp.partition) in self._states
            ]
            if states:
                # Beside the offset stands up to which instant the source has spoken, for `relight lag`.
                until = min(state.until for state in states)
                note = str(until) if until > INSTANT_MIN else ""
                offsets[tp] = OffsetAndMetadata(min(state.next for state in states), note, -1)
        self._consumer.commit(offsets, ASK_MS_MAX)

    # ------------------------------------------------------------ what waits is bounded
    def _hold_back(self) -> None:
        """Do not read on where too much waits for the slowest source; that one is always read."""
        slowest = min((state.until for state in self._states.values()), default=INSTANT_MIN)
        for state in self._states.values():
            while state.ahead and state.ahead[0][0] < slowest:
                state.ahead.popleft()
        waiting = sum(number for state in self._states.values() for _, number in state.ahead)
        wanted = set()
        if waiting > WAITING_RECORDS_MAX:
            wanted = {
                tp
                for tp in self._consumer.assignment()
                if all(
                    self._states[stream, tp.partition].until > slowest
                    for stream in self._streams_of[tp.topic]
                    if (stream, tp.partition) in self._states
                )
            }
        if wanted - self._paused:
            self._consumer.pause(*(wanted - self._paused))
        if self._paused - wanted:
            self._consumer.resume(*(self._paused - wanted))
        self._paused = wanted
