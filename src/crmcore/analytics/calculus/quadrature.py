"""Quadrature: expectations over a beta distribution, and integrals over an interval."""

from __future__ import annotations

from functools import lru_cache
from math import cos, exp, lgamma, log, log1p, pi, sqrt
from typing import TypeAlias

__all__ = ["LEAST_SHARE", "Nodes", "beta_nodes", "legendre_nodes"]

LEAST_SHARE = 1e-200
"""Stands for a share of 0 where a function is asked for its limit there."""

NEGLIGIBLE = 46.0
"""How many natural logarithms below its peak a density no longer counts."""

SLOW = 0.5
"""Below it, a parameter of a beta distribution makes a tail too long to be walked."""

Nodes: TypeAlias = tuple[tuple[float, ...], tuple[float, ...]]
"""Places, and the weight of each."""


@lru_cache(maxsize=4096)
def beta_nodes(a: float, b: float) -> Nodes:
    """Shares p and weights w with Σ w·f(p) = E[f(p)] for p from Beta(a, b), to about 13 digits.

    The trapezoidal rule on ln(p / (1 − p)), where a function that is smooth for p ≥ 0 loses nothing at the ends and
    has no singular parameters. Where a tail is too long, the limit of f at that end stands for it.

    Args:
        a: The parameter of p.
        b: The parameter of 1 − p.

    Source: L. N. Trefethen and J. A. C. Weideman, The Exponentially Convergent Trapezoidal Rule, 2014, section 14.

    Example:
        >>> from crmcore.analytics.calculus.quadrature import beta_nodes
        >>> shares, weights = beta_nodes(2.0, 3.0)
        >>> round(sum(w * p for p, w in zip(shares, weights)), 12)
        0.4
    """
    left, right = a + (a < SLOW), b + (b < SLOW)
    step = min(0.3, 0.6 * sqrt(1 / left + 1 / right))
    middle = log(left / right)
    lowest = _edge(left, right, middle, -1.0)
    highest = _edge(left, right, middle, 1.0)
    places = [lowest + step * i for i in range(int((highest - lowest) / step) + 2)]
    shares = [1 / (1 + exp(-place)) for place in places]
    constant = lgamma(a + b) - lgamma(a) - lgamma(b) + log(step)
    weights = [exp(constant - a * _log_odds(-place) - b * _log_odds(place)) for place in places]
    if a >= SLOW and b >= SLOW:
        whole = sum(weights)
        return tuple(shares), tuple(weight / whole for weight in weights)
    return _with_ends(shares, weights, a, b)


def _log_odds(place: float) -> float:
    """ln(1 + e^place)."""
    return place + log1p(exp(-place)) if place > 0 else log1p(exp(place))


def _edge(a: float, b: float, middle: float, way: float) -> float:
    """Where the density of ln(p / (1 − p)) is negligible."""

    def fall(place: float) -> float:
        return a * (_log_odds(-place) - _log_odds(-middle)) + b * (_log_odds(place) - _log_odds(middle))

    near, far = 0.0, 1.0
    while fall(middle + way * far) < NEGLIGIBLE:
        near, far = far, 2 * far
    for _ in range(12):
        half = (near + far) / 2
        near, far = (half, far) if fall(middle + way * half) < NEGLIGIBLE else (near, half)
    return middle + way * far


def _with_ends(shares: list[float], weights: list[float], a: float, b: float) -> Nodes:
    """With both limits as nodes, weighted so that straight lines are integrated exactly."""
    held = sum(map(float.__mul__, shares, weights))
    whole = sum(weights)
    at_one = a / (a + b) - held
    at_zero = b / (a + b) - (whole - held)
    return (LEAST_SHARE, *shares, 1.0), (at_zero, *weights, at_one)


@lru_cache(maxsize=64)
def legendre_nodes(n: int) -> Nodes:
    """Nodes in (0, 1) and weights with Σ w·f(u) = ∫₀¹ f(u) du, exact for polynomials of degree 2n − 1.

    Args:
        n: How many nodes.

    Source: M. Abramowitz and I. A. Stegun, Handbook of Mathematical Functions, 25.4.29; the roots by Newton's method.

    Example:
        >>> from crmcore.analytics.calculus.quadrature import legendre_nodes
        >>> nodes, weights = legendre_nodes(8)
        >>> round(sum(w * u**5 for u, w in zip(nodes, weights)), 14) == round(1 / 6, 14)
        True
    """
    found = [_root(n, cos(pi * (i + 0.75) / (n + 0.5))) for i in range(n)]
    return tuple((1 - root) / 2 for root, _ in found), tuple(weight / 2 for _, weight in found)


def _root(n: int, guess: float) -> tuple[float, float]:
    """The root of a Legendre polynomial beside a guess, with its weight on (−1, 1)."""
    slope = 1.0
    for _ in range(8):
        before, value = 1.0, guess
        for k in range(2, n + 1):
            before, value = value, ((2 * k - 1) * guess * value - (k - 1) * before) / k
        slope = n * (guess * value - before) / (guess * guess - 1)
        guess -= value / slope
    return guess, 2 / ((1 - guess * guess) * slope * slope)
