"""What differs between two versions of a project folder: rule by rule and key by key, with places."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from relight.base.problems import Place
from relight.config.yaml_nodes import YamlNode
from relight.config.yaml_reader import read_yaml

if TYPE_CHECKING:
    from relight.rules.plan import Plan

#: Characters of one value that are shown.
VALUE_MAX = 60
#: Keys of one file that are told one by one.
KEYS_MAX = 12
ADDED, REMOVED, CHANGED = "new", "removed", "changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyChange:
    """One key that says something else."""

    #: `trigger.inactive`, `steps[1].wait`.
    key: str
    #: In one line; None where the key was not there, or is no more.
    old: str | None
    new: str | None
    #: In the new version, in the old one where the key is gone.
    place: Place

    def __str__(self) -> str:
        """Return `inactive: 30 days -> 21 days`."""
        name = self.key.rsplit(".", 1)[-1]
        if self.old is None:
            return f"{name}: {self.new} (new)"
        return f"{name}: {self.old} (removed)" if self.new is None else f"{name}: {self.old} -> {self.new}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One rule, template or other file that differs."""

    #: `rule`, `template`, `config`, `stream` or `definitions`.
    what: str
    name: str
    #: `new`, `removed` or `changed`.
    kind: str
    place: Place
    keys: tuple[KeyChange, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Everything that differs."""

    changes: tuple[Change, ...] = ()
    #: rule -> the change; for whoever asks about a rule.
    by_rule: Mapping[str, Change] = field(default_factory=dict)
    #: New rule -> the removed one that said the same: a rule's file is its name, and its name its id.
    renamed: Mapping[str, str] = field(default_factory=dict)

    @property
    def streams_changed(self) -> bool:
        """Whether events are read otherwise than before."""
        return any(change.what == "stream" for change in self.changes)


def compare_sources(old: Mapping[str, str], new: Mapping[str, str]) -> Difference:
    """Return what differs between the texts by path of two versions; rule tests belong to neither."""
    changes = list(_file_changes(old, new))
    changes += _template_changes(old, new)
    order = {"rule": 0, "definitions": 1, "template": 2, "config": 3, "stream": 4}
    changes.sort(key=lambda change: (order[change.what], change.name))
    return Difference(
        changes=tuple(changes),
        by_rule={change.name: change for change in changes if change.what == "rule"},
        renamed=_renamed(old, new, changes),
    )


def _renamed(old: Mapping[str, str], new: Mapping[str, str], changes: Sequence[Change]) -> dict[str, str]:
    """Return the new rules that do what a removed one did, with that one's name."""
    found: dict[str, str] = {}
    gone = {c.name: _deeds(old, c.name) for c in changes if c.what == "rule" and c.kind == REMOVED}
    for change in changes:
        if change.what == "rule" and change.kind == ADDED:
            deeds = _deeds(new, change.name)
            before = next((name for name, was in gone.items() if was == deeds), None)
            if before is not None:
                found[change.name] = before
                del gone[before]
    return found


def _deeds(texts: Mapping[str, str], rule: str) -> object:
    """Return what a rule does: its keys without those that only people read."""
    tree = _tree(texts, f"rules/{rule}.yaml")
    value = None if tree is None else tree.value
    return {k: v for k, v in value.items() if k not in {"name", "notes", "owner"}} if isinstance(value, dict) else value


def _file_changes(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Change]:
    for path in sorted(old.keys() | new.keys()):
        what = _what(path)
        if what is None or old.get(path) == new.get(path):
            continue
        name = path.rsplit("/", 1)[-1].removesuffix(".yaml")
        before, after = _tree(old, path), _tree(new, path)
        if after is None:
            yield Change(what=what, name=name, kind=REMOVED, place=Place(file=path, line=1))
        elif before is None:
            yield Change(what=what, name=name, kind=ADDED, place=Place(file=path, line=1))
        elif before.value != after.value or path.endswith(".py"):
            keys = tuple(_key_changes(before, after, ""))
            place = keys[0].place if keys else Place(file=path, line=1)
            yield Change(what=what, name=name, kind=CHANGED, place=place, keys=keys)


def _what(path: str) -> str | None:
    if path == "rules/definitions.yaml":
        return "definitions"
    folder = path.partition("/")[0]
    return {"rules": "rule", "config": "config", "streams": "stream"}.get(folder)


def _tree(texts: Mapping[str, str], path: str) -> YamlNode | None:
    if path not in texts:
        return None
    if path.endswith(".py"):
        return YamlNode(file=path, line=1, column=1, value=texts[path])
    return read_yaml(texts[path], path)[0]


def _template_changes(old: Mapping[str, str], new: Mapping[str, str]) -> list[Change]:
    """Return a change for each template folder with a file that differs."""
    found: dict[str, list[str]] = {}
    for path in sorted(old.keys() | new.keys()):
        if path.startswith("templates/") and old.get(path) != new.get(path):
            found.setdefault(path.split("/")[1], []).append(path)
    changes = []
    for name, paths in found.items():
        prefix = f"templates/{name}/"
        was, stands = (any(path.startswith(prefix) for path in texts) for texts in (old, new))
        kind = CHANGED if was and stands else ADDED if stands else REMOVED
        changes.append(Change(what="template", name=name, kind=kind, place=Place(file=paths[0], line=1)))
    return changes


# ---------------------------------------------------------------- keys
def _key_changes(old: YamlNode, new: YamlNode, path: str) -> Iterator[KeyChange]:
    if old.value == new.value:
        return
    if old.entries is not None and new.entries is not None:
        for key in [*new.entries, *(key for key in old.entries if key not in new.entries)]:
            here = f"{path}.{key}" if path else key
            before, after = old.entries.get(key), new.entries.get(key)
            if before is None or after is None:
                places = (new if after is not None else old).keys or {}
                yield KeyChange(key=here, old=_shown(before), new=_shown(after), place=places[key])
            else:
                yield from _key_changes(before, after, here)
    elif _is_list_of_mappings(old) and _is_list_of_mappings(new) and len(old.items or ()) == len(new.items or ()):
        for number, (before, after) in enumerate(zip(old.items or (), new.items or (), strict=True)):
            yield from _key_changes(before, after, f"{path}[{number}]")
    else:
        yield KeyChange(key=path, old=_shown(old), new=_shown(new), place=new.place)


def _is_list_of_mappings(node: YamlNode) -> bool:
    return bool(node.items) and all(item.entries is not None for item in node.items or ())


def _flow(value: object) -> str:
    """Return a value as it is written in one line: `[{wait: 2 days}, {send: winback}]`."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(one) for one in value) + "]"
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _shown(node: YamlNode | None) -> str | None:
    if node is None:
        return None
    text = " ".join(_flow(node.value).split())
    return text if len(text) <= VALUE_MAX else text[: VALUE_MAX - 1] + "…"


def rules_changed(old: Plan | None, new: Plan, difference: Difference) -> list[str]:
    """Return the ids of the rules that are new, removed or changed, also by a definition that they read."""
    own = {name for name in difference.by_rule if old is None or name in old.rules or name in new.rules}
    if any(change.what in ("definitions", "stream", "config") for change in difference.changes):
        return sorted({*(old.rules if old is not None else ()), *new.rules})
    return sorted(own)
