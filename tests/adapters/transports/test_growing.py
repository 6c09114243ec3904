"""Inputs that have not ended: a growing file through rotation and truncation, and a pipe."""

import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from relight.streams.decode import RECORD_BYTES_MAX
from relight.streams.envelope import DeadLetter, Event
from relight.transports.stdin import PipeInput
from relight.transports.tail import Tail, TailPlace
from tests.unit.streams.stream_making import NINE, plan_of

FOLLOW = {"file": "app.ndjson", "follow": True}


def line(id_: str) -> bytes:
    row = {"messageId": id_, "timestamp": "2026-03-01T08:59:00Z", "userId": "u1", "event": "session_started"}
    return msgspec.json.encode(row) + b"\n"


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def ids(records: list[Event | DeadLetter]) -> list[str]:
    return [record.id if isinstance(record, Event) else record.code for record in records]


def tail(base: Path, place: TailPlace | None = None, **changes: Any) -> Tail:
    return Tail(plan_of(**{"source": FOLLOW, **changes}), base, place=place)


def test_whole_lines_only(tmp_path: Path) -> None:
    """A line counts once its end is there; the file need not exist at first; each record arrives when it is read."""
    path, reading = tmp_path / "app.ndjson", tail(tmp_path)
    assert reading.poll(NINE) == []
    append(path, line("a") + line("b")[:20])
    found = reading.poll(NINE)
    assert ids(found) == ["a"]
    assert (found[0].ingest_time, found[0].position) == (NINE, 1)
    assert reading.poll(NINE) == []
    append(path, line("b")[20:] + b"\n" + line("c"))
    found = reading.poll(NINE + 5)
    assert [(record.ingest_time, record.position) for record in found] == [(NINE + 5, 2), (NINE + 5, 4)]
    assert reading.notices == []
    reading.close()


def test_poll_reads_no_more_than_asked(tmp_path: Path) -> None:
    """A poll reads as many lines as it may, the next goes on."""
    append(tmp_path / "app.ndjson", b"".join(line(str(n)) for n in range(5)))
    reading = tail(tmp_path)
    assert [ids(reading.poll(NINE, 2)) for _ in range(4)] == [["0", "1"], ["2", "3"], ["4"], []]
    reading.close()


def test_resume(tmp_path: Path) -> None:
    """Another reader goes on from the remembered place, with the same row numbers."""
    path = tmp_path / "app.ndjson"
    append(path, line("a") + line("b"))
    first = tail(tmp_path, id=None)
    assert ids(first.poll(NINE, 1)) == ["app.ndjson:1"]
    first.close()
    stored = msgspec.msgpack.decode(msgspec.msgpack.encode(first.place), type=TailPlace)
    second = tail(tmp_path, stored, id=None)
    append(path, line("c"))
    assert ids(second.poll(NINE)) == ["app.ndjson:2", "app.ndjson:3"]
    second.close()


def test_rotation(tmp_path: Path) -> None:
    """A rotated file is read to its end, then the new one from its beginning; rows are numbered on."""
    path = tmp_path / "app.ndjson"
    append(path, line("a"))
    reading = tail(tmp_path)
    assert ids(reading.poll(NINE)) == ["a"]
    append(path, line("b"))
    path.rename(tmp_path / "app.ndjson.1")
    assert ids(reading.poll(NINE)) == ["b"]
    append(path, line("c"))
    found = reading.poll(NINE)
    assert [(record.id, record.position) for record in found if isinstance(record, Event)] == [("c", 3)]
    assert ["was rotated" in notice for notice in reading.notices] == [True]
    reading.close()


