"""Expressions over raw rows (`rows`, `is`, sums of `group_by`), compiled by relight.streams.expressions."""

from __future__ import annotations

from relight.base.problems import Place, Problem
from relight.streams.plan import FieldReader, Row


def compile_expression(text: str, place: Place) -> tuple[FieldReader, list[Problem]]:
    """Return the reader of an expression and its problems; where it has errors the reader gives nothing."""
    try:
        from relight.streams.expressions import compile_row_condition  # noqa: PLC0415
    except ImportError:
        return _nothing, [Problem(code="no-expressions", message="expressions are not built in yet", place=place)]
    read, problems = compile_row_condition(text, place)
    return (read or _nothing), problems


def _nothing(_row: Row) -> object:
    return None
