"""Files of codes: what is read, and each mistake with its row."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from relight.config.codes import (
    CODE_CHARACTERS_MAX,
    CODES_FILE_BYTES_MAX,
    CODES_PROBLEMS_MAX,
    check_codes,
    read_codes,
)


@pytest.mark.parametrize(
    "text",
    ["A-1\nB&2\n", "code\nA-1\nB&2\n", "\ufeffCode\r\nA-1\r\n\r\nB&2\r\n", 'note,code\n"for, you",A-1\nx, B&2 \n'],
)
def test_codes_are_read(tmp_path: Path, text: str) -> None:
    """One code a row, with or without a header; where there are more columns, the column `code`."""
    (tmp_path / "c.csv").write_text(text, encoding="utf-8", newline="")
    found = read_codes(tmp_path, "c.csv")
    assert (found.codes, found.problems) == (("A-1", "B&2"), ())


def test_a_bad_row_is_told_with_its_place(tmp_path: Path) -> None:
    """Each mistake names file and line and what was expected, and shows no code; the file is not to be used."""
    rows = ["code", "GOOD-1", "two words", "GOOD-1", '""', "a,b", "=?q", "x" * (CODE_CHARACTERS_MAX + 1), "Ö"]
    (tmp_path / "c.csv").write_text("\n".join(rows), encoding="utf-8")
    told = [str(one) for one in check_codes(tmp_path, {"offer": "c.csv"})]
    assert told == [
        "c.csv:3:1: bad-codes: a code is of visible ASCII characters without spaces and without `=?`",
        "c.csv:4:1: bad-codes: this code stands in line 2 already",
        "c.csv:5:1: bad-codes: expected a code, found nothing",
        "c.csv:6:1: bad-codes: expected 1 column, found 2",
        "c.csv:7:1: bad-codes: a code is of visible ASCII characters without spaces and without `=?`",
        "c.csv:8:1: bad-codes: this code has 65 characters; at most 64 are allowed",
        "c.csv:9:1: bad-codes: a code is of visible ASCII characters without spaces and without `=?`",
    ]


def test_what_is_no_file_of_codes(tmp_path: Path) -> None:
    """A file that is not there, is not text, is too large or full of mistakes is refused without reading on."""
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "many.csv").write_text("two words\n" * (CODES_PROBLEMS_MAX + 5))
    (tmp_path / "large.csv").touch()
    os.truncate(tmp_path / "large.csv", CODES_FILE_BYTES_MAX + 1)
    assert "there is no file none.csv" in str(read_codes(tmp_path, "none.csv").problems[0])
    assert "cannot be read" in str(read_codes(tmp_path, "binary.csv").problems[0])
    assert "at most 33,554,432 are read" in str(read_codes(tmp_path, "large.csv").problems[0])
    assert len(read_codes(tmp_path, "many.csv").problems) == CODES_PROBLEMS_MAX


def test_two_pools_may_not_hold_one_code(tmp_path: Path) -> None:
    """A code in the files of two pools would be given to two people."""
    (tmp_path / "a.csv").write_text("A\nB\n")
    (tmp_path / "b.csv").write_text("B\nC\n")
    told = [str(one) for one in check_codes(tmp_path, {"first": "a.csv", "second": "b.csv"})]
    assert told == ["b.csv: bad-codes: pools 'first' and 'second' hold the same code, which two people would get"]
