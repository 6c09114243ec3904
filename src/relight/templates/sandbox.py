"""The environments that templates run in: sandboxed, strict, bounded. One escapes (HTML), one does not (text, subject).

Theory of operation. A template is compiled once, from a mapping of sources; data never are. What a template could use
to grow without end is counted: each round of a loop and each call spends a step of the render under way, each printed
value its characters, and operators and filters that could make a long text or a huge number check first.
Filters and globals are an allow-list.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

import jinja2
from jinja2 import nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer
from markupsafe import Markup

from relight.base.kinds import UNKNOWN
from relight.templates.filters import FILTERS
from relight.templates.values import (
    RENDER,
    TEXT_VALUE_CHARACTERS_MAX,
    VIEWS,
    LimitError,
    Missing,
    Question,
    bounded_text,
    to_text,
)

if TYPE_CHECKING:
    from collections.abc import Callable

#: Longest `range` of a template.
RANGE_LENGTH_MAX = 1_000
#: Bits of a whole number that a template may compute.
NUMBER_BITS_MAX = 512
#: Items of a list that `+` may make.
LIST_LENGTH_MAX = 10_000
#: Digits after the point that `round` takes.
ROUND_DIGITS_MAX = 12

_KEPT_FILTERS = (
    "abs", "capitalize", "d", "default", "dictsort", "e", "escape", "first", "groupby", "items", "last", "length",
    "count", "list", "lower", "map", "max", "min", "reject", "rejectattr", "reverse", "select", "selectattr", "sort",
    "striptags", "title", "trim", "truncate", "unique", "upper", "urlencode", "wordcount",
)  # fmt: skip
#: Filters of Jinja that turn their value into a text first; a list would be printed as code.
_TEXT_FILTERS = frozenset(
    {"capitalize", "e", "escape", "lower", "striptags", "title", "trim", "truncate", "upper", "wordcount"}
)
_DROPPED_TESTS = ("filter", "test", "callable", "escaped")
_TEXT_METHODS = frozenset(
    "upper lower title capitalize strip lstrip rstrip startswith endswith split removeprefix removesuffix "
    "isdigit isalpha find count".split()
)
_MAPPING_METHODS = frozenset({"items", "keys", "values", "get"})
_DATE_ATTRIBUTES = frozenset({"year", "month", "day", "weekday", "isoweekday", "isoformat"})


def _bounded_range(*arguments: int) -> range:
    made = range(*arguments)
    if len(made) > RANGE_LENGTH_MAX:
        raise LimitError(f"a range of more than {RANGE_LENGTH_MAX}")
    return made


def _count_steps(_context: object, values: Iterable[object]) -> Iterator[object]:
    state = RENDER.get()
    if isinstance(values, Missing):
        values.refuse()
    for value in values:
        if state is not None:
            state.step()
        yield value


def _concatenate(context: jinja2.runtime.Context, parts: list[object]) -> str:
    texts = [to_text(part) for part in parts]
    if sum(map(len, texts)) > TEXT_VALUE_CHARACTERS_MAX:
        bounded_text(" " * (TEXT_VALUE_CHARACTERS_MAX + 1))
    if context.eval_ctx.autoescape:
        return Markup("").join(texts)
    return "".join(texts)


def _join(eval_context: nodes.EvalContext, values: Iterable[object], d: str = "", attribute: str | None = None) -> str:
    if attribute is not None:
        values = map(jinja2.filters.make_attrgetter(eval_context.environment, attribute), values)
    texts, length = [], 0
    for value in values:
        texts.append(to_text(value))
        length += len(texts[-1]) + len(d)
        if length > TEXT_VALUE_CHARACTERS_MAX:
            raise LimitError(f"a text of more than {TEXT_VALUE_CHARACTERS_MAX} characters")
    if eval_context.autoescape:
        return Markup.escape(d).join(texts)
    return d.join(texts)


def _replace(eval_context: nodes.EvalContext, value: object, old: str, new: str) -> str:
    text = to_text(value)
    bounded = len(text) + (text.count(old) if old else len(text) + 1) * len(new)
    if bounded > TEXT_VALUE_CHARACTERS_MAX:
        raise LimitError(f"a text of more than {TEXT_VALUE_CHARACTERS_MAX} characters")
    if eval_context.autoescape:
        return Markup.escape(text).replace(Markup.escape(old), Markup.escape(new))
    return text.replace(old, new)


def _sum(environment: jinja2.Environment, values: Iterable[object], attribute: str | None = None) -> object:
    if attribute is not None:
        values = map(jinja2.filters.make_attrgetter(environment, attribute), values)
    total: Any = 0
    for value in values:
        if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
            to_text(value)
            raise jinja2.TemplateRuntimeError("sum adds numbers only")
        total += value
    return total


def _round(value: Any, precision: int = 0) -> Any:
    if not 0 <= precision <= ROUND_DIGITS_MAX:
        raise LimitError(f"round takes 0 to {ROUND_DIGITS_MAX} digits")
    return round(value, precision)


def _int(value: Any, default: int = 0) -> int:
    try:
        return int(value) if not isinstance(value, str) or len(value) <= TEXT_VALUE_CHARACTERS_MAX else default
    except (ValueError, OverflowError):
        return default


def _texts_only(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a filter of Jinja that refuses to turn a list or an object into text."""
    passed = jinja2.utils._PassArg.from_obj(function)  # noqa: SLF001 - Jinja offers no other way to ask
    at = 0 if passed is None else 1

    def checked(*arguments: Any, **options: Any) -> Any:
        to_text(arguments[at])
        return function(*arguments, **options)

    if passed is not None:
        checked.jinja_pass_arg = passed  # type: ignore[attr-defined]
    return checked


