"""Faust: which worker owns which partition of the log topic, its messages in order, and the table of checkpoints.

The only file that knows Faust; imported when a worker starts. It decides nothing: a LogReader does, in a thread, so
that heartbeats go on. Rules that measurements forced: acknowledge by hand, in order, and only what a checkpoint
includes, since Faust's committed offset is where a successor begins; never let an exception reach Faust, which would
skip the message and go on: leave the process instead. One agent, one message at a time.
"""

from __future__ import annotations

import asyncio
import logging
import os
import tempfile
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from relight.base.errors import ServiceError
from relight.transports.kafka_clients import MESSAGE_BYTES_MAX, log_topic, worker_group
from relight.transports.standstill import Standstill, Verdict, Waiting
from relight.transports.step_watch import EXIT_CODE, StepWatch

if TYPE_CHECKING:
    from relight.config.settings import KafkaSettings
    from relight.transports.log_reader import LogReader, Pulse

#: Messages that are decided together; fewer when none follow within a tick.
BATCH_MESSAGES_MAX = 20
#: Seconds between two looks for what has come.
TICK_SECONDS = 0.1
#: Messages (packs) that Faust reads ahead.
AHEAD_MESSAGES_MAX = 64
#: Seconds without a sign of life after which a worker's partitions are given to others.
SESSION_SECONDS = 10.0
#: Seconds after which messages from beyond the wanted one ask for another seek.
SEEK_SECONDS = 5.0
#: Seconds between two looks for what does not come.
WATCH_SECONDS = 1.0
#: Seconds that the broker may take to say where partitions end.
ASK_SECONDS = 20.0
#: Seconds that a rebalance, or taking partitions over, may last before the worker leaves, to begin anew.
JOIN_SECONDS_MAX = 300.0
#: Seconds in which nothing more of the table of checkpoints is read before the worker leaves, to begin anew: Faust's
#: reading may hang for ever where workers and the broker are killed while partitions are given out.
RECOVERY_SECONDS_MAX = 60.0
#: Seconds that the worker's loop may stand still.
LOOP_SECONDS_MAX = 300.0

_T = TypeVar("_T")
_LOG = logging.getLogger("relight.worker")


@dataclass(slots=True)
class _Owned:
    """A partition while it is ours."""

    #: Offset of the message that is wanted next.
    next: int
    #: Messages to decide on.
    buffer: list[tuple[int, bytes]] = field(default_factory=list)
    #: Faust's events that no checkpoint includes yet, in order.
    unacked: deque[Any] = field(default_factory=deque)
    #: Faust is to be sent to `next`: where the checkpoint ends is not where Faust begins. With nothing committed it
    #: begins behind what it has read before a rebalance, though nobody acknowledged that.
    seek_due: bool = True
    #: When it was sent there last.
    sought: float = 0.0


