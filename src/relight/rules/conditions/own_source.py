"""The Python source of a filter over an event's own properties: no call a part, no UNKNOWN that is handed on.

Each part becomes two tests of two values, whether it holds and whether it fails; it is unknown where neither is true,
which is Kleene's logic. A filter that reads anything but properties and constants has no such source.
"""

from __future__ import annotations

from typing import Any

from relight.base.kinds import Kind
from relight.rules.compiled import OwnSource
from relight.rules.conditions.checked import (
    Checked,
    ComparisonOf,
    Constant,
    KnownOf,
    LogicOf,
    NotOf,
    PropertyRead,
    Source,
    bare,
)

#: Comparison -> the Python test of a value `{0}` and the other `{1}`.
_TESTS = {
    "==": "{0} == {1}",
    "!=": "{0} != {1}",
    "<": "{0} < {1}",
    "<=": "{0} <= {1}",
    ">": "{0} > {1}",
    ">=": "{0} >= {1}",
    "in": "{0} in {1}",
    "not in": "{0} not in {1}",
    "contains": "{1} in {0}",
    "starts with": "{0}.startswith({1})",
}


class _NoSourceError(Exception):
    """A part reads more than the event's own properties."""


def own_source(checked: Checked) -> OwnSource | None:
    """Return the source of the test that a filter holds, over `get` of the event's properties; None if it has none."""
    constants: list[Any] = []
    try:
        text = _Writer(constants).test(checked)
    except _NoSourceError:
        return None
    return OwnSource(text=text, constants=tuple(constants))


class _Writer:
    """Writes both tests of each part; constants are named by their number, in braces."""

    def __init__(self, constants: list[Any]) -> None:
        self._constants = constants

    def test(self, part: Checked, *, wanted: bool = True) -> str:
        """Return the test that a part is true, or false where that is wanted."""
        match bare(part):
            case NotOf(operand=operand):
                return self.test(operand, wanted=not wanted)
            case LogicOf(operator=operator, operands=operands):
                joint = " and " if (operator == "and") is wanted else " or "
                return f"({joint.join(self.test(one, wanted=wanted) for one in operands)})"
            case KnownOf(operand=operand, negated=negated):
                sign = "is None" if negated is wanted else "is not None"
                return f"{self._read(bare(operand))} {sign}"
            case PropertyRead() as truth:
                return f"{self._read(truth)} is {wanted}"
            case ComparisonOf() as comparison:
                return self._compare(comparison, wanted=wanted)
            case _:
                raise _NoSourceError

    def _compare(self, part: ComparisonOf, *, wanted: bool) -> str:
        left, right = bare(part.left), bare(part.right)
        if part.operator not in _TESTS or {left.type.kind, right.type.kind} == {Kind.TIME, Kind.DATE}:
            raise _NoSourceError
        known = f"(v := {self._read(left)}) is not None"
        if isinstance(right, Constant):
            value = frozenset(right.value) if part.operator in {"in", "not in"} else right.value
            other = self._constant(value)
        else:
            known, other = f"{known} and (w := {self._read(right)}) is not None", "w"
        test = _TESTS[part.operator].format("v", other)
        return f"({known} and {test})" if wanted else f"({known} and not {test})"

    def _read(self, part: Checked) -> str:
        if not isinstance(part, PropertyRead) or part.source is Source.ENTRY:
            raise _NoSourceError
        return f"get({self._constant(part.name)})"

    def _constant(self, value: Any) -> str:
        self._constants.append(value)
        return f"{{{len(self._constants) - 1}}}"
