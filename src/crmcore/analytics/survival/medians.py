"""Where a survival curve falls to one half: exactly there, whatever a product of floats may say."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from math import prod
from operator import neg
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from crmcore.analytics.survival.risk_sets import RiskSets

__all__ = ["median_of"]

ROUNDING = 2.0**-51
"""How far off, relatively, each factor of the curve may be."""


def median_of(sets: RiskSets, survival: Sequence[float]) -> float | None:
    """The first time at which a curve is at most one half, or None.

    Args:
        sets: What the curve was made of.
        survival: The curve: the product of the shares that survived, at each time of ``sets``.
    """
    slack = ROUNDING * (len(survival) + 1)
    place = bisect_left(survival, -0.5 - slack, key=neg)  # S only falls
    while place < len(survival):
        if survival[place] <= 0.5 - slack or (sets.events[place] and _is_at_most_half(sets, place)):
            return float(sets.times[place])
        place += 1
    return None


def _is_at_most_half(sets: RiskSets, place: int) -> bool:
    """Whether the curve is at most one half at a place where it is so nearly; by fractions where counts are whole."""
    if not sets.whole:
        return True
    above = Counter(map(int, sets.survivors[: place + 1]))
    below = Counter(map(int, sets.at_risk[: place + 1]))
    # Without censoring in between, who survives one time is at risk at the next: most factors cancel.
    return 2 * _product((above - below).elements()) <= _product((below - above).elements())


def _product(factors: Iterable[int]) -> int:
    """A product of many numbers, multiplied in pairs so that few of the products are large."""
    left = list(factors)
    while len(left) > 64:
        left = [prod(left[start : start + 8]) for start in range(0, len(left), 8)]
    return prod(left)
