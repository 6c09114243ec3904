"""Which rules no test names. Knows nothing of what tests say: a project without any needs no reader of them."""

from __future__ import annotations

from collections.abc import Container

from relight.base.problems import Place, Problem
from relight.rules.plan import Plan

#: Where rule tests stand.
TESTS_FOLDER = "tests/rules/"


def untested_rules(plan: Plan, named: Container[str]) -> list[Problem]:
    """Return a warning for each rule that no test names; named: the rules that some test does."""
    return [
        Problem(
            code="missing-test",
            message=f"no test names the rule '{name}'",
            place=Place(file=rule.place.file, line=1),
            severity="warning",
            help=f"write one that fires and one that does not in {TESTS_FOLDER}{name}.yaml",
        )
        for name, rule in plan.rules.items()
        if name not in named
    ]
