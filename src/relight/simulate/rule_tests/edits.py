"""Rules that a test edits: the project's texts with some keys of a rule changed, compiled as the live engine would."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from relight.base.problems import Place, Problem
from relight.config.yaml_reader import read_yaml

if TYPE_CHECKING:
    from relight.config.loader import LoadedProject
    from relight.rules.plan import Plan


@dataclass(slots=True)
class Editing:
    """How the edits of one project are compiled."""

    project: LoadedProject
    #: Texts by path -> the project.
    compile_texts: Callable[[Mapping[str, str]], LoadedProject]
    #: Edits compiled so far.
    known: dict[str, tuple[Plan | None, list[Problem]]] = field(default_factory=dict)


def edited_plan(editing: Editing, changes: Mapping[str, object]) -> tuple[Plan | None, list[Problem]]:
    """Return the plan with rules changed, and its problems.

    changes: rule -> the keys that change (an empty one is removed), or None where the rule is removed.
    """
    key = json.dumps(changes, default=str)
    found = editing.known.get(key)
    if found is None:
        found = editing.known[key] = _compile(editing, changes)
    return found


def _compile(editing: Editing, changes: Mapping[str, object]) -> tuple[Plan | None, list[Problem]]:
    texts = dict(editing.project.sources)
    for rule, change in changes.items():
        path = f"rules/{rule}.yaml"
        if change is None:
            if texts.pop(path, None) is None:
                message = f"there is no rule '{rule}' to remove"
                return None, [Problem(code="unknown-rule", message=message, place=Place(file=path))]
            continue
        node, _ = read_yaml(texts[path], path) if path in texts else (None, [])
        before = node.value if node is not None and isinstance(node.value, dict) else {}
        assert isinstance(change, dict)
        merged = {k: v for k, v in {**before, **change}.items() if v is not None}
        texts[path] = json.dumps(merged, ensure_ascii=False, default=_plain)
    loaded = editing.compile_texts(texts)
    return loaded.plan, [one for one in loaded.problems if one.severity == "error"]


def _plain(value: object) -> object:
    """Return a number with a fraction as JSON has it; YAML reads it back as the same decimal."""
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(type(value).__name__)
