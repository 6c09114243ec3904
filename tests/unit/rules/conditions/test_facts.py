"""Which questions a condition asks of the history, and what it tells of itself."""

from __future__ import annotations

from decimal import Decimal

import pytest

from relight.base.durations import Span
from relight.base.kinds import UNKNOWN, Kind
from relight.customers.facts import Fact, Function, Selector
from relight.customers.layout import LayoutBuilder
from relight.rules.conditions import (
    CONDITION_PARTS_MAX,
    SPELLED_DEPTH_MAX,
    Scope,
    check_condition,
    check_event_pattern,
    compile_condition,
    compile_event_pattern,
    parse_event_pattern,
)
from relight.rules.plan import EventMatch
from tests.unit.rules.conditions.shop import (
    PLACE,
    SCHEMA,
    SCOPE,
    Happened,
    Scanner,
    View,
    blamed,
    check,
    compiled,
    days,
    read,
    shown,
    tree,
)


def facts_of(text: str, want: Kind | None = Kind.BOOLEAN) -> list[Fact]:
    checked, problems = check(text, SCOPE, want)
    assert checked is not None, problems
    scanner = Scanner()
    compile_condition(checked, scanner)
    return list(dict.fromkeys(scanner.facts))


def test_a_question_carries_all_it_needs() -> None:
    """A fact has its event, canonical filter, property with its kind, window and shift."""
    [fact] = facts_of("sum(order_placed.total where items>2 and currency == 'TRY', 1 year, ago: 1 month) > 3")
    assert fact == Fact(
        function=Function.SUM,
        selector=Selector(event="order_placed", where='currency == "TRY" and items > 2'),
        prop="total",
        prop_kind=Kind.MONEY,
        window=Span(months=12),
        ago=Span(months=1),
    )


def test_the_order_of_a_filter_makes_no_second_question() -> None:
    """Two spellings of one filter are one fact."""
    first = facts_of("ever(order_placed where items > 2 and order_id == entry.order_id and cart_id == entry.cart_id)")
    second = facts_of("ever(order_placed where entry.cart_id == cart_id and order_id == entry.order_id and items > 2)")
    assert first == second
    assert first[0].selector == Selector(event="order_placed", where="items > 2", keyed_by=("cart_id", "order_id"))


def test_a_shared_list_is_spelled_out_in_the_filter() -> None:
    """A filter's text changes when a shared list in it does."""
    [fact] = facts_of("ever(feature_used where feature in features)")
    assert fact.selector is not None
    assert fact.selector.where == 'feature in ("boards", "forms", "api")'


@pytest.mark.parametrize(
    ("text", "enough"),
    [
        ("count(order_placed, 30 days) >= 3", 3),
        ("count(order_placed, 30 days) > 2", 3),
        ("3 <= count(order_placed, 30 days)", 3),
        ("count(order_placed, 30 days) == 0", 1),
        ("count(order_placed, 30 days) != 0", 1),
        ("count(order_placed, 30 days) < 1", 1),
        ("count(order_placed, 30 days) < 4", 4),
        ("count(order_placed, 30 days) <= 4", 5),
        ("count(order_placed, 30 days) == 4", 5),
        ("count(order_placed, 30 days) >= 2.5", 3),
        ("count(order_placed, 30 days) + 1 >= 3", None),
        ("count(order_placed, 30 days) >= team_size", None),
        ("distinct(order_placed.items, 30 days) >= 3", None),
    ],
)
def test_only_as_many_are_kept_as_can_be_told_apart(text: str, enough: int | None) -> None:
    """A count that is compared with a number needs only the newest that decide (R4)."""
    assert facts_of(text)[0].enough == enough


@pytest.mark.parametrize("count", range(7))
@pytest.mark.parametrize("text", ["== 2", "!= 2", "< 2", "<= 2", "> 2", ">= 2", "== 0", ">= 2.5", "< 2.5", "== 2.5"])
def test_fewer_events_give_the_same_truth(text: str, count: int) -> None:
    """A count that stops at `enough` compares like the whole count."""
    view = View(history=[Happened("subscribed", days(n + 1)) for n in range(count)])
    kept = read(compiled(f"count(subscribed, 30 days) {text}"), view)
    whole = read(compiled(f"count(subscribed, 30 days) + 0 {text}"), view)
    assert kept is whole


def test_a_condition_says_what_it_reads() -> None:
    """A condition lists its traits and events, also those of its segments; the binder hears of each trait."""
    checked, _ = check('vip and plan == "pro" and open_tickets == 0')
    assert checked is not None
    scanner = Scanner()
    condition = compile_condition(checked, scanner)
    assert condition.traits == {"plan"}
    assert condition.events == {"order_placed", "ticket_opened", "ticket_resolved"}
    assert set(scanner.traits) == {"plan"}


def test_a_leaf_shows_its_truth_and_the_value_that_decided() -> None:
    """Each comparison is a leaf with its canonical text, place and left value, for people."""
    condition = compiled("since(order_placed)>=30 days and plan == 'pro' and 12:00 > local_time and now > 2026-01-01")
    view = View(history=[Happened("order_placed", days(34.5))])
    assert [leaf.text for leaf in condition.leaves] == [
        "since(order_placed) >= 30 days",
        'plan == "pro"',
        "12:00 > local_time",
        "now > 2026-01-01",
    ]
    assert [shown(leaf, view) for leaf in condition.leaves] == [
        "34 days 12 hours",
        UNKNOWN,
        "12:00",
        "2026-03-01 12:00:00 Europe/Istanbul",
    ]
    assert condition.leaves[1].place == PLACE.shifted(33, 13)


