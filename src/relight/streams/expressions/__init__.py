"""The condition language without its names: tokens, tree, canonical text, and its evaluation over a raw row.

`relight.rules.conditions` gives the same tree types, facts and readings.
"""

from relight.streams.expressions.nodes import (
    CONDITION_DEPTH_MAX,
    CONDITION_LENGTH_MAX,
    LIST_LENGTH_MAX,
    EventPattern,
    Node,
)
from relight.streams.expressions.parser import parse_condition, parse_event_pattern
from relight.streams.expressions.printing import print_node, print_pattern
from relight.streams.expressions.rows import compile_row_condition, parse_row_condition, row_fields

__all__ = [
    "CONDITION_DEPTH_MAX",
    "CONDITION_LENGTH_MAX",
    "LIST_LENGTH_MAX",
    "EventPattern",
    "Node",
    "compile_row_condition",
    "parse_condition",
    "parse_event_pattern",
    "parse_row_condition",
    "print_node",
    "print_pattern",
    "row_fields",
]
