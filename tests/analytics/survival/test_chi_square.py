"""P values: the chance of a chi-square beyond a statistic, to 13 digits."""

from __future__ import annotations

import mpmath
import pytest
from hypothesis import given, strategies as st

from crmcore.analytics.calculus.special import chi_square_survival, incomplete_gamma


@pytest.mark.parametrize(
    ("statistic", "degrees", "p"),
    [
        (3.841458820694124, 1, 0.05),
        (6.634896601021213, 1, 0.01),
        (5.991464547107979, 2, 0.05),
        (18.307038053275146, 10, 0.05),
        (124.34211340400406, 100, 0.05),
    ],
)
def test_the_printed_table(statistic: float, degrees: int, p: float) -> None:
    """Of any textbook."""
    assert chi_square_survival(statistic, degrees) == pytest.approx(p, rel=1e-13)


@given(st.floats(0.5, 3_000), st.floats(0.01, 3))
def test_a_second_method_agrees(a: float, part: float) -> None:
    """That of mpmath, to 30 digits."""
    x = a * part
    with mpmath.workdps(30):
        exact = mpmath.gammainc(a, x, regularized=True)

    assert incomplete_gamma(a, x) == pytest.approx(float(exact), rel=1e-12, abs=1e-300)


def test_the_ends() -> None:
    """Everything is above 0, and nothing is above what is very large."""
    assert chi_square_survival(0, 3) == incomplete_gamma(0.5, 0) == 1
    assert chi_square_survival(1e6, 1) == 0
