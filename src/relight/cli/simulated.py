"""Remembers what was simulated last, so that `explain --simulation last` can ask the same events."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from relight.base.errors import UsageError

if TYPE_CHECKING:
    from relight.cli.project import Project

#: Below the project folder.
LAST = Path("out") / "simulation.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class LastSimulation:
    """What was read."""

    #: `[STREAM=]FILE` as given, with absolute paths; empty for the project's own files.
    events: tuple[str, ...]
    from_store: bool
    #: Where time was ended (µs); None for the last event.
    until: int | None


def remember(project: Project, events: Sequence[str], *, from_store: bool, until: int | None) -> None:
    """Note a simulation below the project folder."""
    path = project.folder / LAST
    path.parent.mkdir(parents=True, exist_ok=True)
    named = [_absolute(text, project) for text in events]
    path.write_text(json.dumps({"events": named, "from_store": from_store, "until": until}) + "\n", encoding="utf-8")


def _absolute(text: str, project: Project) -> str:
    name, sign, rest = text.partition("=")
    if sign and name in project.loaded.streams:
        return f"{name}={Path(rest).absolute()}"
    return str(Path(text).absolute())


def last_simulation(project: Project) -> LastSimulation:
    """Return the last simulation; raises UsageError where there was none."""
    try:
        told = json.loads((project.folder / LAST).read_text(encoding="utf-8"))
        return LastSimulation(events=tuple(told["events"]), from_store=told["from_store"], until=told["until"])
    except (OSError, ValueError, KeyError):
        raise UsageError("nothing was simulated in this project yet", help_text="`relight simulate` does") from None
