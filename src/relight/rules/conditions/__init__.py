"""The condition language of rules: parse, check against the streams, compile to closures.

node, problems = parse_condition(text, place)
checked, problems = check_condition(node, scope)
condition = compile_condition(checked, binder)
"""

from relight.rules.conditions.check import check_condition, check_event_pattern
from relight.rules.conditions.checked import Checked, CheckedPattern
from relight.rules.conditions.compiling import compile_condition, compile_event_pattern
from relight.rules.conditions.evaluate import Binder
from relight.rules.conditions.scope import CONDITION_PARTS_MAX, SPELLED_DEPTH_MAX, Scope
from relight.streams.expressions import (
    CONDITION_DEPTH_MAX,
    CONDITION_LENGTH_MAX,
    LIST_LENGTH_MAX,
    EventPattern,
    Node,
    parse_condition,
    parse_event_pattern,
    print_node,
    print_pattern,
)

__all__ = [
    "CONDITION_DEPTH_MAX",
    "CONDITION_LENGTH_MAX",
    "CONDITION_PARTS_MAX",
    "LIST_LENGTH_MAX",
    "SPELLED_DEPTH_MAX",
    "Binder",
    "Checked",
    "CheckedPattern",
    "EventPattern",
    "Node",
    "Scope",
    "check_condition",
    "check_event_pattern",
    "compile_condition",
    "compile_event_pattern",
    "parse_condition",
    "parse_event_pattern",
    "print_node",
    "print_pattern",
]
