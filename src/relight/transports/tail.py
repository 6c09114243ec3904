"""A file that grows: whole lines as they appear, from a remembered place, through truncation and rotation.

No thread and no clock: `poll` reads what is there and returns. What cannot be seen: a file that was truncated and has
grown past the remembered place between two polls; files between two rotations that nobody read.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec

from relight.streams.decode import RECORD_BYTES_MAX
from relight.streams.envelope import DeadLetter, Event
from relight.streams.plan import StreamPlan
from relight.streams.refusals import Counts
from relight.transports.live_rows import RowCutter
from relight.transports.records import RecordReader

#: Lines one poll reads unless told otherwise.
POLL_LINES_DEFAULT = 1000


class TailPlace(msgspec.Struct, frozen=True, kw_only=True):
    """Where reading goes on after a restart; stored with what was read up to here."""

    #: Inode of the file; 0 before it was first opened.
    inode: int = 0
    #: Bytes of it that are read, up to the end of a whole row.
    offset: int = 0
    #: Lines read so far, rotated files included; the number of the last row.
    row: int = 0
    #: Columns that a CSV file's header names.
    columns: tuple[str, ...] = ()


class Tail:
    """Reads one growing file of a stream."""

    def __init__(
        self, plan: StreamPlan, base: Path, *, place: TailPlace | None = None, counts: Counts | None = None
    ) -> None:
        """Go on from `place`; the file need not exist yet."""
        self._reader = RecordReader(plan, base, counts)
        self._path = base / plan.source.files[0]
        self._shown = plan.source.files[0]
        self._go_on_from(place or TailPlace())
        self._file: BinaryIO | None = None
        self._cutter = RowCutter(plan.source, self._columns)
        #: What an operator should know: truncations, rotations. The caller takes them away.
        self.notices: list[str] = []

    def _go_on_from(self, place: TailPlace) -> None:
        # One number each, not a place a line: most are never asked for.
        self._inode, self._read_up_to, self._row, self._columns = place.inode, place.offset, place.row, place.columns

    @property
    def place(self) -> TailPlace:
        """Where a restart would go on."""
        return TailPlace(inode=self._inode, offset=self._read_up_to, row=self._row, columns=self._columns)

    def poll(self, ingest_time: int, lines_max: int = POLL_LINES_DEFAULT) -> list[Event | DeadLetter]:
        """Return what at most `lines_max` new whole lines give, arriving at `ingest_time`; empty for none."""
        records: list[Event | DeadLetter] = []
        for _ in range(lines_max):
            line = self._next_line()
            if line is None:
                break
            records += self._read(line, ingest_time)
        return records

    def close(self) -> None:
        """Close the file; `place` stays."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _read(self, line: bytes, ingest_time: int) -> Sequence[Event | DeadLetter]:
        row = self._row + 1
        body = self._cutter.cut(line)
        if not self._cutter.is_inside_row:
            self._row, self._read_up_to, self._columns = row, self._offset, self._cutter.columns
        if body is None:
            return ()
        event = self._reader.read_plain(body, row, ingest_time)
        if event is not None:
            return (event,)
        return self._reader.read(body, position=row, source=f"{self._shown}:{row}", ingest_time=ingest_time)

    def _next_line(self) -> bytes | None:
        """Return the next whole line; one without its end is left for a later poll, unless it is too long anyway."""
        if self._file is None and not self._open():
            return None
        assert self._file is not None
        line = self._file.readline(RECORD_BYTES_MAX + 2)
        if line.endswith(b"\n"):
            self._offset += len(line)
            return line
        if len(line) > RECORD_BYTES_MAX:
            return self._skip_long(line)
        self._file.seek(self._offset)
        return self._next_line() if self._turned(left=len(line)) else None

    def _skip_long(self, head: bytes) -> bytes | None:
        """Return the head of a line that is too long, once its end has come."""
        assert self._file is not None
        size = len(head)
        while part := self._file.readline(2**16):
            size += len(part)
            if part.endswith(b"\n"):
                self._offset += size
                return head[: RECORD_BYTES_MAX + 1] + b"\n"
        self._file.seek(self._offset)
        return None

    def _open(self) -> bool:
        path = self._path
        try:
            inode = path.stat().st_ino
        except FileNotFoundError:
            return False
        if self._inode not in {0, inode}:
            older = self._rotated()
            if older is None:
                self.notices.append(
                    f"{self._shown} was rotated while nobody read; lines of the old file may be missing"
                )
                self._restart(inode)
            else:
                path, inode = older, self._inode
        self._file = path.open("rb")
        self._offset = self._read_up_to
        if path.stat().st_size < self._offset:
            self.notices.append(f"{self._shown} was truncated; it is read from its beginning")
            self._restart(inode)
        elif self._inode == 0:
            self._restart(inode)
        self._file.seek(self._offset)
        return True

    def _restart(self, inode: int) -> None:
        """Go to the beginning of a file; rows are numbered on, so that no two share an id."""
        self._offset = 0
        self._go_on_from(TailPlace(inode=inode, row=self._row))
        self._cutter = RowCutter(self._reader.plan.source)

    def _rotated(self) -> Path | None:
        """Return the file that was read before, under the name it was moved to."""
        for path in sorted(self._path.parent.glob(f"{self._path.name}*")):
            if path != self._path and path.stat().st_ino == self._inode:
                return path
        return None

    def _turned(self, left: int) -> bool:
        """At the file's end, after `left` bytes of an unfinished line: return whether there is a new beginning."""
        assert self._file is not None
        try:
            now = self._path.stat()
        except FileNotFoundError:
            return False
        if now.st_ino != self._inode:
            self._file.close()
            self._file = self._path.open("rb")
            lost = f"; the last {left} bytes of the old one were no whole line" if left else ""
            self.notices.append(f"{self._shown} was rotated; the new file is read from its beginning{lost}")
            self._restart(now.st_ino)
            return now.st_size > 0
        if now.st_size < self._offset:
            self.notices.append(f"{self._shown} was truncated; it is read from its beginning")
            self._restart(now.st_ino)
            self._file.seek(0)
            return now.st_size > 0
        return False
