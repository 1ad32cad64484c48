"""Quadrature: expectations over a beta distribution, and integrals over an interval."""

from __future__ import annotations

from functools import lru_cache
from math import atan, cos, exp, expm1, lgamma, log, log1p, pi
from typing import TypeAlias

import attrs

__all__ = ["LEAST_SHARE", "BetaGrid", "Nodes", "beta_grid", "beta_nodes", "legendre_nodes"]

LEAST_SHARE = 1e-200
"""Stands for a share of 0, where a function is asked for its limit there."""

NEGLIGIBLE = 38.0
"""How many natural logarithms below its peak what is left out no longer counts."""

EXACT = 32.0
"""How many natural logarithms the error of the trapezoidal rule lies below the mean."""

FURTHEST = 700.0
"""The largest power of e."""

Nodes: TypeAlias = tuple[tuple[float, ...], tuple[float, ...]]
"""Places, and the weight of each."""


def beta_nodes(a: float, b: float, bend: float = 1.0) -> Nodes:
    """Shares p and weights w with Σ w·f(p) = E[f(p)] for p from Beta(a, b), to about 13 digits.

    Args:
        a: The parameter of p.
        b: The parameter of 1 − p.
        bend: How much faster than a share the function changes: about |f′(0) / f(0)|, and no less than f(0) / E[f(p)].

    Example:
        >>> from crmcore.analytics.calculus.quadrature import beta_nodes
        >>> shares, weights = beta_nodes(2.0, 3.0)
        >>> round(sum(w * p for p, w in zip(shares, weights)), 12)
        0.4
    """
    grid = beta_grid(a, b, b, bend)
    return grid.shares, grid.weights(b)


@attrs.frozen
class BetaGrid:
    """Shares at which functions are taken for their mean over beta distributions: the same for many of them.

    The trapezoidal rule on z = ln(p / (1 − p)), where a function that is smooth for p ≥ 0 loses nothing at the ends and
    has no singular parameters. What lies beyond the ends of the grid stands in its first and last share, and in 0 and 1.

    Attributes:
        a: The parameter of p of all of them.
        step: From one z to the next.
        places: The z.
        shares: The shares: almost 0, one for each z, and 1.

    Source: L. N. Trefethen and J. A. C. Weideman, The Exponentially Convergent Trapezoidal Rule, 2014, section 14.
    """

    a: float
    step: float
    places: tuple[float, ...]
    shares: tuple[float, ...]

    def weights(self, b: float) -> tuple[float, ...]:
        """The weights of the shares for the parameter b of 1 − p; together 1.

        Args:
            b: A number from the least to the most the grid was made for.
        """
        middle, share = log(self.a / b), self.a / (self.a + b)
        weights = [exp(_density(self.a, b, share, place - middle)) for place in self.places]
        at_zero, first = _beyond(self.a, b, self.places[0], self.step, weights[0])
        at_one, last = _beyond(b, self.a, -self.places[-1], self.step, weights[-1])
        weights[0] += first
        weights[-1] += last
        found = (at_zero, *weights, at_one)
        whole = sum(found)
        return tuple(weight / whole for weight in found)


@lru_cache(maxsize=256)
def beta_grid(a: float, least: float, most: float, bend: float) -> BetaGrid:
    """The grid for means over Beta(a, b).

    Args:
        a: The parameter of p.
        least: The least b.
        most: The largest b.
        bend: How much faster than a share the functions change, at most.

    Example:
        >>> from crmcore.analytics.calculus.quadrature import beta_grid
        >>> grid = beta_grid(2.0, 3.0, 8.0, 1.0)
        >>> [round(sum(w * p for p, w in zip(grid.shares, grid.weights(b))), 12) for b in (3.0, 8.0)]
        [0.4, 0.2]
    """
    step, fall = _step(a, most + bend), NEGLIGIBLE + log1p(bend)
    left = max(_edge(a, most, -1.0, fall), -fall / (a + 2) - log(1 + a + most + bend))
    right = min(_edge(a, least, 1.0, fall), fall / (least + 2) + log(1 + a + least + bend))
    places = tuple(left + step * i for i in range(int((right - left) / step) + 2))
    return BetaGrid(a, step, places, (LEAST_SHARE, *(1 / (1 + exp(-place)) for place in places), 1.0))


def _density(a: float, b: float, share: float, away: float) -> float:
    """How far the logarithm of the density of z lies below its peak, that far away from it."""
    away = max(-FURTHEST, min(FURTHEST, away))
    return -a * log1p((1 - share) * expm1(-away)) - b * log1p(share * expm1(away))


def _step(a: float, b: float) -> float:
    """The step at which the Fourier transform of the density, which is the error, has vanished."""
    frequency = 21.0  # a smooth function of p has no more than this, whatever its bend
    while _transform(a, frequency) + _transform(b, frequency) > -EXACT:
        frequency *= 1.1
    return 2 * pi / frequency


def _transform(a: float, frequency: float) -> float:
    """ln |Γ(a + iω) / Γ(a)|, by Stirling's formula."""
    size = (a - 0.5) * log(a * a + frequency * frequency) / 2 - frequency * atan(frequency / a)
    return size - a + log(2 * pi) / 2 - lgamma(a)


def _edge(a: float, b: float, way: float, fall: float) -> float:
    """Where the density of z is negligible."""
    share = a / (a + b)
    near, far = 0.0, 1.0
    while -_density(a, b, share, way * far) < fall and far < FURTHEST:
        near, far = far, 2 * far
    for _ in range(12):
        half = (near + far) / 2
        near, far = (half, far) if -_density(a, b, share, way * half) < fall else (near, half)
    return log(a / b) + way * far


def _beyond(a: float, b: float, place: float, step: float, weight: float) -> tuple[float, float]:
    """The weights of all nodes below a place, moved to 0 and to that place so that straight lines keep their mean."""
    share = exp(min(place, 0.0))
    if weight < 1e-17 or share > 0.05:
        return 0.0, 0.0
    whole, first = 1 / expm1(a * step), 1 / expm1((a + 1) * step)
    return weight * (whole - (a + b) * share * first - first), weight * first


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
