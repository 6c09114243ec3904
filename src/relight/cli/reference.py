"""Writes the options of every command into docs/reference/cli.md, from the commands themselves.

`python -m relight.cli.reference docs/reference/cli.md`; a test keeps the page equal to this.
"""

from __future__ import annotations

import re
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import click

from relight.cli.main import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Options of nearly every command, which the page explains once.
_EVERYWHERE = frozenset({"project", "environment", "as_json", "help"})
_NOTE = "<!-- options: made by relight.cli.reference -->"
_SECTION = re.compile(r"^## ([\w-]+)\n", re.MULTILINE)


def command_of(name: str) -> click.Command:
    """Return a command by its name."""
    found: click.Command = import_module(f"relight.cli.{COMMANDS[name][0]}").command
    return found


def with_options(page: str) -> str:
    """Return the page with a table of options at the end of each section, in place of the one there."""
    head, *sections = _SECTION.split(page)
    text = head
    for name, body in zip(sections[::2], sections[1::2], strict=True):
        said = body.partition(_NOTE)[0].rstrip("\n")
        rows = "".join(f"| {option} | {meaning} |\n" for option, meaning in _rows(command_of(name)))
        table = f"\n\n{_NOTE}\n\n| option | meaning |\n| --- | --- |\n{rows}" if rows else "\n"
        text += f"## {name}\n{said}{table}\n"
    return text.rstrip("\n") + "\n"


def _rows(command: click.Command) -> Iterator[tuple[str, str]]:
    if isinstance(command, click.Group):
        for name, one in sorted(command.commands.items()):
            yield from ((f"`{name}` {option}", meaning) for option, meaning in _rows(one))
        return
    for option in command.params:
        if isinstance(option, click.Option) and option.name not in _EVERYWHERE:
            yield _spelled(option), _meaning(option)


def _spelled(option: click.Option) -> str:
    names = ", ".join([*option.opts, *option.secondary_opts])
    if option.is_flag:
        return f"`{names}`"
    kind = option.type
    value = "\\|".join(map(str, kind.choices)) if isinstance(kind, click.Choice) else option.metavar
    word = "N" if isinstance(kind, click.types.IntParamType) else kind.name.upper()
    return f"`{names} {value or word}`"


def _meaning(option: click.Option) -> str:
    text = (option.help or "").replace("|", "\\|")
    return f"{text} Default: `{option.default}`." if option.show_default and option.default is not None else text


def main(path: Path) -> None:
    """Write the tables of a page anew."""
    path.write_text(with_options(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
