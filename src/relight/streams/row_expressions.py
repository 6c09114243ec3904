"""Expressions over raw rows (`rows`, `is`, sums of `group_by`), compiled by relight.streams.expressions."""

from __future__ import annotations

from relight.base.problems import Place, Problem
from relight.streams.expressions import compile_row_condition, parse_row_condition
from relight.streams.plan import FieldReader, Row


def compile_expression(text: str, place: Place) -> tuple[FieldReader, list[Problem]]:
    """Return the reader of an expression and its problems; where it has errors the reader gives nothing."""
    node, problems = parse_row_condition(text, place)
    return (_nothing if node is None else compile_row_condition(node)), problems


def _nothing(_row: Row) -> object:
    return None
