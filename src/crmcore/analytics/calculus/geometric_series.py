"""What geometric series come to on average, when the share that falls away at each step is from a beta distribution."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import exp, log, log1p, sqrt

__all__ = ["mean_geometric_sum", "mean_reciprocal"]

NEGLIGIBLE = 46.0
"""How many natural logarithms below its middle an integrand no longer counts."""

SLOW_LEFT = 0.03
SLOW_RIGHT = 0.5
"""Below them, a parameter makes a tail too long to be walked."""

NARROW = 1e8
"""From here on nothing is left of a distribution but its mean and its variance."""

NOTHING = 1e-17
"""The share of a sum that is none."""

WIDEST = 0.2
"""The widest step that gives all digits."""


@lru_cache(maxsize=4096)
def mean_reciprocal(a: float, b: float, d: float) -> float:
    """E[1 / (p + d)] for p from Beta(a, b).

    It is ₂F₁(1, b; a + b; 1 / (1 + d)) / (1 + d). The trapezoidal rule on ln(p / (1 − p)) gives it at once, also where
    the series of ₂F₁ converges slowly, and its transformations take something large from something large.

    Args:
        a: The parameter of p.
        b: The parameter of 1 − p.
        d: What is added to p, from 0 on; above 0 unless a is above 1.

    Source: L. N. Trefethen and J. A. C. Weideman, The Exponentially Convergent Trapezoidal Rule, 2014, section 14.

    Example:
        >>> from math import log
        >>> from crmcore.analytics.calculus.geometric_series import mean_reciprocal
        >>> abs(mean_reciprocal(1.0, 1.0, 0.5) - log(3.0)) < 1e-12
        True
    """
    if not d:
        return (a + b - 1) / (a - 1)
    if b < SLOW_RIGHT:
        return (1 + b / (a + b) * mean_reciprocal(a, b + 1, d)) / (1 + d)
    if a < SLOW_LEFT:
        return (1 - a / (a + b) * mean_reciprocal(a + 1, b, d)) / d
    if min(a, b) > NARROW:
        return _beside_mean(a, b, d)
    return _trapezoid(a, b, d)


@lru_cache(maxsize=4096)
def mean_geometric_sum(a: float, b: float, rate: float, t: float) -> float:
    """E[Σ ((1 − p) e^(−rate))ⁱ] for i from 1 to t, for p from Beta(a, b).

    Args:
        a: The parameter of p.
        b: The parameter of 1 − p.
        rate: A continuous discount rate by step, from 0 on.
        t: How many steps, a whole number; every one of them is taken.

    Example:
        >>> from crmcore.analytics.calculus.geometric_series import mean_geometric_sum
        >>> round(mean_geometric_sum(1.0, 1.0, 0.0, 2.0), 12)  # 1/2 + 1/3
        0.833333333333
    """
    kept, term, found = exp(-rate), 1.0, 0.0
    for i in range(round(t)):
        term *= (b + i) / (a + b + i) * kept
        found += term
        if term * (t - i) < NOTHING * found:
            break
    return found


def _beside_mean(a: float, b: float, d: float) -> float:
    """By the first terms of a Taylor series."""
    mean = a / (a + b)
    variance = mean * (1 - mean) / (a + b + 1)
    return (1 + variance / (mean + d) / (mean + d)) / (mean + d)


def _trapezoid(a: float, b: float, d: float) -> float:
    middle = log(a / b)
    level = exp(-_log_odds(-middle)) + d

    def thinning(place: float) -> float:
        return a * (_log_odds(-place) - _log_odds(-middle)) + b * (_log_odds(place) - _log_odds(middle))

    def fall(place: float) -> float:
        return thinning(place) + log((exp(-_log_odds(-place)) + d) / level)

    step = min(WIDEST, 0.6 * sqrt(1 / a + 1 / b))
    low, high = _edge(fall, middle, -step), _edge(thinning, middle, step)
    places = [low + step * i for i in range(int((high - low) / step) + 2)]
    weights = [exp(-thinning(place)) for place in places]
    values = (weight / (exp(-_log_odds(-place)) + d) for place, weight in zip(places, weights, strict=True))
    return sum(values) / sum(weights)


def _log_odds(place: float) -> float:
    """ln(1 + e^place)."""
    return place + log1p(exp(-place)) if place > 0 else log1p(exp(place))


def _edge(fall: Callable[[float], float], middle: float, far: float) -> float:
    """Where what falls is negligible, at most half as far again as it need be."""
    while fall(middle + far) < NEGLIGIBLE:
        far *= 1.5
    return middle + far
