"""Inlines CSS into template sources once, at load, so that a render costs nothing for it.

Theory of operation. An inliner needs a whole page, and a source is none: a child template holds blocks, Jinja stands
between table rows and inside attributes. So a page is put together for the inliner only, from the literal text of its
sources (`markup`), with every start tag marked by a number. What css-inline computes for a number is written back as a
style attribute into the source at that tag; everything else in the source keeps its bytes. A style element keeps what
cannot be inlined (@media and other at-rules). Remote stylesheets are never loaded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

import css_inline

from relight.base.problems import Place, Problem
from relight.templates.markup import JINJA, reachable, stretches, take_apart
from relight.templates.sandbox import LetterEnvironment

if TYPE_CHECKING:
    from relight.templates.markup import Source
    from relight.templates.scan import LetterScan

#: Sources, and stylesheets, that are taken apart once for all pages that share them, each.
SOURCES_KEPT = 1_024
_MARK = "data-relight-tag"
_ATTRIBUTE_VALUE = r"\"[^\"]*\"|'[^']*'"
_START_TAG = re.compile(
    rf"<!--.*?-->|<style\b[^>]*>.*?</style\s*>|<(?P<name>[a-zA-Z][\w:-]*)(?P<rest>(?:{_ATTRIBUTE_VALUE}|[^'\">])*)>",
    re.DOTALL | re.IGNORECASE,
)
_STYLE_ATTRIBUTE = re.compile(rf"\sstyle\s*=\s*(?P<value>{_ATTRIBUTE_VALUE})", re.IGNORECASE)
_STYLE_ELEMENT = re.compile(r"(<style\b[^>]*>)(.*?)(</style\s*>)", re.DOTALL | re.IGNORECASE)
_MARKED = re.compile(rf'\s{_MARK}="(\d+)"')
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_NOT_STYLED = frozenset({"html", "head", "meta", "title", "link", "base", "style", "script"})


@dataclass(slots=True, kw_only=True)
class Pages:
    """Environments in which the pages stand with their CSS inlined."""

    #: Path of a letter's body.html -> the environment to load it from. Letters of one layout share one.
    environments: dict[str, LetterEnvironment] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tag:
    path: str
    #: Offset in the source just after the tag's name.
    at: int
    #: Offsets of an existing style attribute's value, without quotes.
    style: tuple[int, int] | None


def inline_sources(scan: LetterScan) -> Pages:
    """Return an environment for each letter's body.html, all CSS inlined into its sources."""
    pages = Pages()
    shared: list[tuple[dict[str, str], LetterEnvironment]] = []
    apart = {path: take_apart(path, text) for path, text in scan.sources.items() if path.endswith(".html")}
    bodies = [parts["body.html"] for variants in scan.letters.values() for parts in variants.values()]
    for body in bodies:
        try:
            patched = inline_page(body, apart)
        except (css_inline.InlineError, ValueError) as error:
            patched = {path: scan.sources[path] for path in reachable(body, apart)}
            message = f"its CSS could not be inlined: {error}"
            place = Place(file=f"{scan.root}/{body}")
            pages.problems.append(Problem(code="css-not-inlined", message=message, place=place, severity="warning"))
        pages.environments[body] = _environment_for(patched, shared, scan)
    return pages


def _environment_for(
    patched: Mapping[str, str], shared: list[tuple[dict[str, str], LetterEnvironment]], scan: LetterScan
) -> LetterEnvironment:
    for held, environment in shared:
        if all(held.get(path, text) == text for path, text in patched.items()):
            held.update(patched)
            return environment
    held = dict(patched)
    environment = LetterEnvironment(_Over(held, scan.sources), escapes=True, root=scan.root, bytecode=scan.bytecode)
    shared.append((held, environment))
    return environment


class _Over(Mapping[str, str]):
    """Patched sources over the plain ones."""

    def __init__(self, held: Mapping[str, str], plain: Mapping[str, str]) -> None:
        self.held, self.plain = held, plain

    def __getitem__(self, path: str) -> str:
        return self.held[path] if path in self.held else self.plain[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self.plain)

    def __len__(self) -> int:
        return len(self.plain)


def inline_page(path: str, apart: Mapping[str, Source]) -> dict[str, str]:
    """Return the sources that a page draws on with its CSS inlined.

    Raises:
        css_inline.InlineError: the CSS cannot be read.
    """
    paths = reachable(path, apart)
    css = "\n".join(_style_texts([apart[one].text for one in paths]))
    if not css.strip():
        return {one: apart[one].text for one in paths}
    tags, page = _marked_page(path, apart)
    inliner = css_inline.CSSInliner(
        inline_style_tags=False, keep_at_rules=False, load_remote_stylesheets=False, extra_css=_without_at_rules(css)
    )
    styles: dict[int, str] = {}
    for found in _START_TAG.finditer(inliner.inline(page)):
        mark, style = _MARKED.search(found[0]), _STYLE_ATTRIBUTE.search(found[0])
        if mark and style:
            styles.setdefault(int(mark[1]), style["value"][1:-1])
    patches: dict[str, dict[int, tuple[int, str]]] = {}
    for number, tag in enumerate(tags):
        if number in styles:
            start, end, text = _patch(tag, styles[number], apart[tag.path].text)
            patches.setdefault(tag.path, {}).setdefault(start, (end, text))
    return {one: _at_rules_only(_apply(apart[one].text, patches.get(one, {}))) for one in paths}


