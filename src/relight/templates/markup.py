"""Which start tags a page will hold, found in sources without rendering: blocks, includes and macros put in place.

Only an approximation is needed: what is found here decides which CSS rule reaches which tag, and the sources themselves
keep every byte. Both arms of an `if` count, a loop's body counts once, a macro stands where it is called.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

#: Levels of blocks, includes and macros that are followed into each other.
NESTING_MAX = 12

_STRING = r"\"[^\"]*\"|'[^']*'"
JINJA = re.compile(
    rf"\{{#.*?#\}}|\{{\{{(?:{_STRING}|[^\"'])*?\}}\}}|\{{%(?:{_STRING}|[^\"'])*?%\}}", re.DOTALL
)  # fmt: skip
_WORDS = re.compile(r"\{%[-+]?\s*(\w+)\s*(.*?)\s*[-+]?%\}", re.DOTALL)
_CALLED = re.compile(r"(?:\b\w+\.)?\b(\w+)\s*\(")
_QUOTED = re.compile(r"[\"']([^\"']+)[\"']")
_PAIRED = frozenset({"block", "macro", "call"})


@dataclass(slots=True, kw_only=True)
class Node:
    """A stretch of one source, or a block, macro or call with what it holds."""

    #: "text", "block", "macro", "call", "include", "value".
    kind: str
    #: Name of the block or macro, path of the include, Jinja text of a value.
    name: str = ""
    start: int = 0
    end: int = 0
    children: list[Node] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Source:
    """One source, taken apart."""

    path: str
    text: str
    nodes: list[Node]
    parent: str | None
    blocks: dict[str, Node]
    macros: dict[str, Node]
    imports: list[str]


def take_apart(path: str, text: str) -> Source:
    """Return the blocks, macros, includes and stretches of a source."""
    source = Source(path=path, text=text, nodes=[], parent=None, blocks={}, macros={}, imports=[])
    stack: list[Node] = [Node(kind="text", children=source.nodes)]
    at = 0
    for found in JINJA.finditer(text):
        if found.start() > at:
            stack[-1].children.append(Node(kind="text", start=at, end=found.start()))
        at = found.end()
        tag = found[0]
        if tag.startswith("{{"):
            stack[-1].children.append(Node(kind="value", name=tag))
        elif tag.startswith("{%"):
            _statement(tag, source, stack)
    if at < len(text):
        stack[-1].children.append(Node(kind="text", start=at, end=len(text)))
    return source


def _statement(tag: str, source: Source, stack: list[Node]) -> None:
    words = _WORDS.fullmatch(tag)
    if words is None:
        return
    word, rest = words[1], words[2]
    quoted = _QUOTED.search(rest)
    if word in _PAIRED:
        called = _CALLED.search(rest)
        name = called[1] if word == "call" and called else re.split(r"\W", rest, maxsplit=1)[0]
        node = Node(kind=word, name=name)
        stack[-1].children.append(node)
        stack.append(node)
        if word == "block":
            source.blocks[name] = node
        elif word == "macro":
            source.macros[name] = node
    elif word in {f"end{paired}" for paired in _PAIRED}:
        if len(stack) > 1 and stack[-1].kind == word.removeprefix("end"):
            stack.pop()
    elif word == "extends" and quoted:
        source.parent = quoted[1]
    elif word == "include" and quoted:
        stack[-1].children.append(Node(kind="include", name=quoted[1]))
    elif word in {"import", "from"} and quoted:
        source.imports.append(quoted[1])


def reachable(path: str, sources: Mapping[str, Source]) -> list[str]:
    """Return the paths that a page draws on, itself first."""
    todo, seen = [path], []
    while todo:
        one = todo.pop(0)
        if one in seen or one not in sources:
            continue
        seen.append(one)
        source = sources[one]
        todo += [*([source.parent] if source.parent else []), *source.imports, *_included(source.nodes)]
    return seen


def _included(nodes: list[Node]) -> Iterator[str]:
    for node in nodes:
        if node.kind == "include":
            yield node.name
        yield from _included(node.children)


def stretches(path: str, sources: Mapping[str, Source]) -> Iterator[tuple[str, int, int]]:
    """Yield (path, start, end) of the literal text of a page in the order it will stand."""
    chain = [path]
    while (parent := sources[chain[-1]].parent) and parent in sources and parent not in chain:
        chain.append(parent)
    macros = {
        name: (one, node)
        for one in reachable(path, sources)
        for name, node in sources[one].macros.items()
    }  # fmt: skip
    yield from _Page(sources=sources, chain=chain, macros=macros).walk(chain[-1], sources[chain[-1]].nodes, 0, [])


@dataclass(slots=True, kw_only=True)
class _Page:
    sources: Mapping[str, Source]
    #: The page itself, its layout, the layout's layout.
    chain: list[str]
    macros: dict[str, tuple[str, Node]]

    def walk(
        self, path: str, nodes: list[Node], level: int, callers: list[tuple[str, Node]]
    ) -> Iterator[tuple[str, int, int]]:  # fmt: skip
        if level > NESTING_MAX:
            return
        for node in nodes:
            if node.kind == "text":
                yield path, node.start, node.end
            elif node.kind == "block":
                yield from self._block(node.name, 0, level, callers)
            elif node.kind == "include" and node.name in self.sources:
                yield from self.walk(node.name, self.sources[node.name].nodes, level + 1, callers)
            elif node.kind == "call" and node.name in self.macros:
                where, macro = self.macros[node.name]
                yield from self.walk(where, macro.children, level + 1, [*callers, (path, node)])
            elif node.kind == "value":
                yield from self._value(node, level, callers)

    def _block(
        self, name: str, depth: int, level: int, callers: list[tuple[str, Node]]
    ) -> Iterator[tuple[str, int, int]]:  # fmt: skip
        holders = [one for one in self.chain if name in self.sources[one].blocks]
        if depth < len(holders):
            where = holders[depth]
            for node in self.sources[where].blocks[name].children:
                if node.kind == "value" and "super(" in node.name:
                    yield from self._block(name, depth + 1, level + 1, callers)
                else:
                    yield from self.walk(where, [node], level + 1, callers)

    def _value(
        self, node: Node, level: int, callers: list[tuple[str, Node]]
    ) -> Iterator[tuple[str, int, int]]:  # fmt: skip
        for called in _CALLED.finditer(node.name):
            if called[1] == "caller" and callers:
                where, holder = callers[-1]
                yield from self.walk(where, holder.children, level + 1, callers[:-1])
            elif called[1] in self.macros:
                where, macro = self.macros[called[1]]
                yield from self.walk(where, macro.children, level + 1, callers)