@pytest.mark.parametrize(
    ("text", "blame"),
    [
        ("team_size > 1 and credit > 5 and is_admin", "credit > 5"),
        ("credit > 5 or region is known", "credit > 5"),
        ("not team_size > 1", "team_size > 1"),
        ("not (credit > 5 or team_size > 1)", "team_size > 1"),
        ("not (team_size > 1 and is_admin)", "team_size > 1"),
        ("team_size > 1 and is_admin", None),
        ("vip", "spent >= 10000"),
    ],
)
def test_the_leaf_to_blame_is_the_first_that_decided(text: str, blame: str | None) -> None:
    """`and` blames its first operand that is not true, `or` its first leaf, `not` the leaf inside that holds."""
    view = View(traits={"team_size": 4, "credit": Decimal(2), "is_admin": True})
    leaf = blamed(compiled(text), view)
    assert (leaf.text if leaf else None) == blame


# ---------------------------------------------------------------- patterns
def match_of(text: str) -> EventMatch:
    pattern, problems = parse_event_pattern(text, PLACE)
    assert pattern is not None, problems
    checked, problems = check_event_pattern(pattern, SCOPE)
    assert checked is not None, problems
    return compile_event_pattern(checked, Scanner())


def test_a_pattern_compares_own_properties_with_those_of_the_entry() -> None:
    """A pattern's filter reads the event as `event` and the entry's trigger as `entry`, and lists what it compares."""
    match = match_of("order_placed where cart_id == entry.cart_id and event.total > 10 and paid_at > 2026-01-01")
    assert match.event == "order_placed"
    assert match.compares == ("cart_id", "paid_at", "total")
    assert match.where is not None
    event = {"cart_id": "k1", "total": Decimal(11), "paid_at": days(30_000)}
    assert read(match.where, View(event=event, entry={"cart_id": "k1"})) is True
    assert read(match.where, View(event=event, entry={"cart_id": "k2"})) is False
    assert read(match.where, View(event=event, entry={})) is UNKNOWN


def test_a_pattern_without_a_filter_takes_all() -> None:
    """`E` alone has no filter and compares nothing."""
    assert match_of("order_placed") == EventMatch(event="order_placed")


# ---------------------------------------------------------------- definitions
def test_a_definition_reads_nothing_of_the_place_where_it_is_used() -> None:
    """A segment with `entry.` in it is refused where an entry exists, too."""
    scope = Scope(
        schema=SCHEMA, segments={"big": tree("entry.total > 5")}, entry=SCHEMA.events["order_placed"].properties
    )
    checked, problems = check_condition(tree("big"), scope)
    assert checked is None
    assert [problem.code for problem in problems] == ["not-here"]


def test_definitions_cannot_grow_without_end() -> None:
    """Values that double each other are refused beyond CONDITION_PARTS_MAX parts, at once."""
    values = {"v0": tree("team_size + 1")} | {f"v{n}": tree(f"v{n - 1} + v{n - 1}") for n in range(1, 30)}
    problems = check_condition(tree("v29 > 1"), Scope(schema=SCHEMA, values=values))[1]
    assert [problem.code for problem in problems] == ["condition-too-long"]
    assert str(CONDITION_PARTS_MAX) in problems[0].message
    assert not check_condition(tree("v5 > 1"), Scope(schema=SCHEMA, values=values))[1]


def test_definitions_have_a_greatest_depth() -> None:
    """Values that stand for each other are refused beyond SPELLED_DEPTH_MAX levels."""
    values = {"v0": tree("team_size")} | {f"v{n}": tree(f"v{n - 1}") for n in range(1, 100)}
    scope = Scope(schema=SCHEMA, values=values)
    assert not check_condition(tree(f"v{SPELLED_DEPTH_MAX - 3} > 1"), scope)[1]
    problems = check_condition(tree(f"v{SPELLED_DEPTH_MAX} > 1"), scope)[1]
    assert [problem.code for problem in problems] == ["condition-too-deep"]


@pytest.mark.parametrize(
    ("text", "want", "good"),
    [
        ("spent", Kind.NUMBER, True),
        ("team_size", Kind.MONEY, True),
        ("usual_interval(order_placed) * 1.5", Kind.DURATION, True),
        ("spent", Kind.DURATION, False),
        ("1 month", Kind.DURATION, False),
        ("trial_ends_at - 3 days", Kind.TIME, True),
        ("birthday", Kind.TIME, True),
        ("local_time", Kind.TIME, False),
        ("name", Kind.TEXT, True),
        ("features", None, True),
    ],
)
def test_an_expression_has_the_kind_that_is_wanted(text: str, want: Kind | None, good: bool) -> None:
    """`want` says of which kind the result must be."""
    checked, problems = check(text, SCOPE, want)
    assert (checked is not None) is good
    assert bool(problems) is not good


def test_the_layout_of_profiles_is_a_binder() -> None:
    """The conditions of this shop bind to what profiles keep."""
    builder = LayoutBuilder(SCHEMA)
    checked, _ = check(
        "count(order_placed where cart_id == entry.cart_id, 30 days) >= 3 and open_tickets == 0 and silent > 2 days"
        ' and missing(features, feature_used.feature) contains "api" and active_days(7 days) > 2'
        ' and last(csat_answered.score) <= 2 and count(feature_released, 30 days) > 0 and plan == "pro"'
    )
    assert checked is not None
    compile_condition(checked, builder)
    layout = builder.build()
    assert "plan" in layout.traits
    assert {"order_placed", "ticket_opened", "ticket_resolved", "feature_used"} <= set(layout.folds)
