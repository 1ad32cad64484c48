"""Sums of many terms that fall smoothly: the first by themselves, the rest as an integral with its corrections."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from math import exp, expm1, inf

from crmcore.analytics.calculus.quadrature import legendre_nodes

__all__ = ["smooth_sum"]

FIRST = 256
"""How many terms are summed by themselves at least."""

SMOOTH = 0.02
"""How much the logarithm of a term may differ from that of the next, for the rest to be an integral."""

NEGLIGIBLE = 46.0
"""How many natural logarithms below its start an integrand no longer counts."""

FARTHEST = 600.0
"""On the logarithm of time, as far as an integral goes; from there on terms fall like a power."""

NOTHING = 1e-30
"""The share of a sum that is none, however many more terms like it follow."""

EXACT = 1e-13
"""By which share of an integral its halves may differ from the whole."""

NODES = 20
DEEPEST = 14

GREGORY = (1 / 2, -1 / 12, 1 / 24, -19 / 720, 3 / 160, -863 / 60480, 275 / 24192)
"""What differences of the terms add to an integral, to make it a sum."""


def smooth_sum(logarithm: Callable[[float], float], start: float, power: float = inf) -> float | None:
    """Σ exp(logarithm(k)) for k = 0, 1, 2, … for ever; None where it is infinite.

    Args:
        logarithm: Of a term, for any real k from 0 on; smooth on the logarithm of start + k, and in the end falling.
        start: Above 0.
        power: Like which power of time terms fall in the end, above 1; by default faster than any.

    Source: Gregory's formula, in F. B. Hildebrand, Introduction to Numerical Analysis, 1974, section 5.9.

    Example:
        >>> from math import log, pi
        >>> from crmcore.analytics.calculus.smooth_sums import smooth_sum
        >>> abs(smooth_sum(lambda k: -2 * log(1 + k), 1.0, 2.0) - pi**2 / 6) < 1e-12
        True
    """
    total, k, until = 0.0, 0, FIRST
    while True:
        for k in range(k, until):  # noqa: B020 - goes on where it was
            term = exp(logarithm(k))
            total += term
            if term < NOTHING * total:
                return total
        k = until
        fall = logarithm(k) - logarithm(k + 1)
        if not fall >= SMOOTH:
            rest = _integral(logarithm, start, k, power)
            return None if rest is None else total + rest + _corrections(logarithm, k)
        until *= 2


def _corrections(logarithm: Callable[[float], float], k: int) -> float:
    """What makes an integral from k on a sum from k on."""
    row = [exp(logarithm(k + i)) for i in range(len(GREGORY))]
    found = 0.0
    for factor in GREGORY:
        found += factor * row[0]
        row = [after - before for before, after in pairwise(row)]
    return found


def _integral(logarithm: Callable[[float], float], start: float, k: int, power: float) -> float | None:
    """∫ exp(logarithm) from k on, over the logarithm of time; None where it is infinite."""
    since = start + k

    def steepness(y: float) -> float:
        return y + logarithm(k + since * expm1(y)) - logarithm(k)

    end = 1 / since
    while steepness(end) > -NEGLIGIBLE and end < FARTHEST:
        end = min(2 * end, FARTHEST)
    beyond = 0.0
    if end == FARTHEST:
        if steepness(end) >= steepness(end / 2):
            return None
        beyond = exp(steepness(end)) / (power - 1)
    found = beyond + _refined(lambda y: exp(steepness(y)), 0.0, end, 0.0, DEEPEST)
    return since * exp(logarithm(k)) * found


def _refined(function: Callable[[float], float], low: float, high: float, whole: float, deep: int) -> float:
    """An integral, halved for as long as that changes it."""
    middle = (low + high) / 2
    left, right = _rule(function, low, middle), _rule(function, middle, high)
    if not deep or abs(left + right - whole) <= EXACT * whole:
        return left + right
    return _refined(function, low, middle, left, deep - 1) + _refined(function, middle, high, right, deep - 1)


def _rule(function: Callable[[float], float], low: float, high: float) -> float:
    nodes = zip(*legendre_nodes(NODES), strict=True)
    return (high - low) * sum(weight * function(low + (high - low) * node) for node, weight in nodes)
