"""Reads YAML to nodes with places; the only file that imports yaml.

Theory of operation: the C parser's events are taken one by one and built into a tree with a stack of our own, so depth
and size are bounded while reading and nothing recurses. Scalars follow YAML 1.2's core schema: `22:00`, `no`, `on` and
`007` are text. Aliases, anchors, `<<`, tags, directives and a second document are refused: a rule is read by people.
`${NAME}` and the commas and colons of a condition's arguments need no quotes: yaml_disguise hides them from the parser.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import yaml

from relight.base.problems import Place, Problem
from relight.config.yaml_disguise import DISGUISES, disguise, reveal
from relight.config.yaml_nodes import YamlNode, same_line_place
from relight.config.yaml_words import ADVICE

if TYPE_CHECKING:
    from collections.abc import Callable

#: Most nodes (scalars, mappings, lists) of one file.
NODES_MAX = 200_000
#: Most levels of mappings and lists inside each other.
DEPTH_MAX = 50

_BREAK = re.compile(r"\r\n?")
#: Everything that may not stand in a file of ours: controls, the other line breaks of Unicode, a late byte order mark.
_FORBIDDEN = re.compile(
    f"[^\t\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]|[{DISGUISES}]"
)
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]{1,3})?")
_WORDS: dict[str, object] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
#: Digits of an integer that is read as a number; a longer one is an id and stays text.
_DIGITS_MAX = 18
_BLOCK_STYLES = frozenset({"|", ">"})
_QUOTES = frozenset({"'", '"'})


def resolve_scalar(text: str) -> object:
    """Return what a plain scalar means: None, a bool, an int, a Decimal, or the text itself."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] in "-+0123456789":
        if _INTEGER.fullmatch(text):
            return int(text) if len(text) <= _DIGITS_MAX else text
        if _FLOAT.fullmatch(text):
            return Decimal(text)
    return text


def read_yaml(text: str, file: str) -> tuple[YamlNode | None, list[Problem]]:
    """Return the tree of a text and every problem of its form.

    The tree is None after a syntax error, an alias or a limit; duplicate keys keep their first value, and entries that
    are refused are left out. An empty text is a null scalar.
    """
    text = _BREAK.sub("\n", text.removeprefix("\ufeff"))
    problems = [_forbidden(text, found, file) for found in _FORBIDDEN.finditer(text)]
    if problems:
        return None, problems
    disguised = disguise(text)
    builder = _Builder(file, text, hidden=disguised != text)
    loader = yaml.CSafeLoader(disguised)
    try:
        builder.build(loader.get_event)
    except yaml.MarkedYAMLError as error:
        builder.problems.append(_syntax_problem(error, file, text))
        builder.broken = True
    finally:
        loader.dispose()
    if builder.broken:
        return None, builder.problems
    return builder.root or YamlNode(file=file, line=1, column=1), builder.problems


class _Frame:
    """A mapping or list that is open, and the key that waits for its value."""

    __slots__ = ("dropped", "key", "key_place", "node")

    def __init__(self, node: YamlNode) -> None:
        self.node = node
        self.key: str | None = None
        self.key_place: Place | None = None
        #: The coming value belongs to a key that was refused.
        self.dropped = False


