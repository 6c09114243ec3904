"""The files of codes that the config names: one code a row, in CSV with or without a header (A30).

A mistake is told with its row and never with the code itself, which is worth money.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from relight.base.problems import Place, Problem

#: Bytes of one file of codes; about two million codes.
CODES_FILE_BYTES_MAX = 32 * 1024 * 1024
#: Characters of one code.
CODE_CHARACTERS_MAX = 64
#: Mistakes told of one file.
CODES_PROBLEMS_MAX = 20
#: Name of the column; a file of one column needs no header.
HEADER = "code"
_CODE = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class CodesFile:
    """What a file of codes holds."""

    #: Each once, in order.
    codes: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


@dataclass(slots=True)
class _Reading:
    file: str
    problems: list[Problem] = field(default_factory=list)
    #: code -> its line.
    lines: dict[str, int] = field(default_factory=dict)

    def report(self, message: str, line: int, help_text: str | None = None) -> None:
        place = Place(file=self.file, line=line, column=1 if line else 0)
        self.problems.append(Problem(code="bad-codes", message=message, place=place, help=help_text))


def check_codes(folder: Path, files: Mapping[str, str]) -> list[Problem]:
    """Return what is wrong with the files of all pools; files: pool -> path below the project folder."""
    problems: list[Problem] = []
    pools: dict[str, str] = {}
    for pool, file in files.items():
        found = read_codes(folder, file)
        problems += found.problems
        double = next((code for code in found.codes if code in pools), None)
        if double is not None:
            message = f"pools '{pools[double]}' and '{pool}' hold the same code, which two people would get"
            problems.append(Problem(code="bad-codes", message=message, place=Place(file=file)))
        pools |= dict.fromkeys(found.codes, pool)
    return problems


def read_codes(folder: Path, file: str) -> CodesFile:
    """Return the codes of one file and its mistakes; a file with any mistake is not to be used."""
    reading = _Reading(file)
    path = folder / file
    try:
        size = path.stat().st_size
        if size > CODES_FILE_BYTES_MAX:
            reading.report(f"the file has {size:,} bytes; at most {CODES_FILE_BYTES_MAX:,} are read", 0)
        else:
            with path.open(encoding="utf-8-sig", newline="") as rows:
                _read_rows(reading, csv.reader(rows, strict=True))
    except FileNotFoundError:
        help_text = "write one code a row, under the header `code`"
        reading.report(f"there is no file {file}, which the config names under `codes`", 0, help_text)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reading.report(f"the file cannot be read: {error}", 0, "it must be CSV in UTF-8")
    return CodesFile(codes=tuple(reading.lines), problems=tuple(reading.problems))


def _read_rows(reading: _Reading, rows: Iterator[list[str]]) -> None:
    column, width = 0, 1
    for line, row in enumerate(rows, start=1):
        if line == 1 and HEADER in (names := [one.strip().lower() for one in row]):
            column, width = names.index(HEADER), len(names)
            continue
        if not row:
            continue
        if len(row) != width:
            reading.report(
                f"expected {width} {'column' if width == 1 else 'columns'}, found {len(row)}", line,
                "a file of several columns needs a header with a column `code`",
            )  # fmt: skip
        else:
            _take(reading, row[column].strip(), line)
        if len(reading.problems) >= CODES_PROBLEMS_MAX:
            return


def _take(reading: _Reading, code: str, line: int) -> None:
    if not code:
        reading.report("expected a code, found nothing", line)
    elif len(code) > CODE_CHARACTERS_MAX:
        reading.report(f"this code has {len(code)} characters; at most {CODE_CHARACTERS_MAX} are allowed", line)
    elif not _CODE.fullmatch(code) or "=?" in code:
        reading.report("a code is of visible ASCII characters without spaces and without `=?`", line)
    elif code in reading.lines:
        reading.report(f"this code stands in line {reading.lines[code]} already", line, "remove one of the two")
    else:
        reading.lines[code] = line
