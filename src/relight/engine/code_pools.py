"""Codes from their files into the store at the start of a run (A30): new ones are added, none is given twice (S6)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from relight.base.errors import ProjectError
from relight.config.codes import read_codes
from relight.engine.telemetry.log_lines import log

if TYPE_CHECKING:
    from relight.stores.interface import Store

#: Codes in one transaction.
CODES_BATCH = 10_000


def load_codes(store: Store, folder: Path, files: Mapping[str, str]) -> None:
    """Add the codes of each pool's file; raises ProjectError where a file has a mistake."""
    for pool, file in files.items():
        found = read_codes(folder, file)
        if found.problems:
            raise ProjectError(found.problems)
        codes = found.codes
        added = sum(
            store.add_codes(pool, codes[begin : begin + CODES_BATCH]) for begin in range(0, len(codes), CODES_BATCH)
        )
        log("codes loaded", pool=pool, file=file, added=added)
