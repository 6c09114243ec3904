"""The environments that templates run in: sandboxed, strict, bounded. One escapes (HTML), one does not (text, subject).

Theory of operation. A template is compiled once, from a mapping of sources; data never are. What a template could use
to grow without end is counted: each round of a loop and each call spends a step of the render under way, each printed
value its characters, and operators and filters that could make a long text or a huge number check first.
Filters and globals are an allow-list.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, MutableMapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

import jinja2
from jinja2 import nodes
from jinja2.runtime import Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from relight.templates.bounded import (
    DROPPED_TESTS,
    bounded_filters,
    bounded_range,
    check_operands,
    is_known,
    print_value,
)
from relight.templates.bytecode import generate
from relight.templates.values import RENDER, VIEWS, LinkMaker, Missing, Question, SurveyChoices

if TYPE_CHECKING:
    from collections.abc import Callable

_TEXT_METHODS = frozenset(
    "upper lower title capitalize strip lstrip rstrip startswith endswith split removeprefix removesuffix "
    "isdigit isalpha find count".split()
)
_MAPPING_METHODS = frozenset({"items", "keys", "values", "get"})
_DATE_ATTRIBUTES = frozenset({"year", "month", "day", "weekday", "isoweekday", "isoformat"})

#: What a template may call that neither asks for the context nor changes anything.
_PLAINLY_CALLED = frozenset({Question, SurveyChoices, LinkMaker})

#: What every template may call by name.
TEMPLATE_GLOBALS: Mapping[str, object] = {"range": bounded_range}


class _Limiter(NodeTransformer):
    """Puts the counting filters into a parsed template: around what a loop walks, instead of `~`."""

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802 - Jinja's visitor names methods so
        self.generic_visit(node)
        node.iter = self._filter(cast("nodes.Expr", node.iter), "_steps")
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return self._filter(nodes.List(node.nodes, lineno=node.lineno, environment=node.environment), "_concatenate")

    @staticmethod
    def _filter(node: nodes.Expr, name: str) -> nodes.Filter:
        return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno, environment=node.environment)


class _LetterTemplate(jinja2.Template):
    """One whose macros are made once: all of an environment have the same globals, so no import needs its own."""

    def _get_default_module(self, ctx: jinja2.runtime.Context | None = None) -> jinja2.environment.TemplateModule:
        return super()._get_default_module(ctx) if self._module is None else self._module


class LetterEnvironment(ImmutableSandboxedEnvironment):
    """Jinja as this product allows it; see the module's docstring."""

    intercepted_binops = frozenset({"*", "%", "**", "+"})
    template_class = _LetterTemplate

    def __init__(
        self, sources: Mapping[str, str], *, escapes: bool, root: str, bytecode: jinja2.BytecodeCache | None = None
    ) -> None:
        self.sources = sources
        self.root = root
        self._templates: dict[object, jinja2.Template] = {}
        super().__init__(
            loader=SourceLoader(sources, root),
            undefined=Missing,
            autoescape=escapes,
            finalize=jinja2.pass_context(print_value),
            keep_trailing_newline=False,
            cache_size=-1,
            auto_reload=False,
            bytecode_cache=bytecode,
        )
        self.globals = dict(TEMPLATE_GLOBALS)
        self.filters = bounded_filters(self.filters)
        for name in DROPPED_TESTS:
            self.tests.pop(name, None)
        self.tests["known"] = is_known
        self.tests["unknown"] = lambda value: not is_known(value)

    def _generate(
        self,
        source: nodes.Template,
        name: str | None,
        filename: str | None,
        defer_init: bool = False,  # noqa: FBT001, FBT002
    ) -> str:
        return super()._generate(_Limiter().visit(source), name, filename, defer_init=defer_init)

    def generate_and_look(self, tree: nodes.Template, name: str, filename: str) -> tuple[str, set[str]]:
        """Return the Python source of a parsed template, and the names it looks up in what it is given.

        Puts the counting filters into the tree. Raises as `bytecode.generate`.
        """
        return generate(self, _Limiter().visit(tree), name, filename)

    def get_template(
        self,
        name: str | jinja2.Template,
        parent: str | None = None,
        globals: MutableMapping[str, Any] | None = None,  # noqa: A002 - Jinja's signature
    ) -> jinja2.Template:
        """Return a template by its name, as Jinja does; sources never change, so it is looked for once."""
        found = self._templates.get(name)
        if found is None:
            found = self._templates[name] = super().get_template(name, parent, globals)
        return found

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

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:  # noqa: ARG002 - Jinja's signature
        """Return nothing: texts have no `format` here, which can pad without end."""
        return None

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Return whether a template may read it: an allow-list for texts, mappings, dates and numbers."""
        if isinstance(obj, str):
            return attr in _TEXT_METHODS
        if isinstance(obj, Mapping):
            return attr in _MAPPING_METHODS
        if isinstance(obj, dt.date):
            return attr in _DATE_ATTRIBUTES
        if isinstance(obj, (int, float, Decimal, bytes, Question, SurveyChoices, LinkMaker)):
            return False
        if isinstance(obj, (list, tuple, set, frozenset)):
            return attr in {"index", "count"}
        return super().is_safe_attribute(obj, attr, value)

    def call(self, context: jinja2.runtime.Context, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Return the call's value; each call is a step of the render."""
        state = RENDER.get()
        if state is not None:
            state.step()
        kind = type(obj)
        if kind is Macro or kind in _PLAINLY_CALLED:
            kwargs.pop("_block_vars", None)
            kwargs.pop("_loop_vars", None)
            return obj(context.eval_ctx, *args, **kwargs) if kind is Macro else obj(*args, **kwargs)
        return super().call(context, obj, *args, **kwargs)

    def call_binop(self, context: jinja2.runtime.Context, operator: str, left: Any, right: Any) -> Any:
        """Return the operation's value; raises LimitError before a huge one is made."""
        check_operands(operator, left, right)
        return super().call_binop(context, operator, left, right)


class SourceLoader(jinja2.BaseLoader):
    """Finds templates in a mapping; their file names are those of the project folder."""

    has_source_access = True

    def __init__(self, sources: Mapping[str, str], root: str) -> None:
        self.sources = sources
        self.root = root

    def get_source(
        self,
        environment: jinja2.Environment,  # noqa: ARG002 - Jinja's signature
        template: str,
    ) -> tuple[str, str | None, Callable[[], bool] | None]:
        """Return the source, its file name, and that it never changes."""
        source = self.sources.get(template)
        if source is None:
            raise jinja2.TemplateNotFound(template)
        return source, f"{self.root}/{template}", lambda: True

    def list_templates(self) -> list[str]:
        """Return the names of all sources."""
        return sorted(self.sources)
