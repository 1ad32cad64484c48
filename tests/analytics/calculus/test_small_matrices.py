"""Small matrices beside numpy's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from crmcore.analytics.calculus.matrices import cholesky, inverse, solve


@given(st.integers(1, 6), st.integers(0, 10_000))
@settings(max_examples=40)
def test_definite_matrices(size: int, seed: int) -> None:
    """Factor, solution and inverse, also where the parameters are of very different size."""
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(size, size)) + 3 * np.eye(size)
    scale = 10.0 ** rng.uniform(-6, 6, size)
    matrix = (root @ root.T) * np.outer(scale, scale)
    lower = cholesky(matrix.tolist())
    assert lower is not None
    assert np.allclose(np.array(lower) @ np.array(lower).T, matrix, rtol=1e-12, atol=0)
    right = rng.normal(size=size) * scale
    assert matrix @ np.array(solve(lower, right.tolist())) == pytest.approx(right, rel=1e-6)
    found = inverse(matrix.tolist())
    assert found is not None
    scaled = np.array(found) * np.outer(scale, scale)
    assert np.allclose(scaled, np.linalg.inv(root @ root.T), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize(
    "matrix",
    [
        [[0.0]],
        [[-1.0]],
        [[1.0, 2.0], [2.0, 1.0]],
        [[1.0, 1.0], [1.0, 1.0]],
        [[1.0, 0.0], [0.0, 0.0]],
        [[float("nan")]],
    ],
)
def test_what_is_not_definite(matrix: list[list[float]]) -> None:
    """Has neither a factor nor an inverse."""
    assert cholesky(matrix) is None
    assert inverse(matrix) is None


def test_nothing() -> None:
    """The empty matrix is its own factor and inverse."""
    assert cholesky([]) == inverse([]) == []
    assert solve([], []) == []
