"""Quadrature: expectations over a beta distribution, and integrals over an interval."""

from __future__ import annotations

import math
from functools import lru_cache
from math import atan, cos, exp, expm1, lgamma, log, log1p, pi, sqrt
from typing import Any, TypeAlias

import attrs

__all__ = ["LEAST_SHARE", "BetaGrid", "Nodes", "beta_grid", "beta_nodes", "legendre_nodes"]

LEAST_SHARE = 1e-200
"""Stands for a share of 0, where a function is asked for its limit there."""

NEGLIGIBLE = 32.0
"""How many natural logarithms below its peak what is left out no longer counts."""

LARGE = 100.0
"""A parameter for which Stirling's formula is exact."""

RARE = 46.0
"""How many more where a function that falls fast is all but nothing itself: its mean then lies aside."""

MOST = 4000
"""Shares; a hundred are usual."""

EXACT = 28.0
"""How many natural logarithms the error of the trapezoidal rule lies below the mean."""

FURTHEST = 350.0
"""Powers of e that can be worked out."""

Nodes: TypeAlias = tuple[tuple[float, ...], tuple[float, ...]]
"""Places, and the weight of each."""


def beta_nodes(a: float, b: float, bend: float = 1.0) -> Nodes:
    """Shares p and weights w with Σ w·f(p) = E[f(p)] for p from Beta(a, b), to about 12 digits.

    Args:
        a: The parameter of p.
        b: The parameter of 1 − p.
        bend: How much faster than a share the function changes: about ``|f′(0) / f(0)|``, and no less than
            f(0) / E[f(p)].

    Example:
        >>> from crmcore.analytics.calculus.quadrature import beta_nodes
        >>> shares, weights = beta_nodes(2.0, 3.0)
        >>> round(sum(w * p for p, w in zip(shares, weights)), 12)
        0.4
    """
    grid = beta_grid(a, b, b, bend)
    return grid.shares, grid.weights(b)


@attrs.frozen(eq=False)
class BetaGrid:
    """Shares at which functions are taken for their mean over beta distributions: the same for many of them.

    The trapezoidal rule on z = ln(p / (1 − p)), where a function that is smooth for p ≥ 0 loses nothing at the ends
    and has no singular parameters. What lies beyond the grid stands in its first and last share, and in 0 and 1.

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

    @lru_cache(maxsize=4096)  # noqa: B019 - grids are few, and kept anyway
    def weights(self, b: float) -> tuple[float, ...]:
        """The weights of the shares for the parameter b of 1 − p; together 1.

        Args:
            b: A number from the least to the most the grid was made for.
        """
        middle = log(self.a / b)
        weights = [exp(_density(math, self.a, b, place - middle)) for place in self.places]
        ends = self._ends(b, weights[0], weights[-1])
        weights[0] += ends[1]
        weights[-1] += ends[2]
        found = (ends[0], *weights, ends[3])
        whole = sum(found)
        return tuple(weight / whole for weight in found)

    def weights_of(self, m: Any, b: Any) -> Any:
        """The same for many b at once, shape ``(shares, n)``.

        Args:
            m: numpy.
            b: The parameters of 1 − p, shape ``(n,)``.
        """
        away = m.array(self.places)[:, None] - m.log(self.a / b)
        weights = m.exp(_density(m, self.a, b, away))
        ends = m.array(list(map(self._ends, b.tolist(), weights[0].tolist(), weights[-1].tolist()))).T
        weights[0] += ends[1]
        weights[-1] += ends[2]
        found = m.vstack((ends[0], weights, ends[3]))
        return found / found.sum(axis=0)

    def _ends(self, b: float, first: float, last: float) -> tuple[float, float, float, float]:
        """What 0 and 1 weigh, and between them what is added to the first and to the last share."""
        at_zero, low = _beyond(self.a, b, self.places[0], self.step, first)
        at_one, high = _beyond(b, self.a, -self.places[-1], self.step, last)
        return at_zero, low, high, at_one


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
    fall = NEGLIGIBLE + log1p(bend)
    left = max(_edge(a, most, -1.0, fall + RARE), -fall / (a + 2) - log(1 + a + most + bend))
    right = min(_edge(a, least, 1.0, fall), fall / (least + 2) + log(1 + a + least + bend))
    step = max(_step(a, most + bend), (right - left) / MOST)
    places = tuple(left + step * i for i in range(int((right - left) / step) + 2))
    return BetaGrid(a, step, places, (LEAST_SHARE, *(1 / (1 + exp(-place)) for place in places), 1.0))


def _density(m: Any, a: float, b: Any, away: Any) -> Any:
    """How far the logarithm of the density of z lies below its peak, that far away from it."""
    fewer = (a <= b) * 1.0
    least, way = fewer * a + (1 - fewer) * b, 2 * fewer - 1
    return way * away * least - (a + b) * m.log1p(least / (a + b) * m.expm1(way * away))


def _step(a: float, b: float) -> float:
    """The step at which the Fourier transform of the density, which is the error, has vanished."""
    frequency = 17.5  # a smooth function of p has no more than this, whatever its bend
    while _transform(a, frequency) + _transform(b, frequency) > -EXACT:
        frequency *= 1.1
    return 2 * pi / frequency


def _transform(a: float, frequency: float) -> float:
    """ln |Γ(a + iω) / Γ(a)|, by Stirling's formula."""
    ratio = frequency / a
    rest = (a - 0.5) * log(a) - a + log(2 * pi) / 2 - lgamma(a) if a < LARGE else 0.0
    return (a - 0.5) * log1p(ratio * ratio) / 2 - frequency * atan(ratio) + rest


def _edge(a: float, b: float, way: float, fall: float) -> float:
    """Where the density of z is negligible."""
    near, far = 0.0, min(1.0, sqrt(1 / a + 1 / b))
    while -_density(math, a, b, way * far) < fall and far < FURTHEST:
        near, far = far, 2 * far
    for _ in range(12):
        half = (near + far) / 2
        near, far = (half, far) if -_density(math, a, b, way * half) < fall else (near, half)
    return log(a / b) + way * far


def _beyond(a: float, b: float, place: float, step: float, weight: float) -> tuple[float, float]:
    """The weights of all nodes below a place, moved to 0 and to that place so that straight lines keep their mean."""
    share = exp(min(place, 0.0))
    if weight < 1e-15 or share > 0.05 or a * step > FURTHEST:  # nothing is left
        return 0.0, 0.0
    first = 1 / expm1((a + 1) * step)
    whole = 1 / expm1(a * step) * (1 + (a + b) * share) - (a + b) * share * first
    return weight * (whole - first), weight * first


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
