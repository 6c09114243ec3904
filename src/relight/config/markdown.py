"""Checks the YAML that stands in Markdown files, so that documentation cannot show what relight would refuse.

A fenced block whose language is `yaml` is a rule where it has `trigger`, a stream where it has `source`, a config where
it has `project` or `sender`, definitions where it has `values`, `segments` or `lists`, rule tests where it has `tests`,
measures where it has `sources`, `targets` or `boards`; else only its form is checked.
Names are not looked up. A fence `yaml fragment` is read for its form alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from msgspec.structs import replace
from pydantic import BaseModel

from relight.base.problems import Place, Problem
from relight.config.measure_models import MeasuresModel
from relight.config.model_problems import read_model
from relight.config.models import ConfigModel
from relight.config.rule_test_models import RuleTestModel
from relight.config.yaml_reader import read_yaml
from relight.rules.models import DefinitionsModel, RuleModel
from relight.streams.declaration import StreamModel

_FENCE = re.compile(r"^( {0,12})(`{3,}|~{3,})\s*([A-Za-z]*)[ \t]*([^\n`]*)$")
#: (keys of which one must stand at the top, model, what the block is called).
_KINDS: tuple[tuple[frozenset[str], type[BaseModel], str], ...] = (
    (frozenset({"trigger"}), RuleModel, "this rule"),
    (frozenset({"source"}), StreamModel, "this stream"),
    (frozenset({"project", "sender"}), ConfigModel, "this config"),
    (frozenset({"values", "segments", "lists"}), DefinitionsModel, "these definitions"),
    (frozenset({"tests"}), RuleTestModel, "these tests"),
    (frozenset({"sources", "targets", "boards"}), MeasuresModel, "these measures"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class YamlBlock:
    """One fenced block of a Markdown file."""

    text: str
    #: Line of its first line, from 1.
    line: int
    #: Characters before each of its lines.
    indent: int
    #: What stands behind the language.
    note: str


def yaml_blocks(text: str) -> Iterator[YamlBlock]:
    """Yield the YAML blocks of a Markdown text; one that is not closed runs to the end, as Markdown reads it."""
    lines = text.replace("\r\n", "\n").split("\n")
    at = 0
    while at < len(lines):
        opened = _FENCE.match(lines[at])
        at += 1
        if opened is None:
            continue
        first = at
        while at < len(lines) and not _closes(lines[at], opened[2]):
            at += 1
        if opened[3].lower() in ("yaml", "yml"):
            indent = len(opened[1])
            body = [line[indent:] if not line[:indent].strip() else line for line in lines[first:at]]
            yield YamlBlock(text="\n".join(body) + "\n", line=first + 1, indent=indent, note=opened[4].strip())
        at += 1


def _closes(line: str, fence: str) -> bool:
    stripped = line.strip()
    return len(stripped) >= len(fence) and not stripped.strip(fence[0]) and bool(stripped)


def check_markdown(text: str, file: str) -> list[Problem]:
    """Return the problems of all YAML blocks of a Markdown file, at their places in it."""
    return [problem for block in yaml_blocks(text) for problem in _check_block(block, file)]


def _check_block(block: YamlBlock, file: str) -> list[Problem]:
    node, problems = read_yaml(block.text, file)
    if node is not None and node.entries is not None and block.note != "fragment":
        for keys, model, subject in _KINDS:
            if keys & node.entries.keys():
                problems += read_model(model, node, subject)[1]
                break
    return [
        replace(
            problem,
            place=_moved(problem.place, block),
            other=None if problem.other is None else _moved(problem.other, block),
        )
        for problem in problems
    ]


def _moved(place: Place, block: YamlBlock) -> Place:
    return Place(
        file=place.file,
        line=place.line + block.line - 1 if place.line else block.line,
        column=place.column + block.indent if place.column else 0,
        end_column=place.end_column + block.indent if place.end_column else 0,
    )
