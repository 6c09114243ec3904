"""Problems of a project on stderr, for commands that cannot go on; `relight check` has its own forms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from relight.cli.output import note

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from relight.base.problems import Problem


def show_problems(problems: Iterable[Problem], sources: Mapping[str, str] | None = None) -> None:
    """Write problems to stderr, with their lines where the texts are known."""
    from relight.config.show import show_problem

    for problem in problems:
        color = "red" if problem.severity == "error" else "yellow"
        head, _, rest = show_problem(problem, sources or {}).partition("\n")
        note(click.style(head, fg=color) + (f"\n{rest}" if rest else ""))
