"""One source of a router: what it brought, how far it was read, up to which instant it has spoken."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from relight.base.instants import INSTANT_MIN
from relight.streams.envelope import Control, Event
from relight.transports.errors import InputError
from relight.transports.kafka_publish import EVENT_HEADER, PUBLISHED_HEADER, UNTIL_HEADER, Published

if TYPE_CHECKING:
    from relight.streams.envelope import DeadLetter
    from relight.transports.log_pack import Routed, Source
    from relight.transports.records import RecordReader

_PUBLISHED = msgspec.msgpack.Decoder(Published)
_NO_HEADERS: dict[str, bytes] = {}


@dataclass(slots=True, kw_only=True)
class SourceState:
    """One source while it is assigned to this router."""

    source: Source
    #: Decodes its records; None for the control topic, whose records are our own.
    reader: RecordReader | None
    #: Its topic stamps records as they arrive.
    live: bool
    #: First offset that no pack covers yet, and the first that was not read.
    first: int
    next: int
    #: Instant up to which the source has spoken (µs), and what of it packs have said.
    until: int = INSTANT_MIN
    told: int = INSTANT_MIN
    #: When this router was given it (µs): one that was not read yet is waited for from here on.
    since: int = INSTANT_MIN
    #: It lags too much to be waited for.
    behind: bool = False
    #: (ingest time of the last, number) of records written that may wait for a slower source.
    ahead: deque[tuple[int, int]] = field(default_factory=deque)

    def read(self, records: Iterable[Any]) -> list[Routed]:
        """Return what records of its topic give, with their offsets.

        records: with `offset`, `timestamp` (ms), `value` and `headers`. Raises InputError for a topic that keeps its
        producers' time.
        """
        found: list[Routed] = []
        take = self._events if self.reader is not None else self._our_own
        for record in records:
            offset, headers = record.offset, record.headers
            if offset < self.next:
                continue
            if not headers:
                said, headers = None, _NO_HEADERS
            elif len(headers) == 1 and headers[0][0] == PUBLISHED_HEADER:
                said, headers = _PUBLISHED.decode(headers[0][1]), _NO_HEADERS
            else:
                headers = dict(headers)
                if UNTIL_HEADER in headers:
                    self.until = max(self.until, int(headers[UNTIL_HEADER]))
                    self.next = offset + 1
                    continue
                told = headers.get(PUBLISHED_HEADER)
                said = None if told is None else _PUBLISHED.decode(told)
            for one in take(record, said, headers):
                found.append((offset, one))  # noqa: PERF401  # a comprehension costs more than its one turn
            self.next = offset + 1
        return found

    def _events(self, record: Any, said: Published | None, _: Any) -> Sequence[Event | DeadLetter]:
        reader, value = self.reader, record.value or b""
        assert reader is not None
        if said is not None:
            self.until = max(self.until, said.ingest_time)
            event = reader.read_plain(value, said.position, None)
            if event is not None:
                return (event,)
            return reader.read(value, position=said.position, source=said.source, ingest_time=None)
        topic, offset = reader.plan.source.channel, record.offset
        if not self.live:
            raise InputError(
                f"topic {topic} keeps the time that producers set, and offset {offset} of partition "
                f"{self.source[1]} was not written by `relight publish`",
                help_text="set message.timestamp.type=LogAppendTime on the topic: then the broker says when it arrived",
            )
        self.until = max(self.until, record.timestamp * 1_000)
        event = reader.read_plain(value, offset, self.until)
        if event is not None:
            return (event,)
        return reader.read(value, position=offset, source=f"{topic}:{self.source[1]}:{offset}", ingest_time=self.until)

    def _our_own(self, record: Any, said: Published | None, headers: Mapping[str, bytes]) -> Sequence[Control | Event]:
        kind: type[Control | Event] = Event if EVENT_HEADER in headers else Control
        found = msgspec.msgpack.decode(record.value, type=kind)
        if said is not None:
            found.ingest_time = said.ingest_time
        else:
            self.until = max(self.until, record.timestamp * 1_000)
            found.ingest_time = self.until
        if isinstance(found, Event):
            found.event_time = min(found.event_time, found.ingest_time)
        return [found]
