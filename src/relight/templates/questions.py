"""The questions a template asks of a customer's history, as texts of the condition language.

`customer.count("order_placed", "30 days")` is `count(order_placed, 30 days)`. Compiling such a text is config's part.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import jinja2

from relight.customers.facts import Function

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: Functions of the condition language that a template may call on `customer`.
QUESTIONS = frozenset(function.value for function in Function)
#: Questions about the product, called without `customer`; they give lists of events, newest first.
PRODUCT_QUESTIONS = frozenset({Function.RELEASES.value, Function.INCIDENTS.value, Function.UPCOMING.value})


def question_text(function: str, arguments: Sequence[object], options: Mapping[str, object]) -> str:
    """Return the condition text of one call: `top(feature_used.feature, 3, 30 days)`, `sum(E.p, 1 year, ago: 1 year)`.

    Raises:
        TemplateRuntimeError: an argument is neither a text nor a whole number.
    """
    parts = [_argument_text(argument) for argument in arguments]
    parts += [f"{name}: {_argument_text(value)}" for name, value in options.items()]
    return f"{function}({', '.join(parts)})"


def _argument_text(argument: object) -> str:
    if isinstance(argument, bool) or not isinstance(argument, (str, int)):
        raise jinja2.TemplateRuntimeError("write the arguments of a question as literal texts")
    return " ".join(str(argument).split())
