"""What goes with what somebody bought: against a slow look at every pair of people, and at each limit."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relight.base.instants import DAY
from relight.metrics import recommending
from relight.metrics.customer_values import customer_values
from relight.metrics.recommending import (
    COMMON_BUYERS_MIN,
    CUSTOMER_PRODUCTS_MAX,
    RECOMMENDED_MAX,
    SIMILARITY_ONE,
    TOGETHER_WITHIN,
    Purchases,
    recommend,
)
from relight.metrics.tables import NO_CODE
from tests.unit.metrics.kit import at, event, log_of, plan_of

NOW = 1_767_225_600_000_000
#: (customer, product, days ago).
Bought = list[tuple[int, str, int]]


def purchases_of(bought: Bought) -> tuple[Purchases, list[str]]:
    names = list(dict.fromkeys(product for _, product, _ in bought))
    return Purchases(
        who=np.array([who for who, _, _ in bought], np.int32),
        product=np.array([names.index(product) for _, product, _ in bought], np.int32),
        when=np.array([NOW - days * DAY for _, _, days in bought], np.int64),
    ), names


def found(bought: Bought) -> dict[int, list[str]]:
    purchases, names = purchases_of(bought)
    return recommend(purchases, names, now=NOW)


def slowly(bought: Bought) -> dict[int, list[str]]:
    """The same by the definition, one customer and product at a time."""
    ever: dict[int, set[str]] = {}
    baskets: dict[int, set[str]] = {}
    for who, product, days in bought:
        if days >= 0:
            ever.setdefault(who, set()).add(product)
            if days * DAY < TOGETHER_WITHIN:
                baskets.setdefault(who, set()).add(product)
    buyers = Counter(product for basket in baskets.values() for product in basket)
    common = Counter(pair for basket in baskets.values() for pair in combinations(sorted(basket), 2))
    answers = {}
    for who, basket in baskets.items():
        scores: Counter[str] = Counter()
        for (one, other), count in common.items():
            for mine, theirs in ((one, other), (other, one)):
                if count >= COMMON_BUYERS_MIN and mine in basket and theirs not in ever[who]:
                    scores[theirs] += round(count / (buyers[one] * buyers[other]) ** 0.5 * SIMILARITY_ONE)
        best = sorted(scores, key=lambda product: (-scores[product], product))[:RECOMMENDED_MAX]
        if best:
            answers[who] = best
    return answers


HISTORY = st.lists(
    st.tuples(st.integers(0, 7), st.sampled_from("ABCDEFGH"), st.sampled_from([-1, 0, 3, 364, 365, 500])), max_size=60
)


@given(HISTORY, st.sampled_from([recommending.CELLS_AT_ONCE_MAX, 1, 20]))
@settings(max_examples=100, deadline=None)
def test_it_is_what_the_definition_says(bought: Bought, cells: int) -> None:
    """Any purchases, in parts of any size: the same as looking at every pair."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recommending, "CELLS_AT_ONCE_MAX", cells)
        assert found(bought) == slowly(bought)


@given(HISTORY.flatmap(lambda one: st.tuples(st.just(one), st.permutations(one))))
@settings(max_examples=30, deadline=None)
def test_the_order_of_the_rows_changes_nothing(orders: tuple[Bought, Bought]) -> None:
    """The same purchases in another order, and so with other numbers for products, recommend the same."""
    assert found(orders[0]) == found(orders[1])


def test_an_example_worked_by_hand() -> None:
    """Four people have A and B, three of them and one more C: whoever has A alone hears of C and B by their closeness."""
    bought: Bought = [(who, product, 1) for who in range(4) for product in "AB"]
    bought += [(who, "C", 1) for who in (0, 1, 2, 9)]
    bought += [(8, "A", 1)]
    # A has 5 buyers, B 4, C 4; A and B have 4 in common, A and C 3: 4 / √20 = 0.894, 3 / √20 = 0.671.
    answers = found(bought)
    assert answers[8] == ["B", "C"]
    assert answers[3] == ["C"]
    assert answers[9] == ["B", "A"], "3 / √16 before 3 / √20"
    assert 0 not in answers, "who has everything is recommended nothing"


def test_two_common_buyers_are_too_few() -> None:
    """From the third common buyer on two products go together."""
    pairs: Bought = [(who, product, 1) for who in range(2) for product in "AB"]
    assert found([*pairs, (7, "A", 1)]) == {}
    assert found([*pairs, (2, "A", 1), (2, "B", 1), (7, "A", 1)]) == {7: ["B"]}


def test_what_was_ever_bought_is_not_recommended() -> None:
    """An order of three years ago makes no pair any more, and still keeps its product off the list."""
    pairs: Bought = [(who, product, 1) for who in range(3) for product in "ABC"]
    assert found([*pairs, (7, "A", 1), (7, "B", 1095)]) == {7: ["C"]}


def test_five_at_the_most() -> None:
    """RECOMMENDED_MAX: the best five; equal ones by name."""
    pairs: Bought = [(who, product, 1) for who in range(3) for product in "HGFEDCBA"]
    assert found([*pairs, (7, "H", 1)]) == {7: list("ABCDE")}
    assert len("ABCDE") == RECOMMENDED_MAX


def test_the_products_with_most_buyers_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """PRODUCTS_MAX: beyond it a product neither counts nor is recommended; equal ones by name."""
    monkeypatch.setattr(recommending, "PRODUCTS_MAX", 2)
    pairs: Bought = [(who, product, 1) for who in range(4) for product in "CBA"]
    assert found([*pairs, (7, "C", 1), (8, "A", 1)]) == {7: ["A"], 8: ["C"]}


def test_the_last_products_of_a_customer_count() -> None:
    """CUSTOMER_PRODUCTS_MAX: the 51st product from the last is forgotten, so nothing goes with it."""
    pairs: Bought = [(who, product, 1) for who in range(3) for product in "AB"]
    many: Bought = [(7, f"x{n}", n) for n in range(2, CUSTOMER_PRODUCTS_MAX + 1)]
    assert found([*pairs, *many, (7, "A", 60)]) == {7: ["B"]}
    assert found([*pairs, *many, (7, "A", 60), (7, "x1", 1)]) == {}


def test_an_order_without_a_product_counts_for_nothing() -> None:
    """NO_CODE, an order of nobody and one of tomorrow are left out; nothing at all recommends nothing."""
    odd = Purchases(
        who=np.array([1, -1, 2], np.int32),
        product=np.array([NO_CODE, 0, 0], np.int32),
        when=np.array([NOW, NOW, NOW + 1], np.int64),
    )
    assert recommend(odd, ["A"], now=NOW) == {}
    assert found([]) == {}


def test_it_is_a_measure_of_the_declared_purchases() -> None:
    """From `order` with its filter and `product`, known before the beginning of the day."""
    sources = 'sources: {order: "bought where total > 0", product: "bought.product where total < 100"}'
    rows = [
        event("bought", who, f"2026-01-0{day}", {"product": product, "total": total}, number=number)
        for number, (who, day, product, total) in enumerate(
            [(f"c{n}", 1, product, 5) for n in range(3) for product in ("Ink", "Pen")]
            + [("ann", 2, "Ink", 5), ("bo", 2, "Ink", 0), ("cem", 3, "Ink", 5), ("dee", 2, "Pen", 500)]
        )
    ]
    log = log_of(plan_of(sources), rows)
    assert customer_values(log, ["recommended"], now=at("2026-01-03")) == {"ann": {"recommended": ["Pen"]}}
    assert set(customer_values(log, ["recommended"], now=at("2026-01-04"))) == {"ann", "cem"}
