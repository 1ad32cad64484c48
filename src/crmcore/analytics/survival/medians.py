"""Where a survival curve falls to one half: exactly there, whatever a product of floats may say."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from math import prod
from operator import neg
from typing import TYPE_CHECKING

from crmcore.analytics.survival.risk_sets import RiskSets, counted
from crmcore.analytics.survival.subjects import Subjects
from crmcore.kernel.errors import Invalid, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["median_of", "median_survival"]

ROUNDING = 2.0**-51
"""How far off, relatively, each factor of the curve may be."""


def median_survival(durations: Sequence[float], ended: Sequence[bool]) -> float | None:
    """The Kaplan-Meier median of durations, some still running.

    What ended at a time counts before what was last seen running at it.

    Args:
        durations: How long each has lasted so far, in any one unit.
        ended: Whether each has ended; False means still running when last seen (right-censored).

    Returns:
        The first duration t with S(t) ≤ 0.5, in the unit given; None when the curve never falls that low.

    Raises:
        Invalid: The two sequences differ in length.

    Source: E. L. Kaplan and P. Meier, Nonparametric Estimation from Incomplete Observations, 1958.

    Example:
        >>> from crmcore.analytics import median_survival
        >>> median_survival([6, 6, 6, 6, 7, 9, 10, 10, 11, 13], [True] * 3 + [False] + [True] + [False] * 5)
        >>> median_survival([1, 2, 3, 4], [True, True, False, False])
        2
    """
    if len(durations) != len(ended):
        expected = f"as many as durations, {len(durations):,}"
        raise Invalid([Problem("ended", f"{len(ended):,} values", expected, "give one True or False a duration")])
    sets = counted(Subjects("python", list(durations), ended, None, None))
    surviving, curve = 1.0, []
    for survivors, at_risk in zip(sets.survivors, sets.at_risk, strict=True):
        surviving *= survivors / at_risk
        curve.append(surviving)
    return median_of(sets, curve)


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
            time: float = sets.times[place]
            return time if sets.engine == "python" else float(time)
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
