"""Rows out of files: formats, compression, damage."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import zstandard

from relight.streams.decode import RECORD_BYTES_MAX
from relight.streams.plan import SourcePlan
from relight.transports.errors import InputError
from relight.transports.formats import RawRow, Unreadable, read_rows

CSV = SourcePlan(kind="file", format="csv", header=True)
NDJSON = SourcePlan(kind="file")


def rows(path: Path, source: SourcePlan, blanks: list[int] | None = None) -> list[RawRow]:
    return list(read_rows(path, source, lambda: None if blanks is None else blanks.append(1)))


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_ndjson_lines(tmp_path: Path) -> None:
    """Lines end with LF or CR LF, the last may have no end, blank ones count as lines, a BOM is dropped."""
    path = write(tmp_path / "a.ndjson", b'\xef\xbb\xbf{"a":1}\r\n\n  \n{"a":2}\n{"a":3}')
    blanks: list[int] = []
    assert rows(path, NDJSON, blanks) == [RawRow(1, b'{"a":1}'), RawRow(4, b'{"a":2}'), RawRow(5, b'{"a":3}')]
    assert len(blanks) == 2


@pytest.mark.parametrize("data", [b"", b"\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n"])
def test_empty_files(tmp_path: Path, data: bytes) -> None:
    """A file without rows has none."""
    assert rows(write(tmp_path / "a.ndjson", data), NDJSON) == []


def test_long_line(tmp_path: Path) -> None:
    """A line that is too long is cut, and the next one is read."""
    path = write(
        tmp_path / "a.ndjson", b"x" * (RECORD_BYTES_MAX * 2) + b'\n{"a":1}\n' + b"y" * RECORD_BYTES_MAX + b"\n"
    )
    found = rows(path, NDJSON)
    assert [(row.number, len(row.body)) for row in found] == [(1, RECORD_BYTES_MAX + 1), (2, 7), (3, RECORD_BYTES_MAX)]


def test_csv(tmp_path: Path) -> None:
    """CSV has quotes, line ends inside them, its own delimiter, blank rows; a ragged row is refused alone."""
    text = 'id;text\n1;"a;b"\n2;"two\nlines"\n\n3\n4;x;y\n5;"say ""hi"""\n6;Ünï\n'
    found = rows(
        write(tmp_path / "a.csv", text.encode()), SourcePlan(kind="file", format="csv", header=True, delimiter=";")
    )
    assert [row.number for row in found] == [1, 2, 3, 4, 5, 6]
    bodies: list[Any] = [row.body for row in found]
    assert [bodies[at] for at in (0, 1, 4, 5)] == [
        {"id": "1", "text": "a;b"}, {"id": "2", "text": "two\nlines"},
        {"id": "5", "text": 'say "hi"'}, {"id": "6", "text": "Ünï"},
    ]  # fmt: skip
    assert bodies[2] == Unreadable("ragged-row", "the row has 1 cells, expected 2", b"3\n")
    assert bodies[3].raw == b"4;x;y\n"


def test_csv_damage(tmp_path: Path) -> None:
    """A row that is not UTF-8, or whose cell is too large, is refused alone."""
    data = b"id,text\n1,\xff\n2,b\n3," + b"x" * (RECORD_BYTES_MAX + 10) + b"\n4,d\n"
    bodies: list[Any] = [row.body for row in rows(write(tmp_path / "a.csv", data), CSV)]
    assert [getattr(body, "code", None) for body in bodies] == ["not-utf8", None, "too-large", None]
    assert bodies[0].raw == b"1,\xff\n"
    assert bodies[3] == {"id": "4", "text": "d"}


def test_csv_open_quote(tmp_path: Path) -> None:
    """A quote that is never closed swallows no more than a record's size, as one refused row."""
    data = b'id,text\n1,"open\n' + b"2,bbbbbbb\n" * 150_000
    bodies = [row.body for row in rows(write(tmp_path / "a.csv", data), CSV)]
    assert isinstance(bodies[0], Unreadable)
    assert bodies[0].code == "bad-csv"
    assert len(bodies) > 40_000
    assert bodies[-1] == {"id": "2", "text": "bbbbbbb"}


