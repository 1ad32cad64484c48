"""The log-likelihood of BG/NBD and MBG/NBD, by tail counts: no special function is needed.

For whole x, Γ(r + x) / Γ(r) is the product of r + j over j < x, and B(a, b + x) / B(a, b) is the product of
(b + j) / (a + b + j). Over all customers, each j then counts as often as somebody bought more than j times. What is
left is a sum over ages, and one over those who can have left.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import exp, log, log1p
from typing import Any

from crmcore.analytics.calculus.maximum import Evaluate, Evaluation
from crmcore.analytics.clv.rows import Rows, distinct

__all__ = ["likelihood", "starts"]

STEPS = 24
"""Halvings of the interval in which a start is looked for."""


def starts(bought: Sequence[float], customers: float) -> list[tuple[float, float, float, float]]:
    """Where to begin, for times divided by their mean: as if nobody left, with the mean and the zeros matched; or else.

    Args:
        bought: How many bought again more than j times.
        customers: How many there are.
    """
    elsewhere = [(1.0, 1.0, 1.0, 1.0), (3.0, 3.0, 0.2, 5.0)]
    mean = sum(bought) / customers
    if not mean:
        return elsewhere
    sought = -log(max(customers - bought[0], 0.5) / customers) / mean  # is ln(1 + ratio) / ratio of the NBD model
    low, high = log(1e-2), log(1e6)
    for _ in range(STEPS):
        middle = (low + high) / 2
        ratio = exp(middle)
        low, high = (middle, high) if log1p(ratio) > sought * ratio else (low, middle)
    alpha = exp(-low)
    return [(0.8 * alpha * mean, 0.5 * alpha, 0.8, 2.5), *elsewhere]  # some have left


def likelihood(rows: Rows, bought: Sequence[float], scale: float, first: int) -> Evaluate:
    """The log-likelihood of r, alpha / scale, a and b with its derivatives.

    Args:
        rows: Customers by x, t_x and T.
        bought: How many bought again more than j times.
        scale: What alpha is divided by.
        first: 1 when a customer may leave after the first purchase of all, as in MBG/NBD; else 0.
    """
    engine = rows.engine
    counts = list(map(engine.column, _counts(bought, rows.customers, first)))
    ages = _ages(rows)
    able = engine.one(lambda _, x: x + first > 0, rows.columns[0])
    leaving = engine.kept(able, rows.weights, *rows.columns)

    def evaluate(point: Sequence[float]) -> Evaluation:
        r, alpha, a, b = point[0], point[1] * scale, point[2], point[3]
        value, r_1, r_2, a_1, b_1, ab_2, b_2 = engine.sums(partial(_counting, r, a, b), *counts) or [0.0] * 7
        waited, r_w, alpha_1, r_alpha, alpha_2 = engine.sums(partial(_waiting, r, alpha), *ages)
        odds = engine.sums(partial(_leaving, r, alpha, a, b, first), *leaving) or [0.0] * 15
        total, one, by_r, by_alpha, by_b, bend, bend_r, bend_alpha, bend_b, rr, ra, rb, aa, ab, bb = odds
        ra, bend_alpha, ab = (ra + r_alpha) * scale, bend_alpha / a * scale, ab * scale
        return Evaluation(
            value + waited + total,
            [r_1 + r_w + by_r, (alpha_1 + by_alpha) * scale, a_1 + one / a, b_1 - by_b],
            [
                [rr - r_2, ra, bend_r / a, -rb],
                [ra, (aa + alpha_2) * scale * scale, bend_alpha, -ab],
                [bend_r / a, bend_alpha, ab_2 + (bend - one) / (a * a), ab_2 - bend_b / a],
                [-rb, -ab, ab_2 - bend_b / a, bb + b_2],
            ],
        )

    return evaluate


# --- what is summed over ----------------------------------------------------------------------------------------------


def _counts(bought: Sequence[float], customers: float, first: int) -> tuple[Sequence[float], ...]:
    """Each j, how many bought again more than j times, and how many stayed more than j times."""
    stayed = [customers, *bought] if first else bought
    return list(map(float, range(len(stayed)))), [*bought, 0.0] if first else bought, stayed


def _ages(rows: Rows) -> tuple[Any, Any, Any]:
    """Each age, how many customers have it, and how often they bought again."""
    engine = rows.engine
    x, _, T = rows.columns
    (ages,), places = distinct([T], engine)
    bought = engine.one(lambda _, weight, count: weight * count, rows.weights, x)
    return ages, engine.added(places, rows.weights), engine.added(places, bought)


# --- what is summed ---------------------------------------------------------------------------------------------------


def _counting(r: float, a: float, b: float, m: Any, j: Any, bought: Any, stayed: Any) -> tuple[Any, ...]:
    """ln Γ(r + x) / Γ(r) + ln B(a, b + x) / B(a, b), with the derivatives by r, r twice, a, b, a and b, b twice."""
    times, one = r + j, b + j
    two = a + one
    odds = stayed * a / (one * two)
    return (
        bought * m.log(times) - stayed * m.log1p(a / one),
        bought / times,
        bought / (times * times),
        -stayed / two,
        odds,
        stayed / (two * two),
        -odds * (one + two) / (one * two),
    )


def _waiting(r: float, alpha: float, m: Any, T: Any, n: Any, x: Any) -> tuple[Any, ...]:
    """r ln alpha − (r + x) ln(alpha + T), with the derivatives by r, alpha, both, alpha twice."""
    until = alpha + T
    later = n * m.log1p(T / alpha)
    share = n * T / (alpha * until)
    return (
        -r * later - x * m.log(until),
        -later,
        r * share - x / until,
        share,
        x / (until * until) - r * share * (alpha + until) / (alpha * until),
    )


def _leaving(
    r: float, alpha: float, a: float, b: float, first: int, m: Any, w: Any, x: Any, t_x: Any, T: Any
) -> tuple[Any, ...]:
    """ln(1 + the odds of having left after the last purchase), with what its derivatives are made of.

    For the odds e^z these are w times the share e^z / (1 + e^z), then that times its complement; both times the
    derivatives of z by r, by alpha and by −b; and the second derivatives by r, alpha and −b.
    """
    early, late, since = 1 / (alpha + t_x), 1 / (alpha + T), T - t_x
    k, between = r + x, -since * early * late  # their difference, exact also where alpha is large
    by_r, by_alpha, by_b = m.log1p(since * early), k * between, 1 / (b + (x + (first - 1.0)))
    z = m.log(a * by_b) + k * by_r
    against = m.exp(-z)
    share = w / (1 + against)
    bend = share * against / (1 + against)
    bend_r, bend_alpha, bend_b, share_alpha, share_b = (
        bend * by_r,
        bend * by_alpha,
        bend * by_b,
        share * by_alpha,
        share * by_b,
    )
    return (
        w * (z + m.log1p(against)),
        share,
        share * by_r,
        share_alpha,
        share_b,
        bend,
        bend_r,
        bend_alpha,
        bend_b,
        bend_r * by_r,
        bend_r * by_alpha + share * between,
        bend_r * by_b,
        bend_alpha * by_alpha - share_alpha * (early + late),
        bend_alpha * by_b,
        (bend_b + share_b) * by_b,
    )
