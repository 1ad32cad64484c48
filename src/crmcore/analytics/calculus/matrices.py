"""Small symmetric matrices, as rows: what Newton's method asks of them."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import TypeAlias

__all__ = ["Matrix", "cholesky", "inverse", "solve"]

Matrix: TypeAlias = list[list[float]]

LEAST = 1e-14
"""The least share of a pivot that must be left for it to be told from rounding."""


def cholesky(matrix: Sequence[Sequence[float]]) -> Matrix | None:
    """The lower triangle L with L Lᵀ = matrix; None when the matrix is not positive definite.

    Args:
        matrix: A symmetric matrix, shape ``(n, n)``.

    Example:
        >>> from crmcore.analytics.calculus.matrices import cholesky
        >>> cholesky([[4.0, 2.0], [2.0, 10.0]])
        [[2.0, 0.0], [1.0, 3.0]]
    """
    size = len(matrix)
    lower = [[0.0] * size for _ in range(size)]
    for i in range(size):
        for j in range(i):
            lower[i][j] = (matrix[i][j] - sum(lower[i][k] * lower[j][k] for k in range(j))) / lower[j][j]
        pivot = matrix[i][i] - sum(part * part for part in lower[i][:i])
        if not pivot > LEAST * abs(matrix[i][i]):
            return None
        lower[i][i] = sqrt(pivot)
    return lower


def solve(lower: Matrix, right: Sequence[float]) -> list[float]:
    """The x with L Lᵀ x = right.

    Args:
        lower: What ``cholesky`` gave, shape ``(n, n)``.
        right: The right side, shape ``(n,)``.

    Example:
        >>> from crmcore.analytics.calculus.matrices import cholesky, solve
        >>> solve(cholesky([[4.0, 2.0], [2.0, 10.0]]), [8.0, 22.0])
        [1.0, 2.0]
    """
    size = len(lower)
    half: list[float] = []
    for i in range(size):
        half.append((right[i] - sum(lower[i][k] * half[k] for k in range(i))) / lower[i][i])
    found = [0.0] * size
    for i in reversed(range(size)):
        found[i] = (half[i] - sum(lower[k][i] * found[k] for k in range(i + 1, size))) / lower[i][i]
    return found


def inverse(matrix: Sequence[Sequence[float]]) -> Matrix | None:
    """The inverse of a symmetric positive definite matrix; None when it is none.

    Scaled to a unit diagonal first, so that parameters of very different size keep their digits.

    Args:
        matrix: A symmetric matrix, shape ``(n, n)``.

    Example:
        >>> from crmcore.analytics.calculus.matrices import inverse
        >>> inverse([[4.0, 0.0], [0.0, 16.0]])
        [[0.25, 0.0], [0.0, 0.0625]]
    """
    size = len(matrix)
    if not all(matrix[i][i] > 0 for i in range(size)):
        return None
    scale = [1 / sqrt(matrix[i][i]) for i in range(size)]
    lower = cholesky([[matrix[i][j] * scale[i] * scale[j] for j in range(size)] for i in range(size)])
    if lower is None:
        return None
    columns = [solve(lower, [float(i == j) for i in range(size)]) for j in range(size)]
    return [[columns[j][i] * scale[i] * scale[j] for j in range(size)] for i in range(size)]
