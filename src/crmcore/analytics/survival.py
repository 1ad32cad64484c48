"""Survival: how long something lasts when some of it has not ended yet."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from typing import TYPE_CHECKING

from crmcore.kernel.errors import Invalid, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["median_survival"]

NEAR = 1e-9


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
    surviving = 1.0
    steps: list[tuple[int, int]] = []
    for duration, deaths, at_risk in _risk_sets(durations, ended):
        steps.append((at_risk - deaths, at_risk))
        surviving *= (at_risk - deaths) / at_risk
        if surviving <= 0.5 - NEAR or (surviving <= 0.5 + NEAR and _product(steps) <= Fraction(1, 2)):
            return duration
    return None


def _risk_sets(durations: Sequence[float], ended: Sequence[bool]) -> Iterator[tuple[float, int, int]]:
    """Each duration at which something ended, how many did, and how many were at risk."""
    deaths = Counter(duration for duration, end in zip(durations, ended, strict=True) if end)
    leaving = Counter(durations)
    at_risk = len(durations)
    for duration in sorted(leaving):
        if deaths[duration]:
            yield duration, deaths[duration], at_risk
        at_risk -= leaving[duration]


def _product(steps: list[tuple[int, int]]) -> Fraction:
    """The curve without rounding: a float may miss exactly one half."""
    product = Fraction(1)
    for left, at_risk in steps:
        product *= Fraction(left, at_risk)
    return product
