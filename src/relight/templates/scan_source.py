"""What one template source holds: found in its parsed tree, before anything is rendered."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import jinja2
from jinja2 import meta, nodes

from relight.base.problems import Place, Problem
from relight.base.suggest import suggest_words
from relight.templates.bytecode import MemoryBytecode
from relight.templates.filter_names import unknown_filters
from relight.templates.questions import PRODUCT_QUESTIONS, QUESTIONS, question_text
from relight.templates.sandbox import LetterEnvironment

#: Names that a letter gets beside `customer`.
GIVEN_NAMES = frozenset({
    "arm", "click_url", "code", "confirm_url",
    "entry", "event", "incidents", "lang", "locale", "milestone", "now", "preferences_url", "preheader",
    "project", "release", "releases", "request", "rule", "sender", "subject", "survey", "threshold", "topic",
    "unsubscribe_url", "upcoming",
})  # fmt: skip
#: Names whose properties are those of an event of a stream.
EVENT_NAMES = frozenset({"entry", "event", "request", "release"})
#: Calls that name one thing of the config.
_LITERAL = frozenset({"survey", "confirm_url"})
#: Characters of one template source.
SOURCE_CHARACTERS_MAX = 200_000


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


@dataclass(slots=True, kw_only=True)
class FoundInSource:
    """What one source holds."""

    expressions: list[Expression] = field(default_factory=list)
    surveys: list[Expression] = field(default_factory=list)
    confirms: list[Expression] = field(default_factory=list)
    reads: list[Read] = field(default_factory=list)
    refers: set[str] = field(default_factory=set)
    prints_code: bool = False
    #: Names that nothing declares.
    unknown: list[Expression] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def scan_source(environment: LetterEnvironment, path: str, text: str, bytecode: MemoryBytecode) -> FoundInSource:
    """Return what a source holds; its code is kept in `bytecode` where it has no problem."""
    file = f"{environment.root}/{path}"
    if len(text) > SOURCE_CHARACTERS_MAX:
        message = f"a template of more than {SOURCE_CHARACTERS_MAX} characters"
        return FoundInSource(problems=[Problem(code="template-size", message=message, place=Place(file=file))])
    try:
        tree = environment.parse(text, path, file)
        found, python = _scan_tree(environment, tree, path, text)
        if python:
            code = compile(python, file, "exec", dont_inherit=True)
            bytecode.keep(environment, path, file, text, code)
    except jinja2.TemplateSyntaxError as error:
        place = Place(file=file, line=error.lineno)
        return FoundInSource(problems=[Problem(code="template-syntax", message=str(error.message), place=place)])
    except (RecursionError, SyntaxError):  # Python's own limits of what it parses and compiles
        message = "this template is nested too deep"
        return FoundInSource(
            problems=[Problem(code="template-syntax", message=message, place=Place(file=file, line=1))]
        )
    return found


def _scan_tree(environment: LetterEnvironment, tree: nodes.Template, path: str, text: str) -> tuple[FoundInSource, str]:
    """Return what a parsed template holds, and its code as Python source; none where it has problems."""
    found = FoundInSource()
    file, lines, walk = f"{environment.root}/{path}", text.split("\n"), _nodes_in(tree)
    found.problems += unknown_filters(
        walk, filters=environment.filters, tests=environment.tests, place=lambda n, word: _place(file, lines, n, word)
    )
    if found.problems:  # what follows generates code, which stops at the first of them
        return found, ""
    declared = _declared_at_top(tree)
    _scan_attributes(walk, found, file, lines)
    _scan_referred(environment, tree, found, file, lines)
    # Puts the counting filters into the tree; the nodes that were walked stay as they are.
    python, looked_up = environment.generate_and_look(tree, path, file)
    undeclared = looked_up - declared
    for node in walk:
        if not isinstance(node, nodes.Name) or node.ctx != "load" or node.name not in undeclared:
            continue
        if node.name not in {*GIVEN_NAMES, "customer", "range"}:
            place = _place(file, lines, node.lineno, node.name)
            found.unknown.append(Expression(text=node.name, place=place))
    if "code" in undeclared:
        _scan_code(tree, found, file, lines)
    return found, "" if found.problems else python


def _nodes_in(tree: nodes.Template) -> list[nodes.Node]:
    """Return all nodes below one, outermost first, as `find_all` does a level of generators slower."""
    found: list[nodes.Node] = []
    todo: list[nodes.Node] = [tree]
    while todo:
        node = todo.pop()
        found.append(node)
        inside: list[nodes.Node] = []
        for name in node.fields:
            value = getattr(node, name, None)
            if isinstance(value, nodes.Node):
                inside.append(value)
            elif isinstance(value, list):
                inside += [one for one in value if isinstance(one, nodes.Node)]
        todo += reversed(inside)
    return found[1:]


def _scan_referred(
    environment: LetterEnvironment, tree: nodes.Template, found: FoundInSource, file: str, lines: list[str]
) -> None:
    for referred in meta.find_referenced_templates(tree):
        if referred is None:
            continue
        found.refers.add(referred)
        if referred not in environment.sources:
            place = _place(file, lines, 0, f'"{referred}"')
            help_text = suggest_words(referred, environment.sources)
            message = f"there is no template '{referred}'"
            found.problems.append(Problem(code="unknown-template", message=message, place=place, help=help_text))


def _scan_attributes(walk: Sequence[nodes.Node], found: FoundInSource, file: str, lines: list[str]) -> None:
    asked = {id(call.node) for call in walk if isinstance(call, nodes.Call) and _scan_call(call, found, file, lines)}
    for node in walk:
        if not isinstance(node, (nodes.Getattr, nodes.Getitem)):
            continue
        name = node.attr if isinstance(node, nodes.Getattr) else getattr(node.arg, "value", None)
        if id(node) in asked or not isinstance(node.node, nodes.Name) or not isinstance(name, str):
            continue
        place = _place(file, lines, node.lineno, f"{node.node.name}.{name}")
        if node.node.name == "customer":
            found.expressions.append(Expression(text=name, place=place))
        elif node.node.name in EVENT_NAMES:
            found.reads.append(Read(name=node.node.name, prop=name, place=place))


def _scan_call(call: nodes.Call, found: FoundInSource, file: str, lines: list[str]) -> bool:
    """Note what a call asks; return whether it asks the customer: `customer.count(...)` reads no trait `count`."""
    target = call.node
    if isinstance(target, nodes.Name):
        place = _place(file, lines, call.lineno, f"{target.name}(" if target.name in _LITERAL else target.name)
        if target.name in PRODUCT_QUESTIONS:
            _scan_question(call, target.name, found, place)
        elif target.name == "survey":
            _scan_literal(call, found.surveys, found, place)
        elif target.name == "confirm_url":
            _scan_literal(call, found.confirms, found, place)
        return False
    if not (isinstance(target, nodes.Getattr) and isinstance(target.node, nodes.Name)):
        return False
    if target.node.name != "customer":
        return False
    place = _place(file, lines, call.lineno, f"customer.{target.attr}")
    if target.attr in QUESTIONS:
        _scan_question(call, target.attr, found, place)
    else:
        found.problems.append(unknown_in(f"customer.{target.attr}()", place, target.attr, (QUESTIONS, "", None)))
    return True


def _scan_code(tree: nodes.Template, found: FoundInSource, file: str, lines: list[str]) -> None:
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


def _scan_question(call: nodes.Call, function: str, found: FoundInSource, place: Place) -> None:
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


def _scan_literal(call: nodes.Call, into: list[Expression], found: FoundInSource, place: Place) -> None:
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


def unknown_in(
    shown: str, place: Place, word: str, words: tuple[Collection[str], str, Collection[str] | None]
) -> Problem:
    """Return the problem of a name; words: those allowed there, and what else has names, with its own."""
    allowed, elsewhere, others = words
    help_text = f"did you mean '{elsewhere}.{word}'?" if word in (others or ()) else suggest_words(word, allowed)
    return Problem(code="unknown-name", message=f"'{shown}' is not declared anywhere", place=place, help=help_text)


def _place(file: str, lines: list[str], line: int, wanted: str) -> Place:
    """Return the place of a text at or near a line; Jinja knows lines only."""
    order = [line, *range(line + 1, min(line + 4, len(lines) + 1))] if line else list(range(1, len(lines) + 1))
    for number in order:
        column = lines[number - 1].find(wanted) if 0 < number <= len(lines) else -1
        if column >= 0:
            return Place(file=file, line=number, column=column + 1, end_column=column + 1 + len(wanted))
    return Place(file=file, line=line)
