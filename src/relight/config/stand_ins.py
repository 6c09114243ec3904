"""Reads on in a rule file with values of a wrong form, so that its other mistakes are told in the same run.

A value that does not fit is replaced by one that does, or its key is left out. Of what is found then, only mistakes
are told that stand on their own: a name that nobody declared is unknown whatever the replaced value should have been.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from relight.customers.layout import LayoutBuilder
from relight.rules.compile import RuleSource, Surroundings, compile_rules
from relight.rules.models import RuleModel

if TYPE_CHECKING:
    from relight.base.problems import Problem
    from relight.config.yaml_nodes import Path, YamlNode

#: Values of a file that are replaced before the rest of it is left unread.
REPLACED_MAX = 20
#: Values one of which fits most fields: a step, texts, lengths of time, numbers, times of day, shares, caps.
_FITTING: tuple[object, ...] = (
    "stop", "30 days", 1, True, "09:00", "weekdays 09:00-18:00", "5%", "1 per day", "2 in 7 days", "UTC", "2026-01-01",
    "0 9 * * MON", ["true"],
)  # fmt: skip
#: Mistakes that stand on their own, beside those whose code begins with `unknown-`.
_TOLD = frozenset({
    "condition-syntax", "condition-too-deep", "condition-too-long", "missing-template", "type-mismatch",
    "wrong-argument",
})  # fmt: skip
#: What a trigger of another form would have given.
_OF_TRIGGER = re.compile(r"'(?:entry|event|milestone|threshold|request|release|incident)\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class StandIn:
    """A rule in whose file some values were replaced; never part of a plan."""

    source: RuleSource
    node: YamlNode
    #: Where values were replaced.
    replaced: tuple[Path, ...]


def stand_in(rule: str, node: YamlNode) -> StandIn | None:
    """Return a rule that reads like the file, where replacing what does not fit makes one; else None."""
    value = copy.deepcopy(node.value)
    replaced: list[Path] = []
    for _ in range(REPLACED_MAX):
        refusal = _refusal(value)
        if isinstance(refusal, RuleModel):
            source = RuleSource(id=rule, model=refusal, place_of=node.place_of)
            return StandIn(source=source, node=node, replaced=tuple(replaced))
        path, is_extra = refusal
        if not path or not _replace(value, path, is_extra=is_extra or path in replaced):
            return None
        replaced.append(path)
    return None


def problems_beside(stand_ins: Sequence[StandIn], around: Surroundings) -> list[Problem]:
    """Return the mistakes of files with wrong forms that those forms have no part in."""
    problems: list[Problem] = []
    for one in stand_ins:
        found = compile_rules([one.source], around, LayoutBuilder(around.schema))[1]
        problems += [problem for problem in found if _is_told(one, problem)]
    return problems


def _refusal(value: object) -> RuleModel | tuple[Path, bool]:
    """Return the model, or where its first refusal is, and whether a key stands there that nothing has."""
    try:
        return RuleModel.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
    path = tuple(part for part in first["loc"] if not (isinstance(part, str) and part.startswith("<")))
    is_key = bool(path) and path[-1] == "[key]"
    return path[:-1] if is_key else path, is_key or first["type"] == "extra_forbidden"


def _replace(value: object, path: Path, *, is_extra: bool) -> bool:
    """Put a value at a path that fits there, or take its key away; False where neither is possible."""
    holder: Any = value
    for part in path[:-1]:
        holder = holder[part]
    if not isinstance(holder, (dict, list)):
        return False
    at: Any = path[-1]
    if not is_extra:
        for fitting in _FITTING:
            holder[at] = fitting
            refusal = _refusal(value)
            if isinstance(refusal, RuleModel) or refusal[0][: len(path)] != path:
                return True
    if isinstance(holder, dict):
        return holder.pop(at, None) is not None
    return False  # without an item of a list, those after it would stand elsewhere


def _is_told(one: StandIn, problem: Problem) -> bool:
    if problem.place.file != one.node.file or not (problem.code.startswith("unknown-") or problem.code in _TOLD):
        return False
    if any(path[0] == "trigger" for path in one.replaced) and _OF_TRIGGER.search(problem.message):
        return False
    places = (node for path in one.replaced if (top := one.node.at(path)) for node in _all(top))
    return not any(_stands_in(problem, node) for node in places)


def _all(node: YamlNode) -> Iterator[YamlNode]:
    yield node
    for child in (*(node.entries or {}).values(), *(node.items or ())):
        yield from _all(child)


def _stands_in(problem: Problem, node: YamlNode) -> bool:
    place = problem.place
    return place.line == node.line and node.column <= place.column <= (node.end_column or place.column)
