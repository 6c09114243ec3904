"""Records on standard input, or on any pipe: whole lines as they come. It never waits longer than asked."""

from __future__ import annotations

import os
import select
from collections.abc import Sequence
from pathlib import Path

from relight.streams.decode import RECORD_BYTES_MAX
from relight.streams.envelope import DeadLetter, Event
from relight.streams.plan import StreamPlan
from relight.streams.refusals import Counts
from relight.transports.live_rows import RowCutter
from relight.transports.records import RecordReader

#: Bytes read at a time.
_CHUNK_BYTES = 2**16


class PipeInput:
    """Reads the lines of one file descriptor; rows are numbered from 1 in each run, so the stream declares an id."""

    def __init__(self, plan: StreamPlan, base: Path, *, descriptor: int = 0, counts: Counts | None = None) -> None:
        """Read `descriptor`, by default standard input; it is not closed here."""
        self._reader = RecordReader(plan, base, counts)
        self._cutter = RowCutter(plan.source)
        self._descriptor = descriptor
        self._pending = bytearray()
        self._row = 0
        #: The other side has closed and everything was returned.
        self.ended = False

    def poll(self, ingest_time: int, *, wait_seconds: float = 0.0) -> list[Event | DeadLetter]:
        """Return what the lines that are there give, waiting at most `wait_seconds` for the first byte.

        A last line without its end counts when the other side closes.
        """
        if self.ended or not select.select([self._descriptor], [], [], wait_seconds)[0]:
            return []
        chunk = os.read(self._descriptor, _CHUNK_BYTES)
        self._pending += chunk
        *lines, rest = self._pending.split(b"\n")
        if not chunk:
            self.ended = True
            lines, rest = ([*lines, rest] if rest else lines), bytearray()
        self._pending = rest[: RECORD_BYTES_MAX + 1]  # the tail of a line that is too long is not kept
        records: list[Event | DeadLetter] = []
        for line in lines:
            records.extend(self._read(bytes(line) + b"\n", ingest_time))
        return records

    def _read(self, line: bytes, ingest_time: int) -> Sequence[Event | DeadLetter]:
        self._row += 1
        body = self._cutter.cut(line)
        if body is None:
            return []
        return self._reader.read(body, position=self._row, source=f"stdin:{self._row}", ingest_time=ingest_time)
