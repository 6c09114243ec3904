"""A YAML file as a tree of nodes, each with its place. Knows nothing of what the keys mean."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from relight.base.problems import Place

#: The way to a node from the root: keys and positions in lists.
Path: TypeAlias = tuple[str | int, ...]


class YamlNode(Struct, eq=False, kw_only=True):
    """One scalar, mapping or list. Not frozen only because a mapping grows while it is read."""

    file: str
    #: Where its text begins (after an opening quote); lines and columns from 1.
    line: int
    column: int
    #: Column just after its text where that stands on one line, else 0.
    end_column: int = 0
    #: The plain Python value: text, bool, int, Decimal, None, dict or list.
    value: object = None
    #: Children of a mapping by key; None for a scalar or list.
    entries: dict[str, YamlNode] | None = None
    #: Where each key of a mapping stands.
    keys: dict[str, Place] | None = None
    #: Children of a list; None for a scalar or mapping.
    items: list[YamlNode] | None = None
    #: A scalar without quotes.
    plain: bool = False

    @property
    def place(self) -> Place:
        """Return where the node stands."""
        return Place(file=self.file, line=self.line, column=self.column, end_column=self.end_column)

    def find(self, path: Path) -> tuple[YamlNode, int]:
        """Return the deepest existing node on the way, and how many parts of the path led there."""
        node = self
        for depth, part in enumerate(path):
            child: YamlNode | None = None
            if node.entries is not None:
                child = node.entries.get(str(part))
            elif node.items is not None and isinstance(part, int) and part < len(node.items):
                child = node.items[part]
            if child is None:
                return node, depth
            node = child
        return node, len(path)

    def at(self, path: Path) -> YamlNode | None:
        """Return the node at a path, or None."""
        node, depth = self.find(path)
        return node if depth == len(path) else None

    def place_of(self, path: Path, *, key: bool = False) -> Place:
        """Return where the value at a path stands, or its key; where it does not exist, of what would hold it."""
        node, depth = self.find(path)
        if depth < len(path):
            is_scalar = node.entries is None and node.items is None
            return node.place if is_scalar else self.place_of(path[:depth], key=True)
        if not path or not key:
            return node.place
        parent, _ = self.find(path[:-1])
        if parent.keys is not None:
            return parent.keys[str(path[-1])]
        return node.place


def same_line_place(file: str, start: tuple[int, int], end: tuple[int, int]) -> Place:
    """Return a place from marks that count lines and columns from 0."""
    return Place(file=file, line=start[0] + 1, column=start[1] + 1, end_column=end[1] + 1 if start[0] == end[0] else 0)


def merge_nodes(base: YamlNode, over: YamlNode, *, choices: dict[str, frozenset[str]], name: str = "") -> YamlNode:
    """Return `base` overlaid by `over`: mappings key by key, everything else replaced.

    choices: by the key of a mapping, those of its keys of which only one may stand (`delivery`: files or smtp);
    an overlay that names one of them takes the place of the other.
    """
    if base.entries is None or over.entries is None or base.keys is None or over.keys is None:
        return over
    kinds = choices.get(name, frozenset())
    replaced = kinds if kinds & over.entries.keys() else frozenset()
    entries = {k: n for k, n in base.entries.items() if k not in replaced or k in over.entries}
    keys = {k: p for k, p in base.keys.items() if k in entries}
    for key, node in over.entries.items():
        entries[key] = merge_nodes(entries[key], node, choices=choices, name=key) if key in entries else node
        keys[key] = over.keys[key]
    values = {k: n.value for k, n in entries.items()}
    return YamlNode(file=over.file, line=over.line, column=over.column, value=values, entries=entries, keys=keys)
