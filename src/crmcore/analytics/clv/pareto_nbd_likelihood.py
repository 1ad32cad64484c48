"""The log-likelihood of Pareto/NBD: an average over when a customer may have left, with no singular parameters."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, TypeAlias

from crmcore.analytics.calculus.decaying import by_need, needed, reach
from crmcore.analytics.calculus.engines import Engine
from crmcore.analytics.calculus.maximum import Evaluate, Evaluation
from crmcore.analytics.clv.nbd import rising, tail_counts
from crmcore.analytics.clv.rows import Rows

__all__ = ["likelihood", "log_odds"]

TINY = 1e-300

Column: TypeAlias = Any  # a number, a list of floats, or an array


def likelihood(rows: Rows, scale: float) -> Evaluate:
    """The log-likelihood of r, alpha, s and beta with its derivatives, on times divided by a scale.

    With the time of leaving u, what is averaged is (alpha + u)^−(r + x) (beta + u)^−s: its derivatives are the moments
    of the logarithms and reciprocals in it.

    Args:
        rows: Customers by x, t_x and T.
        scale: What times are divided by.
    """
    engine = rows.engine
    weights, bought = engine.column(rows.weights), tail_counts(rows)
    x = rows.columns[0]
    t_x, T = (engine.one(lambda _, time: time / scale, column) for column in rows.columns[1:])

    def evaluate(point: Sequence[float]) -> Evaluation:
        moments = _integrals(engine, _moments, point, x, t_x, T)
        counted, r_1, r_2 = rising(engine, point[0], bought)
        value, *slopes = engine.sums(partial(_weighted, *point), weights, x, t_x, T, *moments)
        (r, alpha, s, beta), (rr, ra, rs, rb, aa, as_, ab, ss, sb, bb) = slopes[:4], slopes[4:]
        return Evaluation(
            counted + value,
            [r_1 + r, alpha, s, beta],
            [[r_2 + rr, ra, rs, rb], [ra, aa, as_, ab], [rs, as_, ss, sb], [rb, ab, sb, bb]],
        )

    return evaluate


def log_odds(engine: Engine, point: Sequence[float], x: Column, t_x: Column, T: Column) -> Column:
    """The logarithm of the odds that a customer has left.

    Args:
        engine: What carries it out.
        point: r, alpha, s and beta.
        x: Repeat purchases.
        t_x: The age at the last purchase.
        T: The age at the end of the observation.
    """
    (left,) = _integrals(engine, _left, point, x, t_x, T)
    return engine.one(partial(_odds, *point), x, t_x, T, left)


def _integrals(engine: Engine, formula: Any, point: Sequence[float], x: Column, t_x: Column, T: Column) -> Sequence[Column]:  # noqa: ANN401
    """Integrals over the time of leaving, from t_x to T, on the logarithm of the smaller of alpha and beta plus time."""
    counts, *geometry = engine.columns(partial(_geometry, *point), x, t_x, T)
    return by_need(engine, partial(formula, point[1] <= point[3]), counts, *geometry)


def _geometry(r: float, alpha: float, s: float, beta: float, m: Any, x: Column, t_x: Column, T: Column) -> tuple[Column, ...]:  # noqa: ANN401
    """The nodes needed, the powers of the nearer and the farther singular point, their distances' ratio, the length."""
    if alpha <= beta:
        near, far, share = r + x - 1, s + 1 + 0 * x, (alpha + t_x) / (beta + t_x)
    else:
        near, far, share = s + 0 * x, r + x, (beta + t_x) / (alpha + t_x)
    length = reach(m.log1p((T - t_x) / (min(alpha, beta) + t_x)), near + far * share)
    fall = near * length + far * m.log1p(share * m.expm1(length))
    return needed(m, length, fall), near, far, share, length


def _left(first: bool, m: Any, nodes: Any, near: Column, far: Column, share: Column, length: Column) -> tuple[Column]:  # noqa: ANN401
    """∫ ((alpha + t_x) / (alpha + u))^(r + x) ((beta + t_x) / (beta + u))^s / (beta + u) du."""
    total = 0.0
    for node, weight in nodes:
        y = node * length
        total += weight * m.exp(-near * y - far * m.log1p(share * m.expm1(y)))
    return (total * length * (share if first else 1.0),)


