"""Three-valued logic: the compiled closures against a slow evaluator, and the laws of Kleene."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from relight.base.kinds import UNKNOWN, Kind
from relight.rules.conditions import Scope, check_condition, compile_condition, print_node
from relight.streams.expressions.nodes import Comparison, Form, Known, Literal, Logic, Name, Node, Not
from relight.streams.schema import PropertyType, Schema
from tests.unit.rules.conditions.shop import Scanner, View, blamed, read, tree

TRAITS = ["a", "b", "c", "d"]
NUMBERS = ["m", "n"]
SCOPE = Scope(
    schema=Schema(
        traits={
            **{name: PropertyType(kind=Kind.BOOLEAN) for name in TRAITS},
            **{name: PropertyType(kind=Kind.INTEGER) for name in NUMBERS},
        }
    )
)


def compared(name: str, operator: str, bound: int) -> Node:
    return Comparison(operator=operator, left=Name(parts=(name,)), right=Literal(form=Form.INTEGER, value=bound))


leaves: st.SearchStrategy[Node] = st.one_of(
    st.sampled_from(TRAITS).map(lambda name: Name(parts=(name,))),
    st.builds(
        compared, st.sampled_from(NUMBERS), st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), st.integers(0, 3)
    ),
    st.builds(Known, operand=st.sampled_from(TRAITS).map(lambda name: Name(parts=(name,))), negated=st.booleans()),
)
conditions: st.SearchStrategy[Node] = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(Not, operand=inner),
        st.builds(
            Logic, operator=st.sampled_from(["and", "or"]), operands=st.lists(inner, min_size=2, max_size=3).map(tuple)
        ),
    ),
    max_leaves=8,
)
views = st.builds(
    dict,
    **{name: st.sampled_from([True, False, UNKNOWN]) for name in TRAITS},
    **{name: st.sampled_from([0, 1, 2, 3, UNKNOWN]) for name in NUMBERS},
).map(lambda traits: View(traits=traits))

#: Truth as a number: False 0, UNKNOWN 1, True 2. Kleene's `and` is the smallest, `or` the largest, `not` turns them.
RANKS = {False: 0, True: 2}
TRUTHS = (False, UNKNOWN, True)


def rank(truth: object) -> int:
    return 1 if truth is UNKNOWN else RANKS[bool(truth)]


def slow(node: Node, view: View) -> int:
    match node:
        case Name():
            return rank(view.trait(node.parts[0]))
        case Known(operand=Name() as name):
            return 2 if (view.trait(name.parts[0]) is UNKNOWN) is node.negated else 0
        case Comparison(left=Name() as name, right=Literal() as literal):
            value = view.trait(name.parts[0])
            if value is UNKNOWN:
                return 1
            signs = {1: {">", ">=", "!="}, 0: {"==", "<=", ">="}, -1: {"<", "<=", "!="}}
            assert isinstance(value, int)
            assert isinstance(literal.value, int)
            order = (value > literal.value) - (value < literal.value)
            return 2 if node.operator in signs[order] else 0
        case Not():
            return 2 - slow(node.operand, view)
        case Logic():
            ranks = [slow(operand, view) for operand in node.operands]
            return min(ranks) if node.operator == "and" else max(ranks)
    raise AssertionError(node)


@given(conditions, st.lists(views, min_size=8, max_size=8))
@settings(max_examples=300, deadline=None)
def test_closures_agree_with_a_slow_evaluator(node: Node, several: list[View]) -> None:
    """A compiled condition has the truth of a slow evaluator; it blames a leaf exactly where it is not true."""
    checked, problems = check_condition(tree(print_node(node)), SCOPE)
    if checked is None:
        assert {problem.code for problem in problems} == {"never-holds"}
        return
    condition = compile_condition(checked, Scanner())
    for view in several:
        truth = read(condition, view)
        assert truth is TRUTHS[slow(node, view)]
        assert (blamed(condition, view) is None) == (truth is True)


@given(
    st.lists(leaves, min_size=2, max_size=4), st.sampled_from(["and", "or"]), st.lists(views, min_size=10, max_size=10)
)
@settings(max_examples=200, deadline=None)
def test_flat_conditions_are_judged_rightly(parts: list[Node], operator: str, several: list[View]) -> None:
    """`never-holds` of an `and` of leaves, and `always-holds` of an `or`, are true of every customer."""
    node = Logic(operator=operator, operands=tuple(parts))
    codes = {problem.code for problem in check_condition(tree(print_node(node)), SCOPE)[1]}
    for view in several:
        if "never-holds" in codes and operator == "and":
            assert slow(node, view) < 2
        if "always-holds" in codes and operator == "or":
            assert slow(node, view) > 0


@given(conditions, conditions, views)
@settings(max_examples=200, deadline=None)
def test_de_morgan(first: Node, second: Node, view: View) -> None:
    """`not (a and b)` is `not a or not b`, also where something is unknown."""
    whole = Not(operand=Logic(operator="and", operands=(first, second)))
    parts = Logic(operator="or", operands=(Not(operand=first), Not(operand=second)))
    results = []
    for node in (whole, parts):
        checked, _ = check_condition(tree(print_node(node)), SCOPE)
        if checked is None:
            return
        results.append(read(compile_condition(checked, Scanner()), view))
    assert results[0] is results[1]
