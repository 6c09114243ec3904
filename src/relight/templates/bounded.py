"""Operators, filters and tests as templates get them: an allow-list, each with a bound on what it makes.

A bound that is passed raises LimitError; a value that cannot stand in a sentence raises as `to_text` does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import jinja2
from jinja2 import nodes
from markupsafe import Markup

from relight.base.kinds import UNKNOWN
from relight.templates.filters import FILTERS
from relight.templates.values import (
    RENDER,
    TEXT_VALUE_CHARACTERS_MAX,
    LimitError,
    Missing,
    bounded_text,
    clean_text,
    to_text,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

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
DROPPED_TESTS = ("filter", "test", "callable", "escaped")


def bounded_range(*arguments: int) -> range:
    """Return a range; raises LimitError for a long one."""
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


def is_known(value: object) -> bool:
    """Return whether there is a value: the tests `is known` and `is unknown`."""
    return not isinstance(value, jinja2.Undefined) and value is not UNKNOWN and value is not None


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


def print_value(_context: object, value: object) -> object:
    """Return what `{{ value }}` prints, counted; Markup stays Markup."""
    text = value if type(value) is Markup else clean_text(value) if type(value) is str else to_text(value)
    state = RENDER.get()
    if state is not None:
        state.spend(len(text))
    return text


def bounded_filters(defaults: Mapping[str, Callable[..., Any]]) -> dict[str, Callable[..., Any]]:
    """Return the filters of a template environment, given those that Jinja ships."""
    kept = {name: defaults[name] for name in _KEPT_FILTERS}
    return {
        **{name: _texts_only(one) if name in _TEXT_FILTERS else one for name, one in kept.items()},
        "int": _int,
        "round": _round,
        "string": to_text,
        "join": jinja2.pass_eval_context(_join),
        "replace": jinja2.pass_eval_context(_replace),
        "sum": jinja2.pass_environment(_sum),
        "_steps": jinja2.pass_context(_count_steps),
        "_concatenate": jinja2.pass_context(_concatenate),
        **FILTERS,
    }
