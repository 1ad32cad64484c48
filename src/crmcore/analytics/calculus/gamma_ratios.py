"""Ratios of gamma functions with their derivatives, without taking something large from something large."""

from __future__ import annotations

from math import log, log1p

__all__ = ["LOG_GAMMA", "digamma_rise", "log_rising", "trigamma_fall"]

ASYMPTOTIC = 12.0
"""From here on a few terms of the asymptotic series give all digits."""

MUCH = 100.0
"""A sum this much larger than one of its parts has a logarithm far from that part's."""

LOG_GAMMA = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156)
"""Factors of 1/z, 1/z³, 1/z⁵, …: what Stirling's series adds to (z − ½) ln z − z + ½ ln 2π."""

DIGAMMA = (1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760, 1 / 12)
TRIGAMMA = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6)
"""Those of 1/z², 1/z⁴, … and of 1/z³, 1/z⁵, … in the series of its derivatives."""


def log_rising(z: float, s: float) -> float:
    """ln Γ(z + s) − ln Γ(z), exact also where z is much larger than s.

    Args:
        z: A number above 0.
        s: A number from 0 on.

    Source: M. Abramowitz and I. A. Stegun, Handbook of Mathematical Functions, 6.1.41, term by term.

    Example:
        >>> from crmcore.analytics.calculus.gamma_ratios import log_rising
        >>> round(log_rising(2.0, 3.0), 12)  # ln 2·3·4
        3.178053830348
    """
    found = 0.0
    while z < ASYMPTOTIC:
        found -= _log_growth(z, s)
        z += 1
    growth, a, b = _log_growth(z, s), 1 / z, 1 / (z + s)
    value, slope = _series(LOG_GAMMA, a, b)
    return found + s * log(z + s) + ((z - 0.5) * growth - s) - s * a * b * (value + a * (a + b) * slope)


def digamma_rise(z: float, s: float) -> float:
    """ψ(z + s) − ψ(z), by how much the first derivative of ln Γ rises.

    Args:
        z: A number above 0.
        s: A number from 0 on.

    Source: M. Abramowitz and I. A. Stegun, Handbook of Mathematical Functions, 6.3.18, term by term.

    Example:
        >>> from crmcore.analytics.calculus.gamma_ratios import digamma_rise
        >>> round(digamma_rise(2.0, 2.0), 12)  # 1/2 + 1/3
        0.833333333333
    """
    found = 0.0
    while z < ASYMPTOTIC:
        found += s / z / (z + s)
        z += 1
    a, b = 1 / z, 1 / (z + s)
    value, slope = _series(DIGAMMA, a, b)
    return found + _log_growth(z, s) + s * a * b * (0.5 + (a + b) * (value + a * a * slope))


def trigamma_fall(z: float, s: float) -> float:
    """ψ′(z) − ψ′(z + s), by how much the second derivative of ln Γ falls.

    Args:
        z: A number above 0.
        s: A number from 0 on.

    Source: M. Abramowitz and I. A. Stegun, Handbook of Mathematical Functions, 6.4.12, term by term.

    Example:
        >>> from crmcore.analytics.calculus.gamma_ratios import trigamma_fall
        >>> round(trigamma_fall(2.0, 2.0), 12)  # 1/4 + 1/9
        0.361111111111
    """
    found = 0.0
    while z < ASYMPTOTIC:
        a, b = 1 / z, 1 / (z + s)
        found += s * a * b * (a + b)
        z += 1
    a, b = 1 / z, 1 / (z + s)
    value, slope = _series(TRIGAMMA, a, b)
    cubed = (a * a + a * b + b * b) * value + a * a * a * (a + b) * slope
    return found + s * a * b * (1 + (a + b) / 2 + cubed)


def _log_growth(z: float, s: float) -> float:
    """ln((z + s) / z)."""
    return log1p(s / z) if s < MUCH * z else log(z + s) - log(z)


def _series(factors: tuple[float, ...], a: float, b: float) -> tuple[float, float]:
    """A polynomial in b², and by how much it differs from that in a² for each unit of b² − a²."""
    value, slope = factors[-1], 0.0
    for factor in factors[-2::-1]:
        slope = slope * a * a + value
        value = value * b * b + factor
    return value, slope