def _marked_page(path: str, apart: Mapping[str, Source]) -> tuple[list[_Tag], str]:
    tags: list[_Tag] = []
    pieces: list[str] = []
    for one, start, end in stretches(path, apart):
        spans = _tag_spans(apart[one].text)
        at = start
        for first, last, name in spans:
            if first < start or first >= end:
                continue
            source = apart[one].text
            pieces.append(source[at:first])
            whole = source[first:last]
            pieces.append(_marked_tag(name, whole, len(tags)))
            tags.append(_Tag(path=one, at=first + 1 + len(name), style=_style_span(whole, first)))
            at = last
        if at < end:
            pieces.append(apart[one].text[at:end])
    return tags, "".join(pieces)


def _marked_tag(name: str, whole: str, number: int) -> str:
    """Return a start tag for the inliner: without Jinja, without its own style, with its number."""
    bare = JINJA.sub("", _STYLE_ATTRIBUTE.sub("", whole))
    return f'<{name} {_MARK}="{number}"{bare[1 + len(name) :]}'


@lru_cache(maxsize=SOURCES_KEPT)
def _tag_spans(source: str) -> tuple[tuple[int, int, str], ...]:
    """Return (start, end, name) of every start tag; Jinja inside one does not end it."""
    masked = JINJA.sub(lambda found: "\x00" * len(found[0]), source)
    return tuple(
        (found.start(), found.end(), found["name"])
        for found in _START_TAG.finditer(masked)
        if found["name"] and found["name"].lower() not in _NOT_STYLED
    )


def _style_span(whole: str, offset: int) -> tuple[int, int] | None:
    found = _STYLE_ATTRIBUTE.search(JINJA.sub(lambda jinja: "\x00" * len(jinja[0]), whole))
    return (offset + found.start("value") + 1, offset + found.end("value") - 1) if found else None


def _patch(tag: _Tag, style: str, source: str) -> tuple[int, int, str]:
    """Return (start, end, text) that puts a style into a tag; the tag's own style comes last and wins."""
    if tag.style is None:
        return tag.at, tag.at, f' style="{style}"'
    start = tag.style[0]
    quote = source[start - 1]
    computed = style.replace("&quot;", "'") if quote == '"' else style.replace("'", "&#39;")
    return start, start, computed.rstrip("; ") + "; "


def _apply(source: str, patches: Mapping[int, tuple[int, str]]) -> str:
    at, pieces = 0, []
    for start, (end, text) in sorted(patches.items()):
        pieces += [source[at:start], text]
        at = end
    return "".join((*pieces, source[at:]))


def _style_texts(sources: list[str]) -> list[str]:
    """Return the CSS of all style elements without Jinja in them."""
    return [
        found[2]
        for source in sources
        for found in _STYLE_ELEMENT.finditer(source)
        if not JINJA.search(found[2]) and "data-css-inline" not in found[1]
    ]


def _at_rules_only(source: str) -> str:
    """Return a source whose style elements hold only what was not inlined: at-rules and rules with a pseudo-class."""

    def keep(found: re.Match[str]) -> str:
        if JINJA.search(found[2]) or "data-css-inline" in found[1]:
            return found[0]
        kept = [rule for rule in split_rules(found[2]) if rule.startswith("@") or ":" in rule.partition("{")[0]]
        text = found[1] + "\n" + "\n".join(kept) + "\n" + found[3] if kept else ""
        # A comment of Jinja prints nothing and keeps the line numbers of errors.
        return text + "{#" + "\n" * (found[0].count("\n") - text.count("\n")) + "#}"

    return _STYLE_ELEMENT.sub(keep, source)


def _without_at_rules(css: str) -> str:
    return "\n".join(rule for rule in split_rules(css) if not rule.startswith("@"))


@lru_cache(maxsize=SOURCES_KEPT)
def split_rules(css: str) -> tuple[str, ...]:
    """Return the top-level rules of a stylesheet, comments removed."""
    bare, rules, depth, start = _COMMENT.sub("", css), [], 0, 0
    for at, character in enumerate(bare):
        if character == "{":
            depth += 1
        elif character == "}":
            depth -= 1
        if depth <= 0 and (character == "}" or (character == ";" and bare[start:at].lstrip().startswith("@"))):
            rules.append(" ".join(bare[start : at + 1].split()))
            start, depth = at + 1, 0
    return tuple(rules)
