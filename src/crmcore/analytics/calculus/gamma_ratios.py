"""Ratios of gamma functions with their derivatives, without taking something large from something large."""

from __future__ import annotations

from math import expm1, log, log1p

__all__ = ["LOG_GAMMA", "digamma_rise", "log_rising", "trigamma_fall"]

ASYMPTOTIC = 12.0
"""From here on a few terms of the asymptotic series give all digits."""

MUCH = 100.0
"""A sum this much larger than one of its parts has a logarithm far from that part's."""

LOG_GAMMA = (
    (1, 1 / 12),
    (3, -1 / 360),
    (5, 1 / 1260),
    (7, -1 / 1680),
    (9, 1 / 1188),
    (11, -691 / 360360),
    (13, 1 / 156),
)
"""Powers of 1/z with their factors: what Stirling's series adds to (z − ½) ln z − z + ½ ln 2π."""

DIGAMMA = ((2, 1 / 12), (4, -1 / 120), (6, 1 / 252), (8, -1 / 240), (10, 1 / 132), (12, -691 / 32760), (14, 1 / 12))
TRIGAMMA = ((3, 1 / 6), (5, -1 / 30), (7, 1 / 42), (9, -1 / 30), (11, 5 / 66), (13, -691 / 2730), (15, 7 / 6))


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
    growth = _log_growth(z, s)
    return found + s * log(z + s) + ((z - 0.5) * growth - s) + _series(LOG_GAMMA, z, growth)


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
    growth = _log_growth(z, s)
    return found + growth + 0.5 * s / z / (z + s) - _series(DIGAMMA, z, growth)


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
        found -= expm1(-2 * _log_growth(z, s)) / z / z
        z += 1
    growth = _log_growth(z, s)
    return found + s / z / (z + s) - 0.5 * expm1(-2 * growth) / z / z - _series(TRIGAMMA, z, growth)


def _log_growth(z: float, s: float) -> float:
    """ln((z + s) / z)."""
    return log1p(s / z) if s < MUCH * z else log(z + s) - log(z)


def _series(terms: tuple[tuple[int, float], ...], z: float, growth: float) -> float:
    """Σ c · (1/(z + s)ᵏ − 1/zᵏ)."""
    return sum(factor * expm1(-k * growth) * (1 / z) ** k for k, factor in terms)