def _moments(first: bool, m: Any, nodes: Any, near: Column, far: Column, share: Column, length: Column) -> tuple[Column, ...]:  # noqa: ANN401
    """The integral of ``_left``, and means over the time of leaving: of four figures, and of their products.

    The figures are ln((alpha + u) / (alpha + t_x)), (u − t_x) / (alpha + u), and the same with beta.
    """
    w = wa = wh = wb = wj = aa = ah = ab = aj = hh = hb = hj = bb = bj = jj = 0.0
    for node, weight in nodes:
        a = node * length
        grown = m.expm1(a)
        h = grown / (1 + grown)
        grown = grown * share
        b = m.log1p(grown)
        j = grown / (1 + grown)
        e = weight * m.exp(-near * a - far * b)
        w += e
        part = e * a
        wa += part
        aa += part * a
        ah += part * h
        ab += part * b
        aj += part * j
        part = e * h
        wh += part
        hh += part * h
        hb += part * b
        hj += part * j
        part = e * b
        wb += part
        bb += part * b
        bj += part * j
        part = e * j
        wj += part
        jj += part * j
    left = w * length * (share if first else 1.0)
    w = w + TINY
    ordered = (wa, wh, wb, wj, aa, ah, ab, aj, hh, hb, hj, bb, bj, jj)
    if not first:
        ordered = (wb, wj, wa, wh, bb, bj, ab, hb, jj, aj, hj, aa, ah, hh)
    return (left, *(moment / w for moment in ordered))


def _odds(r: float, alpha: float, s: float, beta: float, m: Any, x: Column, t_x: Column, T: Column, left: Column) -> Column:  # noqa: ANN401
    """The logarithm of the odds of having left, from the integral over when."""
    stayed = (r + x) * m.log1p((T - t_x) / (alpha + t_x)) + s * m.log1p((T - t_x) / (beta + t_x))
    return m.log(s) + m.log(left + TINY) + stayed


def _weighted(r: float, alpha: float, s: float, beta: float, m: Any, weight: Column, *columns: Column) -> tuple[Column, ...]:  # noqa: ANN401
    return tuple(weight * term for term in _terms(r, alpha, s, beta, m, *columns))


def _terms(
    r: float, alpha: float, s: float, beta: float,
    m: Any,  # noqa: ANN401
    x: Column, t_x: Column, T: Column, left: Column,
    a: Column, h: Column, b: Column, j: Column,
    aa: Column, ah: Column, ab: Column, aj: Column, hh: Column, hb: Column, hj: Column, bb: Column, bj: Column, jj: Column,
) -> tuple[Column, ...]:  # fmt: skip
    """Of each row, the log-likelihood without Γ(r + x) / Γ(r), its gradient, and its Hessian's upper triangle.

    A customer is there still with ``stay`` or has left with ``gone``: derivatives are means over both, and the Hessian
    has their covariance besides.
    """
    k, p, q, since = r + x, 1 / (alpha + t_x), 1 / (beta + t_x), T - t_x
    a_T, h_T, b_T, j_T = m.log1p(since * p), since / (alpha + T), m.log1p(since * q), since / (beta + T)
    z = m.log(s) + m.log(left + TINY) + k * a_T + s * b_T
    small = m.exp(-abs(z))
    gone, stay = m.exp((z - abs(z)) / 2) / (1 + small), m.exp(-(z + abs(z)) / 2) / (1 + small)
    kp, sq = k * p, (s + 1) * q
    # How the derivatives of the averaged logarithm differ between those who left and those who stayed.
    d_r, d_alpha, d_s, d_beta = a_T - a, kp * (h - h_T), b_T - b + 1 / s, q * ((s + 1) * j - 1 - s * j_T)
    mean_h, mean_j = gone * h + stay * h_T, gone * j + stay * j_T
    mean_hh, mean_jj = gone * hh + stay * h_T * h_T, gone * jj + stay * j_T * j_T
    early_r, early_s, by_alpha, by_beta = m.log1p(t_x / alpha), m.log1p(t_x / beta), t_x * p / alpha, t_x * q / beta
    return (
        (z + abs(z)) / 2 + m.log1p(small) - k * a_T - s * b_T - r * early_r - x * m.log(alpha + t_x) - s * early_s,
        -early_r - gone * a - stay * a_T,
        r * by_alpha - x * p + kp * mean_h,
        -early_s - gone * b - stay * b_T + gone / s,
        s * by_beta + q * (s * mean_j - gone * (1 - j)),
        gone * (aa - a * a + stay * d_r * d_r),
        by_alpha + p * mean_h + gone * (stay * d_r * d_alpha - kp * (ah - a * h)),
        gone * (ab - a * b + stay * d_r * d_s),
        gone * (stay * d_r * d_beta - sq * (aj - a * j)),
        p * (x * p + kp * (mean_hh - 2 * mean_h)) - r * by_alpha * (1 / alpha + p)
        + gone * (kp * kp * (hh - h * h) + stay * d_alpha * d_alpha),
        gone * (stay * d_alpha * d_s - kp * (hb - h * b)),
        gone * (stay * d_alpha * d_beta + kp * sq * (hj - h * j)),
        gone * (bb - b * b + stay * d_s * d_s - 1 / (s * s)),
        by_beta + q * mean_j + gone * (stay * d_s * d_beta - sq * (bj - b * j)),
        q * q * (s * (mean_jj - 2 * mean_j) + gone * (1 - 2 * j + jj)) - s * by_beta * (1 / beta + q)
        + gone * (sq * sq * (jj - j * j) + stay * d_beta * d_beta),
    )
