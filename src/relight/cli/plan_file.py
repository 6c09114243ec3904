"""A saved plan: what `relight plan --out` leaves and `relight apply FILE` takes, and whether it has gone stale."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from relight.base.errors import UsageError

if TYPE_CHECKING:
    from relight.cli.planning import Planned

#: First key of the file.
SCHEMA = "plan-file/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanFile:
    """What was planned."""

    #: Version that the store followed, empty for none, and the version planned.
    base: str
    version: str
    environment: str | None


def write_plan_file(path: Path, planned: Planned, environment: str | None) -> None:
    """Save a plan; raises OSError."""
    body = {
        "schema": SCHEMA, "base": planned.base, "version": planned.project.plan.version, "environment": environment,
    }  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(body, indent=2) + "\n", encoding="utf-8")


def read_plan_file(path: Path) -> PlanFile:
    """Return a saved plan; raises UsageError for a file that is none."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        if told["schema"] != SCHEMA:
            raise UsageError(f"{path} is a plan of another version: {told['schema']}", help_text="run `relight plan`")
        return PlanFile(base=told["base"], version=told["version"], environment=told["environment"])
    except (OSError, ValueError, KeyError, TypeError):
        raise UsageError(f"{path} is no saved plan", help_text="`relight plan --out FILE` makes one") from None
