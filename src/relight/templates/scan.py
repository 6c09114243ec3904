"""What the template sources hold: letters and their languages, what they read of the customer, and what is wrong.

Pure over a mapping of path to text. Compiling the expressions it lists is config's part.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import jinja2
from jinja2 import meta, nodes

from relight.base.problems import Place, Problem, sort_problems
from relight.base.suggest import nearest_word, suggest_words
from relight.templates.filter_names import unknown_filters
from relight.templates.filters import find_locale
from relight.templates.questions import PRODUCT_QUESTIONS, QUESTIONS, question_text
from relight.templates.sandbox import LetterEnvironment

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Names that a letter gets beside `customer`.
GIVEN_NAMES = frozenset({
    "arm", "click_url", "code", "confirm_url",
    "entry", "event", "incidents", "lang", "locale", "milestone", "now", "preferences_url", "preheader",
    "project", "release", "releases", "request", "rule", "sender", "subject", "survey", "threshold", "topic",
    "unsubscribe_url", "upcoming",
})  # fmt: skip
#: Names whose properties are those of an event of a stream.
EVENT_NAMES = frozenset({"entry", "event", "request", "release"})
#: Parts of a letter. The first two must be there; `body.txt` is derived from the HTML with a warning.
PARTS = ("subject.txt", "body.html", "body.txt", "preheader.txt")
#: The template of a web request: JSON whose values are escaped as JSON text.
BODY_PART = "body.json"
#: Bytes of one template source.
SOURCE_CHARACTERS_MAX = 200_000
_WISHED = (("body.txt", "it is made from the HTML then"), ("preheader.txt", "mail apps show body text instead"))
_LOCALE_FOLDER = re.compile(r"[a-z]{2,3}(?:[-_](?:[A-Z]{2}|[A-Z][a-z]{3}|\d{3}))*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """What a template reads of the customer, as a text of the condition language, and where."""

    text: str
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """`entry.total`: a property that a template reads of an event given by the rule."""

    name: str
    prop: str
    place: Place


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


@dataclass(slots=True, kw_only=True)
class _Found:
    expressions: list[Expression] = field(default_factory=list)
    surveys: list[Expression] = field(default_factory=list)
    confirms: list[Expression] = field(default_factory=list)
    reads: list[Read] = field(default_factory=list)
    refers: set[str] = field(default_factory=set)
    prints_code: bool = False
    #: Names that nothing declares.
    unknown: list[Expression] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


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
    environment = LetterEnvironment(sources, escapes=True, root=root)
    found = {path: _scan_source(environment, path, text) for path, text in sorted(sources.items())}
    meant = _meant_by(names or (), properties or ())
    for one in found.values():
        one.problems += [_unknown_name(e, meant) for e in one.unknown]
    for one in found.values():
        problems += one.problems
    expressions = [e for one in found.values() for e in one.expressions]
    if names is not None:
        allowed = {*names, "id"}
        problems += [
            _unknown(f"customer.{e.text}", e.place, e.text, (allowed, "event", properties))
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
            _unknown(f"{r.name}.{r.prop}", r.place, r.prop, (properties, "customer", names))
            for one in found.values() for r in one.reads if r.prop not in properties
        ]  # fmt: skip
    return LetterScan(
        sources=sources, letters=letters, incomplete=incomplete, bodies=_find_bodies(sources),
        expressions=tuple(expressions), reads=reads, coded=coded,
        surveys=tuple(e for one in found.values() for e in one.surveys),
        confirms=tuple(e for one in found.values() for e in one.confirms),
        problems=tuple(sort_problems(problems)), root=root,
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


def _scan_source(environment: LetterEnvironment, path: str, text: str) -> _Found:
    file = f"{environment.root}/{path}"
    if len(text) > SOURCE_CHARACTERS_MAX:
        message = f"a template of more than {SOURCE_CHARACTERS_MAX} characters"
        return _Found(problems=[Problem(code="template-size", message=message, place=Place(file=file))])
    try:
        tree = environment.parse(text, path, file)
        found = _scan_tree(environment, tree, file, text)
        # Compiled last, for its problems alone: it puts the counting filters into the tree.
        if not found.problems:
            environment.compile(tree, path, file)
    except jinja2.TemplateSyntaxError as error:
        place = Place(file=file, line=error.lineno)
        return _Found(problems=[Problem(code="template-syntax", message=str(error.message), place=place)])
    except RecursionError:
        message = "this template is nested too deep"
        return _Found(problems=[Problem(code="template-syntax", message=message, place=Place(file=file, line=1))])
    return found


def _scan_tree(environment: LetterEnvironment, tree: nodes.Template, file: str, text: str) -> _Found:
    found = _Found()
    lines = text.split("\n")
    found.problems += unknown_filters(
        tree, filters=environment.filters, tests=environment.tests, place=lambda n, word: _place(file, lines, n, word)
    )
    if found.problems:  # what follows generates code, which stops at the first of them
        return found
    undeclared = meta.find_undeclared_variables(tree) - _declared_at_top(tree)
    for node in tree.find_all(nodes.Name):
        if node.ctx == "load" and node.name in undeclared and node.name not in {*GIVEN_NAMES, "customer", "range"}:
            place = _place(file, lines, node.lineno, node.name)
            found.unknown.append(Expression(text=node.name, place=place))
    _scan_attributes(tree, found, file, lines)
    if "code" in undeclared:
        _scan_code(tree, found, file, lines)
    for referred in meta.find_referenced_templates(tree):
        if referred is None:
            continue
        found.refers.add(referred)
        if referred not in environment.sources:
            place = _place(file, lines, 0, f'"{referred}"')
            help_text = suggest_words(referred, environment.sources)
            message = f"there is no template '{referred}'"
            found.problems.append(Problem(code="unknown-template", message=message, place=place, help=help_text))
    return found


def _scan_attributes(tree: nodes.Template, found: _Found, file: str, lines: list[str]) -> None:
    asked: set[int] = set()
    for call in tree.find_all(nodes.Call):
        target = call.node
        if isinstance(target, nodes.Name) and target.name in PRODUCT_QUESTIONS:
            _scan_question(call, target.name, found, _place(file, lines, call.lineno, target.name))
        elif isinstance(target, nodes.Name) and target.name == "survey":
            _scan_literal(call, found.surveys, found, _place(file, lines, call.lineno, "survey("))
        elif isinstance(target, nodes.Name) and target.name == "confirm_url":
            _scan_literal(call, found.confirms, found, _place(file, lines, call.lineno, "confirm_url("))
        elif (
            isinstance(target, nodes.Getattr) and isinstance(target.node, nodes.Name) and target.node.name == "customer"
        ):
            asked.add(id(target))
            place = _place(file, lines, call.lineno, f"customer.{target.attr}")
            if target.attr in QUESTIONS:
                _scan_question(call, target.attr, found, place)
            else:
                found.problems.append(_unknown(f"customer.{target.attr}()", place, target.attr, (QUESTIONS, "", None)))
    read: list[nodes.Getattr | nodes.Getitem] = [*tree.find_all(nodes.Getattr), *tree.find_all(nodes.Getitem)]
    for node in read:
        name = node.attr if isinstance(node, nodes.Getattr) else getattr(node.arg, "value", None)
        if id(node) in asked or not isinstance(node.node, nodes.Name) or not isinstance(name, str):
            continue
        place = _place(file, lines, node.lineno, f"{node.node.name}.{name}")
        if node.node.name == "customer":
            found.expressions.append(Expression(text=name, place=place))
        elif node.node.name in EVENT_NAMES:
            found.reads.append(Read(name=node.node.name, prop=name, place=place))


def _scan_code(tree: nodes.Template, found: _Found, file: str, lines: list[str]) -> None:
    """Note that the code is printed; nothing else can be done with it, since it is drawn only at sending."""
    # What a file that extends another says outside its blocks is shown nowhere.
    extends = any(isinstance(node, nodes.Extends) for node in tree.body)
    shown = list(tree.find_all(nodes.Block)) if extends else [tree]
    found.prints_code = any(one.name == "code" for part in shown for one in part.find_all(nodes.Name))
    printed = {id(node) for output in tree.find_all(nodes.Output) for node in output.nodes}
    for node in tree.find_all(nodes.Name):
        if node.name == "code" and node.ctx == "load" and id(node) not in printed:
            message = "the code is drawn only when the mail is sent: here it can be printed, and nothing else"
            place = _place(file, lines, node.lineno, "code")
            found.problems.append(Problem(code="code-only-printed", message=message, place=place, help="{{ code }}"))


def _scan_question(call: nodes.Call, function: str, found: _Found, place: Place) -> None:
    try:
        text = question_text(
            function, [_literal(a) for a in call.args], {k.key: _literal(k.value) for k in call.kwargs}
        )  # fmt: skip
        if call.dyn_args is not None or call.dyn_kwargs is not None:
            _literal(call)
    except jinja2.TemplateRuntimeError as error:
        found.problems.append(Problem(
            code="literal-needed", message=f"{function}: {error.message}", place=place,
            help=f'for example {function}("order_placed", "30 days")',
        ))  # fmt: skip
    else:
        found.expressions.append(Expression(text=text, place=place))


def _scan_literal(call: nodes.Call, into: list[Expression], found: _Found, place: Place) -> None:
    """Note the survey or topic that a call names, or that it names none."""
    name = call.args[0].value if len(call.args) == 1 and isinstance(call.args[0], nodes.Const) else None
    if isinstance(name, str) and not call.kwargs and call.dyn_args is None and call.dyn_kwargs is None:
        into.append(Expression(text=name, place=place))
        return
    is_survey = into is found.surveys
    message = f"a {'survey is asked for' if is_survey else 'topic is confirmed'} by its name, as a literal text"
    help_text = 'write survey("csat")' if is_survey else 'write confirm_url("offers")'
    found.problems.append(Problem(code="literal-needed", message=message, place=place, help=help_text))


def _declared_at_top(tree: nodes.Template) -> set[str]:
    """Return the names that a file's own top level gives to its blocks: imports, macros, `set`."""
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, nodes.Import):
            names.add(node.target)
        elif isinstance(node, nodes.FromImport):
            names.update(name if isinstance(name, str) else name[1] for name in node.names)
        elif isinstance(node, nodes.Macro):
            names.add(node.name)
        elif isinstance(node, (nodes.Assign, nodes.AssignBlock)) and isinstance(node.target, nodes.Name):
            names.add(node.target.name)
    return names