def _is_known(value: object) -> bool:
    return not isinstance(value, jinja2.Undefined) and value is not UNKNOWN and value is not None


class _Limiter(NodeTransformer):
    """Puts the counting filters into a parsed template: around what a loop walks, instead of `~`."""

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802 - Jinja's visitor names methods so
        self.generic_visit(node)
        node.iter = self._filter(node.iter, "_steps")
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return self._filter(nodes.List(node.nodes, lineno=node.lineno, environment=node.environment), "_concatenate")

    @staticmethod
    def _filter(node: nodes.Expr, name: str) -> nodes.Filter:
        return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno, environment=node.environment)


class LetterEnvironment(ImmutableSandboxedEnvironment):
    """Jinja as this product allows it; see the module's docstring."""

    intercepted_binops: ClassVar[frozenset[str]] = frozenset({"*", "%", "**", "+"})

    def __init__(self, sources: Mapping[str, str], *, escapes: bool, root: str) -> None:
        self.sources = sources
        self.root = root
        super().__init__(
            loader=SourceLoader(sources, root),
            undefined=Missing,
            autoescape=escapes,
            finalize=_print_value,
            keep_trailing_newline=False,
            cache_size=-1,
            auto_reload=False,
        )
        self.globals = {"range": _bounded_range}
        kept = {name: self.filters[name] for name in _KEPT_FILTERS}
        self.filters = {
            **{name: _texts_only(f) if name in _TEXT_FILTERS else f for name, f in kept.items()},
            "int": _int, "round": _round, "string": to_text,
            "join": jinja2.pass_eval_context(_join),
            "replace": jinja2.pass_eval_context(_replace),
            "sum": jinja2.pass_environment(_sum),
            "_steps": jinja2.pass_context(_count_steps),
            "_concatenate": jinja2.pass_context(_concatenate),
            **FILTERS,
        }  # fmt: skip
        for name in _DROPPED_TESTS:
            self.tests.pop(name, None)
        self.tests["known"] = _is_known
        self.tests["unknown"] = lambda value: not _is_known(value)

    def _generate(
        self,
        source: nodes.Template,
        name: str | None,
        filename: str | None,
        defer_init: bool = False,  # noqa: FBT001, FBT002
    ) -> str:
        return super()._generate(_Limiter().visit(source), name, filename, defer_init=defer_init)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Return an attribute; of a view only what it looks up."""
        if isinstance(obj, VIEWS):
            return obj.look(attribute)
        if isinstance(obj, Question):
            return Missing(hint=f"customer.{obj.function}.{attribute}")
        return super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Return an item; of a view only what it looks up."""
        if isinstance(obj, VIEWS):
            return obj.look(argument) if isinstance(argument, str) else Missing(hint=f"[{argument!r}]")
        return super().getitem(obj, argument)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Return whether a template may read it: an allow-list for texts, mappings, dates and numbers."""
        if isinstance(obj, str):
            return attr in _TEXT_METHODS
        if isinstance(obj, Mapping):
            return attr in _MAPPING_METHODS
        if isinstance(obj, dt.date):
            return attr in _DATE_ATTRIBUTES
        if isinstance(obj, (int, float, Decimal, bytes, Question)):
            return False
        if isinstance(obj, (list, tuple, set, frozenset)):
            return attr in {"index", "count"}
        return super().is_safe_attribute(obj, attr, value)

    def call(self, context: jinja2.runtime.Context, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Return the call's value; each call is a step of the render."""
        state = RENDER.get()
        if state is not None:
            state.step()
        return super().call(context, obj, *args, **kwargs)

    def call_binop(self, context: jinja2.runtime.Context, operator: str, left: Any, right: Any) -> Any:
        """Return the operation's value; raises LimitError before a huge one is made."""
        check_operands(operator, left, right)
        return super().call_binop(context, operator, left, right)