def test_csv_headers(tmp_path: Path) -> None:
    """Column names come from the first line, or from the declaration; two equal ones are an error."""
    path = write(tmp_path / "a.csv", b"a,a\n1,2\n")
    with pytest.raises(InputError, match="two columns are called a"):
        rows(path, CSV)
    named = SourcePlan(kind="file", format="csv", columns=("x", "y"))
    assert [row.body for row in rows(path, named)] == [{"x": "a", "y": "a"}, {"x": "1", "y": "2"}]
    skipping = SourcePlan(kind="file", format="csv", columns=("x", "y"), header=True)
    assert [row.body for row in rows(path, skipping)] == [{"x": "1", "y": "2"}]


def test_fixed_width(tmp_path: Path) -> None:
    """Columns of fixed width are cut and stripped; a row that is too short or too long is refused."""
    source = SourcePlan(kind="file", format="fixed", header=True, widths=(("id", 4), ("n", 3)))
    data = b" id  n\n 01  5\n 02\n 03  6x\n\n 04 77\n 05 8\n"
    bodies = [row.body for row in rows(write(tmp_path / "a.txt", data), source)]
    assert bodies == [
        {"id": "01", "n": "5"},
        Unreadable("ragged-row", "the row ends at 3, inside its columns", b" 02"),
        {"id": "03", "n": "6x"},
        {"id": "04", "n": "77"},
        {"id": "05", "n": "8"},
    ]
    long = rows(write(tmp_path / "b.txt", b"head\n 03  6xx\n"), source)
    assert isinstance(long[0].body, Unreadable)


LINES = b"".join(b'{"n":%d,"pad":"%s"}\n' % (n, str(n * 7919).encode() * 9) for n in range(16000))


def packed(kind: str) -> bytes:
    if kind == "gz":
        return gzip.compress(LINES)
    half = len(LINES) // 2
    return b"".join(zstandard.ZstdCompressor().compress(part) for part in (LINES[:half], LINES[half:]))


@pytest.mark.parametrize("kind", ["gz", "zst"])
def test_compressed(tmp_path: Path, kind: str) -> None:
    """A compressed file reads as the plain one, over several frames too."""
    path = write(tmp_path / f"a.ndjson.{kind}", packed(kind))
    found = rows(path, NDJSON)
    assert b"".join(bytes(row.body) + b"\n" for row in found) == LINES  # type: ignore[arg-type]  # bytes here


@pytest.mark.parametrize("kind", ["gz", "zst"])
@pytest.mark.parametrize("share", [0.4, 0.6, 0.999])
def test_cut_archive(tmp_path: Path, kind: str, share: float) -> None:
    """An archive that is cut short gives its whole rows and then a clear error; it never ends as if it were whole."""
    data = packed(kind)
    path = write(tmp_path / f"a.ndjson.{kind}", data[: int(len(data) * share)])
    read = read_rows(path, NDJSON, lambda: None)
    found: list[RawRow] = []
    with pytest.raises(InputError, match="cut short"):
        found.extend(iter_into(read, found))
    assert 0 < len(found) < 16000
    assert all(json.loads(bytes(row.body))["n"] == row.number - 1 for row in found)  # type: ignore[arg-type]  # bytes here


def iter_into(source: Any, found: list[RawRow]) -> list[RawRow]:
    for row in source:
        found.append(row)  # noqa: PERF402 -- what came before the error is the point
    return []


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.gz", b"no gzip"),
        ("a.zst", b"no zstandard"),
        ("b.gz", gzip.compress(b"{}\n" * 9, mtime=0)[:-8] + b"xxxxxxxx"),
    ],
)
def test_damaged_archive(tmp_path: Path, name: str, data: bytes) -> None:
    """An archive that is none, or fails its checksum, is a clear error."""
    with pytest.raises(InputError, match="damaged"):
        rows(write(tmp_path / name, data), NDJSON)


def test_missing_file(tmp_path: Path) -> None:
    """A file that is not there is a clear error."""
    with pytest.raises(InputError, match=r"nope\.ndjson cannot be read: No such file"):
        rows(tmp_path / "nope.ndjson", NDJSON)
