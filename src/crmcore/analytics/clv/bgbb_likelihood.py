"""The log-likelihood of BG/BB, by tail counts and one recurrence: no special function is needed.

What came until the last purchase is a product of shares, which tail counts add up. What came after it, staying without
a purchase until the end or leaving before, follows from the end backwards, for all with the same x and n at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import log
from typing import TypeAlias

from crmcore.analytics.calculus.maximum import Evaluate, Evaluation
from crmcore.analytics.clv.rows import Rows
from crmcore.analytics.clv.tails import tails

__all__ = ["likelihood", "silences"]

Point: TypeAlias = Sequence[float]
Matrix: TypeAlias = list[list[float]]
Jet: TypeAlias = tuple[float, list[float], Matrix]
"""A figure with its first and second derivatives by alpha, beta, gamma and delta."""

Grouped: TypeAlias = dict[tuple[int, int], dict[int, float]]
"""By x and n, how many customers bought last at each t_x."""

ALL = range(4)


def likelihood(rows: Rows) -> Evaluate:
    """The log-likelihood of alpha, beta, gamma and delta with its derivatives.

    Args:
        rows: Customers by x, t_x and n.
    """
    engine = rows.engine
    x, t_x, n = rows.columns
    passed = engine.one(lambda _, x, t_x: t_x - x, x, t_x)
    counts = [tails(engine, column, rows.weights) for column in (x, passed, t_x)]
    grouped: Grouped = {}
    for count, last, periods, weight in zip(*map(engine.plain, (x, t_x, n, rows.weights)), strict=True):
        group = grouped.setdefault((round(count), round(periods)), {})
        group[round(last)] = group.get(round(last), 0.0) + weight

    def evaluate(point: Sequence[float]) -> Evaluation:
        value, gradient, hessian = _until_last(point, *counts)
        for key, weights in grouped.items():
            for t, (silent, slope, bend) in _after_last(point, *key):
                weight = weights.get(t, 0.0)
                if weight:
                    value += weight * log(silent)
                    for i in ALL:
                        gradient[i] += weight * slope[i] / silent
                        for j in ALL:
                            hessian[i][j] += weight * (bend[i][j] - slope[i] * slope[j] / silent) / silent
        return Evaluation(value, gradient, hessian)

    return evaluate


def silences(point: Point, x: int, n: int) -> list[tuple[float, float]]:
    """For t from n back to x: the chance to stay without a purchase from t until n, and that of staying or leaving so.

    Args:
        point: alpha, beta, gamma and delta.
        x: How many purchases were made.
        n: How many opportunities there were.
    """
    alpha, beta, gamma, delta = point
    stayed, silent = 1.0, 1.0
    found = [(stayed, silent)]
    for t in range(n - 1, x - 1, -1):
        passing = (beta + (t - x)) / (alpha + beta + t) * (delta + t) / (gamma + delta + t)
        stayed *= passing
        silent = gamma / (gamma + delta + t) + passing * silent
        found.append((stayed, silent))
    return found


def _until_last(point: Point, bought: list[float], passed: list[float], lived: list[float]) -> Jet:
    """Σ ln of the shares of purchases, of opportunities that passed, and of staying, until the last purchase."""
    alpha, beta, gamma, delta = point
    whole = alpha + beta
    value = alpha_1 = beta_1 = gamma_1 = delta_1 = alpha_2 = beta_2 = whole_1 = whole_2 = delta_2 = both = 0.0
    for j, count in enumerate(bought):
        value += count * log((alpha + j) / whole)
        alpha_1 += count / (alpha + j)
        alpha_2 -= count / ((alpha + j) * (alpha + j))
    for j, count in enumerate(passed):
        value += count * log((beta + j) / whole)
        beta_1 += count / (beta + j)
        beta_2 -= count / ((beta + j) * (beta + j))
    for j, count in enumerate(lived):
        start, stay, end = whole + j, delta + j, gamma + delta + j
        value += count * log(stay / end * (whole / start))
        whole_1 -= count / start
        whole_2 += count / (start * start)
        gamma_1 -= count / end
        delta_1 += count * gamma / (stay * end)
        both += count / (end * end)
        delta_2 -= count / (stay * stay)
    gradient = [alpha_1 + whole_1, beta_1 + whole_1, gamma_1, delta_1]
    return (
        value,
        gradient,
        [
            [alpha_2 + whole_2, whole_2, 0.0, 0.0],
            [whole_2, beta_2 + whole_2, 0.0, 0.0],
            [0.0, 0.0, both, both],
            [0.0, 0.0, both, both + delta_2],
        ],
    )


def _after_last(point: Point, x: int, n: int) -> Iterator[tuple[int, Jet]]:
    """For t from n back to x, the chance that who bought last at t is silent until n, with its derivatives."""
    alpha, beta, gamma, delta = point
    silent, slope, bend = 1.0, [0.0] * 4, [[0.0] * 4 for _ in ALL]
    yield n, (silent, slope, bend)
    for t in range(n - 1, x - 1, -1):
        whole, passed, end, stay = alpha + beta + t, beta + (t - x), gamma + delta + t, delta + t
        passing = passed / whole * (stay / end)
        by = [-1 / whole, 1 / passed - 1 / whole, -1 / end, gamma / (stay * end)]
        twice, late = 1 / (whole * whole), 1 / (end * end)
        bent = [
            [twice, twice, 0.0, 0.0],
            [twice, twice - 1 / (passed * passed), 0.0, 0.0],
            [0.0, 0.0, late, late],
            [0.0, 0.0, late, late - 1 / (stay * stay)],
        ]
        bend = [
            [
                passing * ((by[i] * by[j] + bent[i][j]) * silent + by[i] * slope[j] + by[j] * slope[i] + bend[i][j])
                for j in ALL
            ]
            for i in ALL
        ]
        slope = [passing * (by[i] * silent + slope[i]) for i in ALL]
        silent = gamma / end + passing * silent
        slope[2] += stay * late
        slope[3] -= gamma * late
        bend[2][2] -= 2 * stay * late / end
        bend[2][3] += (gamma - stay) * late / end
        bend[3][2] = bend[2][3]
        bend[3][3] += 2 * gamma * late / end
        yield t, (silent, slope, bend)
