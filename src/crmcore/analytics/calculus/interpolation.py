"""Interpolation: a smooth function that costs much, known at a few places, told at many."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import cos, pi
from typing import Any

from crmcore.analytics.calculus.engines import Engine

__all__ = ["along"]

SIZES = (12, 24, 48)
"""How many places are tried, one after the other."""

EXACT = 1e-14
"""What may be left of the last two coefficients, as a share of the largest value."""


def along(engine: Engine, function: Callable[[Any], Any], points: Any) -> Any:
    """A smooth function at every point: by interpolation where that loses nothing, else by asking for each.

    Args:
        engine: What carries it out.
        function: Gives the values for a column of points.
        points: Where, shape ``(n,)``.

    Source: L. N. Trefethen, Approximation Theory and Approximation Practice, 2013, chapters 4, 8 and 19.

    Example:
        >>> from math import exp
        >>> from crmcore.analytics.calculus.engines import PLAIN
        >>> from crmcore.analytics.calculus.interpolation import along
        >>> points = [i / 100 for i in range(200)]
        >>> found = along(PLAIN, lambda points: [exp(point) for point in points], points)
        >>> max(abs(told / exp(point) - 1) for told, point in zip(found, points)) < 1e-13
        True
    """
    if len(points) < 3 * SIZES[0]:
        return function(points)
    low, high = engine.span(points)
    if high <= low:
        return function(points)
    middle, half = (low + high) / 2, (high - low) / 2
    for size in SIZES:
        if 2 * size > len(points):
            break
        places = [cos(pi * (i + 0.5) / size) for i in range(size)]
        values = engine.plain(function(engine.column([middle + half * place for place in places])))
        coefficients = _coefficients(values)
        if max(map(abs, coefficients[-2:])) <= EXACT * max(map(abs, values)):
            return engine.one(partial(_clenshaw, coefficients, middle, half), points)
    return function(points)


def _coefficients(values: Sequence[float]) -> list[float]:
    """The Chebyshev coefficients of a function known at the roots of a Chebyshev polynomial."""
    size = len(values)
    return [
        (1 if k == 0 else 2) / size * sum(value * cos(pi * k * (i + 0.5) / size) for i, value in enumerate(values))
        for k in range(size)
    ]


def _clenshaw(coefficients: Sequence[float], middle: float, half: float, _: Any, point: Any) -> Any:
    """The sum of a Chebyshev series, by Clenshaw's recurrence."""
    place = (point - middle) / half
    after, later = 0.0, 0.0
    for coefficient in reversed(coefficients[1:]):
        after, later = 2 * place * after - later + coefficient, after
    return place * after - later + coefficients[0]
