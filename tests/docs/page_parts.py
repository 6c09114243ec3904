"""Takes a Markdown page apart: the files it shows, the commands it gives with what they print, in the page's order."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"

_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>[\w-]*) *(?P<note>.*)$")
#: The line before a fence that names the file which the fence shows: "`rules/x.yaml`:".
_NAMED = re.compile(r"`([\w./-]+\.\w+)`(?:, (a part))?:$")
#: The same as the first line of a YAML block: "# file: config/default.yaml, a part", "# rules/x.yaml: what it is".
_COMMENT = re.compile(r"^# (?:file: )?([\w./-]+\.yaml)(, a part)?(?:$|[:,])")
_LEAVES = re.compile(r"^leaves (\d+)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One `$ command` of a page and the lines below it."""

    text: str
    #: What the page says it prints; empty where the page shows nothing.
    shown: list[str]
    #: Exit code that the page's fence names.
    leaves: int
    #: Line of the page (from 1) with the command.
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownFile:
    """One file that a page shows, or a part of one."""

    path: str
    text: str
    is_part: bool
    #: The page says that it stands for its form alone: names in it belong to another project, or are wrong on purpose.
    is_fragment: bool
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fence:
    """One fenced block."""

    language: str
    note: str
    #: Lines without the block's indentation.
    lines: list[str] = field(default_factory=list)
    #: The last line above it that is not blank.
    above: str
    #: Line of the page (from 1) with its first line.
    line: int


def pages() -> list[Path]:
    """Return every page that a reader of the documentation meets."""
    return [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def fences(text: str) -> Iterator[Fence]:
    """Yield the fenced blocks of a page; raises ValueError where one is not closed."""
    lines = text.split("\n")
    at, above = 0, ""
    while at < len(lines):
        opened = _FENCE.match(lines[at])
        at += 1
        if opened is None:
            above = lines[at - 1].strip() or above
            continue
        indent, first = len(opened["indent"]), at
        while lines[at].strip() != "```":
            at += 1
            if at == len(lines):
                raise ValueError(f"the block of line {first} is not closed")
        body = [line[indent:] for line in lines[first:at]]
        yield Fence(language=opened["language"], note=opened["note"], lines=body, above=above, line=first + 1)
        at, above = at + 1, ""


def file_of(fence: Fence) -> ShownFile | None:
    """Return the file that a block shows, where it, or the line above it, names one."""
    named = _NAMED.search(fence.above)
    if named is None and fence.language == "yaml" and fence.lines:
        named = _COMMENT.match(fence.lines[0])
    if named is None or fence.language == "console":
        return None
    text = "\n".join(fence.lines) + "\n"
    return ShownFile(
        path=named[1], text=text, is_part=bool(named[2]), is_fragment=fence.note == "fragment", line=fence.line
    )


def commands_of(fence: Fence) -> Iterator[Command]:
    """Yield the commands of a console block; a line that ends with a backslash, or opens `<<'END'`, goes on below."""
    leaves = _LEAVES.match(fence.note)
    at = 0
    while at < len(fence.lines):
        first = at
        assert fence.lines[at].startswith("$ "), f"line {fence.line + at}: output before the first command"
        text = fence.lines[at].removeprefix("$ ")
        at += 1
        while text.endswith("\\") or ("<<'END'" in text and not text.endswith("\nEND")):
            text += "\n" + fence.lines[at]
            at += 1
        shown: list[str] = []
        while at < len(fence.lines) and not fence.lines[at].startswith("$ "):
            shown.append(fence.lines[at])
            at += 1
        yield Command(text=text, shown=shown, leaves=int(leaves[1]) if leaves else 0, line=fence.line + first)


def parts_of(text: str) -> Iterator[Command | ShownFile]:
    """Yield what a reader does, in order: writes a file, gives a command."""
    for fence in fences(text):
        if fence.language == "console":
            yield from commands_of(fence)
        elif (shown := file_of(fence)) is not None:
            yield shown
