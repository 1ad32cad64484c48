"""Quantiles are of type 7, as in the spreadsheets and numpy."""

from __future__ import annotations

import statistics

import pytest
from hypothesis import given, strategies as st

from crmcore.analytics import quantile
from crmcore.kernel.errors import Invalid

NUMBERS = st.lists(st.floats(-1e300, 1e300), min_size=1)


@pytest.mark.parametrize(("p", "expected"), [(0, 1), (0.1, 1.3), (0.5, 2.5), (0.9, 7.9), (1, 10)])
def test_a_quantile_lies_between_the_order_statistics(p: float, expected: float) -> None:
    """By the distance, linearly."""
    assert quantile([10, 1, 3, 2], p) == pytest.approx(expected)


def test_nothing_has_no_quantile() -> None:
    """Undefined is None."""
    assert quantile([], 0.5) is None


@given(st.lists(st.integers(-(10**6), 10**6), min_size=2))
def test_it_agrees_with_the_standard_library(values: list[int]) -> None:
    """Whose inclusive method is the same."""
    deciles = statistics.quantiles(values, n=10, method="inclusive")

    assert [quantile(values, p / 10) for p in range(1, 10)] == pytest.approx(deciles)


@given(NUMBERS, st.floats(0, 1))
def test_it_never_leaves_the_data(values: list[float], p: float) -> None:
    """However large the numbers."""
    found = quantile(values, p)

    assert found is not None
    assert (
        min(values) <= found <= max(values)
        or found == pytest.approx(min(values))
        or found == pytest.approx(max(values))
    )


@pytest.mark.parametrize("p", [-0.1, 1.1, 90, float("nan")])
def test_p_is_a_fraction(p: float) -> None:
    """A percentile is divided by 100 first."""
    with pytest.raises(Invalid, match="a fraction from 0 to 1"):
        quantile([1, 2], p)
