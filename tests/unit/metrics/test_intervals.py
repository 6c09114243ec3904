"""Intervals, tests and sample sizes equal those of statsmodels and scipy, and the published example."""

from __future__ import annotations

import random

import numpy as np
import pytest
from scipy import special, stats
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint, proportions_ztest
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from relight.metrics.intervals import (
    difference_p_value,
    mean_difference,
    needed_an_arm,
    newcombe,
    sample_ratio_p,
    wilson,
)
from relight.metrics.special import Levels, hypergeometric, minimize

CASES = [(480, 9_000, 38, 1_000), (0, 50, 3, 70), (10, 10, 9, 12), (1, 1, 0, 1), (7_000, 64_000, 6_500, 63_999)]


def test_published_example() -> None:
    """480 of 9,000 against 38 of 1,000: +1.53 points (0.09 to 2.66), p = 0.0379."""
    found = newcombe((480, 9_000), (38, 1_000))
    assert found is not None
    p_value = difference_p_value((480, 9_000), (38, 1_000))
    assert p_value is not None
    assert (round(found.low * 100, 2), round(found.high * 100, 2), round(p_value, 4)) == (0.09, 2.66, 0.0379)
    assert round((480 / 9_000 - 38 / 1_000) * 100, 2) == 1.53


@pytest.mark.parametrize(("a", "n", "b", "m"), CASES)
def test_newcombe_and_wilson_are_those_of_statsmodels(a: int, n: int, b: int, m: int) -> None:
    """Both intervals equal statsmodels to 1e-13, at the ends of the scale too."""
    found = newcombe((a, n), (b, m))
    assert found is not None
    assert [found.low, found.high] == pytest.approx(
        confint_proportions_2indep(a, n, b, m, method="newcomb", compare="diff"), abs=1e-13
    )
    one = wilson(a, n)
    assert one is not None
    assert [one.low, one.high] == pytest.approx(proportion_confint(a, n, method="wilson"), abs=1e-13)


@pytest.mark.parametrize(("a", "n", "b", "m"), CASES[:2])
def test_p_value_is_that_of_statsmodels(a: int, n: int, b: int, m: int) -> None:
    """The test of equal shares equals statsmodels' z test with pooled variance."""
    assert difference_p_value((a, n), (b, m)) == pytest.approx(proportions_ztest([a, b], [n, m])[1], abs=1e-13)


def test_mean_difference_is_that_of_statsmodels() -> None:
    """The interval of a difference of means equals statsmodels' with unequal variances."""
    rng = random.Random(4)
    one, two = [rng.expovariate(0.2) for _ in range(400)], [rng.expovariate(0.3) for _ in range(150)]
    found = mean_difference(
        (float(np.mean(one)), float(np.std(one, ddof=1)), 400), (float(np.mean(two)), float(np.std(two, ddof=1)), 150)
    )
    assert found is not None
    expected = CompareMeans(DescrStatsW(one), DescrStatsW(two)).zconfint_diff(usevar="unequal")
    assert [found.low, found.high] == pytest.approx(expected, abs=1e-12)


def test_sample_ratio_is_that_of_scipy() -> None:
    """The check of the split is Pearson's χ²; a split of 50 where 200 were meant is no accident."""
    assert sample_ratio_p((9_500, 500), 0.05) == 1.0
    found = sample_ratio_p((3_950, 50), 0.05)
    assert found == pytest.approx(stats.chisquare([3_950, 50], [3_800, 200]).pvalue, rel=1e-9)
    assert found is not None
    assert found < 0.001
    assert sample_ratio_p((0, 0), 0.05) is None


def test_needed_people() -> None:
    """About 4,100 people an arm see one point more than 2.19 %; with so many, the power is 80 %."""
    needed = needed_an_arm(0.0219, 0.01)
    assert round(needed, -2) == 4_100
    share, other = 0.0219, 0.0319
    error = ((share * (1 - share) + other * (1 - other)) / needed) ** 0.5
    power = 1 - stats.norm.cdf(stats.norm.ppf(0.975) - 0.01 / error)
    assert power == pytest.approx(0.8, abs=0.001)


def test_nothing_comes_of_nothing() -> None:
    """Without trials there is no interval and no p."""
    assert wilson(0, 0) is None
    assert newcombe((0, 0), (1, 2)) is None
    assert difference_p_value((0, 0), (1, 2)) is None
    assert difference_p_value((0, 5), (0, 5)) is None


def test_special_functions_are_those_of_scipy() -> None:
    """Ln Γ and 2F1 equal scipy's over the range that the models use."""
    values = np.array([0.0, 1.0, 1.0, 7.0, 250.0])
    assert Levels(values).log_gamma(6.25, 0.3) == pytest.approx(special.gammaln(values * 6.25 + 0.3), rel=1e-12)
    z = np.array([0.0, 0.2, 0.6, 0.95])
    a, b, c = np.full(4, 2.243), np.array([2.4, 4.4, 9.4, 30.4]), np.array([2.2, 4.2, 9.2, 30.2])
    assert hypergeometric(a, b, c, z) == pytest.approx(special.hyp2f1(a, b, c, z), rel=1e-10)


def test_simplex_finds_the_least_value() -> None:
    """The minimum of Rosenbrock's valley is found to six digits."""
    found = minimize(lambda p: float(100 * (p[1] - p[0] ** 2) ** 2 + (1 - p[0]) ** 2), [-1.2, 1.0])
    assert found == pytest.approx([1.0, 1.0], abs=1e-6)
