"""Quantiles: the one rule every figure of the library uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmcore.kernel.errors import Invalid, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["quantile"]


def quantile(values: Iterable[float], p: float) -> float | None:
    """The quantile of type 7: linear between the order statistics.

    Args:
        values: The numbers, in any order and any unit.
        p: Which quantile, as a fraction from 0 to 1; 0.5 is the median.

    Returns:
        The quantile in the unit of the values, or None when there are none.

    Raises:
        Invalid: ``p`` is not a fraction from 0 to 1.

    Source: R. J. Hyndman and Y. Fan, Sample Quantiles in Statistical Packages, 1996, definition 7.

    Example:
        >>> from crmcore.analytics import quantile
        >>> quantile([1, 2, 3, 10], 0.5)
        2.5
    """
    if not 0 <= p <= 1:
        raise Invalid([Problem("p", p, "a fraction from 0 to 1", "write the 90th percentile as 0.9")])
    ordered = sorted(values)
    if not ordered:
        return None
    position = (len(ordered) - 1) * p
    below = int(position)
    weight = position - below
    lower, upper = ordered[below], ordered[min(below + 1, len(ordered) - 1)]
    return lower if lower == upper else lower * (1 - weight) + upper * weight
