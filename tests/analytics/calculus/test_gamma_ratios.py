"""Ratios of gamma functions, beside mpmath."""

from __future__ import annotations

import mpmath
import pytest
from hypothesis import given, strategies as st

from crmcore.analytics.calculus.gamma_ratios import digamma_rise, log_rising, trigamma_fall

sizes = st.floats(-9, 14).map(lambda power: 10.0**power)


@given(z=sizes, s=sizes)
def test_ratios_keep_their_digits_where_one_part_is_much_larger(z: float, s: float) -> None:
    """To 13 digits, of the difference itself; the logarithm may pass through 0."""
    with mpmath.workdps(80):
        whole, start = mpmath.mpf(z) + mpmath.mpf(s), mpmath.mpf(z)
        logarithm = mpmath.loggamma(whole) - mpmath.loggamma(start)
        rise = mpmath.psi(0, whole) - mpmath.psi(0, start)
        fall = mpmath.psi(1, start) - mpmath.psi(1, whole)
    scale = abs(s * mpmath.log(z + s)) + s
    assert log_rising(z, s) == pytest.approx(float(logarithm), rel=1e-12, abs=float(scale) * 1e-14)
    assert digamma_rise(z, s) == pytest.approx(float(rise), rel=1e-12)
    assert trigamma_fall(z, s) == pytest.approx(float(fall), rel=1e-12)


@pytest.mark.parametrize("z", [1e-3, 1.0, 20.0, 1e300])
def test_nothing_added_changes_nothing(z: float) -> None:
    """And no size overflows."""
    assert (log_rising(z, 0.0), digamma_rise(z, 0.0), trigamma_fall(z, 0.0)) == (0, 0, 0)
    assert log_rising(z, 1.0) == pytest.approx(float(mpmath.log(z)), abs=1e-12)
