"""Puts the environment's values where a file says `${NAME}`. The file's own text stays, so no secret is ever quoted."""

from __future__ import annotations

import re
from collections.abc import Mapping

from relight.base.problems import Problem
from relight.config.yaml_nodes import YamlNode
from relight.config.yaml_reader import resolve_scalar

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def expand(node: YamlNode, env: Mapping[str, str]) -> tuple[object, list[Problem]]:
    """Return the plain value of a tree with its variables filled in, and a problem for each that is missing."""
    problems: list[Problem] = []
    return _expand(node, env, problems), problems


def _expand(node: YamlNode, env: Mapping[str, str], problems: list[Problem]) -> object:
    if node.entries is not None:
        return {key: _expand(child, env, problems) for key, child in node.entries.items()}
    if node.items is not None:
        return [_expand(child, env, problems) for child in node.items]
    text = node.value
    if not isinstance(text, str) or "${" not in text:
        return text
    for name in dict.fromkeys(_VARIABLE.findall(text)):
        if name not in env:
            message = f"the environment has no variable '{name}'"
            help_text = f"set it: export {name}=…"
            problems.append(Problem(code="missing-variable", message=message, place=node.place, help=help_text))
    filled = _VARIABLE.sub(lambda found: env.get(found[1], found[0]), text)
    return resolve_scalar(filled) if node.plain else filled


def has_variable(node: YamlNode) -> bool:
    """Return whether a scalar names a variable."""
    return isinstance(node.value, str) and _VARIABLE.search(node.value) is not None