def _literal(node: nodes.Expr) -> object:
    if isinstance(node, nodes.Const):
        return node.value
    raise jinja2.TemplateRuntimeError("write the arguments of a question as literal texts")


def _sources_of(variants: Mapping[str, Mapping[str, str]], found: Mapping[str, _Found]) -> list[str]:
    """Return the paths of a letter's parts, and of what they extend and include."""
    todo = [path for parts in variants.values() for path in parts.values()]
    seen: set[str] = set()
    while todo:
        path = todo.pop()
        if path not in seen and path in found:
            seen.add(path)
            todo += found[path].refers
    return sorted(seen)


def _unknown(
    shown: str, place: Place, word: str, words: tuple[Collection[str], str, Collection[str] | None]
) -> Problem:
    """Return the problem of a name; words: those allowed there, and what else has names, with its own."""
    allowed, elsewhere, others = words
    help_text = f"did you mean '{elsewhere}.{word}'?" if word in (others or ()) else suggest_words(word, allowed)
    return Problem(code="unknown-name", message=f"'{shown}' is not declared anywhere", place=place, help=help_text)


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


def _place(file: str, lines: list[str], line: int, wanted: str) -> Place:
    """Return the place of a text at or near a line; Jinja knows lines only."""
    order = [line, *range(line + 1, min(line + 4, len(lines) + 1))] if line else list(range(1, len(lines) + 1))
    for number in order:
        column = lines[number - 1].find(wanted) if 0 < number <= len(lines) else -1
        if column >= 0:
            return Place(file=file, line=number, column=column + 1, end_column=column + 1 + len(wanted))
    return Place(file=file, line=line)
