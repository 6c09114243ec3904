"""The plans that a store's log names: kept as sources when they come into force, compiled again by a later start.

Knows nothing of what a plan says.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from relight.base.errors import ProjectError
from relight.config.folder import MEASURES_FILE, FolderFiles
from relight.config.loader import load_files
from relight.streams.envelope import Control

if TYPE_CHECKING:
    from relight.base.problems import Problem
    from relight.config.loader import LoadedProject
    from relight.rules.plan import Plan
    from relight.stores.interface import Store

#: Note under which a plan's sources are kept, so that a later start can compile the version it finds in the log.
PLAN_NOTE = "plan:"
#: Config files that are no overlays of an environment.
_NO_OVERLAYS = frozenset({"config/default.yaml", MEASURES_FILE})


def keep_plan(store: Store, project: LoadedProject, plan: Plan) -> None:
    """Keep the sources of a project's plan; durable before the log can name it."""
    name = PLAN_NOTE + plan.version
    if store.note(name) is None:
        store.set_note(name, json.dumps(dict(project.sources), ensure_ascii=False))


def known_plans(store: Store, current: Plan) -> list[Plan]:
    """Return the plans that the log names: the current one, and older ones compiled from their kept sources."""
    plans = {current.version: current}
    for _, record in store.global_log():
        if isinstance(record, Control) and record.kind == "plan" and record.subject not in plans:
            plans[record.subject] = _compile_again(record.subject, store.note(PLAN_NOTE + record.subject))
    return list(plans.values())


def plan_of_version(store: Store, version: str) -> Plan:
    """Return a plan whose sources a store keeps; raises ProjectError where they cannot be compiled any more."""
    return _compile_again(version, store.note(PLAN_NOTE + version))


def _compile_again(version: str, kept: str | None) -> Plan:
    """Return a plan compiled from its kept sources; raises ProjectError where they give no such version any more."""
    problems: list[Problem] = []
    if kept is not None:
        files = FolderFiles.of_texts(json.loads(kept))
        overlays = (Path(name).stem for name in files.config if name not in _NO_OVERLAYS)
        for environment in (None, *overlays):
            loaded = load_files(files, environment=environment, env=os.environ, lint=False)
            if loaded.plan is not None and loaded.plan.version == version:
                return loaded.plan
            problems = problems or [p for p in loaded.problems if p.severity == "error"]
    raise ProjectError(problems, f"the store follows plan {version}, whose sources cannot be compiled any more")
