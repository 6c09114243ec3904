"""The numerical analysis that the buying models need: ln Γ over arrays, 2F1, and the simplex of Nelder and Mead."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

#: Terms of a hypergeometric series; beyond it the last sum stands.
SERIES_TERMS_MAX = 20_000
#: Rounds of the simplex.
ROUNDS_MAX = 2_000
_SERIES_TOLERANCE = 1e-13
#: Size of a simplex within which equal values mean that the function is flat there.
_NEAR = 1e-4


class Levels:
    """An array of which few values differ: a function of it is computed once a value."""

    __slots__ = ("distinct", "inverse")

    def __init__(self, values: Floats) -> None:
        """Find what differs."""
        self.distinct, self.inverse = np.unique(values, return_inverse=True)

    def log_gamma(self, factor: float = 1.0, plus: float = 0.0) -> Floats:
        """Return ln Γ(factor · value + plus), which must be positive."""
        found = [math.lgamma(factor * one + plus) for one in self.distinct.tolist()]
        return np.asarray(np.array(found, np.float64)[self.inverse], np.float64)


def log_beta(a: float, b: float) -> float:
    """Return ln B(a, b)."""
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def hypergeometric(a: Floats, b: Floats, c: Floats, z: Floats) -> Floats:
    """Return 2F1(a, b; c; z) for 0 ≤ z < 1 by its series."""
    term = np.ones_like(z)
    sums = np.ones_like(z)
    for n in range(SERIES_TERMS_MAX):
        term = term * (a + n) * (b + n) / (c + n) * z / (n + 1)
        sums = sums + term
        if bool(np.all(np.abs(term) <= _SERIES_TOLERANCE * np.abs(sums))):
            break
    return np.asarray(sums, np.float64)


def minimize(
    function: Callable[[Floats], float], start: Sequence[float], *, step: float = 0.3, tolerance: float = 1e-8
) -> Floats:
    """Return where a function is least (Nelder, Mead 1965), begun again once from where it ended.

    Stops where the simplex is smaller than `tolerance` in every direction, and its values agree as well.
    """
    best = np.array(start, np.float64)
    for width in (step, step / 3):
        best = _simplex(function, best, width, tolerance)
    return best


def _simplex(function: Callable[[Floats], float], start: Floats, step: float, tolerance: float) -> Floats:
    points = [start, *(start + step * row for row in np.eye(start.size))]
    values = [function(point) for point in points]
    for _ in range(ROUNDS_MAX):
        order = np.argsort(values, kind="stable")
        points, values = [points[n] for n in order], [values[n] for n in order]
        size = float(np.max(np.abs(np.array(points[1:]) - points[0])))
        if size <= tolerance or (size <= _NEAR and values[-1] - values[0] <= tolerance * tolerance):
            break
        middle = np.mean(points[:-1], axis=0)
        mirrored = middle + (middle - points[-1])
        found = function(mirrored)
        if found < values[0]:
            further = middle + 2 * (middle - points[-1])
            value = function(further)
            points[-1], values[-1] = (further, value) if value < found else (mirrored, found)
        elif found < values[-2]:
            points[-1], values[-1] = mirrored, found
        else:
            outside = found < values[-1]
            nearer = middle + 0.5 * ((mirrored if outside else points[-1]) - middle)
            value = function(nearer)
            if value < min(found, values[-1]):
                points[-1], values[-1] = nearer, value
            else:
                points = [points[0], *(points[0] + 0.5 * (point - points[0]) for point in points[1:])]
                values = [values[0], *(function(point) for point in points[1:])]
    return np.asarray(points[int(np.argmin(values))], np.float64)
