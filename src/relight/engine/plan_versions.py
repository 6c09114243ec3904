"""The plans that a store's log names: kept as sources when they come into force, compiled again by a later start.

Knows nothing of what a plan says.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from relight import __version__
from relight.base.errors import ProjectError
from relight.config.folder import MEASURES_FILE, FolderFiles
from relight.config.loader import load_files
from relight.streams.envelope import Control

if TYPE_CHECKING:
    from relight.base.problems import Problem
    from relight.config.loader import LoadedProject
    from relight.rules.plan import Plan
    from relight.stores.interface import Store
    from relight.streams.envelope import Record

#: Note under which a plan's sources are kept, so that a later start can compile the version it finds in the log.
PLAN_NOTE = "plan:"
#: Key beside the paths of a note: the version of relight that compiled them. No path can be called so.
PROGRAM_KEY = "#relight"
#: Note of the version that was rolled back from; empty for none.
ROLLED_BACK_NOTE = "rolled back"
#: Note of the plan versions that a cluster's control topic was told, and when.
TOLD_NOTE = "cluster plans"
#: Config files that are no overlays of an environment.
_NO_OVERLAYS = frozenset({"config/default.yaml", MEASURES_FILE})


def keep_plan(store: Store, project: LoadedProject, plan: Plan) -> None:
    """Keep the sources of a project's plan; durable before the log can name it."""
    keep_sources(store, plan.version, project.sources)


def keep_sources(store: Store, version: str, sources: Mapping[str, str]) -> None:
    """Keep the texts by path of a version, unless they are kept already."""
    name = PLAN_NOTE + version
    if store.note(name) is None:
        store.set_note(name, json.dumps({**sources, PROGRAM_KEY: __version__}, ensure_ascii=False))


def kept_sources(store: Store, version: str) -> dict[str, str] | None:
    """Return the texts by path of a version; None where the store does not keep them."""
    kept = store.note(PLAN_NOTE + version)
    return None if kept is None else _split(kept)[0]


def _split(kept: str) -> tuple[dict[str, str], str]:
    """Return the texts by path of a note, and the version of relight that compiled them; empty where it is not said."""
    texts: dict[str, str] = json.loads(kept)
    program = texts.pop(PROGRAM_KEY, "")
    return texts, program


def versions_in_log(store: Store) -> list[tuple[int, str]]:
    """Return (ingest time, version) of every plan record, oldest first; on a cluster as its store remembers them."""
    found = [(r.ingest_time, r.subject) for _, r in store.global_log() if isinstance(r, Control) and r.kind == "plan"]
    return found or told_versions(store)


def told_versions(store: Store) -> list[tuple[int, str]]:
    """Return (instant, version) of every plan that a cluster's control topic was told, oldest first."""
    return [(int(at), str(version)) for at, version in json.loads(store.note(TOLD_NOTE) or "[]")]


def note_told(store: Store, version: str, at: int) -> None:
    """Remember that the control topic was told a version at an instant (µs); said twice, it is remembered once."""
    told = told_versions(store)
    if not told or told[-1][1] != version:
        store.set_note(TOLD_NOTE, json.dumps([*told, (at, version)]))


def note_rollback(store: Store, version: str | None) -> None:
    """Note which version was rolled back from, so that no start puts it in force again by itself; None: none."""
    if (store.note(ROLLED_BACK_NOTE) or None) != version:
        store.set_note(ROLLED_BACK_NOTE, version or "")


def is_rolled_back(store: Store, version: str) -> bool:
    """Return whether a version was rolled back from and not applied since."""
    return store.note(ROLLED_BACK_NOTE) == version


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Why a folder's version does not come into force by itself; neither: it does, or it is in force."""

    rolled_back: bool = False
    #: The config leaves edits to `relight apply`.
    unapplied: bool = False

    @property
    def stands(self) -> bool:
        """Whether the version in force goes on until somebody applies the folder's."""
        return self.rolled_back or self.unapplied


def hold_of(store: Store, in_force: str, version: str, *, needs_apply: bool) -> Hold:
    """Return what keeps a folder's version from following the one in force; in_force: empty for none."""
    if in_force in ("", version):
        return Hold()
    return Hold(rolled_back=is_rolled_back(store, version), unapplied=needs_apply)


def known_plans(store: Store, current: Plan) -> list[Plan]:
    """Return the plans that the log names: the current one, and older ones compiled from their kept sources."""
    return plans_named(store, current, (record for _, record in store.global_log()))


def plans_named(store: Store, current: Plan, everybody: Iterable[Record]) -> list[Plan]:
    """Return the same of records of the log that concern everybody."""
    plans = {current.version: current}
    for record in everybody:
        if isinstance(record, Control) and record.kind == "plan" and record.subject not in plans:
            plans[record.subject] = plan_of_version(store, record.subject)
    return list(plans.values())


def plan_of_version(store: Store, version: str) -> Plan:
    """Return a plan whose sources a store keeps; raises ProjectError where they cannot be compiled any more."""
    plan = project_of_version(store, version).plan
    assert plan is not None
    return plan


def project_of_version(store: Store, version: str) -> LoadedProject:
    """Return the project of a version, its plan and what it measures, compiled from its kept sources; raises the same.

    Its folder is not known.
    """
    kept = store.note(PLAN_NOTE + version)
    problems: list[Problem] = []
    found: list[LoadedProject] = []
    program = __version__
    if kept is not None:
        texts, program = _split(kept)
        files = FolderFiles.of_texts(texts)
        overlays = (Path(name).stem for name in files.config if name not in _NO_OVERLAYS)
        for environment in (None, *overlays):
            loaded = load_files(files, environment=environment, env=os.environ, lint=False)
            if loaded.plan is not None and loaded.plan.version == version:
                return loaded
            if loaded.plan is not None and not any(p.severity == "error" for p in loaded.problems):
                found.append(loaded)
            problems = problems or [p for p in loaded.problems if p.severity == "error"]
    if program != __version__ and len(found) == 1:
        # Another version of relight gives the same sources another name; the one in the log stands.
        (loaded,) = found
        assert loaded.plan is not None
        return replace(loaded, plan=replace(loaded.plan, version=version))
    raise ProjectError(problems, f"the store follows plan {version}, whose sources cannot be compiled any more")