def make_app(  # noqa: PLR0913  # the project's words, and whom they are for
    kafka: KafkaSettings,
    project: str,
    make_reader: Callable[[], LogReader],
    *,
    checkpoint_seconds: float,
    member: str | None,
    pulse: Pulse,
) -> Any:
    """Return the Faust app of a project; nothing is connected before a worker starts it.

    make_reader: called once, when the worker starts; member: a name that a worker keeps over restarts, unique among the
    workers: its partitions wait for it for a session; pulse: told that the worker lives.
    """
    import faust

    app = faust.App(
        worker_group(project, kafka.generation),
        broker=[f"kafka://{address}" for address in kafka.brokers],
        broker_credentials=_credentials(kafka),
        store="memory://",
        datadir=tempfile.mkdtemp(prefix="relight-faust-"),
        topic_partitions=kafka.partitions,
        topic_replication_factor=kafka.replication,
        table_standby_replicas=kafka.standbys,
        topic_allow_declare=True,
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=member,
        broker_session_timeout=SESSION_SECONDS,
        broker_heartbeat_interval=SESSION_SECONDS / 10,
        broker_commit_interval=1.0,
        producer_max_request_size=MESSAGE_BYTES_MAX,
        # The default waits for held messages before it gives partitions away, and never comes back.
        stream_wait_empty=False,
        stream_buffer_maxsize=AHEAD_MESSAGES_MAX,
        web_enabled=False,
    )
    topic = app.topic(
        log_topic(project, kafka.generation),
        partitions=kafka.partitions,
        key_serializer="raw",
        value_serializer="raw",
        internal=False,
    )
    table = app.Table(
        "checkpoints",
        partitions=kafka.partitions,
        key_type=bytes,
        value_type=bytes,
        extra_topic_configs={
            "max.message.bytes": str(MESSAGE_BYTES_MAX),
            # Superseded blobs are read at every start until they are compacted away.
            "segment.bytes": "50000000",
            "min.cleanable.dirty.ratio": "0.1",
        },
    )
    worker = _Worker(
        app, topic.get_topic_name(), table, make_reader, checkpoint_seconds=checkpoint_seconds, pulse=pulse
    )
    app.agent(topic, concurrency=1, name="relight.decide")(worker.read)
    app.timer(TICK_SECONDS)(worker.tick)
    app.timer(WATCH_SECONDS)(worker.watch)
    app.on_partitions_revoked.connect(worker.on_revoked)
    app.on_rebalance_complete.connect(worker.on_ready)
    return app


def _credentials(kafka: KafkaSettings) -> Any:
    if kafka.security == "none":
        return None
    import ssl

    import faust

    context = ssl.create_default_context() if kafka.security.endswith("tls") else None
    if kafka.security == "tls":
        return faust.SSLCredentials(context)
    password = None if kafka.password is None else kafka.password.reveal()
    return faust.SASLCredentials(username=kafka.user, password=password, mechanism="PLAIN", ssl_context=context)


