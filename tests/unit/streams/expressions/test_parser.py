"""Text to tree and back, and the limits of both."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relight.base.durations import Span
from relight.base.problems import Place
from relight.streams.expressions import (
    CONDITION_DEPTH_MAX,
    CONDITION_LENGTH_MAX,
    LIST_LENGTH_MAX,
    parse_condition,
    parse_event_pattern,
    print_node,
    print_pattern,
)
from relight.streams.expressions.nodes import (
    Arithmetic,
    Call,
    Comparison,
    EventPattern,
    Filtered,
    Form,
    Keyword,
    Known,
    ListLiteral,
    Literal,
    Logic,
    Name,
    Negative,
    Node,
    Not,
)

PLACE = Place(file="rules/winback.yaml", line=7, column=11)

words = st.sampled_from(["plan", "x", "order_placed", "known", "with", "Ürün", "Customer ID", "and", "is"])
names = st.builds(Name, parts=st.lists(words, min_size=1, max_size=2).map(tuple))
decimals = st.decimals(-(10**6), 10**6, places=3, allow_nan=False)
literals = st.one_of(
    st.builds(Literal, form=st.just(Form.TEXT), value=st.text(max_size=8)),
    st.builds(Literal, form=st.just(Form.INTEGER), value=st.integers(-999, 999)),
    st.builds(Literal, form=st.just(Form.NUMBER), value=decimals),
    st.builds(Literal, form=st.just(Form.PERCENT), value=decimals),
    st.builds(Literal, form=st.just(Form.BOOLEAN), value=st.booleans()),
    st.builds(Literal, form=st.just(Form.DATE), value=st.dates(dt.date(1970, 1, 1), dt.date(2100, 1, 1))),
    st.builds(Literal, form=st.just(Form.CLOCK), value=st.integers(0, 1439)),
    st.builds(
        Literal,
        form=st.just(Form.DURATION),
        value=st.builds(Span, months=st.integers(0, 30), elapsed=st.integers(0, 10**6).map(lambda s: s * 1_000_000)),
    ),
)
COMPARATORS = ["==", "!=", "<", "<=", ">", ">=", "in", "not in", "contains", "starts with"]


def is_number(node: Node) -> bool:
    return isinstance(node, Literal) and node.form in {Form.INTEGER, Form.NUMBER, Form.PERCENT}


def joined(parts: tuple[str, list[Node]]) -> Node:
    operator, operands = parts
    flat: list[Node] = []
    for operand in operands:
        flat.extend(operand.operands if isinstance(operand, Logic) and operand.operator == operator else (operand,))
    return Logic(operator=operator, operands=tuple(flat))


def larger(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    arguments = st.one_of(inner, st.builds(Filtered, subject=names, where=inner))
    return st.one_of(
        st.builds(ListLiteral, items=st.lists(inner, max_size=3).map(tuple)),
        st.builds(
            Call,
            function=st.sampled_from(["count", "sum"]),
            arguments=st.lists(arguments, max_size=2).map(tuple),
            keywords=st.lists(st.builds(Keyword, name=st.just("ago"), value=inner), max_size=1).map(tuple),
        ),
        st.builds(Not, operand=inner),
        # `-5` is a literal, so no sign stands before a number.
        st.builds(Negative, operand=inner.filter(lambda node: not is_number(node))),
        st.builds(Arithmetic, operator=st.sampled_from("+-*/"), left=inner, right=inner),
        st.builds(Comparison, operator=st.sampled_from(COMPARATORS), left=inner, right=inner),
        st.builds(Known, operand=inner, negated=st.booleans()),
        st.tuples(st.sampled_from(["and", "or"]), st.lists(inner, min_size=2, max_size=3)).map(joined),
    )


trees: st.SearchStrategy[Node] = st.recursive(st.one_of(names, literals), larger, max_leaves=10)


@given(trees)
@settings(max_examples=300, deadline=None)
def test_parsing_the_canonical_text_gives_the_tree_back(node: Node) -> None:
    """parse(print(tree)) == tree, for every tree the language has."""
    text = print_node(node)
    found, problems = parse_condition(text, PLACE)
    assert not problems, text
    assert found == node, text
    assert print_node(found) == text


@given(st.text(max_size=40))
@settings(max_examples=200, deadline=None)
def test_any_text_gives_a_tree_or_problems(text: str) -> None:
    """No text ends the parser with anything but a tree or problems within the text."""
    node, problems = parse_condition(text, PLACE)
    assert (node is None) == bool(problems)
    assert all(PLACE.column <= problem.place.column <= PLACE.column + len(text) for problem in problems)


@given(st.lists(st.sampled_from(["plan", "count", "(", ")", ",", "and", "or", "not", "==", "-", "3", "where"])))
@settings(max_examples=300, deadline=None)
def test_any_sequence_of_words_gives_a_tree_or_problems(parts: list[str]) -> None:
    """As above, for texts that look like conditions."""
    node, problems = parse_condition(" ".join(parts), PLACE)
    assert (node is None) == bool(problems)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("a  and(b or c)", "a and (b or c)"),
        ("a and (b and c)", "a and b and c"),
        ("not (a) and b", "not a and b"),
        ("not (a and b)", "not (a and b)"),
        ("a - (b - c) - d", "a - (b - c) - d"),
        ("(a * b) + c", "a * b + c"),
        ("x is not known", "x is unknown"),
        ("x is not unknown", "x is known"),
        ("plan in ('pro')", 'plan in ("pro")'),
        ("count(E, 7d) >= 03", "count(E, 7 days) >= 3"),
        ("since(E) > 1d 12h", "since(E) > 1 day 12 hours"),
        ("a == 1.50", "a == 1.5"),
        ("a == 2.0", "a == 2.0"),
        ("a == 10%", "a == 10%"),
        ("a == 12.50%", "a == 12.5%"),
        ("`plan` == 'x\\'y\"'", 'plan == "x\'y\\""'),
        ("starts starts with known", "starts starts with known"),
        ("t < 9:05", "t < 09:05"),
        ("-3 - -x", "-3 - -x"),
        (
            "count(E where a == 1 and b == 2, 1 month, ago: 1 year)",
            "count(E where a == 1 and b == 2, 1 month, ago: 1 year)",
        ),
    ],
)
def test_a_condition_has_one_canonical_text(text: str, canonical: str) -> None:
    """The canonical text keeps the meaning and drops what carries none."""
    node, problems = parse_condition(text, PLACE)
    assert node is not None, problems
    assert print_node(node) == canonical


def test_numbers_are_exact() -> None:
    """A percentage and a decimal are Decimals, never floats."""
    assert parse_condition("10%", PLACE)[0] == Literal(form=Form.PERCENT, value=Decimal("0.1"))
    assert parse_condition("0.1", PLACE)[0] == Literal(form=Form.NUMBER, value=Decimal("0.1"))


def test_a_node_knows_its_columns() -> None:
    """Each node stands at its first character and ends after its last."""
    node, _ = parse_condition("plan == 'pro' and count(E) >= 3", PLACE)
    assert isinstance(node, Logic)
    assert [(one.place.column, one.place.end_column) for one in node.operands] == [(11, 24), (29, 42)]


def test_a_pattern_is_an_event_and_its_filter() -> None:
    """`E where …` keeps the event, the filter, and prints back."""
    pattern, problems = parse_event_pattern("order_placed where total > 100 and items == 1", PLACE)
    assert not problems
    assert isinstance(pattern, EventPattern)
    assert pattern.event == "order_placed"
    assert print_pattern(pattern) == "order_placed where total > 100 and items == 1"
    assert parse_event_pattern("order_placed", PLACE)[0] == EventPattern(event="order_placed")


# ---------------------------------------------------------------- limits
def code(text: str) -> str | None:
    problems = parse_condition(text, PLACE)[1]
    return problems[0].code if problems else None


def test_a_condition_has_a_longest_text() -> None:
    """CONDITION_LENGTH_MAX characters pass, one more does not."""
    text = "a == '" + "x" * (CONDITION_LENGTH_MAX - 7) + "'"
    assert len(text) == CONDITION_LENGTH_MAX
    assert code(text) is None
    assert code(text + " ") == "condition-too-long"


@pytest.mark.parametrize(
    ("head", "tail"),
    [("(", ")"), ("not ", ""), ("- ", ""), ("count(", ")"), ("(1, ", ")"), ("1 + (", ")"), ("x in (", ")")],
)
def test_a_condition_has_a_greatest_depth(head: str, tail: str) -> None:
    """More than CONDITION_DEPTH_MAX levels are refused, however they are made; a few are not."""
    depth = CONDITION_DEPTH_MAX + 1
    assert code(head * depth + "x" + tail * depth) == "condition-too-deep"
    assert code(head * 8 + "x" + tail * 8) is None


def test_a_long_sum_is_a_deep_tree() -> None:
    """A chain of CONDITION_DEPTH_MAX numbers passes, one more does not."""
    assert code(" + ".join(["x"] * CONDITION_DEPTH_MAX)) is None
    assert code(" + ".join(["x"] * (CONDITION_DEPTH_MAX + 1))) == "condition-too-deep"


def test_many_conditions_joined_are_not_deep() -> None:
    """`and` joins any number on one level."""
    assert code(" and ".join(["x"] * 200)) is None


def test_a_list_has_most_members() -> None:
    """LIST_LENGTH_MAX members pass, one more does not."""
    assert code(f"x in ({', '.join(['1'] * LIST_LENGTH_MAX)})") is None
    assert code(f"x in ({', '.join(['1'] * (LIST_LENGTH_MAX + 1))})") == "list-too-long"


def test_a_duration_has_a_longest() -> None:
    """A duration beyond 100 years is a mistake of the unit."""
    assert code("silent > 90 years") is None
    assert code("silent > 1000 years") == "duration-too-long"
