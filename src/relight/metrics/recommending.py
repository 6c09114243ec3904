"""What goes with what a customer bought (A29): products bought by the same people, ranked for each customer.

Item-to-item collaborative filtering (Linden, Smith, York: Amazon.com Recommendations, IEEE Internet Computing 2003).
Two products are as close as the cosine of their buyers, common buyers / √(buyers × buyers), and a product's score for a
customer is the sum over what they bought. Similarities are whole millionths, so that a sum has no order. No clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from relight.base.instants import DAY
from relight.metrics.tables import NO_CODE, Codes, Flags, Ints

#: Products recommended to one customer.
RECOMMENDED_MAX = 5
#: How far back an order counts for what goes together (µs); what was ever bought is never recommended.
TOGETHER_WITHIN = 365 * DAY
#: Common buyers from which two products go together; fewer say more of the people than of the products.
COMMON_BUYERS_MIN = 3
#: Products that are compared, those with most buyers first.
PRODUCTS_MAX = 2_000
#: Products of one customer that count, the last bought first.
CUSTOMER_PRODUCTS_MAX = 50
#: Pairs of products, or scores, that are held in memory at a time.
CELLS_AT_ONCE_MAX = 4_000_000
#: A similarity of 1.
SIMILARITY_ONE = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchases:
    """Who bought what when: a row an order, in any order."""

    who: Codes
    #: Number of the product; NO_CODE where it is not known.
    product: Codes
    #: µs.
    when: Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class _Baskets:
    """What counts of each customer, a row a customer and product, by customer."""

    who: Codes
    #: Column of the product, in the order of their names.
    column: Ints
    #: Rows at which each customer begins, and the end.
    begins: Ints


def recommend(purchases: Purchases, names: list[str], *, now: int) -> dict[int, list[str]]:
    """Return customer -> up to RECOMMENDED_MAX products that they never bought, best first, ties by name.

    Args:
        purchases: known by now.
        names: name of each product by its number.
        now: µs; orders after it do not count.

    A customer for whom nothing goes with anything is left out.
    """
    keep = (purchases.product != NO_CODE) & (purchases.who >= 0) & (purchases.when <= now)
    who, product, when = purchases.who[keep], purchases.product[keep], purchases.when[keep]
    recent = when > now - TOGETHER_WITHIN
    columns = _columns(who[recent], product[recent], names)
    if columns.size == 0:
        return {}
    column_of = np.full(len(names), -1, np.int64)
    column_of[columns] = np.arange(columns.size)
    baskets = _baskets(who[recent], column_of[product[recent]], when[recent])
    close = _similarities(baskets, columns.size)
    bought = _pairs(who, column_of[product])
    told = [names[code] for code in columns.tolist()]
    return {
        customer: [told[column] for column in best]
        for customer, best in _best(baskets, close, bought)
        if best
    }  # fmt: skip


def _columns(who: Codes, product: Codes, names: list[str]) -> Ints:
    """Return the numbers of the products that are compared, by name."""
    # One number a product and customer: rows of two are sorted ten times slower.
    people = int(who.max(initial=0)) + 1
    pairs = np.unique(product.astype(np.int64) * people + who)
    codes, buyers = np.unique(pairs // people, return_counts=True)
    ranked = sorted(zip(codes.tolist(), buyers.tolist(), strict=True), key=lambda one: (-one[1], names[one[0]]))
    return np.array(sorted((code for code, _ in ranked[:PRODUCTS_MAX]), key=lambda code: names[code]), np.int64)


def _baskets(who: Codes, column: Ints, when: Ints) -> _Baskets:
    """Return each customer's last bought products, each once."""
    keep = column >= 0
    who, column, when = who[keep], column[keep], when[keep]
    # The last purchase of each product first among its own, then the customer's products from the last bought on.
    order = np.lexsort((-when, column, who))
    who, column, when = who[order], column[order], when[order]
    once = np.append(True, (who[1:] != who[:-1]) | (column[1:] != column[:-1])) if who.size else np.zeros(0, np.bool_)
    who, column, when = who[once], column[once], when[once]
    order = np.lexsort((column, -when, who))
    who, column = who[order], column[order]
    begins = _begins(who)
    rank = np.arange(who.size) - np.repeat(begins[:-1], np.diff(begins))
    keep = rank < CUSTOMER_PRODUCTS_MAX
    return _Baskets(who=who[keep], column=column[keep], begins=_begins(who[keep]))