def check_operands(operator: str, left: object, right: object) -> None:
    """Raise LimitError or TemplateRuntimeError where an operator would make a huge value or formats a text."""
    if operator == "**":
        raise jinja2.TemplateRuntimeError("'**' is not available in templates")
    if operator == "%" and isinstance(left, (str, bytes)):
        raise jinja2.TemplateRuntimeError("'%' formats no text here; write '{{ }}' and the filters")
    if operator == "*":
        if not all(isinstance(side, (int, float, Decimal, jinja2.Undefined)) for side in (left, right)):
            raise LimitError("'*' multiplies numbers only")
        bits = sum(side.bit_length() for side in (left, right) if isinstance(side, int))
        if bits > NUMBER_BITS_MAX:
            raise LimitError(f"a number of more than {NUMBER_BITS_MAX} bits")
    if operator == "+":
        if isinstance(left, str) and isinstance(right, str) and len(left) + len(right) > TEXT_VALUE_CHARACTERS_MAX:
            raise LimitError(f"a text of more than {TEXT_VALUE_CHARACTERS_MAX} characters")
        both = isinstance(left, (list, tuple)) and isinstance(right, (list, tuple))
        if both and len(left) + len(right) > LIST_LENGTH_MAX:  # type: ignore[arg-type]
            raise LimitError(f"a list of more than {LIST_LENGTH_MAX}")


def _print_value(value: object) -> object:
    """Return what `{{ value }}` prints, counted; Markup stays Markup."""
    text = to_text(value)
    state = RENDER.get()
    if state is not None:
        state.spend(len(text))
    return value if isinstance(value, Markup) else text


class SourceLoader(jinja2.BaseLoader):
    """Finds templates in a mapping; their file names are those of the project folder."""

    has_source_access = True

    def __init__(self, sources: Mapping[str, str], root: str) -> None:
        self.sources = sources
        self.root = root

    def get_source(
        self, environment: jinja2.Environment, template: str
    ) -> tuple[str, str | None, Callable[[], bool] | None]:
        """Return the source, its file name, and that it never changes."""
        source = self.sources.get(template)
        if source is None:
            raise jinja2.TemplateNotFound(template)
        return source, f"{self.root}/{template}", lambda: True

    def list_templates(self) -> list[str]:
        """Return the names of all sources."""
        return sorted(self.sources)
