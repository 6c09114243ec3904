"""Which project folder a command works on, and how it is loaded.

Says every problem; decides nothing about their meaning.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from relight.base.errors import ProjectError, UsageError
from relight.base.suggest import suggest_words
from relight.cli.faults import NoProjectError
from relight.cli.output import count_of
from relight.cli.problem_list import show_problems

if TYPE_CHECKING:
    from relight.config.loader import LoadedProject
    from relight.config.settings import Settings
    from relight.engine.daily import DayMaker
    from relight.rules.plan import Plan

#: What makes a folder a project.
CONFIG_FILE = Path("config") / "default.yaml"

_Command = TypeVar("_Command", bound=Callable[..., object])


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A sound project."""

    folder: Path
    loaded: LoadedProject
    plan: Plan
    settings: Settings
    #: How long loading took (s).
    seconds: float

    @property
    def store_path(self) -> Path:
        """The SQLite file; raises UsageError where the project keeps its state elsewhere."""
        path = self.settings.store.sqlite
        if path is None:
            raise UsageError("this project's store is not a file; only `store: {sqlite: …}` is supported here")
        return self.folder / path

    @property
    def store_name(self) -> str:
        """What the store is called in texts: its file, or `PostgreSQL`."""
        if self.settings.store.sqlite is None:
            return "PostgreSQL"
        return str(self.folder / self.settings.store.sqlite)

    @property
    def has_store(self) -> bool:
        """Whether there is a store to read; a server is taken to have one, and says so itself where it has none."""
        return self.settings.store.sqlite is None or self.store_path.is_file()


def day_maker_of(loaded: LoadedProject) -> DayMaker | None:
    """Return what makes the measures of customers at each beginning of a day; None where nothing reads any."""
    from relight.engine.daily import wanted_by

    if loaded.plan is None or loaded.measures is None or not wanted_by(loaded.plan):
        return None
    from relight.metrics.daily import DailyMeasures

    return DailyMeasures(loaded.measures)


def project_options(command: _Command) -> _Command:
    """Add `--project` and `--environment` to a command."""
    command = click.option(
        "--environment", "-e", envvar="RELIGHT_ENVIRONMENT", metavar="NAME", help="Overlay config/NAME.yaml."
    )(command)
    return click.option(
        "--project",
        "-p",
        envvar="RELIGHT_PROJECT",
        type=click.Path(path_type=Path),
        metavar="DIR",
        help="Project folder; default: this folder or the nearest above it with config/default.yaml.",
    )(command)


def find_folder(wanted: Path | None, start: Path | None = None) -> Path:
    """Return the project folder; raises NoProjectError where there is none."""
    here = start or Path.cwd()
    if wanted is not None:
        if not (wanted / CONFIG_FILE).is_file():
            what = f"{wanted}/{CONFIG_FILE} is missing" if wanted.is_dir() else f"there is no folder {wanted}"
            raise NoProjectError(what, help_text="name a project folder, or make one with `relight init DIR`")
        return wanted
    for folder in (here, *here.parents):
        if (folder / CONFIG_FILE).is_file():
            return Path(os.path.relpath(folder, here)) if start is None else folder
    message = f"there is no project here: neither {here} nor a folder above it has {CONFIG_FILE}"
    raise NoProjectError(message, help_text="go to a project folder, name it with --project, or `relight init DIR`")


@contextmanager
def without_cycle_search() -> Iterator[None]:
    """Let Python not look for cycles inside: almost all that is imported and compiled stays, and is walked in vain."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def read_project(folder: Path, environment: str | None) -> tuple[LoadedProject, float]:
    """Return a folder with all its problems, and how long reading it took (s).

    Raises NoProjectError for one that is none.
    """
    began = time.perf_counter()
    with without_cycle_search():
        from relight.config.loader import load_project

        loaded = load_project(folder, environment=environment, env=dict(os.environ))
    refuse_missing(loaded, folder)
    return loaded, time.perf_counter() - began


def refuse_missing(loaded: LoadedProject, folder: Path) -> None:
    """Raise NoProjectError, after saying every problem, where a folder holds no project or no readable config."""
    if loaded.is_missing:
        show_problems(loaded.problems, loaded.sources)
        raise NoProjectError(f"{folder} is no usable project", help_text="`relight init DIR` makes a complete one")


def open_project(wanted: Path | None, environment: str | None) -> Project:
    """Return a sound project; raises ProjectError after saying every problem, NoProjectError where there is none."""
    folder = find_folder(wanted)
    loaded, seconds = read_project(folder, environment)
    errors = [p for p in loaded.problems if p.severity == "error"]
    if errors or loaded.plan is None or loaded.settings is None:
        show_problems(loaded.problems, loaded.sources)
        raise ProjectError(
            (), f"{count_of(len(errors), 'problem')} in {folder.resolve().name}; `relight check` shows all"
        )
    return Project(folder=folder, loaded=loaded, plan=loaded.plan, settings=loaded.settings, seconds=seconds)


def known_rules(project: Project, names: Sequence[str]) -> list[str]:
    """Return rule names (all for none given); raises UsageError with the nearest for one that does not exist."""
    for name in names:
        if name not in project.plan.rules:
            hint = suggest_words(name, project.plan.rules)
            raise UsageError(
                f"there is no rule '{name}'" + (f"; {hint}" if hint else ""),
                help_text=f"rules stand in {project.folder}/rules/",
            )
    return list(names) or sorted(project.plan.rules)


def relative(path: Path) -> str:
    """Return a path as the user would write it from here."""
    try:
        shown = os.path.relpath(path)
    except ValueError:
        return str(path)
    return str(path) if shown.startswith("..") else shown


def complete_rule(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Return the rules that begin with what was typed: the files of the project's `rules/`, read by name only."""
    wanted = ctx.params.get("project")
    try:
        folder = find_folder(Path(wanted) if wanted else None)
    except NoProjectError:
        return []
    names = sorted(path.stem for path in (folder / "rules").glob("*.yaml") if path.stem != "definitions")
    return [name for name in names if name.startswith(incomplete)]
