"""How customers buy: BG/NBD (Fader, Hardie, Lee 2005) and Gamma-Gamma (Fader, Hardie 2013), fitted by own formulas.

A customer is x repeat purchases in (0, T], the last at t_x, all since the first one, in weeks. Tests hold the published
CDNOW parameters against what is fitted here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from relight.base.instants import WEEK
from relight.metrics.special import Floats, Levels, hypergeometric, log_beta, minimize
from relight.metrics.tables import MILLION, NO_AMOUNT, Codes

if TYPE_CHECKING:
    from relight.metrics.orders import Orders

#: Customers a model is fitted to at most; of more, every n-th is taken.
FIT_CUSTOMERS_MAX = 20_000
#: Customers with a repeat purchase below which there is no model.
REPEATERS_MIN = 30
#: Bound of the logarithm of a parameter; beyond it the likelihood is flat.
_LOG_MAX = 12.0
_NEVER = 1e300


@dataclass(frozen=True, slots=True, kw_only=True)
class Buyers:
    """The purchase histories of customers, in weeks since the first purchase."""

    who: Codes
    #: Repeat purchases.
    x: Floats
    #: When the last was; 0 without a repeat.
    t_x: Floats
    #: How long they are observed.
    age: Floats
    #: Mean value of the repeat purchases, whole units; nan without one or without amounts.
    mean_value: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class BuyingModel:
    """The four parameters of BG/NBD, for weeks."""

    r: float
    alpha: float
    a: float
    b: float
    log_likelihood: float
    #: Customers it was fitted to.
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueModel:
    """The three parameters of Gamma-Gamma."""

    p: float
    q: float
    v: float
    n: int


def buyers_of(orders: Orders, *, until: int) -> Buyers:
    """Return the histories of everybody who bought before an instant (µs), one purchase being one entry of `orders`."""
    keep = orders.when < until
    who, when = orders.who[keep], orders.when[keep]
    order = np.lexsort((when, who))
    who, when = who[order], when[order]
    if not who.size:
        none = np.empty(0, np.float64)
        return Buyers(who=who, x=none, t_x=none, age=none, mean_value=none)
    begins = np.flatnonzero(np.append(True, who[1:] != who[:-1]))
    counts = np.diff(np.append(begins, who.size))
    first, last = when[begins], when[begins + counts - 1]
    mean_value = np.full(begins.size, np.nan)
    if orders.amount is not None:
        amount = np.where(orders.amount == NO_AMOUNT, 0, orders.amount)[keep][order]
        sums = np.add.reduceat(amount, begins) - amount[begins]
        np.divide(sums / MILLION, counts - 1, out=mean_value, where=counts > 1)
    return Buyers(
        who=who[begins],
        x=(counts - 1).astype(np.float64),
        t_x=(last - first) / WEEK,
        age=(until - first) / WEEK,
        mean_value=mean_value,
    )


def fit_buying(buyers: Buyers) -> BuyingModel | None:
    """Return the model that makes the histories likeliest; None where too few bought again."""
    step = max(1, -(-buyers.x.size // FIT_CUSTOMERS_MAX))
    x, t_x, age = buyers.x[::step], buyers.t_x[::step], buyers.age[::step]
    if int(np.count_nonzero(x)) < REPEATERS_MIN:
        return None
    # Time is scaled to a mean of one for the search, so that its start suits years as well as days.
    scale = float(age.mean())
    scaled = _Histories(x, t_x / scale, age / scale)

    def loss(logs: Floats) -> float:
        if bool(np.any(np.abs(logs) > _LOG_MAX)):
            return _NEVER
        return -scaled.log_likelihood(np.exp(logs))

    r, alpha, a, b = np.exp(minimize(loss, [math.log(0.5), 0.0, math.log(0.5), 0.5]))
    found = np.array([r, alpha * scale, a, b])
    return BuyingModel(
        r=float(r),
        alpha=float(alpha * scale),
        a=float(a),
        b=float(b),
        log_likelihood=_Histories(x, t_x, age).log_likelihood(found),
        n=int(x.size),
    )


class _Histories:
    """Histories, made ready for many looks at their likelihood."""

    __slots__ = ("age", "repeats", "some", "t_some", "t_x", "x", "x_levels", "x_some")

    def __init__(self, x: Floats, t_x: Floats, age: Floats) -> None:
        """Hold them; all of the same length."""
        self.x, self.t_x, self.age = x, t_x, age
        self.repeats = x > 0
        self.x_some, self.t_some = x[self.repeats], t_x[self.repeats]
        self.x_levels, self.some = Levels(x), Levels(self.x_some)

    def log_likelihood(self, parameters: Floats) -> float:
        """Return the log-likelihood of BG/NBD at (r, α, a, b)."""
        r, alpha, a, b = (float(one) for one in parameters)
        x, levels, some = self.x, self.x_levels, self.some
        common = levels.log_gamma(plus=r) - math.lgamma(r) + r * math.log(alpha)
        alive = (
            levels.log_gamma(plus=b) - levels.log_gamma(plus=a + b) + math.lgamma(a + b) - math.lgamma(b)
            - (r + x) * np.log(alpha + self.age)
        )  # fmt: skip
        gone = np.full_like(x, -np.inf)
        # B(a+1, b+x−1)/B(a, b)
        gone[self.repeats] = (
            math.lgamma(a + 1) + some.log_gamma(plus=b - 1) - some.log_gamma(plus=a + b) - log_beta(a, b)
            - (r + self.x_some) * np.log(alpha + self.t_some)
        )  # fmt: skip
        return float(np.sum(common + np.logaddexp(alive, gone)))


def still_active(model: BuyingModel, x: Floats, t_x: Floats, age: Floats) -> Floats:
    """Return the probability that each customer still buys."""
    power = (model.r + x) * (np.log(model.alpha + age) - np.log(model.alpha + t_x))
    odds = np.where(x > 0, model.a / (model.b + np.maximum(x, 1) - 1) * np.exp(np.minimum(power, 700)), 0.0)
    return np.asarray(1 / (1 + odds), np.float64)


def expected_purchases(model: BuyingModel, buyers: tuple[Floats, Floats, Floats], weeks: float) -> Floats:
    """Return how many purchases each customer (x, t_x, T) is expected to make in so many weeks to come."""
    x, t_x, age = buyers
    r, alpha, a, b = model.r, model.alpha, model.a, model.b
    if math.isclose(a, 1.0, abs_tol=1e-9):
        a += 1e-6  # the formula is continuous there and divides by a − 1
    z = weeks / (alpha + age + weeks)
    series = hypergeometric(r + x, b + x, a + b + x - 1, z)
    grown = 1 - ((alpha + age) / (alpha + age + weeks)) ** (r + x) * series
    alive = still_active(model, x, t_x, age)
    return np.asarray((a + b + x - 1) / (a - 1) * grown * alive, np.float64)


def fit_value(buyers: Buyers) -> ValueModel | None:
    """Return Gamma-Gamma fitted to the customers with a repeat purchase of some value; None where there are too few."""
    keep = (buyers.x > 0) & (buyers.mean_value > 0)
    x, mean = buyers.x[keep], buyers.mean_value[keep]
    step = max(1, -(-x.size // FIT_CUSTOMERS_MAX))
    x, mean = x[::step], mean[::step]
    if x.size < REPEATERS_MIN:
        return None
    scale = float(mean.mean())
    levels, m = Levels(x), mean / scale
    log_x, log_m = np.log(x), np.log(m)

    def loss(logs: Floats) -> float:
        if bool(np.any(np.abs(logs) > _LOG_MAX)):
            return _NEVER
        p, q, v = (float(one) for one in np.exp(logs))
        parts = (
            levels.log_gamma(p, q) - levels.log_gamma(p) - math.lgamma(q) + q * math.log(v)
            + (p * x - 1) * log_m + p * x * log_x - (p * x + q) * np.log(v + x * m)
        )  # fmt: skip
        return -float(np.sum(parts))

    p, q, v = np.exp(minimize(loss, [1.0, 1.0, 1.0]))
    return ValueModel(p=float(p), q=float(q), v=float(v * scale), n=int(x.size))


def expected_value(model: ValueModel, x: Floats, mean: Floats) -> Floats:
    """Return the value that one purchase of each customer is expected to have (q > 1)."""
    p, q, v = model.p, model.q, model.v
    own = np.where(x > 0, np.nan_to_num(mean), 0.0)
    return np.asarray((v + x * own) * p / (p * x + q - 1), np.float64)
