"""Reads config/default.yaml, overlaid by the environment's file, with variables filled in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from relight.base.problems import Place, Problem
from relight.config.model_problems import read_model
from relight.config.model_shapes import shape_at
from relight.config.models import ConfigModel
from relight.config.secret import Secret
from relight.config.variables import expand, has_variable
from relight.config.yaml_nodes import Path, YamlNode, merge_nodes

#: Sections of which only one form may stand: an overlay that names one replaces the other.
CHOICES = {"store": frozenset({"sqlite", "postgres"}), "delivery": frozenset({"files", "smtp", "sendgrid"})}
#: Sections that change no decision and no mail, so they are no part of the plan's version.
OUTSIDE = frozenset({"store", "delivery", "engine", "kafka", "webhooks", "volume", "brakes", "plan"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigFile:
    """The config as far as it could be read."""

    model: ConfigModel | None
    node: YamlNode | None
    problems: list[Problem] = field(default_factory=list)

    def meaning(self) -> object:
        """Return what of it belongs to the plan's version, as written."""
        value = self.node.value if self.node else None
        return {k: v for k, v in value.items() if k not in OUTSIDE} if isinstance(value, dict) else None


def read_config(base: YamlNode, overlay: YamlNode | None, env: Mapping[str, str]) -> ConfigFile:
    """Return the config of the merged trees and all its problems."""
    node = base if overlay is None else merge_nodes(base, overlay, choices=CHOICES)
    value, problems = expand(node, env)
    model, found = read_model(ConfigModel, node, "the config", value=value)
    # What a variable that is missing would have been is not judged.
    missing = {problem.place for problem in problems}
    uncalled = _uncalled_places(node, model)
    problems = [problem for problem in problems if problem.place not in uncalled]
    problems += [problem for problem in found if problem.place not in missing]
    problems += [_plain_secret(path, node) for path, scalar in _scalars(node) if _is_plain_secret(path, scalar)]
    return ConfigFile(model=model, node=node, problems=problems)


def _uncalled_places(node: YamlNode, model: ConfigModel | None) -> frozenset[Place]:
    """Return the places of web addresses that nobody calls: while mails go to files, web requests do, too."""
    calls = model is None or (model.delivery is not None and model.delivery.files is None)
    found = None if calls or node.entries is None else node.entries.get("webhooks")
    return frozenset() if found is None else frozenset(scalar.place for _, scalar in _scalars(found))


def _scalars(node: YamlNode, path: Path = ()) -> Iterator[tuple[Path, YamlNode]]:
    if node.entries is not None:
        for key, child in node.entries.items():
            yield from _scalars(child, (*path, key))
    elif node.items is None:
        yield path, node


def _is_plain_secret(path: Path, scalar: YamlNode) -> bool:
    return (
        path[:1] != ()
        and shape_at(ConfigModel, path) is Secret
        and scalar.value is not None
        and not has_variable(scalar)
    )


def _plain_secret(path: Path, node: YamlNode) -> Problem:
    name = str(path[-1]).upper()
    message = f"'{path[-1]}' is a secret, and this file is read by many"
    help_text = f"write ${{{name}}}, and set the variable where relight runs"
    return Problem(code="secret-in-file", message=message, place=node.place_of(path), help=help_text)
