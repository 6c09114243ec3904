"""Finished files to records in the order H1 demands: by ingest time, ties by row; sorted in memory if need be.

Several files of one stream are one file: read in the order of their names, rows numbered on.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import msgspec

from relight.base.instants import INSTANT_MIN
from relight.streams.decode import parse_json
from relight.streams.envelope import DeadLetter, Event
from relight.streams.grouping import GroupedRow, GroupLimitError, group_rows
from relight.streams.plan import Row, StreamPlan
from relight.streams.refusals import Counts, RefusalError
from relight.streams.rows import with_decoder
from relight.transports.errors import InputError
from relight.transports.formats import Unreadable, read_rows
from relight.transports.merge import Merged, record_key
from relight.transports.records import Body, RecordReader

#: Records that are sorted in memory. A file with more of them has to be in order already; then it may be of any size.
SORT_ROWS_MAX = 1_000_000

_VARIABLE = re.compile(r"\$\{(\w+)\}")


def find_files(plan: StreamPlan, base: Path) -> list[Path]:
    """Return the files of a stream, by name within each pattern; `${NAME}` is a variable of the environment.

    Raises InputError where one is missing, a pattern matches nothing, or two files would give equal ids.
    """
    found: dict[Path, None] = {}
    for text in plan.source.files:
        path = base / _VARIABLE.sub(_variable, text)
        if set("*?[") & set(path.name):
            matches = sorted(path.parent.glob(path.name))
            if not matches:
                raise InputError(f"stream '{plan.name}': no file matches {text}", help_text=_missing_help(plan, base))
            found.update(dict.fromkeys(matches))
        elif path.is_file():
            found[path] = None
        else:
            raise InputError(f"stream '{plan.name}': there is no file {text}", help_text=_missing_help(plan, base))
    names = [shown_name(path, base) for path in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"stream '{plan.name}': two files are called {twice[0]}, their rows would have equal ids")
    return list(found)


def _missing_help(plan: StreamPlan, base: Path) -> str:
    return f"put the file into {base.resolve().name}/, or name another one under `source:` in {plan.place.file}"


def _variable(match: re.Match[str]) -> str:
    value = os.environ.get(match[1])
    if not value:
        raise InputError(f"the environment variable {match[1]} is not set")
    return value


def shown_name(path: Path, base: Path) -> str:
    """Return a file's name in ids and sources: relative to the project folder, or its bare name outside of it."""
    inside = path.is_relative_to(base)
    return path.relative_to(base).as_posix() if inside else path.name


def open_finished(plan: StreamPlan, base: Path, *, counts: Counts | None = None) -> Iterator[Merged]:
    """Yield the events and dead letters of a stream's finished files in the order of their ingest times (H1).

    A dead letter stands where its neighbours in the file stand. Records after the stream's horizon are left out and
    counted. Raises InputError where a file is missing, damaged, cut short (after its whole rows), or unsorted and too
    large to sort.
    """
    reader = RecordReader(plan, base, counts)
    rows = _numbered(plan, base, reader.counts)
    records = _decoded(reader, rows) if plan.group is None else _grouped(reader, rows)
    horizon = plan.source.horizon
    for record in in_order(records, plan.name):
        if horizon is not None and record.ingest_time > horizon:
            reader.counts.after_horizon += 1
        else:
            yield record


def _numbered(plan: StreamPlan, base: Path, counts: Counts) -> Iterator[tuple[int, str, Body]]:
    def on_blank() -> None:
        counts.blank += 1

    before = 0
    for path in find_files(plan, base):
        name, number = shown_name(path, base), 0
        for number, body in read_rows(path, plan.source, on_blank):
            yield before + number, f"{name}:{number}", body
        before += number


def _decoded(reader: RecordReader, rows: Iterable[tuple[int, str, Body]]) -> Iterator[Merged]:
    last = INSTANT_MIN
    for position, source, body in rows:
        event = reader.read_plain(body, position, None)
        if event is not None:
            last = event.ingest_time
            yield event
            continue
        for record in reader.read(body, position=position, source=source, ingest_time=None):
            if isinstance(record, DeadLetter):
                yield msgspec.structs.replace(record, ingest_time=max(last, 0))
            else:
                last = record.ingest_time
                yield record


def _grouped(reader: RecordReader, rows: Iterable[tuple[int, str, Body]]) -> Iterator[Merged]:
    """Fold rows to events; a stream's `rows` has filtered before, and an id that is not declared is the group's key."""
    plan = reader.plan
    decoding = RecordReader(with_decoder(replace(plan, rows=None)), Path(), reader.counts)
    refused: list[Merged] = []
    parsed = _parsed(reader, rows, refused)
    try:
        for grouped in group_rows(plan, parsed, reader.counts):
            yield from refused
            refused.clear()
            if not isinstance(grouped, GroupedRow):
                body = Unreadable(
                    grouped.refusal.code, str(grouped.refusal), msgspec.json.encode(grouped.row, enc_hook=str)
                )
                reader.counts.rows -= 1
                reader.counts.dead[grouped.refusal.code] -= 1
                yield from reader.read(body, position=grouped.position, source=grouped.source, ingest_time=0)
                continue
            for record in decoding.read(grouped.row, position=grouped.position, source=grouped.key, ingest_time=None):
                if isinstance(record, DeadLetter):
                    yield msgspec.structs.replace(record, source=grouped.source)
                else:
                    yield record
        yield from refused
    except GroupLimitError as error:
        raise InputError(f"stream '{plan.name}': {error}") from None


def _parsed(
    reader: RecordReader, rows: Iterable[tuple[int, str, Body]], refused: list[Merged]
) -> Iterator[tuple[int, str, Row]]:
    for position, source, body in rows:
        if isinstance(body, bytes):
            try:
                yield position, source, parse_json(body)
            except RefusalError as error:
                bad = Unreadable(error.code, str(error), body)
                refused.extend(reader.read(bad, position=position, source=source, ingest_time=0))
        elif isinstance(body, Unreadable):
            refused.extend(reader.read(body, position=position, source=source, ingest_time=0))
        else:
            yield position, source, body


def in_order(records: Iterable[Merged], stream: str) -> Iterator[Merged]:
    """Yield records by `record_key`; raises InputError for an unsorted input of more than SORT_ROWS_MAX records."""
    rest = iter(records)
    held = list(islice(rest, SORT_ROWS_MAX))
    if len(held) < SORT_ROWS_MAX:
        if not _is_in_order(held):
            held.sort(key=record_key)
        yield from held
        return
    last = record_key(held[0])
    for source in (held, rest):
        for record in source:
            key = record_key(record)
            if key < last:
                raise InputError(
                    f"stream '{stream}': the file has more than {SORT_ROWS_MAX:,} rows and row {record.position} is "
                    "out of order; sort it by time, or split it"
                )
            last = key
            yield record


def _is_in_order(records: Sequence[Merged]) -> bool:
    """Return whether records stand by `record_key` already; most files are written as things happen."""
    last = INSTANT_MIN
    for at, record in enumerate(records):
        now = record.ingest_time
        if now <= last and (now < last or record_key(record) < record_key(records[at - 1])):
            return False
        last = now
    return True


__all__ = ["SORT_ROWS_MAX", "Event", "find_files", "in_order", "open_finished", "shown_name"]
