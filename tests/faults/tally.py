"""What the suite did, counted for the table of docs/reliability.md; nowhere unless RELIGHT_FAULTS_REPORT names a file."""

from __future__ import annotations

import json
import os


def count(fault: str, **numbers: int) -> None:
    """Add numbers to a line of the table."""
    path = os.environ.get("RELIGHT_FAULTS_REPORT")
    if path:
        with open(path, "a", encoding="utf-8") as file:  # noqa: PTH123  # one line, appended
            file.write(json.dumps({"fault": fault, **numbers}) + "\n")


def amount(*, quick: int, full: int) -> int:
    """Return how often something is done: `make faults` does it more often than `make check`."""
    return full if os.environ.get("RELIGHT_SWEEP") == "full" else quick