def _begins(who: Codes) -> Ints:
    first = np.flatnonzero(np.append(True, who[1:] != who[:-1])) if who.size else np.zeros(0, np.int64)
    return np.append(first, who.size).astype(np.int64)


def _similarities(baskets: _Baskets, width: int) -> Ints:
    """Return the similarity of each two products in millionths, 0 for a product and itself."""
    common = np.zeros(width * width, np.int64)
    for begin, end in _parts(baskets, np.diff(baskets.begins) ** 2):
        rows = slice(baskets.begins[begin], baskets.begins[end])
        column, sizes = baskets.column[rows], np.diff(baskets.begins[begin : end + 1])
        # Each row beside every row of its own customer.
        left = np.repeat(column, np.repeat(sizes, sizes))
        starts = np.repeat(baskets.begins[begin:end] - baskets.begins[begin], sizes**2)
        ranks = np.arange(left.size) - np.repeat(np.cumsum(sizes**2) - sizes**2, sizes**2)
        right = column[starts + ranks % np.repeat(sizes, sizes**2)]
        common += np.bincount(left * width + right, minlength=width * width)
    table = common.reshape(width, width)
    buyers = np.diagonal(table)
    roots = np.sqrt(np.maximum(buyers[:, None] * buyers[None, :], 1).astype(np.float64))
    found: Ints = np.rint(table / roots * SIMILARITY_ONE).astype(np.int64)
    found[table < COMMON_BUYERS_MIN] = 0
    np.fill_diagonal(found, 0)
    return found


def _pairs(who: Codes, column: Ints) -> tuple[Codes, Ints]:
    """Return the products that each customer ever bought, by customer."""
    keep = column >= 0
    order = np.argsort(who[keep], kind="stable")
    return who[keep][order], column[keep][order]


def _best(baskets: _Baskets, close: Ints, bought: tuple[Codes, Ints]) -> Iterator[tuple[int, list[int]]]:
    """Yield each customer with the columns of their best products."""
    width = len(close)
    most = min(RECOMMENDED_MAX, width)
    for begin, end in _parts(baskets, np.diff(baskets.begins) * width):
        rows = slice(baskets.begins[begin], baskets.begins[end])
        starts = baskets.begins[begin:end] - baskets.begins[begin]
        scores = np.add.reduceat(close[baskets.column[rows]], starts, axis=0)
        people = baskets.who[baskets.begins[begin:end]]
        first, last = np.searchsorted(bought[0], [people[0], people[-1] + 1])
        own = np.searchsorted(people, bought[0][first:last])
        is_here = _is_member(people, own, bought[0][first:last])
        scores[own[is_here], bought[1][first:last][is_here]] = 0
        # The column breaks ties, so that no two keys are equal.
        keys = scores * width + (width - 1 - np.arange(width))
        chosen = np.argpartition(-keys, most - 1, axis=1)[:, :most]
        order = np.argsort(-np.take_along_axis(keys, chosen, axis=1), axis=1)
        ranked = np.take_along_axis(chosen, order, axis=1)
        # Nothing goes with what has no score, and such are the last.
        lengths = (np.take_along_axis(scores, ranked, axis=1) > 0).sum(axis=1)
        for person, columns, length in zip(people.tolist(), ranked.tolist(), lengths.tolist(), strict=True):
            yield person, columns[:length]


def _is_member(people: Codes, at: Ints, who: Codes) -> Flags:
    found: Flags = (at < people.size) & (people[np.minimum(at, people.size - 1)] == who)
    return found


def _parts(baskets: _Baskets, cells: Ints) -> Iterator[tuple[int, int]]:
    """Yield (begin, end) of customers whose cells fit into memory together; at least one customer each."""
    ends = np.cumsum(cells)
    begin, count = 0, len(cells)
    while begin < count:
        used = int(ends[begin - 1]) if begin else 0
        end = max(begin + 1, int(np.searchsorted(ends, used + CELLS_AT_ONCE_MAX, side="right")))
        yield begin, end
        begin = end
    assert baskets.begins.size == count + 1
