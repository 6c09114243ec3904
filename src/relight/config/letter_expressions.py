"""Compiles what templates ask of a customer like any rule's condition. Reads no template."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from relight.base.kinds import Kind
from relight.config.letter_facts import Asked
from relight.rules.conditions import compile_condition
from relight.rules.plan import Condition
from relight.rules.texts import Texts
from relight.streams.schema import Schema


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledExpressions:
    """What templates ask of a customer, by its text; what has a mistake is left out."""

    #: What they were checked against.
    schema: Schema
    conditions: dict[str, Condition] = field(default_factory=dict)
    kinds: dict[str, Kind] = field(default_factory=dict)


def compile_expressions(expressions: Iterable[Asked], texts: Texts) -> CompiledExpressions:
    """Return the compiled expressions; mistakes go to the texts, and what profiles must keep for them to its binder."""
    compiled = CompiledExpressions(schema=texts.scope.schema)
    for one in expressions:
        if one.text in compiled.conditions:
            continue
        checked = texts.check(one.text, one.place, want=None)
        if checked is not None:
            compiled.conditions[one.text] = compile_condition(checked, texts.binder)
            compiled.kinds[one.text] = checked.type.kind
    return compiled
