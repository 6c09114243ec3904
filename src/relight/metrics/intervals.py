"""Confidence intervals, tests and sample sizes by the formulas of the named papers, proven against statsmodels.

Shares are counts of successes among trials. All intervals are two-sided, 95 % unless a z is given.
"""

from __future__ import annotations

import math
from statistics import NormalDist

from relight.metrics.measure import Interval

_NORMAL = NormalDist()
#: Quantile of 95 % two-sided intervals.
Z95 = _NORMAL.inv_cdf(0.975)
#: Quantile of a power of 80 %.
Z_POWER = _NORMAL.inv_cdf(0.8)
#: A sample-ratio p-value below this is no accident.
RATIO_P_MIN = 0.001


def wilson(successes: int, trials: int, z: float = Z95) -> Interval | None:
    """Return the score interval of a share, 0 to 1 (Wilson 1927); None for no trials."""
    if not trials:
        return None
    share = successes / trials
    middle = share + z * z / (2 * trials)
    half = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    scale = 1 + z * z / trials
    # At the ends the exact bound is the end itself, whatever the rounding says.
    low = 0.0 if successes == 0 else (middle - half) / scale
    high = 1.0 if successes == trials else (middle + half) / scale
    return Interval(low=low, high=high)


def newcombe(first: tuple[int, int], second: tuple[int, int], z: float = Z95) -> Interval | None:
    """Return the interval of the difference of two shares, first − second (Newcombe 1998, method 10)."""
    one, two = wilson(*first, z), wilson(*second, z)
    if one is None or two is None:
        return None
    p, q = first[0] / first[1], second[0] / second[1]
    low = p - q - math.sqrt((p - one.low) ** 2 + (two.high - q) ** 2)
    high = p - q + math.sqrt((one.high - p) ** 2 + (q - two.low) ** 2)
    return Interval(low=low, high=high)


def difference_p_value(first: tuple[int, int], second: tuple[int, int]) -> float | None:
    """Return the two-sided p of the z test of equal shares, with the pooled variance; None where it says nothing."""
    if not first[1] or not second[1]:
        return None
    pooled = (first[0] + second[0]) / (first[1] + second[1])
    variance = pooled * (1 - pooled) * (1 / first[1] + 1 / second[1])
    if variance <= 0:
        return None
    z = (first[0] / first[1] - second[0] / second[1]) / math.sqrt(variance)
    return two_sided(z)


def two_sided(z: float) -> float:
    """Return the probability of a normal value at least so far from 0."""
    return math.erfc(abs(z) / math.sqrt(2))


def mean_interval(*, mean: float, spread: float, n: int, z: float = Z95) -> Interval | None:
    """Return the normal interval of a mean; spread: standard deviation of the sample."""
    if n <= 1:
        return None
    half = z * spread / math.sqrt(n)
    return Interval(low=mean - half, high=mean + half)


def mean_difference(
    first: tuple[float, float, int], second: tuple[float, float, int], z: float = Z95
) -> Interval | None:
    """Return the interval of the difference of two means, unequal variances; each arm is (mean, deviation, n)."""
    if first[2] <= 1 or second[2] <= 1:
        return None
    half = z * math.sqrt(first[1] ** 2 / first[2] + second[1] ** 2 / second[2])
    middle = first[0] - second[0]
    return Interval(low=middle - half, high=middle + half)


def sample_ratio_p(counts: tuple[int, int], share: float) -> float | None:
    """Return the p of a split that was meant to give the second arm `share` (χ², one degree of freedom)."""
    n = counts[0] + counts[1]
    if not n or not 0 < share < 1:
        return None
    expected = n * share
    chi2 = (counts[1] - expected) ** 2 / expected + (counts[0] - (n - expected)) ** 2 / (n - expected)
    return math.erfc(math.sqrt(chi2 / 2))


def needed_an_arm(share: float, difference: float, *, z: float = Z95, power: float = Z_POWER) -> int:
    """Return how many people each arm needs to see a difference of shares, at 5 % and a power of 80 %.

    The formula for unpooled variances (Fleiss 1981, without continuity correction).
    """
    other = min(1.0, share + difference)
    variance = share * (1 - share) + other * (1 - other)
    return math.ceil((z + power) ** 2 * variance / (other - share) ** 2) if other != share else 0