class _Worker:
    """One worker process."""

    def __init__(  # noqa: PLR0913  # what Faust made, and whom it is for
        self,
        app: Any,
        topic: str,
        table: Any,
        make_reader: Callable[[], LogReader],
        *,
        checkpoint_seconds: float,
        pulse: Pulse,
    ) -> None:
        self._app, self._topic, self._table = app, topic, table
        self._make_reader = make_reader
        self._reader: LogReader | None = None
        self._seconds, self._pulse = checkpoint_seconds, pulse
        self._is_told = False
        self._owned: dict[int, _Owned] = {}
        #: Partitions of others whose checkpoints are read here as they are written.
        self._standing_by: set[int] = set()
        self._lock: asyncio.Lock | None = None
        self._checkpointed = time.monotonic()
        self._standstill: Standstill[int] = Standstill()
        self._waiting = Waiting()
        self._loop_watch = StepWatch("the worker", LOOP_SECONDS_MAX)

    # ------------------------------------------------------------ what Faust calls
    async def read(self, stream: Any) -> None:
        """Take the messages of our partitions into their buffers; decide when one is full."""
        await self._or_leave(self._read(stream))

    async def _read(self, stream: Any) -> None:
        async for event in stream.noack().events():
            await self._receive(event)

    async def tick(self) -> None:
        """Decide on what has come, and write checkpoints when it is time."""
        if not self._is_told:
            await self._or_leave(asyncio.to_thread(self._pulse.start))
            self._is_told = True
        self._pulse.beat()
        await self._or_leave(self._seek_when_due())
        await self._or_leave(self._flush())

    async def watch(self) -> None:
        """Say what is waited for, and do something about what does not come."""
        self._loop_watch.come_round()
        await self._or_leave(self._watch())

    async def on_revoked(self, *_: Any, **__: Any) -> None:
        """Forget what was ours: Faust takes everything away at each rebalance, and gives it back from its offsets."""
        await self._or_leave(self._release())

    async def on_ready(self, *_: Any, **__: Any) -> None:
        """The table has been read again: take over what is assigned."""
        await self._or_leave(self._take_over())

    async def _or_leave(self, work: Any) -> None:
        try:
            await work
        except asyncio.CancelledError:
            raise
        except BaseException:  # noqa: BLE001  # whatever it is, it must not reach Faust
            # An exception that reaches Faust makes it skip the message; a process that leaves loses nothing.
            _LOG.exception("the worker leaves; what it had not made durable is decided again by the next")
            logging.shutdown()
            os._exit(EXIT_CODE)

    # ------------------------------------------------------------ ownership
    @property
    def _locked(self) -> asyncio.Lock:
        if self._lock is None:
            self._lock = asyncio.Lock()
        return self._lock

    async def _release(self) -> None:
        async with self._locked:
            for partition in list(self._owned):
                await self._call(lambda reader: reader.release, partition)
            self._owned.clear()

    async def _take_over(self) -> None:
        async with self._locked:
            for partition in sorted(set(self._assigned()) - set(self._owned)):
                prefix = f"{partition}/".encode()
                blobs = {k: v for k, v in dict(self._table.data).items() if k.startswith(prefix) and v is not None}
                following = await self._call(lambda reader: reader.open, partition, blobs)
                self._owned[partition] = _Owned(following)
                how = ", whose checkpoint stood by here" if partition in self._standing_by else ""
                _LOG.info("partition %d taken over at offset %d%s", partition, following, how)
            self._standing_by = {tp.partition for tp in self._app.assignor.assigned_standbys()}
            self._checkpointed = time.monotonic()
            self._pulse.ready()

    def _assigned(self) -> dict[int, Any]:
        """Return what Kafka has given to this worker: partition -> as Faust names it."""
        from faust.exceptions import ConsumerNotStarted

        try:
            return {tp.partition: tp for tp in self._app.consumer.assignment() if tp.topic == self._topic}
        except ConsumerNotStarted:
            return {}

    async def _call(self, method_of: Callable[[LogReader], Callable[..., _T]], *arguments: Any) -> _T:
        """Return what a method of the reader returns, called in a thread."""
        if self._reader is None:
            self._reader = await asyncio.to_thread(self._make_reader)
        return await asyncio.to_thread(method_of(self._reader), *arguments)

    async def _seek_when_due(self) -> None:
        due = {n: owned for n, owned in self._owned.items() if owned.seek_due}
        if not due or self._app.rebalancing:
            return  # at the end of a rebalance Faust goes to its own offsets
        assigned = self._assigned()
        wanted = {assigned[n]: owned.next for n, owned in due.items() if n in assigned}
        if not wanted:
            return
        from aiokafka.errors import KafkaError

        try:
            await self._app.consumer.seek_wait(wanted)
        except (KafkaError, TimeoutError) as error:
            # A rebalance took a partition away meanwhile, or the broker is away: the next tick tries again.
            _LOG.info("partitions %s cannot be gone to yet: %r", sorted(due), error)
            return
        for owned in due.values():
            owned.seek_due, owned.sought = False, time.monotonic()

    # ------------------------------------------------------------ what does not come
    async def _watch(self) -> None:
        now = time.monotonic()
        assigned = self._assigned()
        self._say_what_is_waited_for(now, set(assigned))
        self._standstill.follow(self._owned, now)
        silent = [n for n in self._standstill.silent(now) if n in assigned and n in self._owned]
        if not silent or self._app.rebalancing or self._locked.locked():
            return  # what has come is being decided on
        try:
            ends = await asyncio.wait_for(self._app.consumer.highwaters(*[assigned[n] for n in silent]), ASK_SECONDS)
        except Exception as error:  # noqa: BLE001  # a broker that is away is said so, and asked again
            _LOG.warning("the broker does not say where partitions %s end: %r", silent, error)
            return
        for partition in silent:
            self._judge(partition, ends.get(assigned[partition]) or 0)

    def _judge(self, partition: int, end: int) -> None:
        owned = self._owned.get(partition)
        if owned is None:
            return
        verdict = self._standstill.judge(partition, time.monotonic(), has_more=end > owned.next)
        if verdict is Verdict.FINE:
            return
        text = f"partition {partition}: message {owned.next} does not come, though the topic goes on to {end}"
        if verdict is Verdict.GIVE_UP:
            raise ServiceError(text)
        _LOG.warning("%s; asking for it again", text)
        owned.seek_due = True

    def _say_what_is_waited_for(self, now: float, assigned: set[int]) -> None:
        untaken, patience = sorted(assigned - set(self._owned)), JOIN_SECONDS_MAX
        if self._app.in_recovery and assigned:
            # Before its first answer Faust has None for a partition.
            read = sum(offset or 0 for offset in self._app.tables.recovery.active_offsets.values())
            what, patience = f"the table of checkpoints, which is being read (at {read})", RECOVERY_SECONDS_MAX
        elif self._app.rebalancing:
            what = "the other workers: partitions are being given out anew"
        elif not assigned:
            what, patience = "partitions: none is assigned to this worker", float("inf")
        else:
            what = f"partitions {untaken}, which are assigned and not taken over yet" if untaken else ""
        since, is_due = self._waiting.note(what, now)
        if is_due:
            _LOG.warning("waiting for %s (for %.0f s)", what, since)
        if what and since > patience:
            raise ServiceError(f"waited {since:.0f} s for {what}")

    # ------------------------------------------------------------ messages
    async def _receive(self, event: Any) -> None:
        partition, offset = event.message.partition, event.message.offset
        owned = self._owned.get(partition)
        if owned is None:
            return  # not ours any more; it comes to its owner again
        if offset <= owned.next:
            self._standstill.hear(partition, time.monotonic())
        if offset < owned.next:
            # A checkpoint includes it, and so may the group's offset; or it is waiting for its checkpoint already.
            if not owned.unacked or offset < owned.unacked[0].message.offset:
                event.ack()
            return
        if offset > owned.next:
            owned.seek_due = owned.seek_due or time.monotonic() - owned.sought > SEEK_SECONDS
            return
        owned.next = offset + 1
        owned.buffer.append((offset, event.value))
        owned.unacked.append(event)
        if len(owned.buffer) >= BATCH_MESSAGES_MAX:
            await self._flush()

    async def _flush(self) -> None:
        async with self._locked:
            for partition, owned in list(self._owned.items()):
                if not owned.buffer:
                    continue
                messages, owned.buffer = owned.buffer, []
                if not await self._call(lambda reader: reader.take, partition, messages):
                    _LOG.warning("partition %d belongs to another worker", partition)
                    self._owned.pop(partition, None)
            if time.monotonic() - self._checkpointed >= self._seconds:
                for partition, owned in list(self._owned.items()):
                    await self._checkpoint(partition, owned)
                self._checkpointed = time.monotonic()

    async def _checkpoint(self, partition: int, owned: _Owned) -> None:
        blobs = await self._call(lambda reader: reader.checkpoint, partition)
        if blobs is None:
            return
        await asyncio.gather(*[self._put(partition, key, value) for key, value in blobs.parts])
        await self._put(partition, *blobs.head)
        await asyncio.gather(*[self._put(partition, key, None) for key in blobs.removals])
        while owned.unacked and owned.unacked[0].message.offset < blobs.offset:
            owned.unacked.popleft().ack()

    async def _put(self, partition: int, key: bytes, value: bytes | None) -> None:
        """Write one blob; durable at the broker when it returns. The event's own partition would be the wrong one."""
        await self._table.send_changelog(partition, key, value)
        if value is None:
            self._table.data.pop(key, None)
        else:
            self._table.data[key] = value
