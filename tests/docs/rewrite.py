"""Runs the commands of a page and writes what they print into it: `python -m tests.docs.rewrite docs/tutorial.md`.

A block that is right already stays as it is, so that `…` survives; look at what changed before you commit it.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.acceptance.cli_kit import relight
from tests.docs.page_parts import Command, parts_of
from tests.docs.reader import Reader, is_as_shown, reading_in
from tests.docs.start import begins_with_init


def rewrite(page: Path, folder: Path) -> int:
    """Rewrite a page; return how many commands print something else than it showed."""
    text = page.read_text(encoding="utf-8")
    lines = text.split("\n")
    if not begins_with_init(text):
        relight("init", "shop", cwd=folder)
        folder /= "shop"
        relight("run", cwd=folder)
    changes: list[tuple[int, int, list[str]]] = []
    with reading_in(folder) as reader:
        for part in parts_of(text):
            if isinstance(part, Command):
                _compare(reader, part, changes)
            else:
                reader.write(part)
    for line, length, printed in reversed(changes):
        lines[line : line + length] = printed
    page.write_text("\n".join(lines), encoding="utf-8")
    return len(changes)


def _compare(reader: Reader, command: Command, changes: list[tuple[int, int, list[str]]]) -> None:
    code, printed = reader.run(command)
    if code != command.leaves:
        print(f"line {command.line}: {command.text} leaves with {code}", file=sys.stderr)  # noqa: T201  # its result
    if not is_as_shown(command.shown, printed):
        below = command.line + command.text.count("\n")
        changes.append((below, len(command.shown), printed.rstrip("\n").split("\n") if printed.strip() else []))


if __name__ == "__main__":
    for name in sys.argv[1:]:
        with tempfile.TemporaryDirectory() as scratch:
            print(name, rewrite(Path(name).resolve(), Path(scratch)), "commands print something else")  # noqa: T201  # its result