class _Builder:
    """Builds the tree of one document from events."""

    def __init__(self, file: str, text: str, *, hidden: bool) -> None:
        self.file = file
        self.lines: list[str] | None = None
        self.text = text
        self.hidden = hidden
        self.problems: list[Problem] = []
        self.root: YamlNode | None = None
        self.broken = False
        self.frames: list[_Frame] = []
        self.nodes = 0
        self.documents = 0

    # ------------------------------------------------------------ events
    def build(self, next_event: Callable[[], Any]) -> None:
        while not self.broken:
            event = next_event()
            kind = type(event)
            if kind is yaml.ScalarEvent:
                self.scalar(event)
            elif kind is yaml.MappingStartEvent:
                self.open(event, self.node(event, value={}, entries={}, keys={}))
            elif kind is yaml.SequenceStartEvent:
                self.open(event, self.node(event, value=[], items=[]))
            elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                self.frames.pop()
            elif kind is yaml.AliasEvent:
                self.refuse("alias", f"'*{event.anchor}' is an alias, which is not read here", event)
                self.broken = True
            elif kind is yaml.DocumentStartEvent:
                self.document(event)
            elif kind is yaml.StreamEndEvent:
                return

    def document(self, event: Any) -> None:
        self.documents += 1
        if event.tags or event.version:
            self.refuse("yaml-directive", "a line that begins with '%' is not read here", event)
        if self.documents > 1:
            self.refuse("second-document", "a second document begins here, but a file holds one", event)
            self.broken = True

    def node(self, event: Any, **parts: Any) -> YamlNode:
        start, end = event.start_mark, event.end_mark
        line = start.line
        last = end.column + 1 if line == end.line else 0
        return YamlNode(file=self.file, line=line + 1, column=start.column + 1, end_column=last, **parts)

    def scalar(self, event: Any) -> None:
        text: str = event.value
        if self.hidden:
            text = reveal(text)
        style = event.style
        plain = style is None or not (style in _QUOTES or style in _BLOCK_STYLES)
        frame = self.frames[-1] if self.frames else None
        if frame is not None and frame.node.entries is not None and frame.key is None and not frame.dropped:
            self.key(frame, text, event, plain=plain)
            return
        node = self.node(event, value=resolve_scalar(text) if plain else text, plain=plain)
        if style in _QUOTES:
            node.column += 1
            node.end_column = max(0, node.end_column - 1)
        elif not plain:
            self.place_block(node)
        self.add(event, node)

    def place_block(self, node: YamlNode) -> None:
        """Move the place of a `>` or `|` text to its first line."""
        if self.lines is None:
            self.lines = self.text.split("\n")
        for number in range(node.line, len(self.lines)):
            line = self.lines[number]
            if line.strip():
                node.line, node.column, node.end_column = number + 1, len(line) - len(line.lstrip()) + 1, 0
                return

    def key(self, frame: _Frame, text: str, event: Any, *, plain: bool) -> None:
        self.inspect(event)
        place = self.place(event)
        frame.key, frame.key_place, frame.dropped = text, place, True
        value = resolve_scalar(text) if plain else text
        if plain and text == "<<":
            self.refuse("merge-key", "'<<' merges another mapping, which is not read here", event)
        elif not isinstance(value, str):
            shown = f"'{text}'" if text else "an empty key"
            self.refuse("key-not-text", f"a key must be text, but {shown} is not", event)
        elif frame.node.keys is not None and text in frame.node.keys:
            first = frame.node.keys[text]
            message = f"'{text}' stands twice, first in line {first.line}"
            self.refuse("duplicate-key", message, event, other=first)
        else:
            frame.dropped = False
            if frame.node.keys is not None:
                frame.node.keys[text] = place

    def open(self, event: Any, node: YamlNode) -> None:
        frame = self.frames[-1] if self.frames else None
        if frame is not None and frame.node.entries is not None and frame.key is None:
            self.refuse("key-not-text", "a key must be text, but this one is a list or a mapping", event)
            self.broken = True
            return
        self.add(event, node)
        self.frames.append(_Frame(node))
        if len(self.frames) > DEPTH_MAX:
            self.refuse("too-deep", f"more than {DEPTH_MAX} levels inside each other", event)
            self.broken = True

    def add(self, event: Any, node: YamlNode) -> None:
        """Hang a finished scalar or a fresh mapping or list into what is open."""
        self.inspect(event)
        if not self.frames:
            if self.root is None:
                self.root = node
            return
        frame = self.frames[-1]
        parent = frame.node
        if parent.items is not None:
            parent.items.append(node)
            parent.value.append(node.value)  # type: ignore[attr-defined]  # the value of a list node is a list
            return
        key, dropped = frame.key, frame.dropped
        frame.key, frame.dropped = None, False
        if not dropped and key is not None and parent.entries is not None:
            parent.entries[key] = node
            parent.value[key] = node.value  # type: ignore[index]  # the value of a mapping node is a dict

    # ------------------------------------------------------------ refusals
    def inspect(self, event: Any) -> None:
        self.nodes += 1
        if self.nodes > NODES_MAX:
            self.refuse("too-large", f"more than {NODES_MAX:,} values in one file", event)
            self.broken = True
        if event.anchor is not None:
            self.refuse("anchor", f"'&{event.anchor}' names a value for use elsewhere, which is not read here", event)
        if event.tag is not None:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            self.refuse("tag", f"'{tag}' is a tag, which is not read here", event)

    def place(self, event: Any) -> Place:
        start, end = event.start_mark, event.end_mark
        return same_line_place(self.file, (start.line, start.column), (end.line, end.column))

    def refuse(self, code: str, message: str, event: Any, *, other: Place | None = None) -> None:
        advice = ADVICE.get(code)
        self.problems.append(Problem(code=code, message=message, place=self.place(event), help=advice, other=other))


