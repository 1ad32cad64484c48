"""Confidence limits that stay where the figure itself must stay."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from crmcore.kernel.errors import Invalid, Problem

if TYPE_CHECKING:
    from crmcore.analytics.calculus.engines import EngineName
    from crmcore.analytics.survival.subjects import Column

__all__ = ["critical_value", "log_limits", "log_log_limits"]

WIDEST = 600.0
"""An exponent that no double overflows at."""


def critical_value(level: float) -> float:
    """How many standard errors a two-sided interval of a confidence level reaches to each side.

    Args:
        level: The confidence level, a fraction between 0 and 1.

    Raises:
        Invalid: It is none.
    """
    from statistics import NormalDist

    if isinstance(level, bool) or not isinstance(level, int | float) or not 0 < level < 1:
        raise Invalid([Problem("level", level, "a fraction between 0 and 1", "write 95 % as 0.95")])
    return abs(NormalDist().inv_cdf((1 - level) / 2))


def log_log_limits(engine: EngineName, survival: Column, variance: Column, z: float) -> tuple[Column, Column]:
    """Limits of S that are symmetric for ln(-ln S); where S is 0 or 1, S itself.

    Args:
        engine: What holds the columns.
        survival: S, a share.
        variance: The variance of ln S.
        z: How many standard errors to each side.

    Source: J. D. Kalbfleisch and R. L. Prentice, The Statistical Analysis of Failure Time Data, 2nd edition, 2002,
    section 1.4.
    """

    def limits(m: Any, least: Any, share: Any, spread: Any) -> tuple[Any, Any]:
        logarithm = m.log(share)
        wide = least(z * m.sqrt(spread) / -logarithm, WIDEST)
        factor = m.exp(wide)
        return m.exp(logarithm * factor), m.exp(logarithm / factor)

    return _limits(engine, limits, survival, variance, 1.0)


def log_limits(engine: EngineName, hazard: Column, variance: Column, z: float) -> tuple[Column, Column]:
    """Limits of a cumulative hazard H that are symmetric for ln H; where H is 0, H itself.

    Args:
        engine: What holds the columns.
        hazard: H, 0 or more.
        variance: Its variance.
        z: How many standard errors to each side.

    Source: J. P. Klein and M. L. Moeschberger, Survival Analysis, 2nd edition, 2003, section 4.3.
    """

    def limits(m: Any, least: Any, total: Any, spread: Any) -> tuple[Any, Any]:
        wide = least(z * m.sqrt(spread) / total, WIDEST)
        factor = m.exp(wide)
        return total / factor, total * factor

    return _limits(engine, limits, hazard, variance, math.inf)


def _limits(
    engine: EngineName, limits: Callable[..., tuple[Any, Any]], values: Column, variance: Column, top: float
) -> tuple[Column, Column]:
    """The limits where a value lies between its bounds; elsewhere the value."""
    if engine == "numpy":
        import numpy as np

        found = np.flatnonzero((values > 0) & (values < top))  # one run, since the values only fall or only rise
        inside = slice(found[0], found[-1] + 1) if len(found) else slice(0)
        lower, upper = values.copy(), values.copy()
        lower[inside], upper[inside] = limits(np, np.minimum, values[inside], variance[inside])
        return lower, upper
    pairs = [
        limits(math, min, value, spread) if 0 < value < top else (value, value)
        for value, spread in zip(values, variance, strict=True)
    ]
    return [low for low, _ in pairs], [high for _, high in pairs]
