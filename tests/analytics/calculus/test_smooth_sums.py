"""Infinite sums of smooth terms, beside sums that are known."""

from __future__ import annotations

from math import log, log1p

import mpmath
import pytest

from crmcore.analytics.calculus.smooth_sums import smooth_sum


@pytest.mark.parametrize("power", [1.001, 1.5, 2.0, 7.3, 40.0])
def test_powers_sum_to_zeta(power: float) -> None:
    """Riemann's function, near its pole, too."""
    found = smooth_sum(lambda k: -power * log1p(k), 1.0, power)
    assert found == pytest.approx(float(mpmath.zeta(power)), rel=1e-12)


@pytest.mark.parametrize("rate", [1e-10, 1e-6, 1e-3, 0.1, 5.0])
@pytest.mark.parametrize("start", [1.0, 1e6, 1e14])
def test_geometric_series(rate: float, start: float) -> None:
    """1 / (1 − e^(−rate)), wherever the logarithm of time begins."""
    found = smooth_sum(lambda k: -rate * k, start)
    assert found == pytest.approx(float(1 / -mpmath.expm1(-rate)), rel=1e-12)


def test_discounted_powers_sum_to_the_polylogarithm() -> None:
    """Li of order 0.7 at e^(−rate)."""
    found = smooth_sum(lambda k: -0.7 * log(1 + k) - 1e-7 * (1 + k), 1.0)
    with mpmath.workdps(40):
        exact = mpmath.polylog(0.7, mpmath.exp(-mpmath.mpf("1e-7")))
    assert found == pytest.approx(float(exact), rel=1e-12)


def test_infinite_sums_are_none() -> None:
    """The harmonic series."""
    assert smooth_sum(lambda k: -log1p(k), 1.0, 1.5) is None