def _forbidden(text: str, found: re.Match[str], file: str) -> Problem:
    line = text.count("\n", 0, found.start()) + 1
    column = found.start() - (text.rfind("\n", 0, found.start()) + 1) + 1
    message = f"the character U+{ord(found.group()):04X} may not stand in a file"
    place = Place(file=file, line=line, column=column, end_column=column + 1)
    return Problem(code="control-character", message=message, place=place, help=ADVICE["control-character"])


def _syntax_problem(error: yaml.MarkedYAMLError, file: str, text: str) -> Problem:
    said = (error.problem or "this is not YAML").removesuffix("\n")
    mark = error.problem_mark or error.context_mark
    if "unexpected end of stream" in said and error.context_mark is not None:
        mark = error.context_mark
    line, column = (mark.line, mark.column) if mark else (0, 0)
    lines = text.split("\n")
    line = min(line, max(0, len(lines) - 1))
    shown = lines[line]
    if "'\\t'" in said or "\t" in shown[: len(shown) - len(shown.lstrip())]:
        said, advice = "a tab indents this line; YAML wants spaces", "replace the tab by spaces"
    elif _NO_MAPPING_HERE in said and not _KEY.search(shown[:column]):
        # The only ': ' of its line: the parser took the line for the next one of the text above.
        indent = len(shown) - len(shown.lstrip())
        column = indent or column
        said, advice = _TOO_DEEP if indent else _NO_KEY
    else:
        known = next((words for found, words in _SYNTAX.items() if found in said), None)
        said, advice = known or (said, ADVICE["yaml-syntax"])
    other = None
    if error.context_mark is not None and mark is not None and error.context_mark.line != mark.line:
        other = Place(file=file, line=error.context_mark.line + 1, column=error.context_mark.column + 1)
    place = Place(file=file, line=line + 1, column=column + 1, end_column=column + 2)
    return Problem(code="yaml-syntax", message=said, place=place, help=advice, other=other)


_KEY = re.compile(r":\s")
_NO_MAPPING_HERE = "mapping values are not allowed"
_NO_KEY = ("a key without ':' stands before this", "write 'key: value'")
_TOO_DEEP = (
    "this line is indented more than the one before it that it belongs beside",
    "check the indentation; a text of several lines is put in quotes where it contains ': '",
)
#: What libyaml says, and what people can do with.
_SYNTAX = {
    _NO_MAPPING_HERE: (
        "a second ': ' on this line is not understood",
        "put the text in quotes where it contains ': ', or begin a new line",
    ),
    "did not find expected key": (
        "a 'key: value' was expected here",
        "check the indentation, and put the whole value in single quotes where it begins with a quote or contains ': '",
    ),
    "did not find expected '-' indicator": (
        "a list item beginning with '- ' was expected here",
        "check the indentation",
    ),
    "did not find expected ',' or '}'": (
        "this '{' is not closed where it should be",
        "separate entries by ',' and end with '}'",
    ),
    "did not find expected ',' or ']'": (
        "this '[' is not closed where it should be",
        "separate items by ',' and end with ']'",
    ),
    "could not find expected ':'": _NO_KEY,
    "found unexpected end of stream": ("a quote is not closed before the end of the file", "add the closing quote"),
    "found unknown escape character": (
        "this is no escape that YAML knows",
        "write '\\\\' for a backslash, or use single quotes",
    ),
    "cannot start any token": ("this character cannot begin a value", "put the value in quotes"),
}
