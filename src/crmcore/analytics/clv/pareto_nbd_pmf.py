"""How many purchases a new customer of Pareto/NBD makes: an average over when they leave."""

from __future__ import annotations

from collections.abc import Callable
from math import exp, expm1, inf, log, log1p

import attrs

from crmcore.analytics.calculus.decaying import integral
from crmcore.analytics.clv.nbd import log_count

__all__ = ["chance_of"]

NOTHING = 45.0
"""How many natural logarithms below its peak a density no longer counts."""


def chance_of(n: float, t: float, r: float, alpha: float, s: float, beta: float) -> float:
    """The chance of exactly n repeat purchases within a time: by who is there still, and by who left in it.

    Args:
        n: How many purchases, a whole number.
        t: Within which time.
        r: The shape of the gamma distribution of purchase rates.
        alpha: Its rate.
        s: The shape of the gamma distribution of the rates of leaving.
        beta: Its rate.

    Example:
        >>> from crmcore.analytics.clv.pareto_nbd_pmf import chance_of
        >>> round(chance_of(0, 39.0, 0.553, 10.578, 0.606, 11.669), 4)
        0.5936
    """
    left = _Left(n, r, alpha, s, beta)
    end = log1p(t / left.nearest)
    peak = _first(left.falls, 0.0, end)
    least = left.log_density(peak) - NOTHING
    low = _first(lambda y: left.log_density(y) > least, 0.0, peak)
    high = _first(lambda y: left.log_density(y) < least, peak, end)
    stayed = exp(log_count(r, alpha, n, t) - s * log1p(t / beta))
    return stayed + integral(lambda y: exp(left.log_density(y)), low, high, 2 * NOTHING)


@attrs.frozen
class _Left:
    """The density of those who bought n times and left, on y = ln(1 + time / the smaller of alpha and beta).

    Its logarithm has one peak and bends but one way, so that its ends are found by halving.
    """

    n: float
    r: float
    alpha: float
    s: float
    beta: float

    @property
    def nearest(self) -> float:
        return min(self.alpha, self.beta)

    def falls(self, y: float) -> bool:
        """Whether the peak is behind."""
        u = self.nearest * expm1(y)
        rise = self.n * self.alpha / (u * (self.alpha + u)) if u else inf
        return rise + 1 / (self.nearest + u) < self.r / (self.alpha + u) + (self.s + 1) / (self.beta + u)

    def log_density(self, y: float) -> float:
        u = self.nearest * expm1(y)
        leaving = log(self.s) - self.s * log1p(u / self.beta) + log((self.nearest + u) / (self.beta + u))
        return log_count(self.r, self.alpha, self.n, u) + leaving


def _first(holds: Callable[[float], bool], low: float, high: float) -> float:
    """Where a condition begins to hold; the end where it never does."""
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high