def test_rotation_while_nobody_read(tmp_path: Path) -> None:
    """What was left in the file when it was moved is found under its new name; if it is gone, that is said."""
    path = tmp_path / "app.ndjson"
    append(path, line("a"))
    first = tail(tmp_path)
    assert ids(first.poll(NINE)) == ["a"]
    first.close()
    append(path, line("b"))
    path.rename(tmp_path / "app.ndjson.1")
    append(path, line("c"))
    second = tail(tmp_path, first.place)
    assert ids(second.poll(NINE)) == ["b", "c"]
    second.close()
    third = tail(tmp_path, msgspec.structs.replace(first.place, inode=1))
    assert ids(third.poll(NINE)) == ["c"]
    assert "lines of the old file may be missing" in third.notices[0]
    third.close()


@pytest.mark.parametrize("reopen", [False, True])
def test_truncation(tmp_path: Path, reopen: bool) -> None:
    """A file that was emptied is read from its beginning, and that is said."""
    path = tmp_path / "app.ndjson"
    append(path, line("a") + line("b"))
    reading = tail(tmp_path)
    assert ids(reading.poll(NINE)) == ["a", "b"]
    path.write_bytes(line("c"))
    if reopen:
        reading.close()
        reading = tail(tmp_path, reading.place)
    found = reading.poll(NINE)
    assert [(record.id, record.position) for record in found if isinstance(record, Event)] == [("c", 3)]
    assert ["was truncated" in notice for notice in reading.notices] == [True]
    reading.close()


def test_long_line_in_a_growing_file(tmp_path: Path) -> None:
    """A line that is too long is one dead letter once its end came, and the next is read."""
    path, reading = tmp_path / "app.ndjson", tail(tmp_path)
    append(path, b"x" * (RECORD_BYTES_MAX * 2))
    assert reading.poll(NINE) == []
    append(path, b"x\n" + line("a"))
    assert ids(reading.poll(NINE)) == ["too-large", "a"]
    reading.close()


def test_growing_csv(tmp_path: Path) -> None:
    """A growing CSV keeps its header over a restart, and a quoted cell may span lines."""
    path = tmp_path / "app.ndjson"
    source = {**FOLLOW, "format": "csv"}
    append(path, b'messageId,timestamp,userId,event,note\na,2026-03-01T08:59:00Z,u1,session_started,"two\n')
    first = tail(tmp_path, source=source)
    assert first.poll(NINE) == []
    first.close()
    append(path, b'lines"\nb,2026-03-01T08:59:00Z,u1,session_started,\nc,x\n')
    second = tail(tmp_path, first.place, source=source)
    assert ids(second.poll(NINE)) == ["a", "b", "ragged-row"]
    second.close()


def test_pipe() -> None:
    """A pipe gives whole lines as they come, never waits when not asked, and its last line needs no end."""
    read_end, write_end = os.pipe()
    reading = PipeInput(plan_of(source={"stdin": True}), Path(), descriptor=read_end)
    assert reading.poll(NINE) == []
    os.write(write_end, line("a") + line("b")[:10])
    assert (ids(reading.poll(NINE)), reading.ended) == (["a"], False)
    os.write(write_end, line("b")[10:] + b"{\n" + line("c").rstrip())
    found = reading.poll(NINE + 1)
    assert [(record.ingest_time, record.position) for record in found] == [(NINE + 1, 2), (NINE + 1, 3)]
    os.close(write_end)
    assert ids(reading.poll(NINE)) == ["c"]
    assert reading.ended
    assert reading.poll(NINE, wait_seconds=5) == []
    os.close(read_end)


def test_pipe_long_line() -> None:
    """A line on a pipe that is too long is one dead letter and does not fill memory."""
    read_end, write_end = os.pipe()
    reading = PipeInput(plan_of(source={"stdin": True}), Path(), descriptor=read_end)
    found: list[Event | DeadLetter] = []
    for chunk in [b"x" * 2**16] * 20 + [b"\n" + line("a")]:
        os.write(write_end, chunk)
        found.extend(reading.poll(NINE))
    os.close(write_end)
    found.extend(reading.poll(NINE))
    assert ids(found) == ["too-large", "a"]
    os.close(read_end)
