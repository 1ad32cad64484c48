"""What geometric series come to on average, beside the hypergeometric function and direct sums."""

from __future__ import annotations

import math

import mpmath
import pytest
from hypothesis import given, settings, strategies as st

from crmcore.analytics.calculus.geometric_series import mean_geometric_sum, mean_reciprocal


@pytest.mark.parametrize("a", [1e-3, 0.03, 0.3, 1.0, 1.0000001, 5.0, 1000.0])
@pytest.mark.parametrize("b", [1e-3, 0.3, 1.0, 100.0])
@pytest.mark.parametrize("d", [1e-9, 1e-4, 0.1, 10.0])
def test_mean_reciprocals_are_2f1(a: float, b: float, d: float) -> None:
    """₂F₁(1, b; a + b; 1 / (1 + d)) / (1 + d), to 13 digits."""
    with mpmath.workdps(50):
        x, y, z = mpmath.mpf(a), mpmath.mpf(b), mpmath.mpf(d)
        exact = mpmath.hyp2f1(1, y, x + y, 1 / (1 + z)) / (1 + z)
    assert mean_reciprocal(a, b, d) == pytest.approx(float(exact), rel=2e-13)


def test_mean_reciprocals_have_limits() -> None:
    """Nothing added, and distributions of which only the mean is left."""
    assert mean_reciprocal(3.0, 4.0, 0.0) == 3.0
    assert mean_reciprocal(1e300, 1e300, 0.1) == pytest.approx(1 / 0.6, rel=1e-14)
    assert mean_reciprocal(1e14, 1e14, 0.1) == pytest.approx(1 / 0.6, rel=1e-12)
    assert mean_reciprocal(1e-300, 1.0, 0.1) == pytest.approx(10, rel=1e-14)


@given(
    a=st.floats(1e-3, 1e3),
    b=st.floats(1e-3, 1e3),
    rate=st.sampled_from([0.0, 1e-9, 0.01, 1.0, 700.0]),
    t=st.integers(0, 80),
)
@settings(max_examples=60)
def test_finite_sums_are_sums_of_moments(a: float, b: float, rate: float, t: int) -> None:
    """B(a, b + i) / B(a, b) · e^(−rate i), term by term."""
    with mpmath.workdps(40):
        base = mpmath.loggamma(b) - mpmath.loggamma(mpmath.mpf(a) + b)
        exact = sum(
            mpmath.exp(
                mpmath.loggamma(mpmath.mpf(b) + i)
                - mpmath.loggamma(mpmath.mpf(a) + b + i)
                - base
                - mpmath.mpf(rate) * i
            )
            for i in range(1, t + 1)
        )
    assert mean_geometric_sum(a, b, rate, t) == pytest.approx(float(exact), rel=1e-11, abs=1e-300)


def test_a_sum_ends_where_nothing_is_added() -> None:
    """A hundred thousand steps, of which some hundred count, are the sum for ever."""
    for a, b in ((0.7, 2.8), (3.0, 1.0)):
        ever = b / (a + b) * mean_reciprocal(a, b + 1, math.expm1(0.1))
        assert mean_geometric_sum(a, b, 0.1, 100_000) == pytest.approx(ever, rel=1e-13)
