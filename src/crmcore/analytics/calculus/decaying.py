"""Integrals of what decays like a product of powers, with as many nodes as each row needs.

On the logarithm of time such a product has no singular point near the interval, and its logarithm bends but one way:
how fast a rule of Gauss and Legendre converges follows from the length of the interval and from the fall along it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from crmcore.analytics.calculus.engines import Engine
from crmcore.analytics.calculus.quadrature import legendre_nodes

__all__ = ["by_need", "integral", "needed", "reach"]

NEGLIGIBLE = 40.0
"""How many natural logarithms below its start an integrand no longer counts."""

STEEP = 200.0
"""The fall from which on no more nodes are needed: what falls further does so at the end, where nothing is left."""

MOST = 400.0
"""Nodes; a hundred are enough for a span of fifteen powers of ten."""

BLOCK = 8_192
"""Rows numpy works on at once, so that what lies between stays in the cache."""


def reach(whole: Any, slope: Any) -> Any:
    """How far to integrate: to the end, or to where an integrand that falls ever faster no longer counts.

    Args:
        whole: The length of the interval.
        slope: How fast the logarithm of the integrand falls at its start.
    """
    ends = (slope * whole > NEGLIGIBLE) * 1.0
    return whole * (1 - ends) + NEGLIGIBLE * ends / (slope * ends + (1 - ends))


def needed(m: Any, length: Any, fall: Any) -> Any:
    """How many nodes give 13 digits: an even number.

    Args:
        m: ``math`` or ``numpy``.
        length: The length of the interval.
        fall: By how many natural logarithms the integrand falls along it.

    Example:
        >>> import math
        >>> from crmcore.analytics.calculus.decaying import needed
        >>> needed(math, 1.0, 10.0), needed(math, 20.0, 40.0)
        (16.0, 82.0)
    """
    return _least(2.0 * m.ceil(2 + 1.5 * length + 1.3 * _least((fall + abs(fall)) / 2, STEEP) ** 0.5), MOST)


def _least(value: Any, most: float) -> Any:
    return (value + most - abs(value - most)) / 2


def by_need(engine: Engine, formula: Callable[..., Sequence[Any]], counts: Any, *columns: Any) -> Sequence[Any]:
    """The columns of a formula that sums over nodes: ``formula(m, nodes, …)``, the nodes pairs of place and weight.

    Args:
        engine: What carries it out.
        formula: Gives one or more figures of a row, or of whole columns.
        counts: How many nodes on (0, 1) each row needs.
        columns: What else the formula is given.
    """
    if engine.name == "python":
        rows = zip(map(_nodes, counts), *columns, strict=True)
        return list(zip(*[formula(math, *row) for row in rows], strict=True))
    m = engine.m
    found: list[Any] = []
    for count in m.unique(counts).tolist() or [2.0]:
        places = m.nonzero(counts == count)[0]
        for start in range(0, len(places) or 1, BLOCK):
            block = places[start : start + BLOCK]
            figures = formula(m, _nodes(count), *(column[block] for column in columns))
            found = found or [m.empty(len(counts)) for _ in figures]
            for column, values in zip(found, figures, strict=True):
                column[block] = values
    return found


def integral(function: Callable[[float], float], low: float, high: float, fall: float) -> float:
    """The integral of a function that has no singular point near the interval.

    Args:
        function: What is integrated.
        low: Where the interval begins.
        high: Where it ends.
        fall: By how many natural logarithms the function falls along it.

    Example:
        >>> from math import exp
        >>> from crmcore.analytics.calculus.decaying import integral
        >>> round(integral(lambda y: exp(-y), 0.0, 40.0, 40.0), 12)
        1.0
    """
    length = high - low
    return length * sum(weight * function(low + length * node) for node, weight in _nodes(needed(math, length, fall)))


@lru_cache(maxsize=256)
def _nodes(count: float) -> tuple[tuple[float, float], ...]:
    return tuple(zip(*legendre_nodes(int(count)), strict=True))
