"""Quadrature beside closed forms, over parameters of every size."""

from __future__ import annotations

from math import exp, isclose, log, log1p
from random import Random

import mpmath as mp
import numpy as np
import pytest
from hypothesis import example, given, settings, strategies as st

from crmcore.analytics.calculus.quadrature import beta_grid, beta_nodes, legendre_nodes

small_and_large = st.floats(-4, 6).map(lambda power: 10**power)


@given(small_and_large, small_and_large)
@example(1.0, 1.0)
@example(1e-4, 1e6)
@example(1e6, 1e-4)
@example(1e12, 6e12)
@example(1e-12, 1e12)
@settings(max_examples=60)
def test_moments_of_a_beta_distribution(a: float, b: float) -> None:
    """Weights add up to 1, shares lie in 0 to 1, and the first moments are right."""
    shares, weights = beta_nodes(a, b)
    assert sum(weights) == pytest.approx(1, rel=1e-13)
    assert all(0 < share <= 1 for share in shares)
    exact = 1.0
    for power in (1, 2, 3):
        exact *= (a + power - 1) / (a + b + power - 1)
        assert sum(w * p**power for p, w in zip(shares, weights, strict=True)) == pytest.approx(exact, rel=1e-11)


def test_functions_that_fall_fast() -> None:
    """E[(1 + p·s)^−k] is a hypergeometric function, and is known where k and s are large, too."""
    rng = Random(1)
    for _ in range(40):
        a, b = rng.choice([0.05, 0.5, 1, 1.0000001, 5, 300]), rng.choice([0.05, 1, 2.4, 100, 1000])
        k, s = rng.choice([0.01, 1, 30, 1000]), 10 ** rng.uniform(-4, 3)
        shares, weights = beta_nodes(a, b, 8.0 ** (1 + log((k + 1) * s + 1, 8) // 1))
        found = sum(w * exp(-k * log1p(p * s)) for p, w in zip(shares, weights, strict=True))
        with mp.workdps(60):
            exact = float(mp.hyp2f1(k, a, a + b, -s, maxterms=10**6))
        assert abs(found - exact) <= 1e-12 * (1e-3 + exact), (a, b, k, s)


def test_one_grid_serves_many_distributions() -> None:
    """From the least b to the largest, one by one or all at once."""
    grid = beta_grid(0.8, 2.4, 50.0, 64.0)
    bs = np.array([2.4, 10.0, 50.0])
    together = grid.weights_of(np, bs)
    for column, b in zip(together.T, bs.tolist(), strict=True):
        weights = grid.weights(b)
        assert column.tolist() == pytest.approx(weights, rel=1e-12, abs=1e-300)
        assert sum(w * p for p, w in zip(grid.shares, weights, strict=True)) == pytest.approx(
            0.8 / (0.8 + b), rel=1e-12
        )


@pytest.mark.parametrize("n", [1, 2, 8, 33, 200])
def test_polynomials_are_integrated_exactly(n: int) -> None:
    """Up to degree 2n − 1."""
    nodes, weights = legendre_nodes(n)
    for degree in {0, 1, n, 2 * n - 1}:
        found = sum(w * u**degree for u, w in zip(nodes, weights, strict=True))
        assert isclose(found, 1 / (degree + 1), rel_tol=1e-12)
