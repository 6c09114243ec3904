"""Bytes of a file to raw rows with their numbers: NDJSON, CSV, fixed width. It reads; it decides nothing.

A row that cannot be cut out of the file comes as Unreadable, and reading goes on. Lines end with LF or CR LF.
"""

from __future__ import annotations

import csv
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, NamedTuple

import zstandard

from relight.streams.decode import RECORD_BYTES_MAX
from relight.streams.plan import SourcePlan
from relight.streams.refusals import RefusalError
from relight.transports.compression import open_bytes
from relight.transports.errors import InputError

_BOM = b"\xef\xbb\xbf"
#: Bytes that are thrown away at a time at the end of a line that is too long.
_SKIP_BYTES = 2**16
#: Line number of the first row: a header is no row.
_FIRST = 1


class Unreadable(NamedTuple):
    """A row that is no record: why, and its bytes."""

    code: str
    reason: str
    raw: bytes

    def refusal(self) -> RefusalError:
        """Return it as decoding refuses a record."""
        return RefusalError(self.code, self.reason)


class RawRow(NamedTuple):
    """One row: its number in the file from 1 (NDJSON: the line), and its bytes or cells."""

    number: int
    body: bytes | Mapping[str, object] | Unreadable


def read_rows(path: Path, source: SourcePlan, on_blank: Callable[[], None]) -> Iterator[RawRow]:
    """Yield the rows of a finished file; raises InputError where it is missing, damaged or, after its whole rows, cut.

    `on_blank` is called for each blank line, which is no row.
    """
    with open_bytes(path) as file:
        lines = read_lines(file, path)
        if source.format == "ndjson":
            rows = _ndjson(lines, on_blank)
        elif source.format == "csv":
            rows = _csv(lines, path, source, on_blank)
        else:
            rows = _fixed(lines, source, on_blank)
        yield from rows


def read_lines(file: BinaryIO, path: Path) -> Iterator[bytes]:
    """Yield the lines of a file with their ends, without byte order mark; one too long is cut at the limit + 1."""
    first = True
    while True:
        try:
            line = file.readline(RECORD_BYTES_MAX + 2)
            if len(line) > RECORD_BYTES_MAX and not line.endswith(b"\n"):
                line = line[: RECORD_BYTES_MAX + 1] + _skip_line(file)
        except EOFError:
            raise InputError(f"{path} is cut short: it ends inside a compressed block") from None
        except (zlib.error, zstandard.ZstdError, OSError) as error:
            raise InputError(f"{path} is damaged: {error}") from None
        if first:
            first, line = False, line.removeprefix(_BOM)
        elif not line:
            return
        if line:
            yield line


def _skip_line(file: BinaryIO) -> bytes:
    while part := file.readline(_SKIP_BYTES):
        if part.endswith(b"\n"):
            return b"\n"
    return b""


def strip_end(line: bytes) -> bytes:
    """Return a line without its end."""
    return line[:-2] if line.endswith(b"\r\n") else line[:-1] if line.endswith(b"\n") else line


def _ndjson(lines: Iterator[bytes], on_blank: Callable[[], None]) -> Iterator[RawRow]:
    for number, line in enumerate(lines, _FIRST):
        body = line[:-1] if line[-1:] == b"\n" and line[-2:-1] != b"\r" else strip_end(line)
        if body and not body.isspace():
            yield RawRow(number, body)
        else:
            on_blank()


class _Texts:
    """The lines of a CSV file as text, keeping the bytes of the row that is being cut."""

    def __init__(self, lines: Iterator[bytes]) -> None:
        self._lines = lines
        self.taken: list[bytes] = []

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self.taken.append(line)
            yield line.decode("utf-8", "surrogateescape")


def _csv(lines: Iterator[bytes], path: Path, source: SourcePlan, on_blank: Callable[[], None]) -> Iterator[RawRow]:
    csv.field_size_limit(RECORD_BYTES_MAX)  # of the whole process: nothing else here reads CSV
    texts = _Texts(lines)
    reader = csv.reader(texts, delimiter=source.delimiter)
    columns = _columns(reader, path, source)
    number = 0
    while True:
        texts.taken.clear()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            number += 1
            yield RawRow(number, Unreadable("bad-csv", str(error), b"".join(texts.taken)))
            continue
        if not cells:
            on_blank()
            continue
        number += 1
        yield RawRow(number, _cells(columns, cells, texts.taken))


def _columns(reader: Iterator[list[str]], path: Path, source: SourcePlan) -> tuple[str, ...]:
    if source.columns:
        if source.header:
            next(reader, None)
        return source.columns
    if not source.header:
        raise InputError(f"{path}: no line names its columns; write `header: [name, …]`")
    try:
        columns = tuple(cell.strip() for cell in next(reader, []))
    except csv.Error as error:
        raise InputError(f"{path}: its header cannot be read: {error}") from None
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice:
        raise InputError(f"{path}: two columns are called {', '.join(twice)}")
    return columns


def _cells(columns: tuple[str, ...], cells: list[str], lines: list[bytes]) -> Mapping[str, object] | Unreadable:
    if len(cells) != len(columns):
        return Unreadable("ragged-row", f"the row has {len(cells)} cells, expected {len(columns)}", b"".join(lines))
    for line in lines:
        if len(line) > RECORD_BYTES_MAX:
            return Unreadable(
                "too-large", f"the record has more than {RECORD_BYTES_MAX} bytes", line[:RECORD_BYTES_MAX]
            )
        if not line.isascii() and not _is_utf8(line):
            return Unreadable("not-utf8", "the row is not UTF-8", b"".join(lines))
    return dict(zip(columns, cells, strict=True))


def read_csv_row(text: bytes, columns: tuple[str, ...], delimiter: str) -> Mapping[str, object] | Unreadable:
    """Return the cells of the one CSV row that `text` is."""
    csv.field_size_limit(RECORD_BYTES_MAX)
    try:
        cells = next(csv.reader(iter([text.decode("utf-8", "surrogateescape")]), delimiter=delimiter), [])
    except csv.Error as error:
        return Unreadable("bad-csv", str(error), text)
    return _cells(columns, cells, [text])


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _fixed(lines: Iterator[bytes], source: SourcePlan, on_blank: Callable[[], None]) -> Iterator[RawRow]:
    if source.header:
        next(lines, None)
    number = 0
    for line in lines:
        body = strip_end(line)
        if not body.strip():
            on_blank()
            continue
        number += 1
        yield RawRow(number, cut_fixed(body, source.widths))


def cut_fixed(line: bytes, widths: tuple[tuple[str, int], ...]) -> Mapping[str, object] | Unreadable:
    """Return the cells of one line of fixed width, without the spaces around them."""
    try:
        text = line.decode()
    except UnicodeDecodeError:
        return Unreadable("not-utf8", "the row is not UTF-8", line)
    row: dict[str, object] = {}
    at = 0
    for name, width in widths:
        row[name] = text[at : at + width].strip()
        at += width
    if text[at:].strip():
        return Unreadable("ragged-row", f"the row has {len(text)} characters, its columns end at {at}", line)
    if len(text) <= at - widths[-1][1]:
        return Unreadable("ragged-row", f"the row ends at {len(text)}, inside its columns", line)
    return row
