"""Special functions beside mpmath's, over many orders of magnitude."""

from __future__ import annotations

from math import isfinite

import mpmath as mp
import pytest
from hypothesis import example, given, settings, strategies as st

from crmcore.analytics.calculus.special import digamma, exponential_integral, trigamma

positive = st.floats(1e-8, 1e8)


@given(positive)
@example(1.4616321449683623)  # where digamma is 0
@example(12.0)
@settings(max_examples=60)
def test_digamma(x: float) -> None:
    """To 14 digits of the larger of it and 1."""
    exact = mp.digamma(x)
    assert abs(digamma(x) - exact) <= 2e-14 * max(1, abs(exact))


@given(positive)
@example(12.0)
@settings(max_examples=60)
def test_trigamma(x: float) -> None:
    """To 13 digits."""
    assert trigamma(x) == pytest.approx(float(mp.polygamma(1, x)), rel=1e-13)


@pytest.mark.parametrize("order", [0.3, 1.0, 1.0000001, 1.5, 2.0, 2.5, 7.3, 12.5, 40.0, 1000.0])
@pytest.mark.parametrize("z", [1e-8, 1e-3, 0.2, 0.999, 1.0, 3.0, 50.0, 1e4])
def test_exponential_integral(order: float, z: float) -> None:
    """To 12 digits, also where the recurrence and the fraction meet."""
    with mp.workdps(40):
        exact = float(mp.exp(z) * mp.expint(mp.mpf(order), z))
    found = exponential_integral(order, z)
    assert isfinite(found)
    assert found == pytest.approx(exact, rel=1e-12)
