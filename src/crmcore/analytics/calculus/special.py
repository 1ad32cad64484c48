"""Special functions, to about 14 digits."""

from __future__ import annotations

from math import exp, expm1, lgamma, log, log1p, sqrt, tau

__all__ = [
    "chi_square_survival",
    "digamma",
    "exponential_integral",
    "incomplete_gamma",
    "trigamma",
]

TINY = 1e-300
ROUNDING = 4e-16
"""A change by no more is none."""
ASYMPTOTIC = 12.0
"""From here on a few terms of the asymptotic series give all digits."""

DIGAMMA_TERMS = (1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760, 1 / 12)
TRIGAMMA_TERMS = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6)


def digamma(x: float) -> float:
    """The first derivative of ln Γ.

    Args:
        x: A number above 0.

    Source: M. Abramowitz and I. A. Stegun, Handbook of Mathematical Functions, 6.3.5 and 6.3.18.

    Example:
        >>> from crmcore.analytics.calculus.special import digamma
        >>> round(digamma(1.0), 12)
        -0.577215664902
    """
    shift = 0.0
    while x < ASYMPTOTIC:
        shift -= 1 / x
        x += 1
    square, power, tail = x * x, 1.0, 0.0
    for term in DIGAMMA_TERMS:
        power *= square
        tail += term / power
    return shift + log(x) - 0.5 / x - tail


def trigamma(x: float) -> float:
    """The second derivative of ln Γ.

    Args:
        x: A number above 0.

    Source: M. Abramowitz and I. A. Stegun, Handbook of Mathematical Functions, 6.4.6 and 6.4.12.

    Example:
        >>> from crmcore.analytics.calculus.special import trigamma
        >>> round(trigamma(1.0), 12)
        1.644934066848
    """
    shift = 0.0
    while x < ASYMPTOTIC:
        shift += 1 / (x * x)
        x += 1
    square, power, tail = x * x, x, 0.0
    for term in TRIGAMMA_TERMS:
        power *= square
        tail += term / power
    return shift + 1 / x + 0.5 / square + tail


def _kept(value: float) -> float:
    """A divisor away from 0."""
    return value if abs(value) > TINY else TINY


def exponential_integral(n: float, z: float) -> float:
    """The generalised exponential integral eᶻ Eₙ(z) = ∫₀^∞ e^(−zy) (1 + y)^(−n) dy.

    Args:
        n: The order, any number above 0.
        z: A number above 0.

    Source: NIST Digital Library of Mathematical Functions, 8.19.7 (recurrence), 8.19.8 and 8.20 (series), 8.19.17
    (continued fraction).

    Example:
        >>> from crmcore.analytics.calculus.special import exponential_integral
        >>> round(exponential_integral(2.0, 1.0), 12)
        0.403652637677
    """
    if z >= 1 or n > ASYMPTOTIC:
        return _integral_fraction(n, z)
    steps = max(0, round(n - 1))
    order = n - steps
    value = _integral_series(order, z)
    for _ in range(steps):
        value = (exp(-z) - z * value) / order
        order += 1
    return value * exp(z)


def _integral_fraction(n: float, z: float) -> float:
    """The continued fraction, by Lentz's method."""
    b, k, change = z + n, 0, 0.0
    c, d = 1 / TINY, 1 / b
    found = d
    while abs(change - 1) > ROUNDING:
        k += 1
        term = -k * (n - 1 + k)
        b += 2
        d = 1 / _kept(b + term * d)
        c = _kept(b + term / c)
        change = c * d
        found *= change
    return found


EULER = 0.5772156649015329
ZETA = (1.6449340668482264, 1.2020569031595943, 1.0823232337111382, 1.0369277551433699, 1.0173430619844491)


def _integral_series(order: float, z: float) -> float:
    """Eₙ(z) for an order from 0 to 1.5 and z below 1, with the two terms that part at order 1 taken together."""
    e = 1 - order
    logarithm = _log_gamma_beside_one(e) - e * log(z)
    total = expm1(logarithm) / e if e else -EULER - log(z)
    term = 1.0
    for k in range(1, 40):
        term *= -z / k
        total -= term / (e + k)
    return total


def _log_gamma_beside_one(e: float) -> float:
    """ln Γ(1 + e) for −½ ≤ e < 1, exact also where e is lost in 1 + e."""
    if abs(e) > 1e-3:
        return lgamma(1 + e)
    return -EULER * e + sum(zeta * (-e) ** k / k for k, zeta in enumerate(ZETA, 2))


def incomplete_gamma(a: float, x: float) -> float:
    """The regularised upper incomplete gamma function Q(a, x): the chance that a Gamma(a, 1) is above x.

    Args:
        a: A number above 0.
        x: A number from 0 on.

    Source: M. Abramowitz and I. A. Stegun, Handbook of Mathematical Functions, 6.5.29 and 6.5.31, the fraction by
    Lentz's method.

    Example:
        >>> from crmcore.analytics.calculus.special import incomplete_gamma
        >>> round(incomplete_gamma(1.0, 2.0), 12)  # exp(-2)
        0.135335283237
    """
    if x <= 0:
        return 1.0
    front = _gamma_front(a, x)
    return 1 - front * _gamma_series(a, x) if x < a + 1 else front * _gamma_fraction(a, x)


def _gamma_front(a: float, x: float) -> float:
    """xᵃ e⁻ˣ / Γ(a); of a large a by Stirling's series, in which nothing large is taken from something large."""
    if a < ASYMPTOTIC:
        return exp(a * log(x) - x - lgamma(a))
    beside = (x - a) / a
    series = 1 / (12 * a) - 1 / (360 * a**3) + 1 / (1260 * a**5) - 1 / (1680 * a**7)
    return exp(a * (log1p(beside) - beside) - series) * sqrt(a / tau)


def _gamma_series(a: float, x: float) -> float:
    found = term = 1 / a
    k = a
    while abs(term) > 1e-17 * found:
        k += 1
        term *= x / k
        found += term
    return found


def _gamma_fraction(a: float, x: float) -> float:
    b = x + 1 - a
    c, d = 1 / TINY, 1 / _kept(b)
    found, factor, k = d, 0.0, 0
    while abs(factor - 1) > 3e-16:
        k += 1
        term = -k * (k - a)
        b += 2
        d = 1 / _kept(b + term * d)
        c = _kept(b + term / c)
        factor = c * d
        found *= factor
    return found


def chi_square_survival(x: float, degrees_of_freedom: float) -> float:
    """The chance that a chi-square variable is above x: the p value of a test statistic.

    Args:
        x: The statistic, from 0 on.
        degrees_of_freedom: A number above 0.

    Source: M. Abramowitz and I. A. Stegun, Handbook of Mathematical Functions, 26.4.19.

    Example:
        >>> from crmcore.analytics.calculus.special import chi_square_survival
        >>> round(chi_square_survival(3.841458820694124, 1), 12)
        0.05
    """
    return incomplete_gamma(degrees_of_freedom / 2, x / 2)
