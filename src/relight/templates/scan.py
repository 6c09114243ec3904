"""What the template sources hold: letters and their languages, what they read of the customer, and what is wrong.

Pure over a mapping of path to text. Compiling the expressions it lists is config's part.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from relight.base.problems import Place, Problem, sort_problems
from relight.base.suggest import nearest_word
from relight.templates.bytecode import MemoryBytecode
from relight.templates.filters import find_locale
from relight.templates.sandbox import LetterEnvironment
from relight.templates.scan_source import GIVEN_NAMES, Expression, FoundInSource, Read, scan_source, unknown_in

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Parts of a letter. The first two must be there; `body.txt` is derived from the HTML with a warning.
PARTS = ("subject.txt", "body.html", "body.txt", "preheader.txt")
#: The template of a web request: JSON whose values are escaped as JSON text.
BODY_PART = "body.json"
_LOCALE_FOLDER = re.compile(r"[a-z]{2,3}(?:[-_](?:[A-Z]{2}|[A-Z][a-z]{3}|\d{3}))*")


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterScan:
    """Everything found in the sources."""

    sources: Mapping[str, str]
    #: letter -> language folder ("" for the folder itself) -> part (`subject.txt`) -> path in `sources`.
    letters: Mapping[str, Mapping[str, Mapping[str, str]]] = field(default_factory=dict)
    #: Folders that hold parts of a letter and not those that it needs; each has its problem.
    incomplete: frozenset[str] = frozenset()
    #: body of a web request -> language folder ("" for the folder itself) -> path in `sources`.
    bodies: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    #: All occurrences; several may have one text.
    expressions: tuple[Expression, ...] = ()
    #: letter -> properties of `entry`, `event`, `request`, `release` that it reads, layouts included.
    reads: Mapping[str, tuple[Read, ...]] = field(default_factory=dict)
    #: Letters that print `code` in any language, layouts included -> folders of theirs that do not.
    coded: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    #: Topics that links confirm, and where.
    confirms: tuple[Expression, ...] = ()
    #: Surveys that are asked, and where; several may be of one.
    surveys: tuple[Expression, ...] = ()
    problems: tuple[Problem, ...] = ()
    #: Folder that the sources stand in, for places.
    root: str = "templates"
    #: The code of what was compiled already.
    bytecode: MemoryBytecode = field(default_factory=MemoryBytecode, compare=False, repr=False)


def scan_letters(
    sources: Mapping[str, str],
    *,
    names: Collection[str] | None = None,
    properties: Collection[str] | None = None,
    root: str = "templates",
) -> LetterScan:
    """Return the letters, expressions and problems of the sources.

    Args:
        sources: path below the templates folder -> text.
        names: traits, values and segments; None checks no name of `customer`.
        properties: properties of all declared events; None checks none.
        root: the folder, for places.
    """
    letters, incomplete, problems = _find_letters(sources, root)
    bytecode = MemoryBytecode()
    pages, plain = (LetterEnvironment(sources, escapes=escapes, root=root) for escapes in (True, False))
    found = {
        path: scan_source(pages if path.endswith(".html") else plain, path, text, bytecode)
        for path, text in sorted(sources.items())
    }
    meant = _meant_by(names or (), properties or ())
    for one in found.values():
        one.problems += [_unknown_name(e, meant) for e in one.unknown]
    for one in found.values():
        problems += one.problems
    expressions = [e for one in found.values() for e in one.expressions]
    if names is not None:
        allowed = {*names, "id"}
        problems += [
            unknown_in(f"customer.{e.text}", e.place, e.text, (allowed, "event", properties))
            for e in expressions if e.text.isidentifier() and e.text not in allowed
        ]  # fmt: skip
        expressions = [e for e in expressions if not e.text.isidentifier() or e.text in names]
    sources_of = {name: _sources_of(variants, found) for name, variants in letters.items()}
    reads = {name: tuple(read for path in paths for read in found[path].reads) for name, paths in sources_of.items()}
    coded = {
        name: tuple(f"{name}/{language}".rstrip("/") for language, parts in letters[name].items()
                    if not any(found[path].prints_code for path in _sources_of({language: parts}, found)))
        for name, paths in sources_of.items() if any(found[path].prints_code for path in paths)
    }  # fmt: skip
    if properties is not None:
        problems += [
            unknown_in(f"{r.name}.{r.prop}", r.place, r.prop, (properties, "customer", names))
            for one in found.values() for r in one.reads if r.prop not in properties
        ]  # fmt: skip
    return LetterScan(
        sources=sources, letters=letters, incomplete=incomplete, bodies=_find_bodies(sources),
        expressions=tuple(expressions), reads=reads, coded=coded,
        surveys=tuple(e for one in found.values() for e in one.surveys),
        confirms=tuple(e for one in found.values() for e in one.confirms),
        problems=tuple(sort_problems(problems)), root=root, bytecode=bytecode,
    )  # fmt: skip


def _find_letters(
    sources: Mapping[str, str], root: str
) -> tuple[dict[str, dict[str, dict[str, str]]], frozenset[str], list[Problem]]:
    folders: dict[str, dict[str, str]] = {}
    for path in sources:
        folder, _, part = path.rpartition("/")
        if folder and part in PARTS:
            folders.setdefault(folder, {})[part] = path
    letters: dict[str, dict[str, dict[str, str]]] = {}
    for folder in sorted(folders):
        parent, _, last = folder.rpartition("/")
        if parent in folders and _LOCALE_FOLDER.fullmatch(last) and find_locale(last):
            letters.setdefault(parent, {})[last.replace("_", "-")] = folders[folder]
        else:
            letters.setdefault(folder, {})[""] = folders[folder]
    problems: list[Problem] = []
    for variants in letters.values():
        for parts in variants.values():
            problems += _missing_parts(parts, root)
    complete = {
        name: {language: parts for language, parts in variants.items() if {"subject.txt", "body.html"} <= parts.keys()}
        for name, variants in letters.items()
    }
    found = {name: variants for name, variants in complete.items() if "" in variants}
    return found, frozenset(complete.keys() - found.keys()), problems


def _find_bodies(sources: Mapping[str, str]) -> dict[str, dict[str, str]]:
    folders = {path.rpartition("/")[0]: path for path in sources if path.rpartition("/")[2] == BODY_PART}
    bodies: dict[str, dict[str, str]] = {}
    for folder in sorted(folders):
        parent, _, last = folder.rpartition("/")
        if parent in folders and _LOCALE_FOLDER.fullmatch(last) and find_locale(last):
            bodies.setdefault(parent, {})[last.replace("_", "-")] = folders[folder]
        elif folder:
            bodies.setdefault(folder, {})[""] = folders[folder]
    return bodies


def _missing_parts(parts: Mapping[str, str], root: str) -> Iterator[Problem]:
    folder = next(iter(parts.values())).rpartition("/")[0]
    for part in ("subject.txt", "body.html"):
        if part not in parts:
            yield Problem(
                code="missing-part", message=f"this template has no {part}",
                place=Place(file=f"{root}/{folder}/{part}"),
                help="each template folder, and each language folder in it, needs subject.txt and body.html",
            )  # fmt: skip
    for part, reason in (
        ("body.txt", "it is made from the HTML then"),
        ("preheader.txt", "mail apps show body text instead"),
    ):
        if part not in parts:
            yield Problem(
                code="missing-part", message=f"this template has no {part}; {reason}", severity="warning",
                place=Place(file=f"{root}/{folder}/{part}"), help=f"write {part} by hand",
            )  # fmt: skip


def _sources_of(variants: Mapping[str, Mapping[str, str]], found: Mapping[str, FoundInSource]) -> list[str]:
    """Return the paths of a letter's parts, and of what they extend and include."""
    todo = [path for parts in variants.values() for path in parts.values()]
    seen: set[str] = set()
    while todo:
        path = todo.pop()
        if path not in seen and path in found:
            seen.add(path)
            todo += found[path].refers
    return sorted(seen)


def _meant_by(names: Collection[str], properties: Collection[str]) -> dict[str, str]:
    """Return what somebody who writes a bare name may have meant: the name -> how it is written."""
    given = {name: name for name in (*GIVEN_NAMES, "customer")}
    return {p: f"event.{p}" for p in properties} | {n: f"customer.{n}" for n in names} | given


def _unknown_name(found: Expression, meant: Mapping[str, str]) -> Problem:
    near = nearest_word(found.text, meant)
    help_text = (
        f"did you mean '{meant[near]}'?" if near else "write `customer.NAME` for a trait or value of the customer"
    )
    message = f"'{found.text}' is not declared anywhere"
    return Problem(code="unknown-name", message=message, place=found.place, help=help_text)
