"""A raw row to events and dead letters, the optional Python map of the stream applied first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from relight.streams.decode import decode_record, make_dead_letter, parse_json
from relight.streams.envelope import DeadLetter, Event
from relight.streams.plan import StreamPlan
from relight.streams.refusals import Counts, RefusalError
from relight.transports.formats import Unreadable
from relight.transports.python_map import RowMap, call_map, load_map

#: What a reader gives for one raw row.
Body = bytes | Mapping[str, object] | Unreadable


class RecordReader:
    """Decodes the raw rows of one stream and counts what became of them."""

    def __init__(self, plan: StreamPlan, base: Path, counts: Counts | None = None) -> None:
        """Load the stream's map from `base`/streams; raises ProjectError where it cannot be loaded."""
        self.plan = plan
        #: The project folder.
        self.base = base
        self.counts = Counts() if counts is None else counts
        self._map: RowMap | None = (
            None if plan.mapping is None else load_map(plan.mapping, base / "streams", plan.place)
        )

    def read_plain(self, body: Body, position: int, ingest_time: int | None) -> Event | None:
        """Return the event of a row that takes the short way, as most do; None for a row that is left to `read`."""
        plain = self.plan.plain
        if plain is None or self._map is not None:
            return None
        try:
            row = parse_json(body) if type(body) is bytes else body
        except RefusalError:
            return None
        event = plain(row, position, ingest_time) if type(row) is dict else None
        if event is not None:
            self.counts.rows += 1
            self.counts.events += 1
        return event

    def read(self, body: Body, *, position: int, source: str, ingest_time: int | None) -> Sequence[Event | DeadLetter]:
        """Return what one row gives; empty where it is filtered out or undeclared."""
        if type(body) is not bytes and isinstance(body, Unreadable):
            self.counts.rows += 1
            return [self.refuse(body.raw, body.refusal(), position, source, ingest_time)]
        if self._map is not None:
            return self._read_mapped(self._map, body, position=position, source=source, ingest_time=ingest_time)
        found = decode_record(
            self.plan, body, position=position, source=source, ingest_time=ingest_time, counts=self.counts
        )
        return [found] if isinstance(found, DeadLetter) else found or ()

    def refuse(
        self,
        raw: bytes | Mapping[str, object],
        refusal: RefusalError,
        position: int,
        source: str,
        ingest_time: int | None,
    ) -> DeadLetter:
        """Return the dead letter of a row, counted; ingest_time: when it arrived (µs), None for a finished file."""
        self.counts.dead[refusal.code] += 1
        return make_dead_letter(self.plan.name, raw, refusal, position=position, source=source, ingest_time=ingest_time)

    def _read_mapped(
        self,
        row_map: RowMap,
        body: bytes | Mapping[str, object],
        *,
        position: int,
        source: str,
        ingest_time: int | None,
    ) -> list[Event | DeadLetter]:
        """Map one row and decode the result; a dead letter keeps the row as it came: a replay maps it again."""
        try:
            rows = call_map(row_map, parse_json(body) if isinstance(body, bytes) else body)
        except RefusalError as refusal:
            self.counts.rows += 1
            return [self.refuse(body, refusal, position, source, ingest_time)]
        if not rows:
            self.counts.rows += 1
            self.counts.filtered += 1
        records: list[Event | DeadLetter] = []
        for at, row in enumerate(rows, 1):
            part = source if at == 1 else f"{source}#{at}"
            found = decode_record(
                self.plan, row, position=position, source=part, ingest_time=ingest_time, counts=self.counts
            )
            if isinstance(found, DeadLetter):
                original = body if isinstance(body, bytes) else msgspec.json.encode(body, enc_hook=str)
                records.append(msgspec.structs.replace(found, raw=original))
            else:
                records.extend(found or ())
        return records

    def replay(self, letter: DeadLetter, ingest_time: int) -> Sequence[Event | DeadLetter]:
        """Return what a dead letter gives now, arriving at `ingest_time`; its bytes decide, not its old reason."""
        body: bytes | Mapping[str, object] = letter.raw
        if self.plan.source.format != "ndjson":
            try:
                body = parse_json(letter.raw)
            except RefusalError:
                same = RefusalError(letter.code, letter.reason)
                self.counts.rows += 1
                return [self.refuse(letter.raw, same, letter.position, letter.source, ingest_time)]
        return self.read(body, position=letter.position, source=letter.source, ingest_time=ingest_time)
