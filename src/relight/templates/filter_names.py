"""Filters and tests that a template names and that do not exist; Jinja itself finds them only when it renders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jinja2 import nodes

from relight.base.problems import Place, Problem
from relight.base.suggest import suggest_words

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator


#: Filters that people know from elsewhere -> what takes their place here.
_NEEDLESS = {
    "tojson": 'write the value between quotation marks, "{{ … }}": nothing in it can break the JSON',
    "safe": "a text of our own is not escaped; of a customer's every character stays what it is",
}


def unknown_filters(
    walk: Iterable[nodes.Node],
    *,
    filters: Collection[str],
    tests: Collection[str],
    place: Callable[[int, str], Place],
) -> Iterator[Problem]:
    """Yield a problem for each filter and test among the nodes that the environment does not have.

    Args:
        walk: the nodes of a parsed template.
        filters: names of the filters there are; those that begin with `_` are ours and not suggested.
        tests: names of the tests there are.
        place: (line, word) -> where the word stands.
    """
    for node in walk:
        if not isinstance(node, (nodes.Filter, nodes.Test)):
            continue
        kind, known = ("filter", filters) if isinstance(node, nodes.Filter) else ("test", tests)
        if node.name in known:
            continue
        offered = sorted(name for name in known if not name.startswith("_") and name.isidentifier())
        yield Problem(
            code=f"unknown-{kind}",
            message=f"there is no {kind} '{node.name}'",
            place=place(node.lineno, node.name),
            help=_NEEDLESS.get(node.name) or suggest_words(node.name, offered) or f"{kind}s: {', '.join(offered)}",
        )
