"""The first customers of a recorded set, as files of the same form: enough for the runs that are meant to differ."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

#: How many of cdnow's 23,570 and udacity's 1,237 customers the runs with a planted mistake read.
CDNOW_CUSTOMERS = 2_000
UDACITY_CUSTOMERS = 300


def slice_cdnow(root: Path, target: Path) -> None:
    """Write the header and the rows of customers 1 to CDNOW_CUSTOMERS, to the letter."""
    lines = (root / "cdnow" / "CDNOW_master.txt").read_bytes().splitlines(keepends=True)
    kept = [line for line in lines[1:] if int(line[:6]) <= CDNOW_CUSTOMERS]
    (target / "cdnow").mkdir(parents=True)
    (target / "cdnow" / "CDNOW_master.txt").write_bytes(b"".join([lines[0], *kept]))


def slice_udacity(root: Path, target: Path) -> None:
    """Write the header and the rows of the first UDACITY_CUSTOMERS accounts that the file names, to the letter."""
    with gzip.open(root / "udacity" / "daily_engagement.csv.gz", "rb") as file:
        lines = file.readlines()
    accounts = dict.fromkeys(line.partition(b",")[0] for line in lines[1:])
    first = set(list(accounts)[:UDACITY_CUSTOMERS])
    (target / "udacity").mkdir(parents=True)
    with gzip.open(target / "udacity" / "daily_engagement.csv.gz", "wb") as file:
        file.writelines([lines[0], *(line for line in lines[1:] if line.partition(b",")[0] in first)])


#: What cuts a set, by example.
SLICES: dict[str, Callable[[Path, Path], None]] = {"cdnow": slice_cdnow, "udacity": slice_udacity}
